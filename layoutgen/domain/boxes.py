"""Arrays of boxes: corners (N, 4) in pixels, as ``x0, y0, x1, y1``."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float64]


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


def suppress(boxes: Boxes, scores: npt.NDArray[np.floating], threshold: float) -> npt.NDArray[np.int64]:
    """Greedy non-maximum suppression: the indices to keep, best score first.

    A box is dropped if its IoU with a better one that is kept is above `threshold`.
    """
    order = np.argsort(-scores, kind="stable")
    kept = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(best)
        order = rest[iou_matrix(boxes[best : best + 1], boxes[rest])[0] <= threshold]
    return np.array(kept, dtype=np.int64)
