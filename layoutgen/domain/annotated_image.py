"""What should be in an image, and what a detector sees in it; formats and metrics speak of these."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidLayout


@dataclass(frozen=True, slots=True)
class Mask:
    """The pixels of one object, as COCO writes them.

    Attributes:
        segmentation: polygons ``[[x, y, x, y, ...], ...]`` in pixels, or a mapping of run lengths
            ``{size, counts}``.
        score: how good the mask is, in [0, 1]; 1 where a data set does not say.
    """

    segmentation: Any
    score: float = 1.0


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """An image file and what is in it.

    Attributes:
        id: number of the image, unique in its data set.
        file_name: relative to the folder of its data set's images, with forward slashes.
        layout: size, caption (as the prompt) and instances, in the order of the file.
        ignored: regions that nobody counted objects in (COCO's crowds): no part of the layout, and what is
            found there is neither right nor wrong.
        masks: of each instance of `layout`, None where there is none; () is none at all.
        areas: of each instance in square pixels, where a data set measures masks; () is those of the boxes.

    Raises:
        InvalidLayout: there are masks or areas, but not one for each instance.
    """

    id: int
    file_name: str
    layout: Layout
    ignored: tuple[Instance, ...] = ()
    masks: tuple[Mask | None, ...] = ()
    areas: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name in ("masks", "areas"):
            given = getattr(self, name)
            if given and len(given) != len(self.layout.instances):
                raise InvalidLayout(
                    f"{name} must be one for each of {len(self.layout.instances)} instances, not {len(given)}"
                )

    @property
    def instances(self) -> tuple[Instance, ...]:
        """The instances of the layout."""
        return self.layout.instances

    @property
    def labels(self) -> tuple[str, ...]:
        """The distinct labels of its instances and of its regions to ignore, sorted."""
        return tuple(sorted({one.label for one in (*self.instances, *self.ignored)}))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, in pixels, of the image that was annotated."""
        return self.layout.width, self.layout.height

    def mask_of(self, index: int) -> Mask | None:
        """The mask of instance number `index`, if it has one."""
        return self.masks[index] if self.masks else None

    def area_of(self, index: int) -> float:
        """The area of instance number `index` in square pixels: of its mask where known, else of its box."""
        return self.areas[index] if self.areas else self.layout.instances[index].box.area


@dataclass(frozen=True, slots=True)
class Detection:
    """An object that a detector sees: what, where in pixels, and how sure it is (higher is surer)."""

    label: str
    box: Box
    score: float

    def __post_init__(self) -> None:
        real = isinstance(self.score, Real) and not isinstance(self.score, bool)
        if not real or not math.isfinite(self.score):
            raise InvalidLayout(f"score must be a finite number, not {self.score!r}")


Detections = Mapping[int, tuple[Detection, ...]]
"""What was detected, by image id; an image without detections need not be there."""


@dataclass(frozen=True, slots=True)
class Defect:
    """An entry of a file that a reader left out, or mended, and why.

    Attributes:
        where: its place in the file, such as ``annotations[3].bbox``.
        reason: in a few words that entries of one kind share, so that they can be counted.
        image_id: of the image that it belongs to, where that is known.
    """

    where: str
    reason: str
    image_id: int | None = None


@dataclass(frozen=True, slots=True)
class AnnotatedImages:
    """A data set.

    Attributes:
        images: in the order of the file, also those without instances.
        categories: the labels by their id, also those of no image.
        dropped: what the file has besides, in its order.
        mended: what is read in another way than the file says, in its order.
        image_names: the number that stands for each image id that is a text, such as "scene_a".
    """

    images: tuple[AnnotatedImage, ...]
    categories: Mapping[int, str] = field(default_factory=dict)
    dropped: tuple[Defect, ...] = ()
    mended: tuple[Defect, ...] = ()
    image_names: Mapping[str, int] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of all categories, sorted."""
        return tuple(sorted(set(self.categories.values())))
