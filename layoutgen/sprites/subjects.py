"""Which objects are painted alone: of each label some, with the aspects of its boxes, large."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from layoutgen.domain.layout import Box, Instance, Layout

_AROUND = 0.375  # of the longer side: ground on each side of an object that is painted alone


@dataclass(frozen=True, slots=True)
class Subject:
    """An object to paint alone: its label and the sides of its box in pixels."""

    label: str
    width: int
    height: int

    def alone(self, width: int, height: int, grid: int, prompt: str, negative_prompt: str) -> Layout:
        """The object in the middle of a canvas of `width` x `height`, its corner on `grid`."""
        x, y = ((side // 2) // grid * grid for side in (width - self.width, height - self.height))
        box = Box(x, y, x + self.width, y + self.height)
        return Layout(width, height, (Instance(self.label, box),), prompt, negative_prompt)


def subjects_for(layout: Layout, variety: int, sizes: tuple[float, float], grid: int) -> list[Subject]:
    """At most `variety` objects, shared among the labels of `layout` by the number of their boxes.

    Args:
        sizes: longer side, in pixels, of what is painted: as large as the median box of the label, but at
            least and at most so large.
        grid: sides are multiples of so many pixels.
    """
    found: list[Subject] = []
    counts = _shares({label: len(_boxes(layout, label)) for label in layout.labels}, variety)
    for label, count in counts.items():
        boxes = _boxes(layout, label)
        longer = min(max(median(max(box.width, box.height) for box in boxes), sizes[0]), sizes[1])
        aspects = sorted(box.width / box.height for box in boxes)
        for number in range(count):
            aspect = aspects[int((number + 0.5) / count * len(aspects))]
            sides = longer * min(1, aspect), longer * min(1, 1 / aspect)
            found.append(Subject(label, *(max(grid, round(side / grid) * grid) for side in sides)))
    return found


def canvas_for(subjects: Sequence[Subject], multiple: int) -> tuple[int, int]:
    """Width and height of a canvas on which each of `subjects` has ground around it."""
    around = 2 * _AROUND * max(max(one.width, one.height) for one in subjects)
    sides = (max(one.width for one in subjects) + around, max(one.height for one in subjects) + around)
    width, height = (math.ceil(side / multiple) * multiple for side in sides)
    return width, height


def by_aspect(subjects: Sequence[Subject]) -> list[list[Subject]]:
    """`subjects` in buckets that share a canvas: about half as wide as high, as wide as high, ..."""
    buckets: dict[int, list[Subject]] = {}
    for one in subjects:
        buckets.setdefault(round(math.log2(one.width / one.height)), []).append(one)
    return [buckets[key] for key in sorted(buckets)]


def _boxes(layout: Layout, label: str) -> list[Box]:
    return [one.box for one in layout.instances if one.label == label]


def _shares(counts: dict[str, int], most: int) -> dict[str, int]:
    """At most `most` in all, or one of each, in proportion to `counts`, and never more than there are."""
    total = sum(counts.values())
    return {label: min(count, max(1, most * count // total)) for label, count in counts.items()}
