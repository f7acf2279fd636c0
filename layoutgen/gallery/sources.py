"""From what layoutgen reads and scores to what a gallery shows."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.domain.layout import Instance
from layoutgen.errors import InvalidOption
from layoutgen.evaluation.scoring import ImageScore, Scores
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.gallery.records import GalleryBox, GalleryImage


def unscored(source: AnnotatedSource, limit: int | None = None) -> tuple[GalleryImage, ...]:
    """The first `limit` images of `source`, in which nobody has looked for anything."""
    return tuple(_image(source, one, tuple(map(GalleryBox, one.instances))) for one in source.images[:limit])


def scored(source: AnnotatedSource, scores: Scores) -> tuple[GalleryImage, ...]:
    """The images of `source` and what became of each of their objects."""
    return tuple(_image(source, one.image, boxes_of(one)) for one in scores.images)


def boxes_of(score: ImageScore) -> tuple[GalleryBox, ...]:
    """What became of each instance of an image, in their order; then what is there too much."""
    asked, seen, matching = score.image.instances, score.detections, score.matching
    boxes = {number: GalleryBox(asked[number], "missed") for number in matching.missed}
    for outcome in ("matched", "mislabelled", "misplaced"):
        for pair in getattr(matching, outcome):
            boxes[pair.target] = GalleryBox(asked[pair.target], outcome, seen[pair.detection], pair.iou)
    outcomes = dict.fromkeys(matching.extra, "extra")
    outcomes |= dict.fromkeys(matching.duplicates, "duplicate") | dict.fromkeys(matching.ignored, "ignored")
    extra = (
        GalleryBox(Instance(seen[number].label, seen[number].box), outcome, seen[number])
        for number, outcome in outcomes.items()
    )
    return (*(boxes[number] for number in sorted(boxes)), *extra)


def _image(source: AnnotatedSource, image: AnnotatedImage, boxes: tuple[GalleryBox, ...]) -> GalleryImage:
    path = None if source.folder is None else source.file_of(image)
    layout = image.layout
    return GalleryImage(
        _name(image), path, layout.width, layout.height, boxes, layout.prompt, command_for(path)
    )


def beside(images: Sequence[GalleryImage], others: Iterable[GalleryImage]) -> tuple[GalleryImage, ...]:
    """Each of `images` with the one of another run that has its name, or else its name without a suffix."""
    by_name = {other.name: other for other in others}
    by_stem = {_stem(name): other for name, other in by_name.items()}
    return tuple(
        replace(image, other=by_name.get(image.name, by_stem.get(_stem(image.name)))) for image in images
    )


def check_pairs(source: AnnotatedSource, other: AnnotatedSource) -> None:
    """Refuse two runs of which :func:`beside` would make no pair.

    Raises:
        InvalidOption: says what their images are called.
    """
    here, there = ([_name(image) for image in one.images] for one in (source, other))
    if not {_stem(name) for name in here} & {_stem(name) for name in there}:
        raise InvalidOption(
            f"nothing to compare: no image of {other.path} has the name of one here, such as {here[0]}; "
            f"it has {', '.join(there[:3])}"
        )


def command_for(path: Path | None) -> str:
    """What makes the image at `path` again; "" if layoutgen did not make it."""
    if path is None or path.suffix.lower() != ".png":
        return ""
    try:
        with Image.open(path) as file:  # the text stands before the pixels, which are not read
            made_here = "layoutgen" in file.info
    except (
        OSError,
        SyntaxError,
        ValueError,
        Image.DecompressionBombError,
    ):  # whoever reads the pixels says what is wrong
        return ""
    return f"layoutgen sample {shlex.quote(str(path))} -o again" if made_here else ""


def _name(image: AnnotatedImage) -> str:
    """The name of an image in its data set; prepared data keeps all in one folder."""
    return image.file_name.removeprefix("images/")


def _stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix(""))
