"""Masks as polygons, for formats that have no run lengths: the outlines of their pixels, exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from layoutgen.formats.masks import decode_segmentation

Point = tuple[int, int]


def polygons_of(segmentation: Any, height: int, width: int) -> list[list[float]] | None:
    """The polygons of `segmentation` in an image of `height` x `width` pixels; None if it shows nothing.

    Polygons stay as they are; run lengths become the outlines of their pixels.
    """
    if isinstance(segmentation, list):
        return segmentation or None
    try:
        mask = decode_segmentation(segmentation, height, width)
    except ValueError:
        return None
    return trace(mask) or None


def outline_of(segmentation: Any, height: int, width: int) -> list[float] | None:
    """One polygon ``[x, y, x, y, ...]`` for all of `segmentation`: parts and holes are joined by seams."""
    parts = polygons_of(segmentation, height, width)
    if not parts:
        return None
    joined = np.array(parts[0]).reshape(-1, 2)
    for part in parts[1:]:
        joined = _seamed(joined, np.array(part).reshape(-1, 2))
    return [float(value) for value in joined.reshape(-1)]


def trace(mask: npt.NDArray[np.bool_]) -> list[list[float]]:
    """The outlines of `mask` (H, W) along its pixels, the inside to the right; holes run the other way."""
    inside = np.pad(mask.astype(bool), 1)
    following: dict[Point, list[Point]] = defaultdict(list)
    # Each edge between a pixel of the mask and one that is not, by the side of the pixel on which it lies.
    for dy, dx, begin, end in (
        (-1, 0, (0, 0), (1, 0)),
        (0, 1, (1, 0), (1, 1)),
        (1, 0, (1, 1), (0, 1)),
        (0, -1, (0, 1), (0, 0)),
    ):
        ys, xs = np.nonzero(inside & ~np.roll(inside, (-dy, -dx), (0, 1)))
        for x, y in zip((xs - 1).tolist(), (ys - 1).tolist(), strict=True):
            following[x + begin[0], y + begin[1]].append((x + end[0], y + end[1]))
    outlines = []
    while following:
        outlines.append([float(v) for point in _corners(_loop(following)) for v in point])
    return outlines


def _loop(following: dict[Point, list[Point]]) -> list[Point]:
    """One closed loop of edges, which are taken out of `following`."""
    start = point = next(iter(following))
    loop, before = [], start
    while True:
        ways = following[point]
        # Where two loops touch at a corner, turning right keeps pixels apart that only share the corner.
        best = max(range(len(ways)), key=lambda k: _turn(before, point, ways[k]))
        loop.append(point)
        before, point = point, ways.pop(best)
        if not ways:
            del following[before]
        if point == start:
            return loop


def _turn(before: Point, here: Point, there: Point) -> int:
    """Above 0 for a right turn, as y goes down."""
    return (here[0] - before[0]) * (there[1] - here[1]) - (here[1] - before[1]) * (there[0] - here[0])


def _corners(loop: Sequence[Point]) -> list[Point]:
    """The points of a loop at which it turns."""
    neighbours = zip((loop[-1], *loop[:-1]), loop, (*loop[1:], loop[0]), strict=True)
    return [here for before, here, there in neighbours if _turn(before, here, there)]


def _seamed(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """`one` (N, 2) with a way to `other` (M, 2), around it and back, where they are nearest."""
    distances = ((one[:, None] - other[None]) ** 2).sum(axis=2)
    at, to = np.unravel_index(int(distances.argmin()), distances.shape)
    around = np.concatenate([other[to:], other[: to + 1]])
    return np.concatenate([one[: at + 1], around, one[at:]])
