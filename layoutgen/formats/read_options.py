"""How annotations are read, whatever their format."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How annotations are read.

    Attributes:
        images: the folder of the images; None: it is looked for.
        masks: whether the masks are wanted, which are most of a large file.
        run_lengths: masks as compressed run lengths, in a temporary file, instead of as they are, in memory.
        strict: refuse the file at the first entry that is dropped or mended.
        fraction: the boxes are fractions of the image, in a format that means pixels.
    """

    images: Path | None = None
    masks: bool = False
    run_lengths: bool = False
    strict: bool = False
    fraction: bool = False
