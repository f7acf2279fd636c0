"""How far a set of features is from that of real images: FID and KID, by torchmetrics.

FID: Heusel et al. 2017, arXiv 1706.08500. KID: Bińkowski et al. 2018, arXiv 1801.01401.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from layoutgen.errors import InvalidOption, first_line

_SUBSET = 1000  # images of a KID subset, at most, as in the paper's code
_INSTALL = "pip install 'layoutgen[quality]'"


@dataclass(frozen=True, slots=True)
class Distance:
    """How far features are from real ones; 0 is nearest. The Fréchet distance of few is too high.

    The kernel distance has no such bias, and may be below 0. Its deviation is that over random halves of the
    sets: its standard error (the delete-half jackknife), or about twice that of sets that are alike; over
    subsets of 1,000 where sets are larger than 2,000. None: there are fewer than four.
    """

    fid: float
    kid: float
    kid_deviation: float | None
    images: int
    real_images: int


def compare_features(images: Tensor, real: Tensor) -> Distance:
    """Fréchet and kernel distance of features (N, C) to those of real images (M, C).

    FID and KID are these distances on Inception's features; on others the figures are not FID and KID.

    Raises:
        InvalidOption: torchmetrics is not installed.
    """
    check_installed()
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    given, fewest = _Given(images.shape[1]), min(len(images), len(real))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about memory
        fid = FrechetInceptionDistance(feature=given)
        kid = KernelInceptionDistance(feature=given, subset_size=max(2, min(_SUBSET, fewest // 2)))
    for metric in (fid, kid):
        metric.set_dtype(torch.float64)
        metric.update(images, real=False)
        metric.update(real, real=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # KID draws subsets
        mean, deviation = kid.compute()
    spread = float(deviation) if fewest >= 4 else None
    return Distance(float(fid.compute()), float(mean), spread, len(images), len(real))


def check_installed() -> None:
    """Refuse a comparison for which a library is not installed.

    Raises:
        InvalidOption: says how to get it.
    """
    try:
        import torchmetrics.image.fid  # noqa: F401
    except (ImportError, RuntimeError) as error:  # RuntimeError: a torchvision built for another torch
        raise InvalidOption(f"`real` needs more libraries: {_INSTALL} ({first_line(error)})") from error


class _Given(nn.Module):
    """Stands where torchmetrics expects a network, for features that are there already."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features
