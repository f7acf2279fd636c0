"""Frozen networks that turn an image into one vector, by which sets of images are compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from layoutgen.devices import resolve_device
from layoutgen.errors import InvalidOption, first_line
from layoutgen.features.efficientnet_lite import EfficientNetLite0
from layoutgen.features.embedding_names import EFFICIENTNET, INCEPTION, embedding_source
from layoutgen.model_files import SAFE, check_model_files, weights_only

_INSTALL = "pip install 'layoutgen[quality]'"
_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and spread of pixels, where a model says none
_SIDE = 224  # pixels of an image, where a model says none


def load_embedding(
    name: str = EFFICIENTNET, weights: Path | None = None, device: str | None = None
) -> nn.Module:
    """The frozen network called `name`: uint8 images (B, 3, H, W) of any one size -> vectors (B, C).

    Each stretches an image to its own size.

    Args:
        name: efficientnet-lite0; inception, that of FID; dinov2; or a folder or hub id of a vision model of
            transformers.
        weights: of inception; None: torch-fidelity's own, downloaded once.

    Raises:
        InvalidOption: there is no such network here, or its packages are not installed.
        InvalidFile: a folder holds code, or weights that could run some.
    """
    source = embedding_source(name)
    if source == INCEPTION:
        network = _load_inception(weights)
    elif source == EFFICIENTNET:
        network = EfficientNetEmbedding()
    else:
        network = _load_transformers(source, name)
    return network.eval().requires_grad_(False).to(resolve_device(device))


class EfficientNetEmbedding(nn.Module):
    """The vector (B, 1280) from which EfficientNet-Lite0 reads ImageNet's classes."""

    def __init__(self) -> None:
        super().__init__()
        self.network = EfficientNetLite0()

    def forward(self, images: Tensor) -> Tensor:
        """Vectors (B, 1280) of uint8 images."""
        return self.network.pooled(_stretched(images, _SIDE, _SIDE) * 2 - 1)


class TransformersEmbedding(nn.Module):
    """The pooled output of a vision model of transformers; the mean of its last states where it pools none.

    Args:
        processor: says the size, mean and spread of pixels; None: its own size, and ImageNet's mean.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, processor: Any = None) -> None:
        super().__init__()
        self.model, self.size = model, _size(model, processor)
        for name, usual in zip(("mean", "std"), _IMAGENET, strict=True):
            values = torch.tensor(getattr(processor, f"image_{name}", None) or usual)
            self.register_buffer(name, values.view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        """Vectors (B, C) of uint8 images."""
        pixels = (_stretched(images, *self.size) - self.mean) / self.std
        output = self.model(pixel_values=pixels)
        pooled = getattr(output, "pooler_output", None)
        if pooled is None:
            states = output.last_hidden_state  # (B, T, C) of transformers, (B, C, h, w) of convolutions
            pooled = states.mean(1) if states.ndim == 3 else states
        vectors: Tensor = pooled.mean((2, 3)) if pooled.ndim == 4 else pooled
        return vectors


def _stretched(images: Tensor, height: int, width: int) -> Tensor:
    """uint8 images as (B, 3, height, width) in [0, 1], antialiased as libraries of images do it."""
    resized = F.interpolate(images.float(), (height, width), mode="bicubic", antialias=True)
    return resized.clamp(0, 255) / 255


def _size(model: nn.Module, processor: Any) -> tuple[int, int]:
    """Height and width that `model` looks at."""
    for holder, name in ((processor, "crop_size"), (processor, "size"), (model.config, "image_size")):
        size: Any = getattr(holder, name, None)
        if isinstance(size, int):
            return size, size
        sides = dict(size) if size else {}
        height = sides.get("height") or sides.get("shortest_edge")
        if height:
            return int(height), int(sides.get("width") or height)
    return _SIDE, _SIDE


def _load_transformers(source: str, name: str) -> nn.Module:
    from transformers import AutoImageProcessor, AutoModel

    folder = Path(source).expanduser()
    if folder.is_dir():
        check_model_files(folder)
    path = str(folder) if folder.is_dir() else source
    try:
        processor = None
        if not folder.is_dir() or (folder / "preprocessor_config.json").is_file():
            processor = AutoImageProcessor.from_pretrained(path, trust_remote_code=False)
        network = TransformersEmbedding(AutoModel.from_pretrained(path, **SAFE).float().eval(), processor)
        with torch.inference_mode():  # a model of texts, say, shows itself before hours of detection
            vectors = network(torch.zeros(1, 3, 8, 8, dtype=torch.uint8))
        if vectors.ndim != 2:
            raise ValueError(f"it gives {vectors.ndim - 1} dimensions for an image, not one vector")
    except Exception as error:  # what the libraries raise on a broken folder is anything
        raise InvalidOption(
            f"`features` {name} cannot be loaded: {first_line(error)}; take another one"
        ) from error
    return network


def _load_inception(weights: Path | None) -> nn.Module:
    if weights is not None and not weights.is_file():
        raise InvalidOption(f"`inception` {weights}: there is no such file; check the path")
    try:
        return _inception(None if weights is None else str(weights))
    except ImportError as error:
        needed = f"`features` {INCEPTION} needs more libraries: {_INSTALL} ({first_line(error)})"
        raise InvalidOption(needed) from error
    except (OSError, RuntimeError, KeyError) as error:
        problem = f"the weights of `features` {INCEPTION} cannot be had ({first_line(error)})"
        raise InvalidOption(
            f"{problem}: get torch-fidelity's weights-inception-2015-12-05-6726825d.pth and give "
            f"them as `inception`, or take `features` {EFFICIENTNET}"
        ) from error


def _inception(weights: str | None) -> nn.Module:
    """The TensorFlow Inception network of 2015, which torch-fidelity ports: (B, 2048)."""
    try:
        from torchmetrics.image.fid import NoTrainInceptionV3
    except RuntimeError as error:  # a torchvision that was built for another torch
        raise ImportError(first_line(error)) from error
    with weights_only():
        network: nn.Module = NoTrainInceptionV3("inception-v3-compat", ["2048"], weights)
    return network
