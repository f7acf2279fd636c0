"""A step of painting that is done, for those who watch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from PIL import Image


@dataclass(frozen=True, slots=True)
class Step:
    """Step `number`, from 1, of `total` is done.

    `preview` decodes what the images would be if denoising ended here; it costs nothing unless it is called,
    before the next step.
    """

    number: int
    total: int
    preview: Callable[[], list[Image.Image]] = field(default=list, compare=False, repr=False)
