"""What a reader finds, entry by entry: a bad entry costs that entry only, and is remembered by its reason."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Defect, Mask
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidFile
from layoutgen.formats.coco_writing import categories_of
from layoutgen.formats.masks import compressed
from layoutgen.formats.read_options import ReadOptions
from layoutgen.formats.stored_masks import StoredMasks
from layoutgen.numerics import is_number

NO_AREA = "no area inside the image"
NOT_NUMBERS = "box without four finite numbers"
TURNED = "box drawn backwards, turned round"
REPEATED = "the same entry twice"
NO_LABEL = "no label"
NO_LIST = "something that should be a list"

FRACTION = 1.5
"""Boxes in pixels that all lie within so many are none: a tool wrote fractions of the image."""


_FEW = 64  # entries of an image that are looked through one by one


@dataclass(slots=True)
class _Found:
    """What the annotations say of one image."""

    image: AnnotatedImage
    instances: list[Instance] = field(default_factory=list)
    areas: list[float] = field(default_factory=list)
    masks: list[Mask | None] = field(default_factory=list)
    ignored: list[Instance] = field(default_factory=list)
    marks: array[int] | set[int] = field(default_factory=lambda: array("q"))

    def is_new(self, mark: int) -> bool:
        """Whether an entry with this `mark` comes for the first time."""
        if mark in self.marks:
            return False
        if isinstance(self.marks, set):
            self.marks.add(mark)
        else:
            self.marks.append(mark)  # a fifth of the memory of a set, and most images have few entries
            if len(self.marks) > _FEW:
                self.marks = set(self.marks)
        return True

    def filled(self, measured: bool) -> AnnotatedImage:
        """The image with all of it; with areas only if they are `measured`."""
        return replace(
            self.image,
            layout=self.image.layout.with_instances(tuple(self.instances)),
            ignored=tuple(self.ignored),
            masks=tuple(self.masks) if any(self.masks) else (),
            areas=tuple(self.areas) if measured else (),
        )


class Collector:
    """Collects the images and annotations of the file or folder at `path`.

    With `pixels`, boxes that are fractions of the image are refused, or scaled where `options` say so.
    """

    def __init__(self, path: Path, options: ReadOptions, *, pixels: bool = True) -> None:
        self.path, self.options, self.pixels = path, options, pixels
        self._found: dict[int, _Found] = {}
        self._dropped: list[Defect] = []
        self._mended: list[Defect] = []
        self._farthest, self._measured = 0.0, False
        self._stored = StoredMasks()

    def __contains__(self, image_id: int) -> bool:
        return image_id in self._found

    def __len__(self) -> int:
        return len(self._found)

    def image(self, image_id: int) -> AnnotatedImage:
        """The image of that id, still without instances."""
        return self._found[image_id].image

    def add_image(self, image: AnnotatedImage) -> None:
        """Take `image`, whose instances are still to come."""
        self._found[image.id] = _Found(image)

    def add(
        self,
        image_id: int,
        label: str,
        corners: Sequence[float],
        where: str,
        *,
        mask: Mask | None = None,
        area: float | None = None,
        ignored: bool = False,
    ) -> None:
        """Take the object `label` at the `corners` ``(x0, y0, x1, y1)``; mend it, or drop it, if need be."""
        found = self._found[image_id]
        width, height = found.image.size
        if not label.strip():
            return self.drop(where, NO_LABEL, image_id)
        if not all(is_number(value) for value in corners):
            return self.drop(where, NOT_NUMBERS, image_id)
        if self.pixels and self.options.fraction:
            corners = [value * side for value, side in zip(corners, (width, height) * 2, strict=True)]
        x0, x1 = sorted((float(corners[0]), float(corners[2])))
        y0, y1 = sorted((float(corners[1]), float(corners[3])))
        if not (x1 > x0 and y1 > y0):
            return self.drop(where, NO_AREA, image_id)
        if corners[0] > corners[2] or corners[1] > corners[3]:
            self.mend(where, TURNED, image_id)
        self._farthest = max(self._farthest, abs(x0), abs(y0), x1, y1)
        box = Box(x0, y0, x1, y1)
        if not math.isfinite(box.area):  # 1e308 is a number, and its square is none
            return self.drop(where, NOT_NUMBERS, image_id)
        if box.clip(width, height) is None:
            return self.drop(where, NO_AREA, image_id)
        instance = Instance(label, box)
        if ignored:
            found.ignored.append(instance)
            return None
        found.instances.append(instance)
        found.masks.append(self._kept(mask, found.image) if self.options.masks else None)
        found.areas.append(box.area if area is None else area)
        self._measured |= area is not None
        return None

    def _kept(self, mask: Mask | None, image: AnnotatedImage) -> Mask | None:
        """`mask` as it is to be kept."""
        if mask is None or not self.options.run_lengths:
            return mask
        (width, height), runs = image.size, mask.segmentation
        if not isinstance(runs, Mapping) or not isinstance(runs["counts"], str):
            try:
                runs = compressed(runs, height, width)
            except ValueError:  # an outline without area: said by whoever needs the mask
                return mask
        return Mask(self._stored.add(runs), mask.score)

    def list_of(self, value: object, where: str, image_id: int | None = None) -> list[Any]:
        """`value` if it is a list; nothing is an empty one, and anything else is dropped."""
        if value is not None and not isinstance(value, list):
            self.drop(where, NO_LIST, image_id)
        return value if isinstance(value, list) else []

    def repeats(self, image_id: int, *entry: object) -> bool:
        """Whether that image had the same `entry` before."""
        return not self._found[image_id].is_new(hash(entry))

    def drop(self, where: str, reason: str, image_id: int | None = None) -> None:
        """Note that the entry at `where` is left out."""
        self._note(self._dropped, where, reason, image_id)

    def mend(self, where: str, reason: str, image_id: int | None = None) -> None:
        """Note that the entry at `where` is used in the one way that makes sense."""
        self._note(self._mended, where, reason, image_id)

    def _note(self, defects: list[Defect], where: str, reason: str, image_id: int | None) -> None:
        if self.options.strict:
            raise InvalidFile(self.path, reason, where=where, remedy="mend or remove the entry")
        defects.append(Defect(where, reason, image_id))

    def finish(self, categories: dict[int, str]) -> AnnotatedImages:
        """All that was found.

        Raises:
            InvalidFile: all boxes are fractions of their images, in a format that means pixels.
        """
        boxes = sum(len(found.instances) + len(found.ignored) for found in self._found.values())
        if self.pixels and not self.options.fraction and boxes and self._farthest <= FRACTION:
            raise InvalidFile(self.path, fractions_found(boxes), remedy="read them as such: `units` fraction")
        images = tuple(found.filled(self._measured) for found in self._found.values())
        return AnnotatedImages(images, categories, tuple(self._dropped), tuple(self._mended))


def numbered(labels: set[str]) -> dict[int, str]:
    """Categories for `labels`, in a format that has no ids of its own; empty ones are left out."""
    return categories_of(labels - {""})


def fractions_found(boxes: int) -> str:
    """What is wrong with `boxes` that all lie within a pixel or so."""
    verb = "box lies" if boxes == 1 else "boxes all lie"
    return f"{boxes:,} {verb} within {FRACTION} pixels: fractions of the image, not pixels"


def empty_image(number: int, name: str, size: tuple[int, int], prompt: str = "") -> AnnotatedImage:
    """Image `number` of `size` (width, height), without instances."""
    return AnnotatedImage(number, name, Layout(*size, prompt=prompt))
