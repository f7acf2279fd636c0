"""Arrays of boxes: corners (N, 4) in pixels, as ``x0, y0, x1, y1``.

The geometry of a single box is in :class:`~layoutgen.domain.layout.Box`, that of a detector's loss, which is
differentiated, in :mod:`layoutgen.detection.grid_detector.loss`; all other is here.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from layoutgen.domain.layout import Box

Boxes = npt.NDArray[np.float64]


def corners(boxes: Iterable[Box]) -> Boxes:
    """The corners (N, 4) of `boxes`, also of none."""
    return np.array([box.xyxy for box in boxes], dtype=float).reshape(-1, 4)


def areas(boxes: Boxes) -> Boxes:
    """The areas (N,) in square pixels."""
    sides: Boxes = boxes[:, 2:] - boxes[:, :2]
    return sides[:, 0] * sides[:, 1]


def shared_areas(a: Boxes, b: Boxes) -> Boxes:
    """The areas that all boxes of `a` (N, 4) share with all of `b` (M, 4): (N, M)."""
    sides: Boxes = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    np.clip(sides, 0, None, out=sides)
    return sides[..., 0] * sides[..., 1]


def iou_matrix(a: Boxes, b: Boxes) -> Boxes:
    """Intersection over union of all boxes of `a` (N, 4) with all of `b` (M, 4): (N, M)."""
    shared = shared_areas(a, b)
    union = areas(a)[:, None] + areas(b)[None] - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)


def touching(a: Boxes, b: Boxes, margin: float = 0.0) -> npt.NDArray[np.bool_]:
    """Which of `a` (N, 4) overlap which of `b` (M, 4), or are nearer than `margin` pixels: (N, M)."""
    x0, y0, x1, y1 = (a - [margin, margin, -margin, -margin]).T[:, :, None]
    bx0, by0, bx1, by1 = np.ascontiguousarray(b.T)
    near: npt.NDArray[np.bool_] = (x0 < bx1) & (x1 > bx0) & (y0 < by1) & (y1 > by0)
    return near


def nms(boxes: Boxes, scores: npt.NDArray[np.floating], iou_threshold: float) -> npt.NDArray[np.int64]:
    """Greedy non-maximum suppression: the indices to keep, best score first.

    A box is dropped if its IoU with a better one that is kept is above `iou_threshold`.
    """
    order = np.argsort(-scores, kind="stable")
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        order = rest[iou_matrix(boxes[best : best + 1], boxes[rest])[0] <= iou_threshold]
    return np.array(kept, dtype=np.int64)
