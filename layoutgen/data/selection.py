"""Which objects and which images of an annotated set become training data, and why the others do not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Mask
from layoutgen.domain.labels import check_categories
from layoutgen.domain.layout import Instance
from layoutgen.errors import InvalidOption
from layoutgen.formats.coco import NO_AREA


class Reason(str, Enum):
    """Why an object, or an image with all its objects, is not in the result.

    Readers of files have reasons of their own, also in a few words; this is how the selection calls its.
    """

    CROWD = "crowd region"
    LABEL = "other label"
    SMALL = "smaller than the smallest area"
    DEGENERATE = NO_AREA
    TOO_MANY = "more instances than an image may have"
    EMPTY = "no object left"
    MISSING = "file missing"
    UNREADABLE = "file unreadable or of another size"


@dataclass(frozen=True, slots=True)
class Selected:
    """What is kept of an image.

    Attributes:
        instances: the objects, cut to the image.
        masks: of each of them, or () if none has one.
        clipped: how many of them reached beyond the image.
        dropped: how many objects are not kept, by reason.
    """

    instances: tuple[Instance, ...]
    masks: tuple[Mask | None, ...]
    clipped: int
    dropped: Counter[str]


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects and images to keep.

    `labels`: () for all. `min_area`: of the box inside the image, as a fraction of the image.
    `max_instances`: an image that has more is left out whole; without some of its objects its layout would
    not be true.

    Raises:
        InvalidOption: an area or a number that keeps nothing, or means pixels.
    """

    labels: tuple[str, ...] = ()
    min_area: float = 0.0
    max_instances: int | None = None
    keep_crowd: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.min_area < 1:
            raise InvalidOption(
                f"`min_area` {self.min_area:g}: give the fraction of the image, from 0 to 1, such as 0.001"
            )
        if self.max_instances is not None and self.max_instances < 1:
            raise InvalidOption(f"`max_instances` {self.max_instances}: give a number above 0")

    def check_labels(self, data: AnnotatedImages) -> None:
        """Refuse a label that no annotation of `data` has.

        Raises:
            InvalidOption: names it and the nearest one.
        """
        check_categories(self.labels, {label for image in data.images for label in image.labels})

    def apply(self, image: AnnotatedImage) -> Selected:
        """The objects of `image` to keep, cut to the image, and how many are dropped and why."""
        dropped: Counter[str] = Counter()
        kept: list[Instance] = []
        masks: list[Mask | None] = []
        clipped, (width, height) = 0, image.size
        if not self.keep_crowd:
            dropped[Reason.CROWD] = len(image.ignored)
        for index, instance in enumerate((*image.instances, *(image.ignored if self.keep_crowd else ()))):
            box = instance.box.clip(width, height)
            if self.labels and instance.label not in self.labels:
                dropped[Reason.LABEL] += 1
            elif box is None:
                dropped[Reason.DEGENERATE] += 1
            elif box.area < self.min_area * width * height:
                dropped[Reason.SMALL] += 1
            else:
                kept.append(instance if box is instance.box else Instance(instance.label, box))
                masks.append(image.mask_of(index) if index < len(image.instances) else None)
                clipped += box != instance.box
        return Selected(tuple(kept), tuple(masks) if any(masks) else (), clipped, +dropped)

    def refusal(self, kept: Sequence[Instance]) -> Reason | None:
        """Why an image of which the objects `kept` are left is left out; None if it is not."""
        if not kept:
            return Reason.EMPTY
        too_many = self.max_instances is not None and len(kept) > self.max_instances
        return Reason.TOO_MANY if too_many else None
