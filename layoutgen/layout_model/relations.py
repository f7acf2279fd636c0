"""How one box lies to another: inside, over, beside or far from it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from layoutgen.domain.boxes import Boxes, areas, shared_areas

_COVERED = (0.02, 0.25, 0.5, 0.75, 0.95)  # of the smaller box
_APART = (0.25, 0.75, 2.0, 4.0)  # gap between the edges, in mean sides of the two
RELATIONS = (
    "apart by 4 sides or more",
    "apart by 2 to 4 sides",
    "apart by 0.75 to 2 sides",
    "apart by 0.25 to 0.75 sides",
    "apart by less than 0.25 sides",
    "covering 2 to 25 % of the smaller",
    "covering 25 to 50 % of the smaller",
    "covering 50 to 75 % of the smaller",
    "covering 75 to 95 % of the smaller",
    "one inside the other",
)
"""The relations, from far to near; a mean side is the root of the geometric mean of both areas."""


def relations(a: Boxes, b: Boxes) -> npt.NDArray[np.int64]:
    """The relations, as places in `RELATIONS`, of all boxes of `a` (N, 4) to all of `b` (M, 4): (N, M)."""
    covered = covered_shares(a, b)
    near: npt.NDArray[np.int64] = len(_APART) + np.searchsorted(_COVERED, covered, side="right")
    side = np.sqrt(np.sqrt(np.maximum(areas(a)[:, None] * areas(b)[None], 1e-12)))
    far = len(_APART) - np.searchsorted(_APART, gaps(a, b) / side, side="right")
    return np.where(covered < _COVERED[0], far, near)


def covered_shares(a: Boxes, b: Boxes) -> Boxes:
    """What share of the smaller box the larger one covers, for all of `a` (N, 4) and `b` (M, 4): (N, M)."""
    smaller = np.minimum(areas(a)[:, None], areas(b)[None])
    shared = shared_areas(a, b)
    return np.divide(shared, smaller, out=np.zeros_like(shared), where=smaller > 0)


def gaps(a: Boxes, b: Boxes) -> Boxes:
    """The distance between the edges of all boxes of `a` (N, 4) and `b` (M, 4): (N, M); 0 if they meet."""
    between = np.maximum(a[:, None, :2] - b[None, :, 2:], b[None, :, :2] - a[:, None, 2:])  # (N, M, 2)
    apart: Boxes = np.sqrt(np.square(np.maximum(between, 0)).sum(axis=-1))
    return apart
