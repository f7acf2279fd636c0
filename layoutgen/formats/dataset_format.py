"""What a format of annotated images is to the rest of the package: how it is known, read and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from layoutgen.domain.annotated_image import AnnotatedImages
from layoutgen.formats.read_options import ReadOptions

Reader = Callable[[Path, ReadOptions], tuple[AnnotatedImages, Path]]
"""From a file or folder, its annotated images and the folder that their file names are relative to."""
Writer = Callable[[AnnotatedImages, Path], None]
"""Writes annotations into a folder; the images are there already, under their file names."""

OUTLINES = "outlines"
RUN_LENGTHS = "run lengths"
MASK_SCORES = "mask scores"
IGNORED = "regions to ignore"
CAPTIONS = "captions"
NEGATIVE_PROMPTS = "negative prompts"
AREAS = "areas"
BEYOND = "parts of boxes outside their image"
SEVERAL_OUTLINES = "several outlines of one object"
UNUSED_LABELS = "labels of no object"
EVERYTHING = frozenset(
    {OUTLINES, SEVERAL_OUTLINES, RUN_LENGTHS, MASK_SCORES, IGNORED, CAPTIONS, NEGATIVE_PROMPTS, AREAS, BEYOND}
    | {UNUSED_LABELS}
)


@dataclass(frozen=True, slots=True)
class DatasetFormat:
    """A format.

    Attributes:
        name: what the command line calls it.
        title: what people call it.
        recognises: whether a path (that exists) is of this format; looks at no more than it must.
        read: the reader.
        write: the writer; None: the format is only read.
        image_folder: where its users expect the images in the folder that is written; "": in it.
        writes: the entries of the folder that is written.
        holds: what it can hold besides boxes and labels, of the constants above.
    """

    name: str
    title: str
    recognises: Callable[[Path], bool]
    read: Reader
    write: Writer | None = None
    image_folder: str = "images"
    holds: frozenset[str] = frozenset()
    writes: tuple[str, ...] = ()
