"""COCO's average precision, without its limit of 100 detections per image.

Computed by faster-coco-eval, whose numbers are pycocotools' own (a test compares them) in a fraction of
the time; pycocotools itself reports -1 instead of AP as soon as its limit is not 100. pycocotools is needed
all the same, for masks: it decodes what COCO files hold (``formats/masks.py``), and tests take it as the
definition of AP.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from layoutgen.domain.annotated_image import AnnotatedImage, Detections
from layoutgen.formats.coco_writing import xywh

COCO_LIMIT = 100
"""Detections of an image and label that pycocotools considers, best scores first."""
_SIZES = ("all", "small", "medium", "large")  # up to 32 x 32 px, up to 96 x 96 px, larger


@dataclass(frozen=True, slots=True)
class AveragePrecision:
    """Average precision; None where no target is.

    Attributes:
        ap: over IoU thresholds 0.5, 0.55, ... 0.95.
        ap50, ap75: at one threshold.
        small, medium, large: `ap` of targets below 32 x 32 px, below 96 x 96 px, and above.
    """

    ap: float | None = None
    ap50: float | None = None
    ap75: float | None = None
    small: float | None = None
    medium: float | None = None
    large: float | None = None


def average_precision(
    images: Sequence[AnnotatedImage],
    detections: Detections,
    labels: Collection[str],
    limit: int | None = None,
) -> tuple[AveragePrecision, dict[str, AveragePrecision]]:
    """The average precision over all `labels`, and of each.

    Args:
        limit: only so many detections of an image and label count, best scores first; None: all.
    """
    numbers = {label: number for number, label in enumerate(sorted(labels), start=1)}
    if limit is None:
        limit = max([COCO_LIMIT, *(len(found) for found in detections.values())])
    if not any(image.instances for image in images):
        return AveragePrecision(), {label: AveragePrecision() for label in numbers}
    precision = _precision(images, detections, numbers, limit)  # (thresholds, recalls, labels, sizes)
    by_label = {label: _summary(precision[:, :, k - 1 : k]) for label, k in numbers.items()}
    return _summary(precision), by_label


def _precision(
    images: Sequence[AnnotatedImage], detections: Detections, numbers: dict[str, int], limit: int
) -> npt.NDArray[np.float64]:
    from faster_coco_eval import COCO, COCOeval_faster

    ground_truth = COCO(_document(images, numbers))
    found = [
        {
            "image_id": image.id,
            "category_id": numbers[one.label],
            "bbox": xywh(one.box),
            "score": one.score,
        }
        for image in images
        for one in detections.get(image.id, ())
    ]
    # An empty list of results cannot be loaded; an empty data set can.
    results = ground_truth.loadRes(found) if found else COCO(_document(images, numbers) | {"annotations": []})
    evaluation = COCOeval_faster(ground_truth, results, "bbox", print_function=_silent)
    evaluation.params.maxDets = [limit]
    evaluation.evaluate()
    evaluation.accumulate()
    values: npt.NDArray[np.float64] = evaluation.eval["precision"][..., 0]
    return values


def _document(images: Sequence[AnnotatedImage], numbers: dict[str, int]) -> dict[str, Any]:
    targets = [
        (image, one, area, crowd)
        for image in images
        for one, area, crowd in (
            *((one, image.area_of(k), 0) for k, one in enumerate(image.instances)),
            *((one, one.box.area, 1) for one in image.ignored),
        )
    ]
    annotations = [
        {
            "id": number,
            "image_id": image.id,
            "category_id": numbers[one.label],
            "bbox": xywh(one.box),
            "area": area,
            "iscrowd": crowd,
        }
        for number, (image, one, area, crowd) in enumerate(targets, start=1)
    ]
    sizes = ((image.id, *image.size) for image in images)
    return {
        "images": [{"id": number, "width": width, "height": height} for number, width, height in sizes],
        "annotations": annotations,
        "categories": [{"id": number, "name": label} for label, number in numbers.items()],
    }


def _summary(precision: npt.NDArray[np.float64]) -> AveragePrecision:
    """From precisions (T, R, K, 4), -1 where a label has no target of a size."""
    means = [_mean(precision[..., size]) for size in range(len(_SIZES))]
    return AveragePrecision(means[0], _mean(precision[0, ..., 0]), _mean(precision[5, ..., 0]), *means[1:])


def _mean(values: npt.NDArray[np.float64]) -> float | None:
    there = values[values > -1]
    return float(there.mean()) if there.size else None


def _silent(*_: Any) -> None:
    """faster-coco-eval prints its timings through this."""
