"""The scoring rules of published benchmarks, so that their figures can be compared.

Each rule is read from the benchmark's own code. They keep what its authors chose, also where it cannot
count: COCO-MIG lets several targets claim one detection, YOLOScore stops at 100 detections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from layoutgen.domain.annotated_image import Detection, Detections
from layoutgen.domain.boxes import iou_matrix
from layoutgen.errors import InvalidOption
from layoutgen.evaluation.average_precision import COCO_LIMIT, average_precision
from layoutgen.formats.coco import CocoImage


@dataclass(frozen=True, slots=True)
class Preset:
    """How a benchmark looks at images.

    Attributes:
        side: images are stretched to `side` x `side` pixels before detection.
        threshold: score from which detections count, for everything.
        suppression: of two detections of a label that overlap more, the one with the lower score goes.
    """

    name: str
    side: int
    threshold: float
    suppression: float | None = None

    def figures(self, images: Sequence[CocoImage], detections: Detections) -> dict[str, float | None]:
        """The benchmark's figures by its own names. Detections below the threshold do not count."""
        kept = {
            key: tuple(d for d in found if d.score >= self.threshold) for key, found in detections.items()
        }
        return coco_mig(images, kept) if self.name == "coco-mig" else yolo_score(images, kept)


PRESETS: Mapping[str, Preset] = {
    # LeyRio/MIG_Bench, eval_mig.py: Grounding DINO at box and text threshold 0.25, NMS at 0.8.
    "coco-mig": Preset("coco-mig", 512, 0.25, 0.8),
    # ZejianLi/LAMA, yolo_experiments/data/test.py, used by LayoutDiffusion too: YOLOv4 at darknet's 0.25.
    "yolo-score": Preset("yolo-score", 512, 0.25),
}


def find_preset(name: str) -> Preset:
    """The preset called `name`.

    Raises:
        InvalidOption: there is none.
    """
    if name not in PRESETS:
        raise InvalidOption(f"--preset must be one of {', '.join(PRESETS)}, not {name}")
    return PRESETS[name]


def coco_mig(
    images: Sequence[CocoImage], detections: Detections, iou: float = 0.5
) -> dict[str, float | None]:
    """COCO-MIG: a target is a success if any detection of its label overlaps it by `iou` or more.

    Its check of colours is not part of a layout, and left out. ``mean_iou`` is over the best overlaps of all
    targets, successes or not.
    """
    best: list[float] = []
    whole: list[bool] = []
    for image in images:
        targets = [a for a in image.annotations if not a.crowd]
        overlaps = [_best(target.label, target.box.xyxy, detections.get(image.id, ())) for target in targets]
        best.extend(overlaps)
        whole.extend([all(overlap >= iou for overlap in overlaps)] if targets else [])
    return {
        "instance_success": float(np.mean(np.array(best) >= iou)) if best else None,
        "image_success": float(np.mean(whole)) if whole else None,
        "mean_iou": float(np.mean(best)) if best else None,
    }


def yolo_score(images: Sequence[CocoImage], detections: Detections) -> dict[str, float | None]:
    """YOLOScore: COCO's AP as pycocotools gives it, so of the best 100 detections of an image and label."""
    labels = {a.label for image in images for a in image.annotations}
    known = {key: tuple(d for d in found if d.label in labels) for key, found in detections.items()}
    overall, _ = average_precision(images, known, labels, COCO_LIMIT)
    return {"AP": overall.ap, "AP50": overall.ap50, "AP75": overall.ap75}


def _best(label: str, corners: tuple[float, ...], detections: Sequence[Detection]) -> float:
    boxes = np.array([d.box.xyxy for d in detections if d.label == label]).reshape(-1, 4)
    return float(iou_matrix(np.array([corners]), boxes).max(initial=0.0))
