"""Boxes that a model does not draw well: by their size, their shape, and what they share with others."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from layoutgen.domain.boxes import Boxes, areas, corners, shared_areas
from layoutgen.domain.layout import Instance, Layout
from layoutgen.domain.size_prior import SizePrior

Marks = npt.NDArray[np.bool_]
"""Which instances of a layout are meant, (N,)."""

_TOLERANCE = 1.15  # in size: so little is not seen
_SHARED = 0.1  # part of a box that another may cover before they merge
_NESTED = 0.9  # part of a box inside another from which it counts as inside
_CHUNK = 512  # boxes that are compared with their neighbours at once


def too_small(layout: Layout, prior: SizePrior, zoom: int = 1) -> Marks:
    """Which boxes have a longer side, painted `zoom` times as large, that the model cannot draw."""
    marks: Marks = _longer(layout) * zoom < prior.smallest / _TOLERANCE
    return marks


def too_large(layout: Layout, prior: SizePrior, zoom: int = 1) -> Marks:
    """Which boxes have a longer side, painted `zoom` times as large, beyond the largest that it draws."""
    marks: Marks = _longer(layout) * zoom > prior.largest * _TOLERANCE + prior.grid
    return marks


def of_strange_shape(layout: Layout, prior: SizePrior, zoom: int = 1) -> Marks:
    """Which boxes are wider or narrower than what the model was shown, painted `zoom` times as large."""
    width, height = _sides(layout).T
    half = prior.grid / 2 / zoom  # what rounding to the grid does is not meant
    low, high = prior.aspect
    narrow = (width + half) / np.maximum(height - half, half) < low
    wide = np.maximum(width - half, half) / (height + half) > high
    marks: Marks = narrow | wide
    return marks


def overlapping(layout: Layout) -> tuple[Marks, Marks]:
    """Which boxes another covers to a tenth or more, and which of these lie inside it: (N,) and (N,)."""
    boxes = corners(one.box for one in layout.instances)
    order = np.argsort(boxes[:, 0], kind="stable")
    most = np.zeros(len(boxes))
    for start in range(0, len(boxes), _CHUNK):
        rows = order[start : start + _CHUNK]
        # Sorted by their left edges, those to the right of the whole chunk touch none of it.
        near = order[: np.searchsorted(boxes[order, 0], boxes[rows, 2].max())]
        near = near[boxes[near, 2] > boxes[rows, 0].min()]
        _note_shares(boxes, rows, near, most)
    return most >= _SHARED, most >= _NESTED


def first_of(layout: Layout, marks: Marks) -> Instance | None:
    """The first instance that is meant."""
    found = np.flatnonzero(marks)
    return layout.instances[found[0]] if len(found) else None


def _note_shares(boxes: Boxes, rows: npt.NDArray[np.int64], near: npt.NDArray[np.int64], most: Boxes) -> None:
    """Raise `most` (N,), the part of a box that the one that covers it most covers, for `rows`."""
    shared = shared_areas(boxes[rows], boxes[near])
    shared[rows[:, None] == near[None]] = 0
    own = areas(boxes)
    # Of two that overlap, the smaller one is what is lost; of equal ones both.
    lost = np.where(own[rows][:, None] <= own[near][None], shared / own[rows][:, None], 0)
    most[rows] = np.maximum(most[rows], lost.max(axis=1, initial=0))


def _sides(layout: Layout) -> Boxes:
    boxes = corners(one.box for one in layout.instances)
    sides: Boxes = boxes[:, 2:] - boxes[:, :2]
    return sides


def _longer(layout: Layout) -> Boxes:
    longer: Boxes = _sides(layout).max(axis=1, initial=0)
    return longer
