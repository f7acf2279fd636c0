"""Which objects and which images of an annotated set become training data, and why the others do not."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from layoutgen.domain.layout import Instance
from layoutgen.errors import InvalidOption
from layoutgen.formats.coco import CocoImage


class Reason(Enum):
    """Why an object, or an image with all its objects, is not in the result."""

    CROWD = "crowd region"
    CATEGORY = "other category"
    SMALL = "smaller than --min-area"
    DEGENERATE = "no area inside the image"
    TOO_MANY = "more than --max-instances"
    EMPTY = "no object left"
    MISSING = "file missing"
    UNREADABLE = "file unreadable or of another size"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects and images to keep.

    `categories`: names, () for all. `min_area`: of the box inside the image, as a fraction of the image.
    `max_instances`: an image that has more is left out whole; without some of its objects its layout would
    not be true.

    Raises:
        InvalidOption: an area or a number that keeps nothing, or means pixels.
    """

    categories: tuple[str, ...] = ()
    min_area: float = 0.0
    max_instances: int | None = None
    keep_crowd: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.min_area < 1:
            raise InvalidOption(
                f"--min-area {self.min_area:g}: give the fraction of the image, from 0 to 1, such as 0.001"
            )
        if self.max_instances is not None and self.max_instances < 1:
            raise InvalidOption(f"--max-instances {self.max_instances}: give a number above 0")

    def check_categories(self, images: Sequence[CocoImage]) -> None:
        """Refuse a category that no annotation of `images` has.

        Raises:
            InvalidOption: names it and the nearest one.
        """
        known = sorted({a.label for image in images for a in image.annotations})
        for name in self.categories:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
                advice = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
                raise InvalidOption(f"--category {name}: no annotation has this category; {advice}")

    def apply(self, image: CocoImage) -> tuple[tuple[Instance, ...], Counter[Reason]]:
        """The objects of `image` to keep, cut to the image, and how many are dropped and why."""
        kept, dropped = [], Counter({Reason.DEGENERATE: image.degenerate})
        for annotation in image.annotations:
            box = annotation.box.clip(image.width, image.height)
            if annotation.crowd and not self.keep_crowd:
                dropped[Reason.CROWD] += 1
            elif self.categories and annotation.label not in self.categories:
                dropped[Reason.CATEGORY] += 1
            elif box is None:
                dropped[Reason.DEGENERATE] += 1
            elif box.area < self.min_area * image.width * image.height:
                dropped[Reason.SMALL] += 1
            else:
                kept.append(Instance(annotation.label, box))
        return tuple(kept), +dropped

    def refusal(self, kept: Sequence[Instance]) -> Reason | None:
        """Why an image of which the objects `kept` are left is left out; None if it is not."""
        if not kept:
            return Reason.EMPTY
        too_many = self.max_instances is not None and len(kept) > self.max_instances
        return Reason.TOO_MANY if too_many else None
