"""How far layouts are from others: Kolmogorov-Smirnov and Wasserstein distances of what is measured in them.

Wasserstein-1 is in the unit of the feature. Pairs are those among at most ten objects of an image, by chance,
so that one crowd does not decide. Labels are compared by total variation: the share that differs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from layoutgen.domain.boxes import Boxes, corners
from layoutgen.domain.layout import Layout
from layoutgen.layout_model.relations import covered_shares, gaps
from layoutgen.layout_model.tables import Numbers

_OF_AN_IMAGE = 10  # objects whose pairs count


@dataclass(frozen=True, slots=True)
class Distance:
    """Between two distributions of a number; `shift` is Wasserstein-1, in the unit of the number."""

    ks: float
    shift: float


@dataclass(frozen=True, slots=True)
class Distances:
    """Between two sets of layouts.

    Attributes:
        features: by name: objects in an image, sides, aspects, centres, and of pairs distance and overlap.
        labels: total variation of the labels of objects.
        label_pairs: total variation of the pairs of labels that are in an image together.
    """

    features: Mapping[str, Distance]
    labels: float
    label_pairs: float

    @property
    def mean_ks(self) -> float:
        """Over all features."""
        return float(np.mean([one.ks for one in self.features.values()]))


def distances(layouts: Sequence[Layout], others: Sequence[Layout]) -> Distances:
    """How far `layouts` are from `others`; both must have objects."""
    from scipy.stats import wasserstein_distance

    first, second = _features(layouts), _features(others)
    found = {
        name: Distance(
            _kolmogorov_smirnov(first[name], second[name]),
            float(wasserstein_distance(first[name], second[name])),
        )
        for name in first
        if len(first[name]) and len(second[name])
    }
    return Distances(
        found,
        _total_variation(layouts, others, lambda layout: [one.label for one in layout.instances]),
        _total_variation(layouts, others, lambda layout: list(combinations(layout.labels, 2))),
    )


def _kolmogorov_smirnov(a: Numbers, b: Numbers) -> float:
    """The largest difference of the distribution functions of `a` (N,) and `b` (M,).

    As scipy's ``ks_2samp``, which computes a probability besides, at length, and warns of it.
    """
    every = np.concatenate([a, b])
    both = (np.searchsorted(np.sort(one), every, side="right") / len(one) for one in (a, b))
    return float(np.abs(next(both) - next(both)).max())


def _features(layouts: Sequence[Layout]) -> dict[str, Numbers]:
    """The values of each feature, of all layouts."""
    kept = [layout.clip() for layout in layouts]
    kept = [layout for layout in kept if layout.instances]
    count = np.array([len(layout.instances) for layout in kept])
    pixels = corners(one.box for layout in kept for one in layout.instances)
    canvas = np.repeat([(one.width, one.height) for one in kept], count, axis=0)
    sides = pixels[:, 2:] - pixels[:, :2]
    centres = (pixels[:, :2] + pixels[:, 2:]) / 2 / canvas
    return {
        "objects in an image": count.astype(float),
        "width (of canvas)": sides[:, 0] / canvas[:, 0],
        "height (of canvas)": sides[:, 1] / canvas[:, 1],
        "aspect (log2 w/h)": np.log2(sides[:, 0] / sides[:, 1]),
        "centre x (of canvas)": centres[:, 0],
        "centre y (of canvas)": centres[:, 1],
        **_pair_features(kept),
    }


def _pair_features(layouts: Sequence[Layout]) -> dict[str, Numbers]:
    rng = np.random.default_rng(0)
    distance, gap, covered = [np.empty(0)], [np.empty(0)], [np.empty(0)]
    for layout in layouts:
        size = np.array([layout.width, layout.height])
        boxes: Boxes = corners(one.box for one in layout.instances) / np.tile(size, 2)
        boxes = boxes[rng.permutation(len(boxes))[:_OF_AN_IMAGE]]
        i, j = np.triu_indices(len(boxes), 1)
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        distance.append(np.linalg.norm(centres[i] - centres[j], axis=1))
        gap.append(gaps(boxes, boxes)[i, j])
        covered.append(covered_shares(boxes, boxes)[i, j])
    return {
        "distance of a pair (of canvas)": np.concatenate(distance),
        "gap of a pair (of canvas)": np.concatenate(gap),
        "overlap of a pair (of smaller)": np.concatenate(covered),
    }


def _total_variation(
    layouts: Sequence[Layout], others: Sequence[Layout], things: Callable[[Layout], Sequence[Hashable]]
) -> float:
    a, b = (Counter(thing for one in side for thing in things(one)) for side in (layouts, others))
    whole_a, whole_b = max(sum(a.values()), 1), max(sum(b.values()), 1)
    if not a and not b:
        return 0.0
    return sum(abs(a[key] / whole_a - b[key] / whole_b) for key in a.keys() | b.keys()) / 2
