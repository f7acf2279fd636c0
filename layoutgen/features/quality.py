"""Whether images look real, whatever is in them: FID and KID to a folder of real images, by torchmetrics.

FID: Heusel et al. 2017. KID: Bińkowski et al. 2018. Both on the features of the TensorFlow Inception network
of 2015, which torch-fidelity ports and downloads.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from layoutgen.devices import resolve_device
from layoutgen.errors import InvalidOption
from layoutgen.io.images import read_photo
from layoutgen.model_files import weights_only

_SUBSET = 1000  # images of a KID subset, as in the paper's code
_BATCH = 16
_INSTALL = "pip install 'layoutgen[quality]'"


@dataclass(frozen=True, slots=True)
class Quality:
    """How far the images are from the real ones; 0 is nearest. The FID of few images is too high."""

    fid: float
    kid: float
    kid_deviation: float
    images: int
    real_images: int


def load_inception(weights: Path | None = None, device: str | None = None) -> nn.Module:
    """The network whose features are compared: uint8 images (B, 3, H, W) -> (B, 2048).

    Args:
        weights: its weights; None: torch-fidelity's own, downloaded once.

    Raises:
        InvalidOption: the libraries are not installed, or the weights cannot be had.
    """
    if weights is not None and not weights.is_file():
        raise InvalidOption(f"`inception` {weights}: there is no such file")
    try:
        network = _inception(None if weights is None else str(weights))
    except ImportError as error:
        raise InvalidOption(f"`real` needs more libraries: {_INSTALL} ({_line(error)})") from error
    except (OSError, RuntimeError, KeyError) as error:
        problem = f"the weights of the Inception network for `real` cannot be had ({_line(error)})"
        raise InvalidOption(
            f"{problem}: get torch-fidelity's weights-inception-2015-12-05-6726825d.pth and give "
            "them as `inception`"
        ) from error
    return network.eval().to(resolve_device(device))


def _inception(weights: str | None) -> nn.Module:
    try:
        from torchmetrics.image.fid import NoTrainInceptionV3
    except RuntimeError as error:  # a torchvision that was built for another torch
        raise ImportError(_line(error)) from error
    with weights_only():
        network: nn.Module = NoTrainInceptionV3("inception-v3-compat", ["2048"], weights)
    return network


def compare(images: Sequence[Path], real: Sequence[Path], network: nn.Module) -> Iterator[int | Quality]:
    """FID and KID of `images` against `real`; yields how many images are done, and the result last."""
    features, done = [], 0
    for paths in (images, real):
        parts: list[Tensor] = []
        for batch in _batches(paths):
            parts.append(_features(network, batch))
            done += len(batch)
            yield done
        features.append(torch.cat(parts))
    yield compare_features(*features)


def compare_features(images: Tensor, real: Tensor) -> Quality:
    """Fréchet and kernel distance of features (N, C) to those of real images (M, C), by torchmetrics.

    FID and KID are these distances on Inception's features; on others the figures are not FID and KID.
    """
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    given = _Given(images.shape[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about memory
        fid = FrechetInceptionDistance(feature=given)
        kid = KernelInceptionDistance(feature=given, subset_size=min(_SUBSET, len(images), len(real)))
    for metric in (fid, kid):
        metric.set_dtype(torch.float64)
        metric.update(images, real=False)
        metric.update(real, real=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # KID draws subsets
        mean, deviation = kid.compute()
    return Quality(float(fid.compute()), float(mean), float(deviation), len(images), len(real))


class _Given(nn.Module):
    """Stands where torchmetrics expects a network, for features that are there already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def _batches(paths: Sequence[Path]) -> Iterator[list[Image.Image]]:
    """The images in order, in batches of one size."""
    for _, same in groupby((read_photo(path) for path in paths), key=lambda image: image.size):
        batch: list[Image.Image] = []
        for image in same:
            batch.append(image)
            if len(batch) == _BATCH:
                yield batch
                batch = []
        if batch:
            yield batch


@torch.inference_mode()
def _features(network: nn.Module, images: Sequence[Image.Image]) -> Tensor:
    device = next((p.device for p in network.parameters()), torch.device("cpu"))
    pixels = torch.from_numpy(np.stack([np.array(image) for image in images])).movedim(-1, 1)
    features: Any = network(pixels.to(device))
    return torch.as_tensor(features).double().cpu()


def _line(error: BaseException) -> str:
    return (str(error).strip() or repr(error)).splitlines()[0]
