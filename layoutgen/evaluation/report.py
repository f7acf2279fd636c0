"""Scores as plain values: the json report and its tables. None is what nothing can be said about."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from layoutgen.evaluation.average_precision import AveragePrecision
from layoutgen.evaluation.counts import Counts, Tally
from layoutgen.evaluation.scoring import ImageScore, LabelScore, Scores

Figures = dict[str, Any]
Row = Sequence[Any]


def tally_figures(tally: Tally) -> Figures:
    """The counts of a tally and what follows from them."""
    return {
        "targets": tally.targets,
        "detections": tally.detections,
        "matched": tally.matched,
        "missed": tally.missed,
        "extra": tally.extra,
        "misplaced": tally.misplaced,
        "mislabelled": tally.mislabelled,
        "duplicates": tally.duplicates,
        "recall": tally.recall,
        "precision": tally.precision,
        "f1": tally.f1,
        "mean_iou": tally.mean_iou,
    }


def count_figures(counts: Counts) -> Figures:
    """How far the numbers of objects are off."""
    return {
        "count_error": counts.mean_error,
        "count_exact": counts.share(0),
        "count_within_5_percent": counts.share(0.05),
        "count_within_10_percent": counts.share(0.1),
    }


def label_figures(score: LabelScore) -> Figures:
    """What is said of a label."""
    return tally_figures(score.tally) | count_figures(score.counts) | ap_figures(score.precision)


def ap_figures(precision: AveragePrecision) -> Figures:
    """COCO's names for them."""
    values = asdict(precision)
    names = ("AP", "AP50", "AP75", "AP_small", "AP_medium", "AP_large")
    return dict(zip(names, values.values(), strict=True))


def overall_figures(scores: Scores) -> Figures:
    """What is said of all images together."""
    return {
        "images": len(scores.images),
        **tally_figures(scores.tally),
        **count_figures(scores.counts),
        "images_all_right": scores.perfect,
        **ap_figures(scores.precision),
    }


def image_figures(score: ImageScore) -> Figures:
    """What is said of one image: figures, and every object that is not as it should be."""
    return {
        "image": score.image.file_name,
        "image_id": score.image.id,
        **tally_figures(score.tally),
        "count_error": score.count_error,
        "labels": {label: tally_figures(tally) for label, tally in score.labels.items()},
        "errors": [dict(zip(_ERROR_FIELDS, row, strict=True)) for row in errors(score)],
    }


def report(scores: Scores) -> Figures:
    """Everything, as json takes it."""
    return {
        "threshold": scores.threshold,
        "iou": scores.iou,
        "overall": overall_figures(scores),
        "labels": {label: label_figures(one) for label, one in scores.labels.items()},
        "images": [image_figures(image) for image in scores.images],
        "other_labels": dict(scores.other),
    }


_ERROR_FIELDS = ("error", "label", "box", "detected_label", "detected_box", "score", "iou")


def errors(score: ImageScore) -> Iterator[Row]:
    """Every target that is not matched and every detection too much, as `_ERROR_FIELDS`; boxes are xyxy."""
    targets, seen, matching = score.image.annotations, score.detections, score.matching
    for name in ("mislabelled", "misplaced"):
        for pair in getattr(matching, name):
            target, found = targets[pair.target], seen[pair.detection]
            yield name, target.label, target.box.xyxy, found.label, found.box.xyxy, found.score, pair.iou
    for number in matching.missed:
        yield "missed", targets[number].label, targets[number].box.xyxy, None, None, None, None
    for number in matching.extra:
        name = "duplicate" if number in matching.duplicates else "extra"
        yield name, None, None, seen[number].label, seen[number].box.xyxy, seen[number].score, None


def write_report(folder: Path, figures: Figures, scores: Scores) -> None:
    """Write ``report.json``, ``images.csv``, ``labels.csv`` and ``errors.csv`` to `folder`.

    `figures` are those of :func:`report`, and whatever else the json shall hold.
    """
    text = json.dumps(figures, indent=1, allow_nan=False)
    (folder / "report.json").write_text(text, encoding="utf-8")
    per_image = [
        {"image": i.image.file_name, **tally_figures(i.tally), "count_error": i.count_error}
        for i in scores.images
    ]
    _write_table(folder / "images.csv", per_image)
    per_label = [{"label": label, **label_figures(one)} for label, one in scores.labels.items()]
    _write_table(folder / "labels.csv", per_label)
    rows = ([i.image.file_name, *map(_cell, row)] for i in scores.images for row in errors(i))
    _write_rows(folder / "errors.csv", ["image", *_ERROR_FIELDS], rows)


def _write_table(path: Path, table: Sequence[Mapping[str, Any]]) -> None:
    header = list(table[0]) if table else []
    _write_rows(path, header, ([_cell(value) for value in row.values()] for row in table))


def _write_rows(path: Path, header: Row, rows: Iterable[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def _cell(value: Any) -> Any:
    """A value as a table has it: nothing for None, a box as its four numbers."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(f"{number:.2f}" for number in value)
    return value
