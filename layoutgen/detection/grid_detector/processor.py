"""Images in, boxes out: what surrounds a :class:`~layoutgen.detection.grid_detector.model.GridDetector`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers.image_processing_utils import BaseImageProcessor, BatchFeature

from layoutgen.domain.boxes import nms


class GridDetectorProcessor(BaseImageProcessor):  # type: ignore[misc]
    """Images keep their pixels: the detector has learnt sizes in pixels.

    Args:
        tile_size: side in pixels of the tiles in which larger images are searched.
        tile_overlap: pixels that neighbouring tiles share: the longest side of an object it has learnt.
        iou_threshold: of two boxes that overlap more, the one with the lower score is dropped.
        object_sizes: shortest and longest side in pixels of the objects it has learnt; None: any.
        score_threshold: the score from which a detection counts, chosen on training scenes.
    """

    model_input_names = ("pixel_values", "pixel_mask")

    def __init__(
        self,
        tile_size: int = 512,
        tile_overlap: int = 128,
        iou_threshold: float = 0.55,
        score_threshold: float = 0.5,
        object_sizes: tuple[float, float] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tile_size, self.tile_overlap = tile_size, tile_overlap
        self.object_sizes = object_sizes
        self.iou_threshold, self.score_threshold = iou_threshold, score_threshold

    def preprocess(
        self, images: Image.Image | Sequence[Image.Image], return_tensors: str = "pt", **_: Any
    ) -> BatchFeature:
        """RGB images -> ``pixel_values`` (B, 3, H, W) in [-1, 1] and ``pixel_mask`` (B, H, W)."""
        images = [images] if isinstance(images, Image.Image) else list(images)
        width, height = (max(image.size[axis] for image in images) for axis in (0, 1))
        pixels = torch.zeros(len(images), 3, height, width)
        mask = torch.zeros(len(images), height, width, dtype=torch.long)
        for index, image in enumerate(images):
            values = torch.from_numpy(np.array(image.convert("RGB"))).movedim(-1, 0)
            pixels[index, :, : image.height, : image.width] = values.float() / 127.5 - 1.0
            mask[index, : image.height, : image.width] = 1
        return BatchFeature({"pixel_values": pixels, "pixel_mask": mask}, tensor_type=return_tensors)

    def post_process_object_detection(
        self,
        outputs: Any,
        threshold: float = 0.5,
        target_sizes: Sequence[tuple[int, int]] | Tensor | None = None,
    ) -> list[dict[str, Tensor]]:
        """Per image the ``scores`` (M,), ``labels`` (M,) and ``boxes``, corners (M, 4), best first.

        An object has one label, so boxes suppress each other whatever theirs. `target_sizes`: (height,
        width) of each image in pixels; without them boxes are fractions.
        """
        scores, labels = outputs.logits.sigmoid().max(-1)  # (B, N)
        middle, size = outputs.pred_boxes[..., :2], outputs.pred_boxes[..., 2:]
        boxes = torch.cat([middle - size / 2, middle + size / 2], dim=-1).clamp(0, 1)
        results = []
        for index in range(len(scores)):
            seen = scores[index] > threshold
            found = boxes[index, seen]
            if target_sizes is not None:
                height, width = (float(side) for side in target_sizes[index])
                found = found * found.new_tensor([width, height, width, height])
            kept = nms(
                found.double().numpy(force=True), scores[index, seen].numpy(force=True), self.iou_threshold
            )
            chosen = torch.from_numpy(kept).to(found.device)
            results.append(
                {
                    "scores": scores[index, seen][chosen],
                    "labels": labels[index, seen][chosen],
                    "boxes": found[chosen],
                }
            )
        return results
