"""Prepared data or endless scenes -> examples -> batches. Example k is a function of (seed, k) alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from layoutgen.autoencoder import to_pixels
from layoutgen.formats.prepared import read_prepared
from layoutgen.layout import Layout
from layoutgen.prepare.recipe import SCENES_FILE, SceneRecipe
from layoutgen.prepare.scenes import Scene
from layoutgen.prepare.sources import open_photo


@dataclass(frozen=True)
class Batch:
    """B training examples: `pixels` (B, 3, H, W) in [-1, 1], and their layouts."""

    pixels: Tensor
    layouts: tuple[Layout, ...]


class LayoutDataset(Dataset[tuple[Tensor, Layout]]):
    """Examples by their number in the whole training, without end: pixels (3, H, W) and layout.

    Args:
        scene: the image and layout number k; an epoch of a finite data set is its own permutation.
        resolution: H = W in pixels.
        flip: mirror half of the examples.
    """

    def __init__(
        self,
        scene: Callable[[int], Scene],
        labels: tuple[str, ...],
        *,
        resolution: int,
        seed: int,
        flip: bool,
    ) -> None:
        self._scene, self._flip = scene, flip
        self.labels, self.resolution, self.seed = labels, resolution, seed

    def __getitem__(self, number: int) -> tuple[Tensor, Layout]:
        rng = np.random.default_rng([self.seed, 1, number])
        scene = crop(self._scene(number), self.resolution, rng)
        image, layout = scene.image, scene.layout
        if self._flip and rng.random() < 0.5:
            image, layout = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), layout.flip()
        return to_pixels(image), layout

    def batches(self, start: int, batch_size: int, step: int) -> Iterator[list[int]]:
        """Numbers of the examples of one process, from example `start` on, every `step` examples."""
        while True:
            yield list(range(start, start + batch_size))
            start += step


def open_dataset(data: Path, *, resolution: int, seed: int) -> LayoutDataset:
    """Open what ``prepare coco`` or ``prepare scenes`` wrote.

    Raises:
        InvalidFile: `data` is neither.
    """
    recipe = data / SCENES_FILE
    if recipe.is_file():
        scenes = SceneRecipe.read(recipe)
        return LayoutDataset(
            scenes.composer().compose, scenes.labels, resolution=resolution, seed=seed, flip=False
        )
    entries = read_prepared(data)
    labels = tuple(sorted({label for entry in entries for label in entry.layout.labels}))

    @lru_cache(maxsize=2)  # a batch may reach into the next epoch
    def order(epoch: int) -> npt.NDArray[np.int64]:
        return np.random.default_rng([seed, 2, epoch]).permutation(len(entries))

    def scene(number: int) -> Scene:
        epoch, place = divmod(number, len(entries))
        entry = entries[int(order(epoch)[place])]
        return Scene(open_photo(data / entry.file_name), entry.layout)

    return LayoutDataset(scene, labels, resolution=resolution, seed=seed, flip=True)


def crop(scene: Scene, resolution: int, rng: np.random.Generator) -> Scene:
    """A random square of a scene, at least two thirds of its shorter side, at `resolution` pixels.

    A scene that is only a little larger is cut without scaling. Boxes keep their unclipped coordinates.
    """
    image, layout = scene.image, scene.layout
    shorter = min(image.size)
    side = resolution if resolution <= shorter <= 1.5 * resolution else int(shorter * rng.uniform(2 / 3, 1))
    x, y = (int(rng.integers(extent - side + 1)) for extent in image.size)
    window = layout.crop(x, y, side, side)
    if side == resolution:
        return Scene(image.crop((x, y, x + side, y + side)), window)
    size = (resolution, resolution)
    part = image.resize(size, Image.Resampling.LANCZOS, box=(x, y, x + side, y + side))
    return Scene(part, window.resize(resolution, resolution))


def collate(examples: list[tuple[Tensor, Layout]]) -> Batch:
    """Join examples to a batch."""
    return Batch(torch.stack([pixels for pixels, _ in examples]), tuple(layout for _, layout in examples))
