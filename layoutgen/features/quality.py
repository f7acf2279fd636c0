"""Whether images look real, whatever is in them: sets of images compared by the features of a network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from layoutgen.features.distance import compare_features
from layoutgen.features.image_quality import ImageQuality, NearDuplicate
from layoutgen.features.neighbours import (
    Copying,
    diversity,
    mirrored,
    nearest,
    nearest_other,
    precision_recall,
    thumbnails,
)
from layoutgen.io.images import read_photo

_BATCH = 16
_SAME = 5.0  # RMSE in grey levels of thumbnails that show the same: JPEG and resizing make 1 to 2


@dataclass(frozen=True, slots=True)
class ImageSet:
    """N images as they are compared.

    Attributes:
        names: of the files.
        features: (N, C) float64, of a network.
        small: (N, 3072), their :func:`~layoutgen.features.neighbours.thumbnails`.
    """

    names: tuple[str, ...]
    features: Tensor
    small: Tensor

    def __len__(self) -> int:
        return len(self.names)

    def only(self, places: Tensor) -> ImageSet:
        """Those at `places` (n,)."""
        names = tuple(self.names[place] for place in places.tolist())
        return ImageSet(names, self.features[places], self.small[places])


def embed(
    paths: Sequence[Path], network: nn.Module, advance: Callable[[int], object] = lambda done: None
) -> ImageSet:
    """The images at `paths` as `network` sees them, by their names in the folder that they share.

    Args:
        network: uint8 images (B, 3, H, W) -> (B, C), as
            :func:`~layoutgen.features.embedding.load_embedding` gives it.
        advance: is told how many are done.
    """
    features: list[Tensor] = []
    small: list[Tensor] = []
    for batch in _batches(paths):
        features.append(_features(network, batch))
        small.append(thumbnails(batch).float())
        advance(sum(map(len, features)))
    shared = Path(os.path.commonpath([path.parent for path in paths]))
    names = tuple(path.relative_to(shared).as_posix() for path in paths)
    return ImageSet(names, torch.cat(features), torch.cat(small))


def compare(images: ImageSet, real: ImageSet, features: str, *, halves: bool = True) -> ImageQuality:
    """What the `images` are beside the `real` ones, by the features that are called so.

    From eight real images on, and if `halves` are wanted, beside what halves of them are to each other: as
    many as there are images, at most half of them, and the others.
    """
    quality = _compare(images, real, features)
    if not halves or len(real) < 8:
        return quality
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(0))
    count = min(len(images), len(real) // 2)
    of_real = _compare(real.only(order[:count]), real.only(order[count:]), features)
    return replace(quality, halves=of_real)


def _compare(images: ImageSet, real: ImageSet, features: str) -> ImageQuality:
    distance = compare_features(images.features, real.features)
    covered = precision_recall(images.features, real.features) or (None, None)
    copying = Copying(*nearest(images.features, real.features), nearest_other(real.features)[0])
    usual = float(copying.real.median())
    return ImageQuality(
        features,
        **asdict(distance),
        precision=covered[0],
        recall=covered[1],
        diversity=diversity(images.features),
        real_diversity=diversity(real.features),
        nearest=copying.ratio,
        too_near=copying.too_near,
        copies=_copies(images, real, usual),
        repeats=_repeats(images, usual),
    )


def _copies(images: ImageSet, real: ImageSet, usual: float) -> tuple[NearDuplicate, ...]:
    """Images that show what a real one shows: alike as thumbnails, straight or mirrored, and in features.

    Thumbnails alone would call two photos of snow the same.

    Args:
        usual: the distance of real images to the next one in features.
    """
    straight, turned = (nearest(small, real.small) for small in (images.small, mirrored(images.small)))
    found = []
    for number, name in enumerate(images.names):
        grey, which = min(straight[0][number], turned[0][number]), int(straight[1][number])
        if turned[0][number] < straight[0][number]:
            which = int(turned[1][number])
        apart = float((images.features[number] - real.features[which]).norm())
        if grey <= _SAME and apart <= usual:
            found.append(NearDuplicate(name, real.names[which]))
    return tuple(found)


def _repeats(images: ImageSet, usual: float) -> tuple[NearDuplicate, ...]:
    """Images that show what one before them shows."""
    found = []
    for number in range(1, len(images)):
        grey, which = nearest(images.small[number : number + 1], images.small[:number])
        apart = float((images.features[number] - images.features[int(which)]).norm())
        if float(grey) <= _SAME and apart <= usual:
            found.append(NearDuplicate(images.names[number], images.names[int(which)]))
    return tuple(found)


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
    tensors = (*network.parameters(), *network.buffers())
    device = tensors[0].device if tensors else torch.device("cpu")
    pixels = torch.from_numpy(np.stack([np.array(image) for image in images])).movedim(-1, 1)
    features: Any = network(pixels.to(device))
    return torch.as_tensor(features).double().cpu()
