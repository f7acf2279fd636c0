"""Many instances at distinct locations: no two overlap, all on the canvas, the same boxes for the same seed.

Instances start in the cells of a grid over the free area, which is exact: if such a grid fits, it is found.
`scatter` then shakes them, each to a random free place, until the grid is gone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from layoutgen.domain.boxes import Boxes, corners, touching
from layoutgen.domain.labels import singular
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.domain.size_prior import ANY_SIZE, Range, SizePrior
from layoutgen.errors import DoesNotFit, InvalidOption

How = Literal["scatter", "grid"]

_FILL = (0.7, 0.94)  # longer side as a share of the cell, when no size is asked for
_MARGIN = 2.0  # pixels that shaking keeps between boxes, where there is room
_REACHES = (0.0, 1.0, 0.3, 0.1)  # how far shaking moves a box, in its sides; 0 is anywhere on the canvas
_WORK = 1_000_000  # pairs of boxes that one step of shaking looks at
_CANVAS_STEP = 64  # a canvas that is recommended is a multiple of it


def arrange(
    layout: Layout,
    label: str,
    count: int,
    *,
    size: Range | None = None,
    how: How = "scatter",
    aspect: Range | None = None,
    size_prior: SizePrior = ANY_SIZE,
    seed: int = 0,
) -> Layout:
    """Add exactly `count` instances of `label` at distinct free locations.

    No new box overlaps another one, new or old, and all lie on the canvas. `size` is the range of the longer
    side in pixels; None takes the largest that leaves some air. `aspect` is the range of width / height.
    What is not given, and the grid that edges are rounded to, is as a model draws it well: `size_prior`, at
    the `size` that is asked for.

    Raises:
        DoesNotFit: there is no room even at the lower end of `size`, or at the smallest; says what would do.
        InvalidOption: an argument makes no sense, or `size` begins below the smallest.
    """
    if size and size[0] > 0:
        size_prior = size_prior.at_size(size[0])
    aspect, smallest, grid = aspect or size_prior.aspect, size_prior.smallest, size_prior.grid
    _check(count, size, how, aspect, smallest, seed)
    if not count:
        return layout
    # What reaches beyond the canvas takes no more room than its part inside.
    taken = _on_grid(
        corners(i.box for i in layout.clip().instances), grid
    )  # between edges on the grid nothing comes to overlap by rounding
    room = replace(
        layout, width=max(1, layout.width // grid * grid), height=max(1, layout.height // grid * grid)
    )
    if grid > 1:  # a box is at least one cell wide and high
        smallest = max(smallest, grid / min(1, aspect[0], 1 / aspect[1]))
        size = size and (max(size[0], smallest), max(size[1], smallest))
    least = size[0] if size else smallest
    free = _Grid(room.width, room.height, taken, min(1.0, aspect[1]), min(1.0, 1 / aspect[0]))
    side = free.largest_side(count, least)
    if side is None:
        raise DoesNotFit(_what_would_do(layout, free, grid, label, count, least))
    rng = np.random.default_rng([seed, len(layout.instances)])
    cells = free.cells(side)
    if how == "scatter":
        cells = cells[np.sort(rng.choice(len(cells), count, replace=False))]
    sides = _sides(rng, count, size or _comfortable(room, side, smallest, size_prior.largest), aspect, side)
    boxes = _in_cells(cells[:count], sides, rng.random((count, 2)) if how == "scatter" else 0.5)
    if how == "scatter":
        _shake(boxes, taken, room, rng)
    new = [Box(*map(float, box)) for box in boxes]
    placed = tuple(Instance(label, box if grid == 1 else box.snap(grid)) for box in new)
    return layout.with_instances(layout.instances + placed)


def ask_for(
    layout: Layout,
    count: int,
    label: str,
    *,
    size: Range | None = None,
    how: How = "scatter",
    aspect: Range | None = None,
    size_prior: SizePrior = ANY_SIZE,
    seed: int = 0,
) -> Layout:
    """Make it exactly `count` instances of `label`, which may be a plural: ``-n 100 dogs``.

    The first `count` boxes of that label stay, as do all other labels; the rest is arranged as by
    :func:`arrange`.
    """
    if count < 1:
        raise InvalidOption(f"the number of {label!r} must be 1 or more, not {count}")
    one = singular(label)
    same = {name for name in layout.labels if name == one or singular(name) == one}
    kept: list[Instance] = []
    room = count
    for instance in layout.instances:
        if instance.label not in same:
            kept.append(instance)
        elif room:
            kept.append(Instance(one, instance.box))
            room -= 1
    start = layout.with_instances(tuple(kept))
    return arrange(start, one, room, size=size, how=how, aspect=aspect, size_prior=size_prior, seed=seed)


def _on_grid(boxes: Boxes, grid: int) -> Boxes:
    """The boxes (N, 4), each edge moved outwards to a multiple of `grid`."""
    if grid == 1:  # edges lie anywhere, and nothing is rounded
        return boxes
    return np.concatenate([np.floor(boxes[:, :2] / grid), np.ceil(boxes[:, 2:] / grid)], axis=1) * grid


def _check(count: int, size: Range | None, how: str, aspect: Range, smallest: float, seed: int) -> None:
    if count < 0:
        raise InvalidOption(f"count must be 0 or more, not {count}")
    if seed < 0:
        raise InvalidOption(f"seed must be 0 or more, not {seed}")
    if how not in ("scatter", "grid"):
        raise InvalidOption(f"instances are arranged by scatter or grid, not by {how!r}")
    for name, pair in (("size", size or (1, 1)), ("aspect", aspect)):
        if not (all(map(math.isfinite, pair)) and 0 < pair[0] <= pair[1]):
            raise InvalidOption(f"{name} must be two numbers above 0, the smaller first, not {list(pair)}")
    if size and size[0] < smallest:
        raise InvalidOption(
            f"size begins at {size[0]:g} px, but below {smallest:g} px objects cannot be drawn"
        )


@dataclass(frozen=True)
class _Grid:
    """Cells of ``side * across`` x ``side * down`` pixels on what `taken`, (N, 4), leaves of a canvas."""

    width: int
    height: int
    taken: Boxes
    across: float
    down: float

    def largest_side(self, count: int, least: float) -> float | None:
        """The largest side, at least `least`, for which there are `count` cells; None if there is none."""
        if len(self.cells(least)) < count:
            return None
        most = min(self.width / self.across, self.height / self.down)
        # On an empty canvas the best grid fills it exactly in one direction: only those sides are tried.
        sides = {self.width / self.across / n for n in range(1, int(self.width / self.across / least) + 1)}
        sides |= {self.height / self.down / n for n in range(1, int(self.height / self.down / least) + 1)}
        tried = [least, *sorted(side for side in sides if least < side <= most)]
        low, high = 0, len(tried)  # `low` has room, `high` is beyond the list or has not
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if len(self.cells(tried[middle])) >= count else (low, middle)
        return tried[low]

    def cells(self, side: float) -> Boxes:
        """The most free cells found for `side`, (N, 4), row by row."""
        width, height = side * self.across, side * self.down
        upright, turned = self.taken, self.taken[:, [1, 0, 3, 2]]
        best = np.empty((0, 4))
        for stretch in (True, False):  # rows that fill the canvas; rows at the exact distance
            rows = _rows(upright, self.width, self.height, width, height, stretch)
            columns = _rows(turned, self.height, self.width, height, width, stretch)[:, [1, 0, 3, 2]]
            best = max(best, rows, columns, key=len)
        return best


def _rows(taken: Boxes, width: float, height: float, cell: float, row: float, stretch: bool) -> Boxes:
    """Cells at least `cell` wide, side by side in the gaps of rows at least `row` high."""
    count = _whole(height / row)
    pitch = height / count if stretch and count else row
    taken = taken[np.argsort(taken[:, 0], kind="stable")]
    found = [np.empty((0, 4))]
    for number in range(count):
        y0, y1 = number * pitch, min((number + 1) * pitch, height)
        for x0, x1 in _gaps(taken[(taken[:, 1] < y1) & (taken[:, 3] > y0)], width, cell):
            edges = np.linspace(x0, x1, _whole((x1 - x0) / cell) + 1)
            found.append(
                np.column_stack(
                    [edges[:-1], np.full(len(edges) - 1, y0), edges[1:], np.full(len(edges) - 1, y1)]
                )
            )
    return np.concatenate(found)


def _gaps(taken: Boxes, width: float, least: float) -> Iterator[Range]:
    """The stretches of a row of `width` that boxes `taken`, sorted by x0, leave free, if `least` wide."""
    begins = np.maximum.accumulate(np.append(0.0, taken[:, 2]))
    ends = np.append(taken[:, 0], width)
    for index in np.flatnonzero(ends - begins > least * (1 - 1e-9)):
        yield float(begins[index]), float(ends[index])


def _whole(number: float) -> int:
    """`number` rounded down, but 9.999999999 is 10."""
    return math.floor(number + 1e-9)


def _comfortable(layout: Layout, side: float, smallest: float, largest: float) -> Range:
    """A size range for cells of `side`; never more than half the canvas, and from `smallest` to `largest`."""
    high = min(side * _FILL[1], min(layout.width, layout.height) / 2, largest)
    return max(high * _FILL[0] / _FILL[1], smallest), max(high, smallest)


def _sides(rng: np.random.Generator, count: int, size: Range, aspect: Range, side: float) -> Boxes:
    """Widths and heights, (count, 2): longer sides in `size`, at most `side`, width / height in `aspect`."""
    longer = rng.uniform(min(size[0], side), min(size[1], side), count)
    ratio = np.exp(rng.uniform(math.log(aspect[0]), math.log(aspect[1]), count))
    return np.column_stack([longer * np.minimum(1, ratio), longer * np.minimum(1, 1 / ratio)])


def _in_cells(cells: Boxes, sides: Boxes, share: Boxes | float) -> Boxes:
    """Boxes of `sides` in their cells, with `share` of the free space to the left and above."""
    sides = np.minimum(sides, cells[:, 2:] - cells[:, :2])
    corner = cells[:, :2] + share * (cells[:, 2:] - cells[:, :2] - sides)
    return np.concatenate([corner, np.minimum(corner + sides, cells[:, 2:])], axis=1)


def _shake(boxes: Boxes, taken: Boxes, layout: Layout, rng: np.random.Generator) -> None:
    """Move `boxes` (N, 4), in place, to random free locations, many at a time, many times over."""
    everything = np.concatenate([boxes, taken])
    sides, canvas = boxes[:, 2:] - boxes[:, :2], np.array([layout.width, layout.height], dtype=float)
    moved = min(len(boxes), max(1, _WORK // len(everything)))
    for step in range(int(np.clip(30 * _WORK // len(everything) ** 2, 30, 400))):
        chosen = rng.permutation(len(boxes))[:moved]
        room, places = canvas - sides[chosen], everything[chosen, :2]
        if reach := _REACHES[step % len(_REACHES)]:
            places = places + rng.uniform(-reach, reach, (moved, 2)) * sides[chosen]
        else:
            places = rng.random((moved, 2)) * room
        inside = ((places >= 0) & (places <= room)).all(axis=1)
        new = np.concatenate([places, np.minimum(places + sides[chosen], canvas)], axis=1)
        near = touching(new, everything, _MARGIN)
        near[np.arange(moved), chosen] = False  # its own old place
        among = touching(new, new, _MARGIN)
        np.fill_diagonal(among, False)
        # Clear of all old places and of all new ones, so whichever of the others move, nothing overlaps.
        free = inside & ~(near.any(axis=1) | among.any(axis=1))
        everything[chosen[free]] = new[free]
    boxes[:] = everything[: len(boxes)]


def _what_would_do(layout: Layout, free: _Grid, grid: int, label: str, count: int, least: float) -> str:
    """The message: how many fit, and a canvas of about these proportions on which `count` do."""
    cell = np.array([free.across, free.down]) * least
    # On the larger canvas a grid from the corner has at least all its cells but those that boxes touch.
    taken = _on_grid(np.maximum([i.box.xyxy for i in layout.instances] or [(0.0,) * 4], 0), grid)
    touched = np.ceil(taken[:, 2:] / cell) - np.floor(taken[:, :2] / cell)
    needed = count + int(touched.prod(axis=1).sum())
    size = np.array([layout.width, layout.height], dtype=float)
    factor = max(1.0, math.sqrt(needed * cell.prod() / size.prod()))
    while True:
        canvas = np.ceil(size * factor / _CANVAS_STEP) * _CANVAS_STEP
        if _whole(canvas[0] / cell[0]) * _whole(canvas[1] / cell[1]) >= needed:
            break
        factor *= 1.02
    return (
        f"{count} x {label!r} at {least:g} px do not fit the {layout.width} x {layout.height} canvas: "
        f"it has room for {len(free.cells(least))}{' more' if layout.instances else ''}; "
        f"ask for fewer, or use a canvas of {canvas[0]:.0f} x {canvas[1]:.0f}"
    )
