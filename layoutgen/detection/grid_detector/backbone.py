"""The networks that a grid detector sees with: images to features at several strides."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from layoutgen.detection.grid_detector.configuration import GridDetectorConfig
from layoutgen.features.efficientnet_lite import EfficientNetTrunk

COARSEST = 32
"""Stride of the last features: images are whole multiples of it."""


def backbone_of(config: GridDetectorConfig) -> tuple[nn.Module, tuple[int, ...]]:
    """The network of `config`: images (B, 3, H, W) to features at strides 4 to 32; and their channels."""
    if config.backbone == "efficientnet-lite0":
        return EfficientNetTrunk(), EfficientNetTrunk.channels
    return ResidualNetwork(config.widths, config.depths), tuple(config.widths)


class ResidualNetwork(nn.Module):
    """Residual blocks at four strides.

    Args:
        widths: channels at strides 4, 8, 16 and 32.
        depths: blocks at these.
    """

    def __init__(self, widths: Sequence[int], depths: Sequence[int]) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            convolution(3, widths[0] // 2, 3, 2), convolution(widths[0] // 2, widths[0], 3, 2)
        )
        before = [widths[0], *widths[:-1]]
        self.stages = nn.ModuleList(
            nn.Sequential(
                *([] if index == 0 else [convolution(before[index], width, 3, 2)]),
                *(_Block(width) for _ in range(depths[index])),
            )
            for index, width in enumerate(widths)
        )

    def forward(self, images: Tensor) -> list[Tensor]:
        """The features, from fine to coarse."""
        states, levels = self.stem(images), []
        for stage in self.stages:
            states = stage(states)
            levels.append(states)
        return levels


class _Block(nn.Module):
    """Two convolutions and a short cut."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = convolution(width, width, 3, 1)
        self.second = convolution(width, width, 3, 1, active=False)

    def forward(self, states: Tensor) -> Tensor:
        return F.relu(states + self.second(self.first(states)), inplace=True)


def convolution(before: int, after: int, size: int, stride: int, *, active: bool = True) -> nn.Sequential:
    """A convolution with its batch norm and, where it is `active`, a ReLU."""
    layers = [nn.Conv2d(before, after, size, stride, size // 2, bias=False), nn.BatchNorm2d(after)]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if active else []))
