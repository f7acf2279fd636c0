"""Two small detectors on one frozen backbone: layoutgen's own, and RT-DETR of transformers.

The backbone is EfficientNet-Lite0 with ImageNet weights, from a package. It sees each image once, straight
and mirrored; what is trained reads its features at strides 8, 16 and 32.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gain_scenes import LABELS, SIDE, Example
from torch import Tensor, nn
from transformers import RTDetrConfig, RTDetrForObjectDetection, RTDetrResNetConfig

from layoutgen.detection.grid_detector import GridDetector, GridDetectorConfig, GridDetectorProcessor
from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.boxes import nms
from layoutgen.domain.layout import Box, Layout
from layoutgen.features.efficientnet_lite import CHANNELS, EfficientNetLite0

_NAMES = {"id2label": dict(enumerate(LABELS)), "label2id": {name: k for k, name in enumerate(LABELS)}}
_NMS = 0.55
_LOWEST = 0.02  # score of a detection that is kept
_WARM_UP = 30  # steps
_CHUNK = 32  # images at once in the backbone


@dataclass(frozen=True)
class Embedded:
    """Examples as a detector reads them.

    Attributes:
        features: at strides 8, 16 and 32, straight and mirrored: each (2, N, C, h, w) in half precision.
        layouts: straight.
    """

    features: tuple[Tensor, ...]
    layouts: tuple[Layout, ...]

    def __len__(self) -> int:
        return len(self.layouts)

    def plus(self, other: Embedded) -> Embedded:
        """These and `other` ones."""
        both = zip(self.features, other.features, strict=True)
        return Embedded(tuple(torch.cat(pair, dim=1) for pair in both), (*self.layouts, *other.layouts))

    def first(self, count: int) -> Embedded:
        """The first `count`."""
        return Embedded(tuple(part[:, :count] for part in self.features), self.layouts[:count])


def embedded(examples: Sequence[Example], backbone: EfficientNetLite0) -> Embedded:
    """`examples` as `backbone` sees them."""
    pixels = np.stack([np.asarray(one.image.convert("RGB")) for one in examples])
    images = torch.from_numpy(pixels).movedim(-1, 1)  # (N, 3, SIDE, SIDE), bytes
    ways: list[list[Tensor]] = []
    for turned in (False, True):
        parts = []
        for chunk in images.split(_CHUNK):
            values = chunk.float() / 127.5 - 1.0
            with torch.no_grad():
                parts.append([one.half() for one in backbone(values.flip(-1) if turned else values)[1:]])
        ways.append([torch.cat(level) for level in zip(*parts, strict=True)])
    features = tuple(torch.stack(level) for level in zip(*ways, strict=True))
    return Embedded(features, tuple(one.layout for one in examples))


class Grid(GridDetector):  # type: ignore[misc]
    """layoutgen's detector, with features that are given in place of its own backbone."""

    def __init__(self) -> None:
        super().__init__(GridDetectorConfig(widths=CHANNELS, depths=(0, 0, 0, 0), head_width=96, **_NAMES))
        del self.backbone
        self.given: list[Tensor] = []

    def features(self, pixel_values: Tensor) -> Tensor:
        """See :class:`GridDetector`."""
        return self.merged(self.given)


