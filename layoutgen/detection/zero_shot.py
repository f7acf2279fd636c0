"""Detectors that look for any words: OWL-ViT and OWLv2, Grounding DINO."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from PIL import Image

from layoutgen.detection.detectors import Detector, detections, tiling_of
from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.labels import count_phrase
from layoutgen.numerics import check_finite


class _OpenDetector(Detector):
    """What both kinds have in common. They show an object several times: what overlaps by 0.7 is one."""

    labels = None
    nms_iou = 0.7

    def __init__(self, model: Any, processor: Any, device: str) -> None:
        self._model, self._processor, self._device = model, processor, device
        self.tiling = tiling_of(processor.image_processor)


class OwlDetector(_OpenDetector):
    """OWL-ViT (Minderer et al. 2022) and OWLv2 (2023): every patch answers for every phrase."""

    threshold = 0.2

    @torch.inference_mode()
    def detect(
        self, images: Sequence[Image.Image], labels: Sequence[str], score_threshold: float
    ) -> list[tuple[Detection, ...]]:
        """See :meth:`Detector.detect`."""
        phrases = [f"a photo of {count_phrase({label: 1})}" for label in labels]
        inputs = self._processor(text=[phrases] * len(images), images=list(images), return_tensors="pt")
        outputs = self._model(**inputs.to(self._device))
        check_finite(outputs.pred_boxes, "the detector")
        check_finite(outputs.logits, "the detector")
        results = self._processor.post_process_grounded_object_detection(
            outputs, threshold=score_threshold, target_sizes=[(image.height, image.width) for image in images]
        )
        return [
            detections(one["boxes"], one["scores"], [labels[int(n)] for n in one["labels"]], image)
            for one, image in zip(results, images, strict=True)
        ]


class GroundingDetector(_OpenDetector):
    """Grounding DINO (Liu et al. 2023): boxes that belong to words of one sentence.

    transformers' own answer is the words themselves, which need not be a label. Here a box gets the label
    whose words it fits best.
    """

    threshold = 0.3

    def __init__(self, model: Any, processor: Any, device: str) -> None:
        super().__init__(model, processor, device)
        self.max_detections = int(model.config.num_queries)
        self._longest = int(model.config.max_text_len)

    @torch.inference_mode()
    def detect(
        self, images: Sequence[Image.Image], labels: Sequence[str], score_threshold: float
    ) -> list[tuple[Detection, ...]]:
        """See :meth:`Detector.detect`."""
        found: list[tuple[Detection, ...]] = [()] * len(images)
        for part in self._sentences(labels):
            answers = self._ask(images, part, score_threshold)
            found = [(*old, *new) for old, new in zip(found, answers, strict=True)]
        return found

    def _sentences(self, labels: Sequence[str]) -> Iterator[list[str]]:
        """The labels in groups that fit into a sentence that the model reads whole."""
        group: list[str] = []
        for label in labels:
            if group and len(self._tokens([*group, label])) > self._longest:
                yield group
                group = []
            group.append(label)
        if group:
            yield group

    def _tokens(self, labels: Sequence[str]) -> list[int]:
        ids: list[int] = self._processor.tokenizer(_sentence(labels)).input_ids
        return ids

    def _ask(
        self, images: Sequence[Image.Image], labels: Sequence[str], score_threshold: float
    ) -> list[tuple[Detection, ...]]:
        text = _sentence(labels)
        inputs = self._processor(text=[text] * len(images), images=list(images), return_tensors="pt")
        outputs = self._model(**inputs.to(self._device))
        check_finite(outputs.pred_boxes, "the detector")
        words = self._words(labels)
        fits = check_finite(outputs.logits.sigmoid(), "the detector")  # (B, queries, tokens)
        by_label = torch.stack([fits[..., of_label].amax(-1) for of_label in words], dim=-1)  # (B, Q, labels)
        scores, numbers = by_label.max(-1)
        middle, size = outputs.pred_boxes[..., :2], outputs.pred_boxes[..., 2:]
        corners = torch.cat([middle - size / 2, middle + size / 2], dim=-1)
        found = []
        for index, image in enumerate(images):
            seen = scores[index] > score_threshold
            boxes = corners[index, seen] * corners.new_tensor([image.width, image.height] * 2)
            names = [labels[int(n)] for n in numbers[index, seen]]
            found.append(detections(boxes, scores[index, seen], names, image))
        return found

    def _words(self, labels: Sequence[str]) -> list[list[int]]:
        """For each label the numbers of its tokens in the sentence."""
        spans = self._processor.tokenizer(_sentence(labels), return_offsets_mapping=True)["offset_mapping"]
        words, start = [], 0
        for label in labels:
            end = start + len(label)
            words.append([k for k, (a, b) in enumerate(spans) if start <= a < b <= end])
            start = end + len(". ")
        return words


def _sentence(labels: Sequence[str]) -> str:
    return " ".join(f"{label.lower()}." for label in labels)
