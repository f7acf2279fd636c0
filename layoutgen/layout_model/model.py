"""The parameters of a layout model: what a data set's layouts are like, in tables that a person can read.

A layout is drawn in this order; each step knows what the earlier ones drew.

1. a canvas, of those of the data;
2. the label of a first object, then the number of objects, as it is among images with such an object;
3. the other labels, one by one: new ones by :class:`CoOccurrence`, else those that are there already again;
4. the sizes, by :class:`BoxTables`: the larger, the fewer objects there are, and alike within an image;
5. the places: some are tried for each box; one is chosen by how it lies to others (:class:`Neighbours`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from layoutgen.errors import InvalidOption
from layoutgen.layout_model.relations import RELATIONS
from layoutgen.layout_model.tables import Frequencies, Quantiles


@dataclass(frozen=True, slots=True)
class CoOccurrence:
    """Which labels are in an image together.

    Attributes:
        first: how often a random object of a random image is of each label.
        images: by label, in how many images it is.
        shared: by label, in how many of these each other label is, too.
        new: `new[k - 1]`: how often object number k + 1 of an image, by chance, is the first of its label.
        variety: by label, how many more labels than that images have that hold it; 1: as many.
        again: by label, how much likelier one more of it is than one more of the labels beside it.
    """

    first: Mapping[str, float]
    images: Mapping[str, int]
    shared: Mapping[str, Mapping[str, int]]
    new: tuple[float, ...]
    variety: Mapping[str, float]
    again: Mapping[str, float]

    def __post_init__(self) -> None:
        labels, tables = set(self.first), (self.images, self.shared, self.variety, self.again)
        if not labels or any(set(table) != labels for table in tables):
            raise InvalidOption("co-occurrence needs the same labels in all of its tables")
        if any(not 0 <= share <= 1 for share in self.new):
            raise InvalidOption(f"shares of new labels must be from 0 to 1, not {self.new!r}")


@dataclass(frozen=True, slots=True)
class BoxTables:
    """Sizes and places of the boxes of a label.

    Attributes:
        width, height: as shares of the canvas.
        correlation: of the two, as normal scores.
        x, y: of the smaller and of the larger half of the boxes, where they begin, as a share of the room
            that the canvas leaves them: 0 is at its left or top, 1 at its right or bottom.
    """

    width: Quantiles
    height: Quantiles
    correlation: float
    x: tuple[Quantiles, Quantiles]
    y: tuple[Quantiles, Quantiles]

    def __post_init__(self) -> None:
        if not -1 < self.correlation < 1:
            raise InvalidOption(f"a correlation must be between -1 and 1, not {self.correlation!r}")


@dataclass(frozen=True, slots=True)
class SizeCorrelation:
    """How the sizes of an image hang together, as correlations of normal scores.

    Attributes:
        crowd: of the size of an object with the number of objects.
        image: of the sizes of two objects of an image, besides that.
        label: of the sizes of two objects of a label of an image, besides both.
    """

    crowd: float
    image: float
    label: float

    def __post_init__(self) -> None:
        if min(self.image, self.label) < 0 or self.own < 0:
            raise InvalidOption(f"correlations of sizes must leave something to chance, not {self!r}")

    @property
    def own(self) -> float:
        """The share of its size that is an object's own."""
        return 1 - self.crowd**2 - self.image - self.label


@dataclass(frozen=True, slots=True)
class Neighbours:
    """How boxes lie to each other: a pairwise interaction process (Ripley and Kelly 1977).

    A place is as likely as the product of the weights of its relations to all boxes that are there; 1 is as
    likely as by chance.

    Attributes:
        same, other: of pairs of one label, and of two: the weights of
            :data:`~layoutgen.layout_model.relations.RELATIONS`.
    """

    same: tuple[float, ...] = (1.0,) * len(RELATIONS)
    other: tuple[float, ...] = (1.0,) * len(RELATIONS)

    def __post_init__(self) -> None:
        for weights in (self.same, self.other):
            if len(weights) != len(RELATIONS) or not all(w > 0 and math.isfinite(w) for w in weights):
                raise InvalidOption(f"neighbours need {len(RELATIONS)} weights above 0, not {weights!r}")


@dataclass(frozen=True, slots=True)
class LayoutModel:
    """What the layouts of a data set are like.

    Attributes:
        canvases: width, height and how often, most frequent first.
        counts: objects in an image.
        counts_with: by label, objects in an image whose first object is of it.
        sizes: how they hang together.
        wide, tall: the boxes by label, on canvases that are wider than high or square, and on others.
    """

    canvases: tuple[tuple[int, int, int], ...]
    counts: Frequencies
    counts_with: Mapping[str, Frequencies]
    labels: CoOccurrence
    sizes: SizeCorrelation
    wide: Mapping[str, BoxTables]
    tall: Mapping[str, BoxTables]
    neighbours: Neighbours = Neighbours()

    def __post_init__(self) -> None:
        if not self.canvases or any(min(canvas) < 1 for canvas in self.canvases):
            raise InvalidOption(f"canvases must be width, height and how often, not {self.canvases!r}")
        names = set(self.labels.first)
        if any(set(table) != names for table in (self.wide, self.tall, self.counts_with)):
            raise InvalidOption("boxes, counts and co-occurrence must be of the same labels")
        if min(self.counts.values) < 1:
            raise InvalidOption(f"an image has 1 object or more, not {self.counts.values[0]}")

    def boxes(self, width: int, height: int) -> Mapping[str, BoxTables]:
        """The boxes by label on a canvas of `width` x `height` pixels."""
        return self.wide if width >= height else self.tall
