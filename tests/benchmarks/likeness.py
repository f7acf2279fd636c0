"""How alike sets of crops are: distance of their distributions, nearest neighbours, diversity.

Features are those of the bundled detector ("detector features"): what its grid sees in a crop of 64 x 64
pixels, averaged over the crop, each in units of its standard deviation over the training crops. They are no
Inception features, so their distances are no FID and KID and compare with nothing outside of this table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from rich.table import Table
from torch import Tensor
from transformers import AutoImageProcessor, AutoModelForObjectDetection

from layoutgen.detection.grid_detector import GridDetector
from layoutgen.errors import InvalidOption
from layoutgen.features.distance import Distance, compare_features
from layoutgen.features.neighbours import Copying, diversity, nearest

_SIDE = 64  # pixels of a crop that the detector looks at: about what animals have in the pictures
_BATCH = 64


class Features:
    """The features of a detector of ours, at `source`."""

    def __init__(self, source: str) -> None:
        model = AutoModelForObjectDetection.from_pretrained(source)
        if not isinstance(model, GridDetector):
            raise InvalidOption(
                f"--detector {source}: features are read from detectors of the package's kind"
            )
        self._model, self._processor = model.float().eval(), AutoImageProcessor.from_pretrained(source)

    @torch.inference_mode()
    def of(self, crops: Sequence[Image.Image]) -> Tensor:
        """The features (N, C) of N crops of any size, which are stretched to a square."""
        parts = []
        for start in range(0, len(crops), _BATCH):
            squares = [
                crop.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC) for crop in crops[start:][:_BATCH]
            ]
            pixels = self._processor(images=squares, return_tensors="pt")["pixel_values"]
            parts.append(self._model.features(pixels).mean(dim=(2, 3)))
        return torch.cat(parts).double()


@dataclass(frozen=True, slots=True)
class Likeness:
    """How `made` crops are like `real` ones of held-out photos and those of `training`; (N, C) each.

    `real` has two halves that show different animals: `first` tells which crops are of the first one.
    """

    made: Tensor
    real: Tensor
    first: Tensor
    training: Tensor

    @staticmethod
    def of(
        look: Callable[[Sequence[Image.Image]], Tensor],
        crops: Mapping[str, Sequence[Image.Image]],
        first: Sequence[bool],
    ) -> Likeness:
        """Of the crops ``painted``, ``real`` and ``training``, as `look` sees them."""
        made, real, training = (look(crops[name]) for name in ("painted", "real", "training"))
        return Likeness(made, real, torch.tensor(first), training)

    def standardised(self) -> Likeness:
        """The same in units of the training crops' standard deviations."""
        mean, deviation = self.training.mean(dim=0), self.training.std(dim=0).clamp_min(1e-6)
        made, real, training = ((one - mean) / deviation for one in (self.made, self.real, self.training))
        return Likeness(made, real, self.first, training)

    def distances(self) -> dict[str, Distance]:
        """Distances of distributions, of as many crops each: that of few crops is too high."""
        halves = self.real[self.first], self.real[~self.first]
        count = min(len(one) for one in (self.made, *halves, self.training))
        pairs = {
            "painted, held-out": (self.made, self.real),
            "training, held-out": (self.training, self.real),
            "held-out, other held-out animals": halves,
        }
        return {name: compare_features(_some(a, count), _some(b, count)) for name, (a, b) in pairs.items()}

    def diversity(self) -> dict[str, float]:
        """Mean distance of two crops of a set."""
        return {"painted": diversity(self.made), "held-out": diversity(self.real)}

    def copying(self) -> Copying:
        """Whether the made crops lie nearer to training crops than held-out ones do.

        In pixels a blurred crop is near to everything: there, it is a copy only if the features say so, too.
        """
        made, which = nearest(self.made, self.training)
        return Copying(made, which, nearest(self.real, self.training)[0])


def figures(copying: Copying) -> dict[str, float]:
    """All in numbers."""
    medians = {"painted": float(copying.made.median()), "held-out": float(copying.real.median())}
    return medians | {"ratio": copying.ratio, "below the 1st percentile": copying.too_near}


def _some(features: Tensor, count: int) -> Tensor:
    """`count` of them, drawn at random, the same ones each time."""
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(0))
    return features[order[:count]]


def likeness_table(figures: Mapping[str, Any]) -> Table:
    """The distances, diversities and nearest training crops, a row each."""
    table = Table("", "", "", title="Crops of boxes, by detector features where nothing else is said")
    for name, distance in figures["distances"].items():
        table.add_row(f"distance: {name}", f"Frechet {distance['fid']:.2f}", f"kernel {distance['kid']:.3f}")
    different = [f"{name} {value:.2f}" for name, value in figures["diversity"].items()]
    table.add_row("mean distance of two crops", *different)
    for space, near in figures["nearest training crop"].items():
        medians = ", ".join(f"{name} {near[name]:.2f}" for name in ("painted", "held-out"))
        share = f"below the held-out crops' 1st percentile {near['below the 1st percentile']:.3f}"
        table.add_row(
            f"to the nearest training crop, {space}", medians, f"ratio {near['ratio']:.2f}; {share}"
        )
    return table
