"""Detectors: any object-detection checkpoint of transformers, with labels of its own."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from layoutgen.detection.names import known_labels
from layoutgen.detection.tiles import Tiling
from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.layout import Box
from layoutgen.domain.size_prior import Range
from layoutgen.numerics import check_finite


class Detector(ABC):
    """Finds objects in images.

    Attributes:
        labels: what it knows; None: any words.
        tiling: the tiles in which it searches an image larger than what it was trained on.
        threshold: score from which it means what it says.
        nms_iou: IoU from which two of its boxes show one object; None: it never shows one twice.
        sizes: longer sides, in pixels, of the objects that it has learnt; None: any.
        max_detections: objects that it can answer at once; None: any number.
    """

    labels: tuple[str, ...] | None
    tiling: Tiling
    threshold: float
    nms_iou: float | None = None
    sizes: Range | None = None
    max_detections: int | None = None

    @abstractmethod
    def detect(
        self, images: Sequence[Image.Image], labels: Sequence[str], score_threshold: float
    ) -> list[tuple[Detection, ...]]:
        """What is seen in each of `images` with a score above `score_threshold`; boxes are cut to the image.

        `labels` are what is looked for. A detector with labels of its own answers in its own words.
        """


class ClosedDetector(Detector):
    """A detector whose labels were fixed in training, such as DETR, or the small one in the package."""

    def __init__(self, model: Any, processor: Any, device: str) -> None:
        self._model, self._processor, self._device = model, processor, device
        self._names = {int(number): str(name) for number, name in model.config.id2label.items()}
        self.labels = known_labels(self._names.values())
        self.tiling = tiling_of(processor)
        self.threshold = float(getattr(processor, "score_threshold", 0.5))
        sizes = getattr(processor, "object_sizes", None)
        self.sizes = None if sizes is None else (float(sizes[0]), float(sizes[1]))
        queries = getattr(model.config, "num_queries", None) or getattr(
            model.config, "num_detection_tokens", None
        )
        self.max_detections = queries if isinstance(queries, int) else None

    @torch.inference_mode()
    def detect(
        self, images: Sequence[Image.Image], labels: Sequence[str], score_threshold: float
    ) -> list[tuple[Detection, ...]]:
        """See :meth:`Detector.detect`."""
        inputs = self._processor(images=list(images), return_tensors="pt").to(self._device)
        outputs = self._model(**inputs)
        check_finite(outputs.logits, "the detector")
        check_finite(outputs.pred_boxes, "the detector")
        sizes = [(image.height, image.width) for image in images]
        options: dict[str, Any] = {"threshold": score_threshold, "target_sizes": sizes}
        post = self._processor.post_process_object_detection
        if "top_k" in inspect.signature(post).parameters:
            options["top_k"] = outputs.logits.shape[1]  # as many as it answers: some keep the best 100 only
        results = post(outputs, **options)
        return [
            detections(one["boxes"], one["scores"], [self._names[int(n)] for n in one["labels"]], image)
            for one, image in zip(results, images, strict=True)
        ]


def detections(
    boxes: Tensor, scores: Tensor, labels: Sequence[str], image: Image.Image
) -> tuple[Detection, ...]:
    """Records of `boxes` (M, 4), corners in pixels; what is outside `image` or has no area is dropped."""
    found = []
    for corners, score, label in zip(boxes.tolist(), scores.tolist(), labels, strict=True):
        x0, y0, x1, y1 = corners
        if x1 > x0 and y1 > y0:
            box = Box(x0, y0, x1, y1).clip(image.width, image.height)
            if box is not None:
                found.append(Detection(label, box, score))
    return tuple(found)


def tiling_of(processor: Any) -> Tiling:
    """The tiles that fit what `processor` makes of an image: what it was trained on is not shrunk.

    Neighbours share a quarter. A processor that scales images sees the whole once, too, for large objects.
    """
    if hasattr(processor, "tile_size"):
        return Tiling(processor.tile_size, processor.tile_overlap)
    size = getattr(processor, "size", None) or {}
    sides = [size.get(key) for key in ("shortest_edge", "height", "width", "max_height", "longest_edge")]
    side = next((int(value) for value in sides if value), 800)
    return Tiling(side, side // 4, whole=True)
