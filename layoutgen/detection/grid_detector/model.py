"""A small dense one-stage detector: every cell of a grid says what object it lies in, and that object's box.

Small objects in any number are its only purpose: no queries, so no cap, and the cost is that of a few
convolutions. Features of several strides are merged at that of the cells, so a cell sees the whole animal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import ModelOutput

from layoutgen.detection.grid_detector.backbone import COARSEST, backbone_of, convolution
from layoutgen.detection.grid_detector.configuration import GridDetectorConfig
from layoutgen.detection.grid_detector.loss import detection_loss

STRIDE = 8
"""Side in pixels of a cell, whether images are enlarged or not."""
_TYPICAL = 28.0  # pixels from the middle of a typical object to its sides: where training starts


@dataclass
class GridDetectorOutput(ModelOutput):  # type: ignore[misc]
    """What every transformers detector answers.

    Attributes:
        loss: scalar, where labels were given.
        logits: (B, N, K), the log-odds that an object of each label is in each cell.
        pred_boxes: (B, N, 4), middle x, middle y, width, height, as fractions of the image.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    pred_boxes: Tensor | None = None


class GridDetector(PreTrainedModel):  # type: ignore[misc]
    """Detects objects in images (B, 3, H, W) in [-1, 1] of any size."""

    config_class = GridDetectorConfig
    main_input_name = "pixel_values"

    def __init__(self, config: GridDetectorConfig) -> None:
        super().__init__(config)
        head = config.head_width
        self.backbone, (_, fine, *coarse) = backbone_of(config)
        widths = coarse if config.enlarge == 2 else [fine, *coarse]  # from the stride of the cells on
        self.finer = convolution(fine, head, 3, 2, active=False) if config.enlarge == 2 else None
        self.lateral = nn.ModuleList(convolution(width, head, 1, 1, active=False) for width in widths)
        self.merge = nn.ModuleList(convolution(head, head, 3, 1) for _ in widths[1:])
        self.towers = nn.ModuleList(convolution(head, head, 3, 1) for _ in range(2))
        self.classes = nn.Conv2d(head, config.num_labels + 1, 1)  # the last: none of these
        self.places = nn.Conv2d(head, 5, 1)  # the four sides, and whether anything is there
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        if module in (self.classes, self.places):
            nn.init.normal_(module.weight, std=0.01)
            nn.init.zeros_(module.bias)  # type: ignore[arg-type]
            if module is self.places:
                nn.init.constant_(module.bias[4:], -4.6)  # type: ignore[index]  # 0.01: most cells are empty
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
            module.reset_running_stats()

    def forward(
        self,
        pixel_values: Tensor,
        pixel_mask: Tensor | None = None,
        labels: list[dict[str, Tensor]] | None = None,
        return_dict: bool | None = None,
    ) -> GridDetectorOutput | tuple[Tensor, ...]:
        """Detect.

        Args:
            pixel_values: (B, 3, H, W) in [-1, 1].
            pixel_mask: (B, H, W), 1 where the image is and 0 where it was filled up, right and below.
            labels: per image ``class_labels`` (M,) and ``boxes`` (M, 4), middle and size as fractions. The
                class label K, one more than there are, marks what looks like an object and is none of ours:
                it is learnt from and never reported.
        """
        height, width = pixel_values.shape[-2:]
        features = self.features(pixel_values)
        classes, places = (
            head(tower(features)).flatten(2).movedim(1, 2).float()
            for head, tower in zip((self.classes, self.places), self.towers, strict=True)
        )  # (B, N, K + 1), (B, N, 5)
        offsets, presence = places[..., :4].clamp(-4, 4).exp() * _TYPICAL, places[..., 4]
        centers = _centers(features.shape[-2], features.shape[-1], features.device)  # (N, 2)
        corners = torch.cat([centers - offsets[..., :2], centers + offsets[..., 2:]], dim=-1)
        sizes = _sizes(pixel_mask, len(classes), width, height, classes.device)  # (B, 4)
        if labels is not None:
            targets = [
                {"class_labels": one["class_labels"], "boxes": _corners(one["boxes"]) * size}
                for one, size in zip(labels, sizes, strict=True)
            ]
            loss = detection_loss(presence, classes, corners, centers, targets, self.config.center, STRIDE)
        else:
            loss = None
        outside = (centers >= sizes[:, None, :2]).any(-1, keepdim=True)
        output = GridDetectorOutput(
            loss=loss,
            logits=_joint(presence, classes).masked_fill(outside, -1e4),
            pred_boxes=_middles(corners / sizes[:, None]),
        )
        return output if return_dict is not False else output.to_tuple()

    def features(self, pixel_values: Tensor) -> Tensor:
        """The merged features (B, C, h, w), one for each cell; images are filled up to whole cells."""
        height, width = pixel_values.shape[-2:]
        images = F.pad(pixel_values, (0, -width % COARSEST, 0, -height % COARSEST))
        if self.config.enlarge == 2:
            images = F.interpolate(images, scale_factor=2, mode="bilinear")
        return self.merged(self.backbone(images))

    def merged(self, levels: Sequence[Tensor]) -> Tensor:
        """One map of features (B, C, h, w) from those of the backbone, fine to coarse."""
        added = [
            lateral(one) for lateral, one in zip(self.lateral, levels[-len(self.lateral) :], strict=True)
        ]
        if self.finer is not None:
            added[0] = added[0] + self.finer(levels[1])
        states: Tensor = added[-1]
        for merge, finer in zip(reversed(self.merge), reversed(added[:-1]), strict=True):
            states = merge(F.relu(finer + F.interpolate(states, scale_factor=2.0)))
        return states


def _joint(presence: Tensor, classes: Tensor) -> Tensor:
    """The log-odds (B, N, K) of "something is here, and it is a k", from (B, N) and (B, N, K + 1)."""
    log = F.logsigmoid(presence)[..., None] + F.log_softmax(classes, dim=-1)[..., :-1]
    return log - torch.log1p(-log.exp().clamp(max=1 - 1e-6))


def _centers(rows: int, columns: int, device: torch.device) -> Tensor:
    """The middles (N, 2), x and y in pixels, of the cells in reading order."""
    y, x = torch.meshgrid(
        torch.arange(rows, device=device), torch.arange(columns, device=device), indexing="ij"
    )
    return (torch.stack([x, y], dim=-1).flatten(0, 1).float() + 0.5) * STRIDE


def _sizes(mask: Tensor | None, count: int, width: int, height: int, device: torch.device) -> Tensor:
    """Width, height, width, height (B, 4) of the images, without what they were filled up with."""
    if mask is None:
        return torch.tensor([width, height] * 2, device=device).float().expand(count, 4)
    sizes = torch.stack([mask.any(1).sum(-1), mask.any(2).sum(-1)], dim=-1)
    return torch.cat([sizes, sizes], dim=-1).to(device).float()


def _corners(boxes: Tensor) -> Tensor:
    return torch.cat([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], dim=-1)


def _middles(boxes: Tensor) -> Tensor:
    return torch.cat([(boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]], dim=-1)
