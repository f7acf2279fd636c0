"""What a gallery shows: images with boxes and what became of them, and training runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.layout import Instance
from layoutgen.errors import InvalidLayout

OUTCOMES = ("matched", "misplaced", "mislabelled", "missed", "extra", "duplicate", "ignored")
"""What can become of an object, in the words of :mod:`layoutgen.evaluation.matching`."""


@dataclass(frozen=True, slots=True)
class GalleryBox:
    """An object: what was asked for where, or, if `outcome` is extra or duplicate, what was seen where.

    Attributes:
        outcome: one of `OUTCOMES`; None where nobody looked.
        found: what a detector saw of it.
        iou: overlap of the two.
    """

    instance: Instance
    outcome: str | None = None
    found: Detection | None = None
    iou: float | None = None

    def __post_init__(self) -> None:
        if self.outcome is not None and self.outcome not in OUTCOMES:
            raise InvalidLayout(f"outcome must be one of {', '.join(OUTCOMES)}, not {self.outcome!r}")


@dataclass(frozen=True, slots=True)
class GalleryImage:
    """An image, its boxes, and where it comes from.

    Attributes:
        name: as its data set calls it.
        path: the file; None where there is none, and only the boxes are shown.
        width, height: in pixels, of the layout.
        command: what makes it again, as a line for a shell; "" where nothing does.
        other: the image of another run that is shown beside it.
    """

    name: str
    path: Path | None
    width: int
    height: int
    boxes: tuple[GalleryBox, ...] = ()
    prompt: str = ""
    command: str = ""
    other: GalleryImage | None = None


@dataclass(frozen=True, slots=True)
class TrainingHistory:
    """What a training run noted while it learnt.

    Attributes:
        metrics: the lines of ``metrics.jsonl``: images seen, losses, learning rates; None is no number.
        sheets: contact sheets of the same layouts, by the number of images seen.
    """

    name: str
    metrics: tuple[Mapping[str, Any], ...]
    sheets: tuple[tuple[int, Path], ...]


@dataclass(frozen=True, slots=True)
class FigureTable:
    """Figures as texts, a row each under a head, and what there is to say of them."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Gallery:
    """All that a page shows.

    Attributes:
        source: what the user named, for the heading.
        compared: what `GalleryImage.other` comes from; "" if there is nothing beside.
        figures: of an evaluation, by name, such as ``recall``; those of `compared` are in `other_figures`.
        quality: the images beside real ones.
    """

    title: str
    source: str
    images: tuple[GalleryImage, ...] = ()
    compared: str = ""
    figures: Mapping[str, float | None] | None = None
    other_figures: Mapping[str, float | None] | None = None
    histories: tuple[TrainingHistory, ...] = ()
    quality: FigureTable | None = None
