"""What the detector finds in pictures of one number of objects, with its spread from picture to picture."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.table import Table

from layoutgen.domain.layout import Instance
from layoutgen.evaluation.counts import Counts, total
from layoutgen.evaluation.evaluator import Evaluator
from layoutgen.formats.annotated_source import AnnotatedSource

_ANYTHING = "object"


@dataclass(frozen=True, slots=True)
class Figure:
    """A share of all objects of all pictures, its standard deviation and lowest value over pictures.

    None: nothing can be said, or, of the deviation, there is one picture.
    """

    mean: float | None
    deviation: float | None
    lowest: float | None

    @staticmethod
    def of(name: str, counts: Sequence[Counts]) -> Figure:
        """The property `name` of counts, one for each picture."""
        values = [v for v in (getattr(one, name) for one in counts) if v is not None]
        deviation = statistics.stdev(values) if len(values) > 1 else None
        return Figure(getattr(total(counts), name), deviation, min(values, default=None))

    def __str__(self) -> str:
        if self.mean is None:
            return "-"
        return f"{self.mean:.3f}" + ("" if self.deviation is None else f" ± {self.deviation:.3f}")


@dataclass(frozen=True, slots=True)
class Scored:
    """The figures of `pictures` in which `asked` objects were asked for each; `boxes` are there in all.

    Attributes:
        success: share of the boxes in which the detector finds the asked label, one to one: the recall.
        precision: share of what it finds, of any label, that is such a box.
        found: share of the boxes in which it finds anything, one to one, whatever its label.
        mean_iou: of the boxes that are a success.
    """

    kind: str
    asked: int
    canvas: int
    pictures: int
    boxes: int
    success: Figure
    precision: Figure
    found: Figure
    mean_iou: Figure


def score(evaluator: Evaluator, source: AnnotatedSource, kind: str, asked: int) -> Scored:
    """Look at the pictures of `source`; all labels that are asked for or seen count."""
    found = dict(evaluator.detect(source))
    labels = {*source.labels, *(one.label for seen in found.values() for one in seen)}
    blind = tuple(
        replace(image, layout=image.layout.with_instances(_unnamed(image.instances)))
        for image in source.images
    )
    anything = {key: tuple(replace(one, label=_ANYTHING) for one in seen) for key, seen in found.items()}
    counts = [image.counts for image in evaluator.score(source.images, tuple(sorted(labels)), found).images]
    places = [image.counts for image in evaluator.score(blind, (_ANYTHING,), anything).images]
    boxes = sum(one.targets for one in counts)
    figures = [Figure.of(name, counts) for name in ("recall", "precision")]
    figures += [Figure.of("recall", places), Figure.of("mean_iou", counts)]
    return Scored(kind, asked, source.images[0].size[0], len(counts), boxes, *figures)


def _unnamed(instances: Sequence[Instance]) -> tuple[Instance, ...]:
    return tuple(Instance(_ANYTHING, one.box) for one in instances)


def scores_table(rows: Sequence[Scored], title: str) -> Table:
    """The figures, a row each."""
    heads = ("pictures", "asked", "canvas", "n", "boxes", "success = recall", "worst", "precision")
    table = Table(*heads, "found, any label", "mean IoU", title=title)
    for row in rows:
        counts = (str(row.asked), str(row.canvas), str(row.pictures), f"{row.boxes:,}")
        worst = "-" if row.success.lowest is None else f"{row.success.lowest:.3f}"
        table.add_row(
            row.kind,
            *counts,
            str(row.success),
            worst,
            str(row.precision),
            str(row.found),
            str(row.mean_iou),
        )
    return table
