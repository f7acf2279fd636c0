"""Frozen feature networks by name: what an adversary sees images with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from layoutgen.errors import InvalidOption, first_line
from layoutgen.features.efficientnet_lite import EfficientNetLite0
from layoutgen.features.embedding_names import EFFICIENTNET

_TIMM = "timm/"
_MEAN, _STD = (
    (0.485, 0.456, 0.406),
    (0.229, 0.224, 0.225),
)  # of ImageNet, with which most networks are trained


def load_features(name: str) -> nn.Module:
    """The frozen network called `name`: images (B, 3, H, W) in [-1, 1] to a list of features (B, C, h, w).

    They go from fine to coarse; its ``channels`` are the C of each. Gradients reach the images.

    Args:
        name: efficientnet-lite0; or a backbone of transformers, a folder or hub id; or ``timm/NAME``.

    Raises:
        InvalidOption: there is no such network here, or its packages are not installed.
    """
    if name == EFFICIENTNET:
        return EfficientNetLite0()
    try:
        if name.startswith(_TIMM):
            return FeatureNetwork(*_from_timm(name.removeprefix(_TIMM)))
        return FeatureNetwork(*_from_transformers(name))
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise InvalidOption(
            f"`features` {name} cannot be loaded: {first_line(error)}; pass {EFFICIENTNET}, a backbone of "
            f"transformers (a folder or hub id), or {_TIMM}NAME with the package timm"
        ) from error


class FeatureNetwork(nn.Module):
    """A frozen network of another library.

    Args:
        network: pixels (B, 3, H, W) of the right mean and spread to a list of features.
        channels: of each.
        mean, std: of the pixels, in [0, 1], that it was trained with.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, network: nn.Module, channels: Sequence[int], mean: Sequence[float], std: Sequence[float]
    ) -> None:
        super().__init__()
        self.network, self.channels = network, tuple(channels)
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> list[Tensor]:
        """The features, from fine to coarse."""
        features = self.network(((images + 1) / 2 - self.mean) / self.std)
        return list(getattr(features, "feature_maps", features))


def _from_transformers(name: str) -> tuple[nn.Module, Sequence[int], Any, Any]:
    """All stages of the backbone at `name`; AutoBackbone would ask the hub for a folder, too."""
    from transformers import MODEL_FOR_BACKBONE_MAPPING, AutoConfig, AutoImageProcessor

    config = AutoConfig.from_pretrained(name)
    if type(config) not in MODEL_FOR_BACKBONE_MAPPING:
        raise ValueError(f"a {config.model_type} is no backbone with several levels of features")
    config = AutoConfig.from_pretrained(name, out_indices=list(range(1, len(config.stage_names))))
    network = MODEL_FOR_BACKBONE_MAPPING[type(config)].from_pretrained(name, config=config)
    processor = None
    if not Path(name).is_dir() or (Path(name) / "preprocessor_config.json").is_file():
        processor = AutoImageProcessor.from_pretrained(name)
    mean, std = (getattr(processor, part, None) for part in ("image_mean", "image_std"))
    return network, network.channels, mean or _MEAN, std or _STD


def _from_timm(name: str) -> tuple[nn.Module, Sequence[int], Any, Any]:
    import timm

    network = timm.create_model(name, pretrained=True, features_only=True)
    config = timm.data.resolve_model_data_config(network)
    return network, network.feature_info.channels(), config["mean"], config["std"]
