"""What neighbours tell of sets of features: diversity, precision and recall, copies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

NEIGHBOURS = 3
"""The k of improved precision and recall, as in the paper."""
_BLOCK = 1024  # rows of a matrix of distances that are in memory together
_THUMBNAIL = 32  # pixels


def thumbnails(images: Sequence[Image.Image]) -> Tensor:
    """N images at 32 x 32 pixels (N, 3072), so scaled that their distance is the RMSE in grey levels."""
    small = [np.array(image.resize((_THUMBNAIL, _THUMBNAIL), Image.Resampling.BOX)) for image in images]
    pixels: Tensor = torch.from_numpy(np.stack(small)).flatten(1).double()
    scaled: Tensor = pixels / pixels.shape[1] ** 0.5
    return scaled


def mirrored(small: Tensor) -> Tensor:
    """:func:`thumbnails` (N, 3072), left and right changed."""
    pixels: Tensor = small.view(-1, _THUMBNAIL, _THUMBNAIL, 3)
    return pixels.flip(2).flatten(1)


def diversity(features: Tensor) -> float:
    """Mean distance of two of the `features` (N, C)."""
    pairs = len(features) * (len(features) - 1)
    if not pairs:
        return 0.0
    # Not cdist minus its diagonal: the distance to oneself is rounded there.
    total = sum(
        float(torch.cdist(features[k : k + _BLOCK], features[k + _BLOCK :]).sum() * 2)
        + float(torch.pdist(features[k : k + _BLOCK]).sum() * 2)
        for k in range(0, len(features), _BLOCK)
    )
    return total / pairs


def nearest(some: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """The distance (N,) of each of `some` (N, C) to the nearest of `others` (M, C), and which it is (N,)."""
    found = [torch.cdist(block, others).min(dim=1) for block in _blocks(some)]
    return torch.cat([one.values for one in found]), torch.cat([one.indices for one in found])


def nearest_other(features: Tensor) -> tuple[Tensor, Tensor]:
    """The distance (N,) of each of the `features` (N, C) to the nearest other one, and which it is (N,)."""
    found = [distances.min(dim=1) for distances in _to_others(features)]
    return torch.cat([one.values for one in found]), torch.cat([one.indices for one in found])


def precision_recall(images: Tensor, real: Tensor, k: int = NEIGHBOURS) -> tuple[float, float] | None:
    """Improved precision and recall of features (N, C) against real ones (M, C); None: k or fewer of a set.

    A set's manifold is a ball around each of its features that reaches to the k-th nearest other one.
    Precision is the share of `images` on that of the real ones, recall the share of `real` on that of the
    images. Source: Kynkäänniemi et al. 2019, arXiv 1904.06991, equations 1 and 2.
    """
    if min(len(images), len(real)) <= k:
        return None
    return _share_within(images, real, _radii(real, k)), _share_within(real, images, _radii(images, k))


@dataclass(frozen=True, slots=True)
class Copying:
    """How far `made` (N,) and `real` (M,) images are from the nearest original, `which` (N,) for made.

    The originals are the real images themselves, each but itself, or those of a training.
    """

    made: Tensor
    which: Tensor
    real: Tensor

    @property
    def ratio(self) -> float:
        """Median distance of the made ones by that of the real ones: far below 1 are copies."""
        return float(self.made.median() / self.real.median().clamp_min(1e-12))

    @property
    def too_near(self) -> float:
        """Share of the made ones nearer than all but 1 % of the real ones: far above 0.01 are copies."""
        return float((self.made < self.real.quantile(0.01)).double().mean())


def _radii(features: Tensor, k: int) -> Tensor:
    """The distance (N,) of each to its k-th nearest other one."""
    return torch.cat([distances.kthvalue(k, dim=1).values for distances in _to_others(features)])


def _to_others(features: Tensor) -> Iterator[Tensor]:
    """Distances (B, N) of the features, block by block; that of each to itself is infinite."""
    for start in range(0, len(features), _BLOCK):
        block = features[start : start + _BLOCK]
        distances = torch.cdist(block, features)
        rows = torch.arange(len(block))
        distances[rows, start + rows] = torch.inf
        yield distances


def _blocks(features: Tensor) -> Iterator[Tensor]:
    return (features[start : start + _BLOCK] for start in range(0, len(features), _BLOCK))


def _share_within(points: Tensor, centres: Tensor, radii: Tensor) -> float:
    """The share of the `points` (N, C) within the radius (M,) of any of the `centres` (M, C)."""
    inside = [(torch.cdist(block, centres) <= radii).any(dim=1) for block in _blocks(points)]
    return float(torch.cat(inside).double().mean())
