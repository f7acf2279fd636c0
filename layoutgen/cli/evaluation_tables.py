"""The report of ``evaluate`` as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from layoutgen.cli import console

_SHOWN = 12  # images in the table of images, worst first

_SUMMARY = (
    ("images", "images", "count"),
    ("targets", "objects asked for", "count"),
    ("detections", "objects found", "count"),
    ("matched", "matched one to one", "count"),
    ("misplaced", "misplaced", "count"),
    ("mislabelled", "with another label", "count"),
    ("duplicates", "found twice", "count"),
    ("recall", "recall", "share"),
    ("precision", "precision", "share"),
    ("f1", "F1", "share"),
    ("mean_iou", "mean IoU of matches", "number"),
    ("count_error", "mean count error", "number"),
    ("count_exact", "counts exactly right", "share"),
    ("count_within_5_percent", "counts within 5 %", "share"),
    ("count_within_10_percent", "counts within 10 %", "share"),
    ("images_all_right", "images all right", "share"),
    ("AP", "AP", "number"),
    ("AP50", "AP50", "number"),
    ("AP75", "AP75", "number"),
    ("AP_small", "AP small (to 32 px)", "number"),
    ("AP_medium", "AP medium (to 96 px)", "number"),
    ("AP_large", "AP large", "number"),
)


def show(figures: Mapping[str, Any], output: Path) -> None:
    """Print the report that `figures` are, which was written to `output`."""
    columns = {"samples": figures["overall"]}
    if "reference" in figures:
        columns["reference"] = figures["reference"]["overall"]
    if len(figures["images"]) > 1:
        console.out.print(images(figures["images"]))
    console.out.print(labels(figures["labels"]))
    console.out.print(summary(columns))
    if "preset" in figures:
        rule = {"samples": figures["preset"]["figures"]}
        if "reference" in figures:
            rule["reference"] = figures["reference"]["preset"]["figures"]
        console.out.print(named(figures["preset"]["name"], rule))
    if "quality" in figures:
        console.out.print(named("image quality", {"samples": figures["quality"]}))
    if figures["other_labels"]:
        others = ", ".join(f"{label} {count:,}" for label, count in figures["other_labels"].items())
        console.say(f"Of labels that nothing asks for, not counted: {others}")
    threshold, iou = figures["threshold"], figures["iou"]
    console.say(f"Counted from a score of {threshold:g} on; at its place from an IoU of {iou:g} on.")
    console.say(f"Every object that is not as asked for: {output / 'errors.csv'}")
    console.say(f"Report: {output}")


def summary(columns: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row per figure, one column for each of `columns`: what was evaluated, and the reference."""
    table = _table(("all images", *columns))
    for key, name, kind in _SUMMARY:
        table.add_row(name, *(shown(figures[key], kind) for figures in columns.values()))
    return table


def labels(figures: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row per label."""
    header = ("label", "asked", "found", "matched", "recall", "precision", "F1", "mean IoU", "AP", "AP50")
    table = _table(header)
    for label, one in figures.items():
        counts = (shown(one[key], "count") for key in ("targets", "detections", "matched"))
        shares = (shown(one[key], "share") for key in ("recall", "precision", "f1"))
        numbers = (shown(one[key], "number") for key in ("mean_iou", "AP", "AP50"))
        table.add_row(label, *counts, *shares, *numbers)
    return table


def images(figures: Sequence[Mapping[str, Any]]) -> Table:
    """One row per image, those with the most errors first."""
    table = _table(("image", "asked", "found", "matched", "misplaced", "other label", "missed", "extra"))
    worst = sorted(figures, key=lambda one: -(one["missed"] + one["extra"]))
    keys = ("targets", "detections", "matched", "misplaced", "mislabelled", "missed", "extra")
    for one in worst[:_SHOWN]:
        table.add_row(one["image"], *(shown(one[key], "count") for key in keys))
    if len(worst) > _SHOWN:
        table.caption = f"the worst {_SHOWN} of {len(worst):,} images"
    return table


def named(title: str, columns: Mapping[str, Mapping[str, float | None]]) -> Table:
    """One row per figure, by the names of others."""
    table = _table((title, *columns))
    for name in next(iter(columns.values())):
        table.add_row(name, *(shown(figures[name], "number") for figures in columns.values()))
    return table


def shown(value: float | None, kind: str) -> str:
    """A figure as people read it; a dash where nothing can be said."""
    if value is None:
        return "-"
    if kind == "share":
        return f"{value:.1%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _table(header: Sequence[str]) -> Table:
    table = Table(*header, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in table.columns[1:]:
        column.justify = "right"
    return table
