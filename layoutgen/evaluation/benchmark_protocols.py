"""The scoring rules of published benchmarks, so that their figures can be compared.

Each rule is read from the benchmark's own code, that of COCO-Position from its papers. They keep what its
authors chose, also where it cannot count: COCO-MIG lets several targets claim one detection, YOLOScore
stops at 100 detections.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from layoutgen.domain.annotated_image import AnnotatedImage, Detection, Detections
from layoutgen.domain.boxes import corners, iou_matrix
from layoutgen.domain.layout import Instance
from layoutgen.errors import InvalidOption
from layoutgen.evaluation.average_precision import COCO_LIMIT, average_precision

Metrics = Mapping[str, float | None]
"""Figures by the names that a benchmark gives them; None where nothing can be said."""


def coco_mig(images: Sequence[AnnotatedImage], detections: Detections, iou: float = 0.5) -> Metrics:
    """COCO-MIG: a target is a success if any detection of its label overlaps it by `iou` or more.

    Its check of colours is not part of a layout, and left out. ``mean_iou`` is over the best overlaps of all
    targets, successes or not.
    """
    best: list[float] = []
    whole: list[bool] = []
    for image in images:
        overlaps = [_best(target, detections.get(image.id, ())) for target in image.instances]
        best.extend(overlaps)
        whole.extend([all(overlap >= iou for overlap in overlaps)] if overlaps else [])
    return {
        "instance_success": float(np.mean(np.array(best) >= iou)) if best else None,
        "image_success": float(np.mean(whole)) if whole else None,
        "mean_iou": float(np.mean(best)) if best else None,
    }


def coco_position(images: Sequence[AnnotatedImage], detections: Detections) -> Metrics:
    """COCO-Position: success as COCO-MIG counts it, and COCO's AP; the images are of COCO's own layouts.

    Source: Zhou et al. 2024, "MIGC", arXiv 2402.05408, section 5.1, which scores with Grounding DINO, too.
    """
    return {**coco_mig(images, detections), **yolo_score(images, detections)}


def yolo_score(images: Sequence[AnnotatedImage], detections: Detections) -> Metrics:
    """YOLOScore: COCO's AP as pycocotools gives it, so of the best 100 detections of an image and label."""
    labels = {label for image in images for label in image.labels}
    known = {key: tuple(d for d in found if d.label in labels) for key, found in detections.items()}
    overall, _ = average_precision(images, known, labels, COCO_LIMIT)
    return {"AP": overall.ap, "AP50": overall.ap50, "AP75": overall.ap75}


@dataclass(frozen=True, slots=True)
class BenchmarkProtocol:
    """How a benchmark evaluates images.

    Attributes:
        side: images are stretched to `side` x `side` pixels before detection.
        score_threshold: score from which detections count, for everything.
        nms_iou: of two detections of a label that overlap more, the one with the lower score goes.
        rule: its figures from the detections that count.
    """

    name: str
    side: int
    score_threshold: float
    nms_iou: float | None
    rule: Callable[[Sequence[AnnotatedImage], Detections], Metrics]

    def metrics(self, images: Sequence[AnnotatedImage], detections: Detections) -> Metrics:
        """The benchmark's figures by its own names. Detections below the threshold do not count."""
        kept = {
            key: tuple(d for d in found if d.score >= self.score_threshold)
            for key, found in detections.items()
        }
        return self.rule(images, kept)


_PROTOCOLS = (
    # LeyRio/MIG_Bench, eval_mig.py: Grounding DINO at box and text threshold 0.25, NMS at 0.8.
    BenchmarkProtocol("coco-mig", 512, 0.25, 0.8, coco_mig),
    # MIGC's paper; OpenSenseNova/ConsistCompose evaluates by the code of MIG_Bench.
    BenchmarkProtocol("coco-position", 512, 0.25, 0.8, coco_position),
    # ZejianLi/LAMA, yolo_experiments/data/test.py, used by LayoutDiffusion too: YOLOv4 at darknet's 0.25.
    BenchmarkProtocol("yolo-score", 512, 0.25, None, yolo_score),
)
PROTOCOLS: Mapping[str, BenchmarkProtocol] = {protocol.name: protocol for protocol in _PROTOCOLS}


def find_protocol(name: str) -> BenchmarkProtocol:
    """The protocol called `name`.

    Raises:
        InvalidOption: there is none.
    """
    if name not in PROTOCOLS:
        raise InvalidOption(f"`protocol` must be one of {', '.join(PROTOCOLS)}, not {name}")
    return PROTOCOLS[name]


def _best(target: Instance, detections: Sequence[Detection]) -> float:
    boxes = corners(d.box for d in detections if d.label == target.label)
    return float(iou_matrix(corners([target.box]), boxes).max(initial=0.0))
