"""Sizes and places of boxes, by label: quantiles, and how the sizes of an image hang together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from layoutgen.domain.boxes import Boxes, corners
from layoutgen.domain.layout import Layout
from layoutgen.layout_model.model import BoxTables, SizeCorrelation
from layoutgen.layout_model.tables import Numbers, Quantiles, rounded

_PRIOR_BOXES = 15.0  # of all labels, added to those of a label
_USUAL_CORRELATION = 0.7  # of width and height
_ROOM = 0.5  # pixels; less is no room to be anywhere, but rounding
_CHANCE = 0.02  # share of a size that is an object's own, at least

Chosen = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Objects:
    """All objects of all layouts, a row each.

    Attributes:
        image: number of the layout, (N,).
        label: place in `names`, (N,).
        wide: whether the canvas is as wide as high, or wider, (N,).
        sides: width and height as shares of the canvas, (N, 2).
        places: where it begins as a share of the room left, (N, 2); NaN without room.
    """

    names: tuple[str, ...]
    image: npt.NDArray[np.intp]
    label: npt.NDArray[np.intp]
    wide: Chosen
    sides: Boxes
    places: Boxes


def objects_of(layouts: Sequence[Layout]) -> Objects:
    """All objects of `layouts`, which lie on their canvases."""
    names = tuple(sorted({one.label for layout in layouts for one in layout.instances}))
    number = {name: k for k, name in enumerate(names)}
    image = np.repeat(np.arange(len(layouts)), [len(one.instances) for one in layouts])
    label = np.array([number[one.label] for layout in layouts for one in layout.instances])
    boxes = corners(one.box for layout in layouts for one in layout.instances)
    canvas = np.array([(one.width, one.height) for one in layouts], dtype=float)[image]
    sides = boxes[:, 2:] - boxes[:, :2]
    room = canvas - sides
    free = room > _ROOM
    places = np.where(free, boxes[:, :2] / np.where(free, room, 1), np.nan)
    wide = np.array([one.width >= one.height for one in layouts])[image]
    return Objects(names, image, label, wide, sides / canvas, np.clip(places, 0, 1))


def _normal_scores(values: Numbers) -> Numbers:
    """The normal scores of `values` (N,) by their ranks; equal ones share theirs."""
    _, inverse, times = np.unique(values, return_inverse=True, return_counts=True)
    rank = np.cumsum(times) - times / 2
    scores: Numbers = ndtri(rank[inverse] / len(values))
    return scores


def _correlation(sides: Boxes) -> float:
    """Of width and height (N, 2) by their ranks; that of few boxes is drawn to the usual one."""
    if len(sides) < 3 or not sides.std(axis=0).all():
        return _USUAL_CORRELATION
    own = np.corrcoef(_normal_scores(sides[:, 0]), _normal_scores(sides[:, 1]))[0, 1]
    mixed = (own * len(sides) + _USUAL_CORRELATION * _PRIOR_BOXES) / (len(sides) + _PRIOR_BOXES)
    return rounded([mixed])[0]


def size_scores(objects: Objects) -> Numbers:
    """How large each object is among those of its label on such a canvas, as normal scores (N,)."""
    scores = np.zeros(len(objects.label))
    kind = 2 * objects.label + objects.wide
    for k in np.unique(kind):
        mine = kind == k
        both = sum(_normal_scores(objects.sides[mine, axis]) for axis in (0, 1))
        scores[mine] = _normal_scores(np.asarray(both))
    return scores


def size_correlation(
    objects: Objects, scores: Numbers, crowd: Mapping[int, float], layouts: Sequence[Layout]
) -> SizeCorrelation:
    """How the `scores` (N,) of sizes hang together; `crowd` are those of each number of objects."""
    totals = np.bincount(objects.image, minlength=len(layouts))
    with_count = np.array([crowd[n] for n in totals])[objects.image]
    if len(scores) < 3 or with_count.std() == 0:
        slope = 0.0
    else:
        slope = float(np.clip(np.mean(scores * with_count) / np.mean(with_count**2), -0.9, 0.9))
    rest = scores - slope * with_count
    same = _pair_product(rest, objects.image * len(objects.names) + objects.label)
    whole = _pair_product(rest, objects.image)
    room = 1 - _CHANCE - slope**2
    image = float(np.clip(whole, 0, room))
    label = float(np.clip(same - image, 0, room - image))
    return SizeCorrelation(*rounded([slope, image, label]))


def _pair_product(values: Numbers, group: npt.NDArray[np.intp]) -> float:
    """The mean product of two `values` (N,) of one `group` (N,); a group counts as much as it has values."""
    _, place, times = np.unique(group, return_inverse=True, return_counts=True)
    total = np.bincount(place, values)
    pairs = np.square(total) - np.bincount(place, np.square(values))
    several = times > 1
    return float((pairs[several] / (times[several] - 1)).sum() / max(times[several].sum(), 1))


def box_tables(objects: Objects, scores: Numbers, chosen: Chosen) -> dict[str, BoxTables]:
    """By label, of the `chosen` (N,) objects; the fewer there are, the more like all objects."""
    chosen = chosen if chosen.any() else np.ones_like(chosen)
    usual = [Quantiles.of(objects.sides[chosen, axis]) for axis in (0, 1)]
    usual_places = _place_tables(objects, scores, chosen, None)
    tables = {}
    for k, name in enumerate(objects.names):
        mine = chosen & (objects.label == k)
        width, height = (
            Quantiles.of(objects.sides[mine, axis], usual[axis], _PRIOR_BOXES) for axis in (0, 1)
        )
        correlation = _correlation(objects.sides[mine])
        tables[name] = BoxTables(
            width, height, correlation, *_place_tables(objects, scores, mine, usual_places)
        )
    return tables


_Halves = tuple[Quantiles, Quantiles]


def _place_tables(
    objects: Objects, scores: Numbers, mine: Chosen, usual: tuple[_Halves, _Halves] | None
) -> tuple[_Halves, _Halves]:
    """Along x and along y: where the smaller and the larger half of `mine` (N,) begin."""
    axes = []
    for axis in (0, 1):
        halves = []
        for half, chosen in enumerate((mine & (scores < 0), mine & (scores >= 0))):
            values = objects.places[chosen, axis]
            values = values[~np.isnan(values)]
            if usual is None:
                halves.append(Quantiles.of(values if len(values) else np.array([0.5])))
            else:
                halves.append(Quantiles.of(values, usual[axis][half], _PRIOR_BOXES))
        axes.append((halves[0], halves[1]))
    return axes[0], axes[1]
