"""The results as Markdown: the same results give the same text, but for the columns of seconds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.hundred.layouts import ARRANGEMENTS, COUNTS, Cell
from benchmarks.hundred.published import PUBLISHED
from benchmarks.hundred.scorer import Looked, Score, repeated, score
from layoutgen.evaluation.evaluator import Evaluator

_LISTED = 4  # cells that are named where more are left out for one reason
_LONG = 30  # objects in the cells in which arrangements are compared


@dataclass(frozen=True, slots=True)
class Cost:
    """What an image took: evaluations of the U-Net on a window, and seconds."""

    evaluations: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Results:
    """What there is of a method, and why there is no more.

    Attributes:
        looked: the images, a cell each.
        costs: of those that were painted here.
        skipped: why a cell has none.
    """

    looked: tuple[Looked, ...]
    costs: Mapping[Cell, Cost] = field(default_factory=dict)
    skipped: Mapping[Cell, str] = field(default_factory=dict)

    def only(self, cells: Sequence[Cell]) -> Results:
        """The same of some cells."""
        some = set(cells)
        looked = tuple(one for one in self.looked if one.cell in some)
        return Results(looked, self.costs, {cell: why for cell, why in self.skipped.items() if cell in some})


def report(evaluator: Evaluator, results: Mapping[str, Results], cells: Sequence[Cell]) -> str:
    """All tables."""
    protocol = evaluator.options.protocol
    parts = []
    if protocol is not None:
        parts.append(_protocol_table(evaluator, results, protocol.name))
    parts += [_counts_table(evaluator, results, cells), _arrangements_table(evaluator, results, cells)]
    parts += [_cells_table(evaluator, results, cells), _skipped(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _counts_table(evaluator: Evaluator, results: Mapping[str, Results], cells: Sequence[Cell]) -> str:
    counts = [count for count in sorted({*COUNTS, *(c.count for c in cells)}) if _of(cells, count=count)]
    shared = {"labels": "one", "arrangement": "scattered"} if _of(cells, labels="one") else {}
    rows = [
        (name, *(_recall_precision(evaluator, one, _of(cells, count=count, **shared)) for count in counts))
        for name, one in results.items()
    ]
    title = "**Recall / precision in % by the number of objects**" + (
        ", scattered, one label" if shared else ""
    )
    return _table(title, ("", *map(str, counts)), rows)


def _arrangements_table(evaluator: Evaluator, results: Mapping[str, Results], cells: Sequence[Cell]) -> str:
    groups = {name: _of(cells, count=_LONG, labels="one", arrangement=name) for name in ARRANGEMENTS}
    groups["two labels, scattered"] = _of(cells, count=_LONG, labels="several", arrangement="scattered")
    groups = {name: some for name, some in groups.items() if some}
    if len(groups) < 2:
        return ""
    rows = [
        (name, *(_recall_precision(evaluator, one, some) for some in groups.values()))
        for name, one in results.items()
    ]
    return _table(f"**Recall / precision in % of {_LONG} objects, by how they lie**", ("", *groups), rows)


def _protocol_table(evaluator: Evaluator, results: Mapping[str, Results], name: str) -> str:
    scored = {key: score(evaluator, one.looked).protocol for key, one in results.items() if one.looked}
    heads = list(next((metrics for metrics in scored.values() if metrics), {}))
    rows = [(key, *(_share(metrics[head]) for head in heads)) for key, metrics in scored.items() if metrics]
    published = PUBLISHED.get(name)
    for key, figures in published.figures.items() if published and rows else ():
        rows.append((f"*{key}, published*", *(_share(figures.get(head)) for head in heads)))
    note = f"\n\nPublished: {published.source}." if published else ""
    return _table(f"**{name}**, figures in %", ("", *heads), rows) + note


def _cells_table(evaluator: Evaluator, results: Mapping[str, Results], cells: Sequence[Cell]) -> str:
    heads = ["method", "objects", "labels", "arrangement", "images", "recall", "precision", "mean IoU"]
    heads += ["another label", "count error", "evaluations", "seconds*"]
    groups = list(dict.fromkeys((c.count, c.labels, c.arrangement) for c in cells))
    rows = []
    for name, one in results.items():
        repeats = repeated(one.looked)
        for count, labels, arrangement in groups:
            part = one.only(_of(cells, count=count, labels=labels, arrangement=arrangement))
            if part.looked:
                rows.append((name, str(count), labels, arrangement, *_figures(evaluator, part, repeats)))
    return _table("**Every cell**", heads, rows)


def _figures(evaluator: Evaluator, results: Results, repeats: frozenset[Cell]) -> tuple[str, ...]:
    """Those of some cells; `repeats` are those, of all of the method, whose image is one before it again."""
    found = score(evaluator, results.looked)
    counts, costs = found.scores.counts, [results.costs.get(one.cell) for one in results.looked]
    known = [cost for cost in costs if cost is not None]
    return (
        _images(found, sum(one.cell in repeats for one in results.looked)),
        _with_spread(found, "recall"),
        _with_spread(found, "precision"),
        "-" if counts.mean_iou is None else f"{counts.mean_iou:.3f}",
        f"{counts.mislabelled:,}",
        f"{found.scores.count_errors.mean_error:.1f}",
        f"{statistics.mean(cost.evaluations for cost in known):,.0f}" if known else "-",
        f"{statistics.mean(cost.seconds for cost in known):,.0f}" if known else "-",
    )


def _images(found: Score, repeats: int) -> str:
    wrong = {"missing": found.missing, "repeated": repeats}
    notes = [f"{count} {name}" for name, count in wrong.items() if count]
    return f"{len(found.scores.images)}" + (f" ({', '.join(notes)})" if notes else "")


def _with_spread(found: Score, name: str) -> str:
    """A share of all objects in %, with its standard deviation over images where there are several."""
    shares = [getattr(image.counts, name) for image in found.scores.images]
    known = [share for share in shares if share is not None]
    text = _share(getattr(found.scores.counts, name))
    return text if len(known) < 2 else f"{text} ± {100 * statistics.stdev(known):.1f}"


def _recall_precision(evaluator: Evaluator, results: Results, cells: Sequence[Cell]) -> str:
    part = results.only(cells)
    if not part.looked:
        return "-"
    counts = score(evaluator, part.looked).scores.counts
    few = f" ({len(part.looked)} of {len(cells)})" if len(part.looked) < len(cells) else ""
    return f"{_share(counts.recall)} / {_share(counts.precision)}{few}"


def _skipped(results: Mapping[str, Results]) -> str:
    lines = []
    for name, one in results.items():
        reasons: dict[str, list[str]] = {}
        for cell, why in one.skipped.items():
            reasons.setdefault(why, []).append(cell.name)
        lines += [f"- {name}: {_listed(cells)}: {why}" for why, cells in reasons.items()]
    return "**Not in the tables**\n\n" + "\n".join(lines) if lines else ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= _LISTED else f"{len(names)} cells from {names[0]} on"


def _of(cells: Sequence[Cell], **wanted: str | int) -> list[Cell]:
    return [cell for cell in cells if all(getattr(cell, key) == value for key, value in wanted.items())]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows)]
    return "\n".join((title, "", *lines))
