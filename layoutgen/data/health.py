"""The health of a data set: what is in it, what a model can draw of it, and what is probably wrong."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from layoutgen.domain.annotated_image import AnnotatedImage, Defect
from layoutgen.domain.boxes import corners, iou_matrix
from layoutgen.domain.labels import closest
from layoutgen.domain.layout import Box
from layoutgen.domain.size_prior import SizePrior
from layoutgen.errors import InvalidFile
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.io.files import is_file

_OVERLAP, _SAME = 0.5, 0.95  # IoU from which two boxes overlap much, and from which they are one drawn twice
_THIN, _WHOLE, _TINY = 10.0, 0.95, 2.0  # aspect, share of the image, and pixels that are unusual


@dataclass(frozen=True, slots=True)
class LabelCount:
    """How often a label is there; `median` is of the longer sides of its boxes, in pixels."""

    label: str
    objects: int
    images: int
    masks: int
    median: float


@dataclass(frozen=True, slots=True)
class Health:
    """What :func:`examine` finds.

    Attributes:
        images: how many there are, `empty` of them without objects.
        labels: most objects first, also labels of no object.
        sides: the longer side of each box, in pixels.
        crowds: regions to ignore.
        clipped: boxes that reach beyond their image.
        too_small, too_large, other_shape: boxes that the model does not draw well, by its size prior.
        overlapping: pairs of boxes that share half of what they cover or more.
        twins: places of boxes of one label that are there twice.
        unusual: places of boxes by what is unusual.
        broken: images that are missing, unreadable, or of another size than annotated.
        same_images: groups of image files with the same bytes.
        similar_labels: pairs of labels that probably are one.
        dropped, mended: what the reader says.
    """

    images: int
    empty: int
    labels: tuple[LabelCount, ...]
    sides: tuple[float, ...]
    crowds: int
    clipped: int
    too_small: int
    too_large: int
    other_shape: int
    overlapping: int
    twins: tuple[str, ...]
    unusual: dict[str, tuple[str, ...]]
    broken: tuple[Defect, ...] = ()
    same_images: tuple[tuple[str, ...], ...] = ()
    similar_labels: tuple[tuple[str, str], ...] = ()
    dropped: tuple[Defect, ...] = ()
    mended: tuple[Defect, ...] = ()

    @property
    def objects(self) -> int:
        """How many objects there are."""
        return len(self.sides)

    @property
    def masks(self) -> int:
        """How many of them have a mask."""
        return sum(label.masks for label in self.labels)


def examine(source: AnnotatedSource, prior: SizePrior) -> Health:
    """What the annotations of `source` say, its images unopened; `prior` is what a model draws well."""
    boxes = [one.box for image in source.images for one in image.instances]
    return Health(
        images=len(source.images),
        empty=sum(not image.instances for image in source.images),
        labels=_labels(source),
        sides=tuple(max(box.width, box.height) for box in boxes),
        crowds=sum(len(image.ignored) for image in source.images),
        clipped=sum(one.box.clip(*i.size) != one.box for i in source.images for one in i.instances),
        too_small=sum(max(box.width, box.height) < prior.smallest for box in boxes),
        too_large=sum(max(box.width, box.height) > prior.largest for box in boxes),
        other_shape=sum(not prior.aspect[0] <= box.width / box.height <= prior.aspect[1] for box in boxes),
        overlapping=sum(_pairs(image, _OVERLAP) for image in source.images),
        twins=tuple(place for image in source.images for place in _twins(image)),
        unusual={reason: tuple(places) for reason, places in _unusual(source.images).items()},
        similar_labels=_similar(source.labels),
        dropped=source.data.dropped,
        mended=source.data.mended,
    )


@dataclass(slots=True)
class ImageCheck:
    """Opens the images, one after the other, and remembers what is wrong with them."""

    source: AnnotatedSource
    broken: list[Defect] = field(default_factory=list)
    same: dict[tuple[int, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def run(self) -> Iterator[AnnotatedImage]:
        """Yield each image when it is checked."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for image, (problem, mark) in zip(
                self.source.images, pool.map(partial(_checked, self.source), self.source.images), strict=True
            ):
                if problem:
                    self.broken.append(Defect(image.file_name, problem, image.id))
                if mark is not None:
                    self.same[mark].append(image.file_name)
                yield image

    @property
    def same_images(self) -> tuple[tuple[str, ...], ...]:
        """Groups of files with the same bytes."""
        return tuple(tuple(names) for names in self.same.values() if len(names) > 1)


def _checked(source: AnnotatedSource, image: AnnotatedImage) -> tuple[str, tuple[int, str] | None]:
    """What is wrong with the file of `image`, and a mark of its bytes."""
    path: Path = source.file_of(image)
    if not is_file(path):
        return "file missing", None
    problem = ""
    try:
        source.read_image(image)
    except InvalidFile as error:
        problem = "of another size than annotated" if "annotations say" in error.problem else "unreadable"
    with path.open("rb") as file:
        mark = hashlib.file_digest(file, "sha256") if hasattr(hashlib, "file_digest") else None
        if mark is None:  # Python 3.10
            mark = hashlib.sha256(file.read())
    return problem, (path.stat().st_size, mark.hexdigest())


def _labels(source: AnnotatedSource) -> tuple[LabelCount, ...]:
    sides: dict[str, list[float]] = defaultdict(list)
    images, masks = Counter[str](), Counter[str]()
    for image in source.images:
        images.update({one.label for one in image.instances})
        for index, one in enumerate(image.instances):
            sides[one.label].append(max(one.box.width, one.box.height))
            masks[one.label] += image.mask_of(index) is not None
    names = {*source.labels, *sides}
    counts = (
        LabelCount(name, len(sides[name]), images[name], masks[name], float(np.median(sides[name] or [0.0])))
        for name in sorted(names)
    )
    return tuple(sorted(counts, key=lambda one: -one.objects))


def _pairs(image: AnnotatedImage, threshold: float) -> int:
    boxes = corners(one.box for one in image.instances)
    if len(boxes) < 2:
        return 0
    return int((np.triu(iou_matrix(boxes, boxes), 1) >= threshold).sum())


def _twins(image: AnnotatedImage) -> Iterator[str]:
    """Where one object is annotated twice: the same label at the same place."""
    boxes = corners(one.box for one in image.instances)
    if len(boxes) < 2:
        return
    for first, second in np.argwhere(np.triu(iou_matrix(boxes, boxes), 1) >= _SAME).tolist():
        label = image.instances[first].label
        if label == image.instances[second].label:
            yield f"{image.file_name}, {label} {first + 1} and {second + 1}"


def _unusual(images: Iterable[AnnotatedImage]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for image in images:
        for index, one in enumerate(image.instances):
            for reason in _oddities(one.box, image.size):
                found[reason].append(f"{image.file_name}, {one.label} {index + 1}")
    return found


def _oddities(box: Box, size: tuple[int, int]) -> Iterator[str]:
    if min(box.width, box.height) < _TINY:
        yield f"thinner than {_TINY:g} px"
    elif max(box.width / box.height, box.height / box.width) > _THIN:
        yield f"more than {_THIN:g} times as long as wide"
    if box.area >= _WHOLE * size[0] * size[1]:
        yield "as large as the image"


def _similar(labels: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Labels that differ in case, spaces or number: "Dog" and "dogs"."""
    pairs = []
    for index, label in enumerate(labels):
        for other in labels[index + 1 :]:
            if closest(label, [other], near=False) or closest(other, [label], near=False):
                pairs.append((label, other))
    return tuple(pairs)
