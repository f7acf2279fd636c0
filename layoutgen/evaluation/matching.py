"""Which detection is which object of the layout, one to one.

Every object claims at most one detection and every detection at most one object, so that what is counted is
there: the assignment with the most pairs, and among those the one with the largest overlap (Kuhn 1955, by
scipy). What is left over is sorted by its error, as in TIDE (Bolya et al. 2020, arXiv 2008.08115).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.boxes import Boxes, areas, corners, iou_matrix, shared_areas
from layoutgen.domain.layout import Instance

_Numbers = npt.NDArray[np.int_]

NEAR = 0.1
"""IoU from which a detection is taken for an object that is out of its place (TIDE's)."""
_IGNORED = 0.5  # share of a detection inside a region to ignore from which it is not judged, as in COCO


@dataclass(frozen=True, slots=True)
class Pair:
    """Target number `target` and detection number `detection` of an image, and their overlap."""

    target: int
    detection: int
    iou: float


@dataclass(frozen=True, slots=True)
class Matching:
    """What became of the targets and detections of an image, by their numbers.

    Each target is in one of `matched`, `mislabelled`, `misplaced` and `missed`; each detection in one of
    `matched`, `mislabelled`, `misplaced`, `extra` and `ignored`.

    Attributes:
        matched: the right label at the right place.
        mislabelled: another label at the right place.
        misplaced: the right label near the right place: an IoU below the threshold, but above `NEAR`.
        missed: targets where nothing of the kind is.
        extra: detections that belong to no target.
        duplicates: those of `extra` that show a target again which is matched already.
        ignored: detections in regions to ignore, where nobody counted.
    """

    matched: tuple[Pair, ...]
    mislabelled: tuple[Pair, ...]
    misplaced: tuple[Pair, ...]
    missed: tuple[int, ...]
    extra: tuple[int, ...]
    duplicates: tuple[int, ...]
    ignored: tuple[int, ...]


def match(
    targets: Sequence[Instance],
    detections: Sequence[Detection],
    iou: float = 0.5,
    *,
    ignored: Sequence[Instance] = (),
) -> Matching:
    """Match the `detections` of an image to its `targets`, both numbered by their place.

    Args:
        iou: overlap from which a detection is at a target's place, above `NEAR`.
        ignored: regions in which nobody counted objects of their label, such as COCO's crowds.
    """
    where, found = corners(one.box for one in targets), corners(one.box for one in detections)
    names: dict[str, int] = {}
    for objects in (targets, ignored, detections):
        for one in objects:
            names.setdefault(one.label, len(names))
    asked, seen = _numbered(targets, names), _numbered(detections, names)
    overlaps, same = iou_matrix(where, found), asked[:, None] == seen[None]  # (T, D)
    free_targets, free = np.ones(len(targets), bool), np.ones(len(detections), bool)

    def pairs(allowed: npt.NDArray[np.bool_]) -> tuple[Pair, ...]:
        """Pairs of what is still free, which is not free any more then."""
        chosen = _assign(np.where(allowed & free_targets[:, None] & free[None], overlaps, 0.0))
        free_targets[[t for t, _ in chosen]] = False
        free[[d for _, d in chosen]] = False
        return tuple(Pair(t, d, float(overlaps[t, d])) for t, d in chosen)

    matched = pairs(same & (overlaps >= iou))
    mislabelled = pairs(~same & (overlaps >= iou))
    misplaced = pairs(same & (overlaps >= NEAR))
    unjudged = free & _inside(ignored, found, seen, names)
    extra = free & ~unjudged
    return Matching(
        matched=matched,
        mislabelled=mislabelled,
        misplaced=misplaced,
        missed=_places(free_targets),
        extra=_places(extra),
        duplicates=_places(extra & (same & (overlaps >= iou)).any(axis=0)),
        ignored=_places(unjudged),
    )


def _places(chosen: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(np.flatnonzero(chosen).tolist())


def _numbered(objects: Sequence[Instance] | Sequence[Detection], names: Mapping[str, int]) -> _Numbers:
    """The numbers of the labels of `objects`, (N,)."""
    return np.array([names[one.label] for one in objects], dtype=int)


def _assign(overlaps: Boxes) -> list[tuple[int, int]]:
    """The most pairs of rows and columns with an overlap above 0, and of those sets the one with the most."""
    rows, columns = np.flatnonzero(overlaps.any(axis=1)), np.flatnonzero(overlaps.any(axis=0))
    part = overlaps[np.ix_(rows, columns)]
    # One more pair is worth more than all overlaps together.
    gain = np.where(part > 0, part + min(part.shape, default=0) + 1, 0.0)
    pairs = zip(*linear_sum_assignment(gain, maximize=True), strict=True)
    return [(int(rows[r]), int(columns[c])) for r, c in pairs if part[r, c] > 0]


def _inside(
    regions: Sequence[Instance], found: Boxes, seen: _Numbers, names: Mapping[str, int]
) -> npt.NDArray[np.bool_]:
    """Which of the boxes `found` (D, 4), of the label numbers `seen` (D,), lie in a region of their label."""
    shared = shared_areas(corners(one.box for one in regions), found)  # (R, D)
    of_label = _numbered(regions, names)[:, None] == seen[None]
    result: npt.NDArray[np.bool_] = ((shared >= _IGNORED * areas(found)) & of_label).any(axis=0)
    return result
