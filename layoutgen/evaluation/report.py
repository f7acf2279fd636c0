"""The report of an evaluation: what was scored and how, as json and as tables. None: nothing can be said."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from layoutgen.detection.tiles import Tiling
from layoutgen.domain.layout import Box
from layoutgen.evaluation.average_precision import AveragePrecision
from layoutgen.evaluation.benchmark_protocols import BenchmarkProtocol, Metrics
from layoutgen.evaluation.counts import CountErrors, Counts
from layoutgen.evaluation.scoring import ImageScore, LabelScore, Scores
from layoutgen.features.image_quality import ImageQuality

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class ProtocolResult:
    """A benchmark protocol and its figures."""

    protocol: BenchmarkProtocol
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class Report:
    """The scores of a set of images, and how they came to be.

    Attributes:
        annotations: the file that says what should be in the images.
        detector: None where detections came from a file; then there are no tiles, either.
        protocol: the figures of a benchmark, if one was asked for.
        reference: the same of real images: the ceiling.
        quality: the images beside real ones, if they were asked for.
    """

    annotations: str
    detector: str | None
    tiling: Tiling | None
    scores: Scores
    protocol: ProtocolResult | None = None
    reference: Report | None = None
    quality: ImageQuality | None = None

    def to_json(self) -> Json:
        """Everything, as json takes it."""
        scores = self.scores
        tiles = None if self.tiling is None else asdict(self.tiling)
        content: Json = {
            "settings": {"annotations": self.annotations, "detector": self.detector, "tiles": tiles},
            "threshold": scores.threshold,
            "iou": scores.iou,
            "overall": _overall(scores),
            "labels": {label: _label(one) for label, one in scores.labels.items()},
            "images": [_image(image) for image in scores.images],
            "other_labels": dict(scores.other),
        }
        if self.protocol is not None:
            content["preset"] = _protocol(self.protocol)
        if self.reference is not None:
            content["reference"] = self.reference.to_json()
        if self.quality is not None:
            content["quality"] = self.quality.to_json()
        return content


@dataclass(frozen=True, slots=True)
class ObjectError:
    """A target that is not matched, or a detection too much.

    Attributes:
        error: mislabelled, misplaced, missed, duplicate or extra.
        label, box: of the target; None of a detection too much.
        detected_label, detected_box, score: of the detection; None of a target that is missed.
        iou: their overlap.
    """

    error: str
    label: str | None = None
    box: Box | None = None
    detected_label: str | None = None
    detected_box: Box | None = None
    score: float | None = None
    iou: float | None = None

    def to_json(self) -> Json:
        """The fields by name; boxes are xyxy."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value.xyxy if isinstance(value, Box) else value for name, value in values.items()}


def errors(score: ImageScore) -> Iterator[ObjectError]:
    """Every target of an image that is not matched, and every detection too much."""
    targets, found, matching = score.image.instances, score.detections, score.matching
    for name, pairs in (("mislabelled", matching.mislabelled), ("misplaced", matching.misplaced)):
        for pair in pairs:
            one, seen = targets[pair.target], found[pair.detection]
            yield ObjectError(name, one.label, one.box, seen.label, seen.box, seen.score, pair.iou)
    for number in matching.missed:
        yield ObjectError("missed", targets[number].label, targets[number].box)
    for number in matching.extra:
        name, seen = "duplicate" if number in matching.duplicates else "extra", found[number]
        yield ObjectError(name, None, None, seen.label, seen.box, seen.score)


def write_report(folder: Path, report: Report) -> None:
    """Write ``report.json``, ``images.csv``, ``labels.csv`` and ``errors.csv`` to `folder`."""
    text = json.dumps(report.to_json(), indent=1, allow_nan=False)
    (folder / "report.json").write_text(text, encoding="utf-8")
    images, labels = report.scores.images, report.scores.labels
    per_image = (
        {"image": i.image.file_name, **_counts(i.counts), "count_error": i.count_error} for i in images
    )
    _write_table(folder / "images.csv", per_image)
    _write_table(folder / "labels.csv", ({"label": label, **_label(one)} for label, one in labels.items()))
    header = ("image", *(field.name for field in fields(ObjectError)))
    rows = ({"image": i.image.file_name, **error.to_json()} for i in images for error in errors(i))
    _write_table(folder / "errors.csv", rows, header)


def _counts(counts: Counts) -> Json:
    return {
        "targets": counts.targets,
        "detections": counts.detections,
        "matched": counts.matched,
        "missed": counts.missed,
        "extra": counts.extra,
        "misplaced": counts.misplaced,
        "mislabelled": counts.mislabelled,
        "duplicates": counts.duplicates,
        "recall": counts.recall,
        "precision": counts.precision,
        "f1": counts.f1,
        "mean_iou": counts.mean_iou,
    }


def _count_errors(errors: CountErrors) -> Json:
    return {
        "count_error": errors.mean_error,
        "count_exact": errors.share(0),
        "count_within_5_percent": errors.share(0.05),
        "count_within_10_percent": errors.share(0.1),
    }


def _precision(precision: AveragePrecision) -> Json:
    return {
        "AP": precision.ap,
        "AP50": precision.ap50,
        "AP75": precision.ap75,
        "AP_small": precision.small,
        "AP_medium": precision.medium,
        "AP_large": precision.large,
    }


def _overall(scores: Scores) -> Json:
    return {
        "images": len(scores.images),
        **_counts(scores.counts),
        **_count_errors(scores.count_errors),
        "images_all_right": scores.perfect,
        **_precision(scores.precision),
    }


def _label(score: LabelScore) -> Json:
    return _counts(score.counts) | _count_errors(score.count_errors) | _precision(score.precision)


def _image(score: ImageScore) -> Json:
    return {
        "image": score.image.file_name,
        "image_id": score.image.id,
        **_counts(score.counts),
        "count_error": score.count_error,
        "labels": {label: _counts(counts) for label, counts in score.labels.items()},
        "errors": [error.to_json() for error in errors(score)],
    }


def _protocol(result: ProtocolResult) -> Json:
    protocol = result.protocol
    return {
        "name": protocol.name,
        "side": protocol.side,
        "threshold": protocol.score_threshold,
        "suppression": protocol.nms_iou,
        "figures": dict(result.metrics),
    }


def _write_table(path: Path, rows: Iterable[Mapping[str, Any]], header: Sequence[str] = ()) -> None:
    """Write `rows`, which have the same keys; `header` names those of no rows."""
    table = list(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header or (table[0] if table else ()))
        writer.writerows([_cell(value) for value in row.values()] for row in table)


def _cell(value: Any) -> Any:
    """A value as a table has it: nothing for None, a box as its four numbers."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return " ".join(f"{number:.2f}" for number in value)
    return value
