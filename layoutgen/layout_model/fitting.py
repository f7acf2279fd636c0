"""A layout model from the layouts of a data set.

Only the weights of neighbours are learnt by steps, until what is drawn has the relations of the data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from layoutgen.domain.boxes import corners
from layoutgen.domain.layout import Layout
from layoutgen.errors import InvalidOption
from layoutgen.layout_model.fit_boxes import box_tables, objects_of, size_correlation, size_scores
from layoutgen.layout_model.fit_labels import co_occurrence, counts_with
from layoutgen.layout_model.model import LayoutModel, Neighbours
from layoutgen.layout_model.relations import RELATIONS, relations
from layoutgen.layout_model.sampling import count_scores, sample_layouts
from layoutgen.layout_model.tables import Frequencies, Numbers, rounded

_CANVASES = 64  # the most frequent ones are kept
_ROUNDS = 5  # corrections of the weights of neighbours
_DRAWN = (50, 300)  # layouts drawn for each: as many as the data, within these
_STRENGTH = (1e-3, 1e3)  # of such weights


def fit(layouts: Sequence[Layout]) -> LayoutModel:
    """The layout model of `layouts`, cut to their canvases; those without objects are left out.

    Raises:
        InvalidOption: there is no object.
    """
    kept = [one for one in (layout.clip() for layout in layouts) if one.instances]
    if not kept:
        raise InvalidOption("there is no object to fit a layout model to")
    objects = objects_of(kept)
    counts = Frequencies.of(Counter(len(one.instances) for one in kept))
    scores = size_scores(objects)
    sizes = Counter((one.width, one.height) for one in kept)
    model = LayoutModel(
        canvases=tuple((*size, times) for size, times in sizes.most_common(_CANVASES)),
        counts=counts,
        counts_with=counts_with(kept, counts),
        labels=co_occurrence(kept, objects.names),
        sizes=size_correlation(objects, scores, count_scores(counts), kept),
        wide=box_tables(objects, scores, objects.wide),
        tall=box_tables(objects, scores, ~objects.wide),
    )
    return replace(model, neighbours=_neighbours(model, kept))


def _neighbours(model: LayoutModel, layouts: Sequence[Layout]) -> Neighbours:
    """The weights with which layouts drawn from `model` have the relations of `layouts`."""
    wanted = _relation_shares(layouts)
    weights = np.ones_like(wanted)
    count = min(max(len(layouts), _DRAWN[0]), _DRAWN[1])
    for _ in range(_ROUNDS if any(len(one.instances) > 1 for one in layouts) else 0):
        drawn = _relation_shares(sample_layouts(replace(model, neighbours=_as_neighbours(weights)), count))
        # As if a few of each had been seen: what never happens stays possible, and no ratio is by 0.
        weights = np.clip(weights * ((wanted + 1e-4) / (drawn + 1e-4)) ** 0.8, *_STRENGTH)
    return _as_neighbours(weights)


def _as_neighbours(weights: Numbers) -> Neighbours:
    return Neighbours(rounded(weights[1]), rounded(weights[0]))


def _relation_shares(layouts: Iterable[Layout]) -> Numbers:
    """How often pairs of two labels, and of one, have each relation, (2, relations); objects count once."""
    counts = np.zeros((2, len(RELATIONS)))
    for layout in layouts:
        total = len(layout.instances)
        if total < 2:
            continue
        boxes = corners(one.box for one in layout.instances)
        labels = np.array([one.label for one in layout.instances])
        i, j = np.triu_indices(total, 1)
        same = (labels[i] == labels[j]).astype(int)
        np.add.at(counts, (same, relations(boxes, boxes)[i, j]), 1 / (total - 1))
    whole = counts.sum(axis=1, keepdims=True)
    shares: Numbers = np.divide(counts, whole, out=np.full_like(counts, 1 / len(RELATIONS)), where=whole > 0)
    return shares
