"""The report of ``evaluate`` as tables for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from layoutgen.cli import console
from layoutgen.cli.tables import print_table
from layoutgen.evaluation.report import Report
from layoutgen.evaluation.scoring import ImageScore, LabelScore, Scores
from layoutgen.features.image_quality import quality_header, quality_rows, remarks, share_text

_SHOWN = 12  # images in the table of images, worst first


def _count(value: int) -> str:
    return f"{value:,}"


def _number(value: float | None) -> str:
    """A figure as people read it; a dash where nothing can be said."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


_SUMMARY: tuple[tuple[str, Callable[[Scores], str]], ...] = (
    ("images", lambda scores: _count(len(scores.images))),
    ("objects asked for", lambda scores: _count(scores.counts.targets)),
    ("objects found", lambda scores: _count(scores.counts.detections)),
    ("matched one to one", lambda scores: _count(scores.counts.matched)),
    ("misplaced", lambda scores: _count(scores.counts.misplaced)),
    ("with another label", lambda scores: _count(scores.counts.mislabelled)),
    ("found twice", lambda scores: _count(scores.counts.duplicates)),
    ("recall", lambda scores: share_text(scores.counts.recall)),
    ("precision", lambda scores: share_text(scores.counts.precision)),
    ("F1", lambda scores: share_text(scores.counts.f1)),
    ("mean IoU of matches", lambda scores: _number(scores.counts.mean_iou)),
    ("mean count error", lambda scores: _number(scores.count_errors.mean_error)),
    ("counts exactly right", lambda scores: share_text(scores.count_errors.share(0))),
    ("counts within 5 %", lambda scores: share_text(scores.count_errors.share(0.05))),
    ("counts within 10 %", lambda scores: share_text(scores.count_errors.share(0.1))),
    ("images all right", lambda scores: share_text(scores.perfect)),
    ("AP", lambda scores: _number(scores.precision.ap)),
    ("AP50", lambda scores: _number(scores.precision.ap50)),
    ("AP75", lambda scores: _number(scores.precision.ap75)),
    ("AP small (to 32 px)", lambda scores: _number(scores.precision.small)),
    ("AP medium (to 96 px)", lambda scores: _number(scores.precision.medium)),
    ("AP large", lambda scores: _number(scores.precision.large)),
)


def show(report: Report, output: Path) -> None:
    """Print `report`, which was written to `output`."""
    scores, columns = report.scores, {"samples": report}
    if report.reference is not None:
        columns["reference"] = report.reference
    if len(scores.images) > 1:
        _print_images(scores.images)
    _print_labels(scores.labels)
    _print_summary({name: one.scores for name, one in columns.items()})
    if report.protocol is not None:
        metrics = {name: one.protocol.metrics for name, one in columns.items() if one.protocol}
        _print_named(report.protocol.protocol.name, metrics)
    if report.quality is not None:
        columns_of = {"samples": report.quality}
        print_table(quality_header(columns_of), quality_rows(columns_of))
        for remark in remarks(report.quality):
            console.say(remark)
    if scores.other:
        others = ", ".join(f"{label} {count:,}" for label, count in scores.other.items())
        console.say(f"Of labels that nothing asks for, not counted: {others}")
    console.say(
        f"Counted from a score of {scores.threshold:g} on; at its place from an IoU of {scores.iou:g} on."
    )
    console.say(f"Every object that is not as asked for: {output / 'errors.csv'}")
    console.say(f"Report: {output}")


def _print_summary(columns: Mapping[str, Scores]) -> None:
    """One row per figure, one column for each of `columns`: what was evaluated, and the reference."""
    rows = [(name, *(figure(scores) for scores in columns.values())) for name, figure in _SUMMARY]
    print_table(("all images", *columns), rows)


def _print_labels(scores: Mapping[str, LabelScore]) -> None:
    """One row per label."""
    header = ("label", "asked", "found", "matched", "recall", "precision", "F1", "mean IoU", "AP", "AP50")
    rows = []
    for label, one in scores.items():
        counts, precision = one.counts, one.precision
        whole = map(_count, (counts.targets, counts.detections, counts.matched))
        shares = map(share_text, (counts.recall, counts.precision, counts.f1))
        numbers = map(_number, (counts.mean_iou, precision.ap, precision.ap50))
        rows.append((label, *whole, *shares, *numbers))
    print_table(header, rows)


def _print_images(scores: Sequence[ImageScore]) -> None:
    """One row per image, those with the most errors first."""
    worst = sorted(scores, key=lambda one: -(one.counts.missed + one.counts.extra))
    rows = []
    for one in worst[:_SHOWN]:
        c = one.counts
        found = (c.targets, c.detections, c.matched, c.misplaced, c.mislabelled, c.missed, c.extra)
        rows.append((one.image.file_name, *map(_count, found)))
    caption = f"the worst {_SHOWN} of {len(worst):,} images" if len(worst) > _SHOWN else ""
    header = ("image", "asked", "found", "matched", "misplaced", "other label", "missed", "extra")
    print_table(header, rows, caption=caption)


def _print_named(title: str, columns: Mapping[str, Mapping[str, float | None]]) -> None:
    """One row per figure, by the names of others."""
    names = next(iter(columns.values()))
    rows = [(name, *(_number(figures[name]) for figures in columns.values())) for name in names]
    print_table((title, *columns), rows)