class _Given(nn.Module):
    """Answers with features that are given, as a backbone of RT-DETR does."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Tensor] = []

    def forward(self, pixels: Tensor, mask: Tensor) -> list[tuple[Tensor, None]]:
        """The features that were given; `pixels` are not looked at."""
        return [(level, None) for level in self.given]


def rt_detr() -> RTDetrForObjectDetection:
    """RT-DETR (Zhao et al. 2023, arXiv 2304.08069) with two decoder layers of 96 channels and 40 queries."""
    width = 96
    config = RTDetrConfig(
        backbone_config=RTDetrResNetConfig(  # is replaced
            embedding_size=8, hidden_sizes=[8, *CHANNELS[1:]], depths=[1] * 4, layer_type="basic",
            out_features=["stage2", "stage3", "stage4"],
        ),
        encoder_in_channels=list(CHANNELS[1:]), feat_strides=[8, 16, 32], encoder_hidden_dim=width,
        encoder_ffn_dim=2 * width, encoder_attention_heads=6, hidden_expansion=0.5, d_model=width,
        decoder_in_channels=[width] * 3, decoder_ffn_dim=2 * width, decoder_attention_heads=6,
        decoder_layers=2, num_queries=40, num_denoising=40, **_NAMES,
    )  # fmt: skip
    model = RTDetrForObjectDetection(config)
    model.model.backbone = _Given()
    return model


DETECTORS = {"layoutgen": Grid, "rt-detr": rt_detr}


def train(name: str, data: Embedded, *, views: int, batch: int, rate: float, seed: int) -> nn.Module:
    """The detector `name` after `views` images of `data` by chance, straight or mirrored."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    model = DETECTORS[name]().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    steps = views // batch
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / _WARM_UP, 2 * (1 - step / steps), 1)
    )
    order = _endless(len(data), rng)
    for _ in range(steps):
        places = [next(order) for _ in range(batch)]
        ways = rng.integers(2, size=batch)
        targets = [_target(data.layouts[place], way) for place, way in zip(places, ways, strict=True)]
        _ask(model, data, places, ways, targets).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
    return model.eval()


def detect(model: nn.Module, data: Embedded) -> dict[int, tuple[Detection, ...]]:
    """What `model` sees in each image, by its number."""
    found: dict[int, tuple[Detection, ...]] = {}
    processor = GridDetectorProcessor(iou_threshold=_NMS)
    for start in range(0, len(data), _CHUNK):
        places = list(range(start, min(start + _CHUNK, len(data))))
        with torch.no_grad():
            output = _ask(model, data, places, [0] * len(places), None)
        if isinstance(model, Grid):
            rows = processor.post_process_object_detection(output, _LOWEST, [(SIDE, SIDE)] * len(places))
        else:
            rows = _of_queries(output)
        for place, row in zip(places, rows, strict=True):
            found[place] = tuple(
                Detection(LABELS[int(label)], Box(*box.tolist()), float(score))
                for label, box, score in zip(row["labels"], row["boxes"], row["scores"], strict=True)
                if box[2] > box[0] and box[3] > box[1]
            )
    return found


def _ask(model: nn.Module, data: Embedded, places: Sequence[int], ways: Sequence[int], labels: object) -> Any:
    """What `model` says of the images at `places`, straight (0) or mirrored (1)."""
    given = [level[list(ways), list(places)].float() for level in data.features]
    (model if isinstance(model, Grid) else model.model.backbone).given = given
    return model(pixel_values=torch.empty(len(places), 3, SIDE, SIDE), labels=labels)


def _target(layout: Layout, mirrored: int) -> dict[str, Tensor]:
    """What transformers' detectors call the labels of an image."""
    shown = layout.flip() if mirrored else layout
    boxes = torch.tensor([one.box.xyxy for one in shown.instances]).reshape(-1, 4) / SIDE
    middles = torch.cat([(boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]], dim=1)
    return {"class_labels": torch.tensor([LABELS.index(i.label) for i in shown.instances]), "boxes": middles}


def _of_queries(output: Any) -> list[dict[str, Tensor]]:
    """The detections of RT-DETR's queries, without those that say the same."""
    rows = []
    for logits, boxes in zip(output.logits.sigmoid(), output.pred_boxes, strict=True):
        scores, labels = logits.max(-1)
        corners = torch.cat([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], dim=1) * SIDE
        corners = corners.clamp(0, SIDE)
        kept = torch.from_numpy(nms(corners.double().numpy(), scores.numpy(), _NMS))
        kept = kept[scores[kept] > _LOWEST]
        rows.append({"scores": scores[kept], "labels": labels[kept], "boxes": corners[kept]})
    return rows


def _endless(count: int, rng: np.random.Generator) -> Iterator[int]:
    """Places of `count` images in random order, again and again."""
    while True:
        yield from rng.permutation(count).tolist()
