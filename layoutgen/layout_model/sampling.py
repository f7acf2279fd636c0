"""Layouts drawn from a layout model; number k of a seed is the same, however many are drawn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr, ndtri

from layoutgen.domain.boxes import Boxes
from layoutgen.domain.labels import count_phrase
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidOption
from layoutgen.layout_model.model import BoxTables, LayoutModel
from layoutgen.layout_model.relations import relations
from layoutgen.layout_model.tables import Frequencies, Numbers, Quantiles, drawn

_PLACES = 24  # that are tried for each box
_PRIOR = 2.0  # images in which labels are together as by chance, added to those of a label
_SURE = 0.999  # share of images above which it does not matter any more
_LEAST = 1.0  # pixels, of a side


@dataclass(frozen=True, slots=True)
class Shift:
    """How layouts are to differ from those of the data.

    Attributes:
        objects: the number of objects is so many times as large.
        size: sides of boxes are so many times as long.
        balance: 0: labels are as frequent as in the data; 1: all alike; between: between.

    Raises:
        InvalidOption: a value that makes no sense.
    """

    objects: float = 1.0
    size: float = 1.0
    balance: float = 0.0

    def __post_init__(self) -> None:
        for name in ("objects", "size"):
            if not 0.01 <= getattr(self, name) <= 100:
                raise InvalidOption(f"`{name}` must be from 0.01 to 100, not {getattr(self, name)}")
        if not 0 <= self.balance <= 1:
            raise InvalidOption(f"`balance` must be from 0 to 1, not {self.balance}")


NO_SHIFT = Shift()


def sample_layouts(
    model: LayoutModel, count: int, seed: int = 0, shift: Shift = NO_SHIFT
) -> Iterator[Layout]:
    """`count` layouts of `model`, each with a prompt that counts its objects."""
    sampler = Sampler(model, shift)
    for number in range(count):
        yield sampler.layout(np.random.default_rng([seed, number]))


class Sampler:
    """Draws layouts of `model`, shifted."""

    def __init__(self, model: LayoutModel, shift: Shift = NO_SHIFT) -> None:
        self.model, self.shift = model, shift
        self._names = sorted(model.wide)
        power = 1 - shift.balance
        first = np.array([model.labels.first[name] for name in self._names]) ** power
        self._first = first
        self._again = np.array([model.labels.again[name] for name in self._names])
        self._canvases = Frequencies.of({k: times for k, (_, _, times) in enumerate(model.canvases)})
        same, other = model.neighbours.same, model.neighbours.other
        self._weights = np.log(np.array([other, same]))  # (2, relations)

    @cached_property
    def _together(self) -> Numbers:
        """How likely a label (column) comes beside one that is there (row), (labels, labels)."""
        co, names = self.model.labels, self._names
        base = np.array([co.images[name] for name in names], dtype=float)
        rows = np.array([[co.shared[a].get(b, 0) for b in names] for a in names], dtype=float)
        rows = (rows + _PRIOR * base / base.sum()) / (base[:, None] + _PRIOR)
        shares: Numbers = np.minimum(rows, _SURE)
        return shares

    @cached_property
    def _usual(self) -> Numbers:
        """The odds of each label to be in an image, (labels,), as far as they are to be balanced."""
        images = np.array([self.model.labels.images[name] for name in self._names], dtype=float)
        total = sum(times for _, _, times in self.model.canvases)
        shares = np.minimum(images / max(total, images.max()), _SURE)
        odds: Numbers = (shares / (1 - shares)) ** self.shift.balance
        return odds

    @cached_property
    def _crowds(self) -> Mapping[int, float]:
        """The normal score of each number of objects: of a random object, how many others are with it."""
        return count_scores(self.model.counts)

    def layout(self, rng: np.random.Generator) -> Layout:
        """One layout."""
        width, height, _ = self.model.canvases[self._canvases.draw(rng.random())]
        labels = self._labels(rng)
        canvas, tables = np.array([width, height], dtype=float), self.model.boxes(width, height)
        sides, large = self._sides(rng, labels, tables)
        sides = np.minimum(np.maximum(sides * canvas, _LEAST), canvas)
        begin = [
            (tables[self._names[label]].x[half], tables[self._names[label]].y[half])
            for label, half in zip(labels, large, strict=True)
        ]
        boxes = self._places(rng, labels, sides, begin, canvas)
        # Large ones first: who paints in this order paints small ones over them.
        order = np.argsort(-np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), kind="stable")
        instances = tuple(Instance(self._names[labels[k]], Box(*boxes[k].tolist())) for k in order)
        counts = Counter(one.label for one in instances)
        return Layout(width, height, instances, prompt=count_phrase(dict(sorted(counts.items()))))

    def _labels(self, rng: np.random.Generator) -> list[int]:
        """The labels of an image, as places in the names."""
        co = self.model.labels
        first = drawn(self._first, rng.random())
        name = self._names[first]
        count = self.model.counts_with[name].draw(rng.random()) * self.shift.objects
        count = max(1, int(count + rng.random()))
        labels = [first]
        while len(labels) < count:
            new = co.new[min(len(labels), len(co.new)) - 1] if co.new else 0.0
            there = sorted(set(labels))
            beside = self._together[there].mean(axis=0)
            # Odds, not shares: what is in every such image must not wait for its turn.
            likely = beside / (1 - beside) / self._usual
            likely[there] = 0
            if rng.random() < new * co.variety[name] and likely.sum() > 0:
                labels.append(drawn(likely, rng.random()))
            else:
                again = self._again[labels]
                labels.append(labels[drawn(again, rng.random())])
        return labels

    def _sides(
        self, rng: np.random.Generator, labels: list[int], boxes: Mapping[str, BoxTables]
    ) -> tuple[Boxes, list[bool]]:
        """Widths and heights as shares of the canvas, (N, 2), and which are of the larger half of theirs."""
        sizes, distinct = self.model.sizes, sorted(set(labels))
        common = sizes.crowd * self._crowd(len(labels)) + np.sqrt(sizes.image) * rng.standard_normal()
        of_label = dict(zip(distinct, rng.standard_normal(len(distinct)), strict=True))
        sides, large = np.empty((len(labels), 2)), []
        for k, label in enumerate(labels):
            tables = boxes[self._names[label]]
            own, shape = rng.standard_normal(2)
            size = common + np.sqrt(sizes.label) * of_label[label] + np.sqrt(sizes.own) * own
            along, across = np.sqrt((1 + tables.correlation) / 2), np.sqrt((1 - tables.correlation) / 2)
            places = ndtr([along * size + across * shape, along * size - across * shape])
            sides[k] = tables.width.at(places[0]), tables.height.at(places[1])
            large.append(bool(size >= 0))
        return np.minimum(sides * self.shift.size, 1), large

    def _crowd(self, count: int) -> float:
        """The normal score of `count` objects, or of the number in the data that is nearest to it."""
        scores = self._crowds
        return scores[count if count in scores else min(scores, key=lambda n: abs(n - count))]

    def _places(
        self,
        rng: np.random.Generator,
        labels: list[int],
        sides: Boxes,
        begin: list[tuple[Quantiles, Quantiles]],
        canvas: Numbers,
    ) -> Boxes:
        """The boxes (N, 4) in pixels, to a hundredth of one, of these `sides` (N, 2)."""
        boxes, kinds = np.empty((len(labels), 4)), np.array(labels)
        for k, (x, y) in enumerate(begin):
            tried = _PLACES if k else 1
            at, place = rng.random((2, tried)), rng.random()
            corner = np.stack([x.at(at[0]), y.at(at[1])], axis=1) * (canvas - sides[k])  # (tried, 2)
            candidates = np.concatenate([corner, corner + sides[k]], axis=1)
            chosen = 0
            if k:
                same = (kinds[:k] == kinds[k]).astype(int)
                weights = self._weights[same[None], relations(candidates, boxes[:k])].sum(axis=1)  # (tried,)
                chosen = drawn(np.exp(weights - weights.max()), place)
            boxes[k] = candidates[chosen]
        rounded: Boxes = np.round(boxes, 2)
        return rounded


def count_scores(counts: Frequencies) -> dict[int, float]:
    """The normal score of each number of objects, for a random object rather than a random image.

    So that over all objects these scores are distributed as they should be.
    """
    values = np.array(counts.values, dtype=float)
    weights = values * np.array(counts.weights)
    middle = (np.cumsum(weights) - weights / 2) / weights.sum()
    return dict(zip(counts.values, ndtri(middle).tolist(), strict=True))
