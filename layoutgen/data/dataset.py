"""Prepared data or endless scenes -> examples -> batches. Example k is a function of (seed, k) alone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from layoutgen.autoencoder import to_pixels
from layoutgen.data.scene_recipe import SCENES_FILE, SceneRecipe
from layoutgen.data.scenes import Scene
from layoutgen.domain.layout import Layout
from layoutgen.formats.prepared import INDEX, read_prepared
from layoutgen.io.files import read_bytes
from layoutgen.io.images import read_photo


class Example(NamedTuple):
    """A training example: `image` (3, H, W) in [-1, 1] or latents (C, h, w), its layout, and its number."""

    image: Tensor
    layout: Layout
    number: int


@dataclass(frozen=True)
class Batch:
    """B training examples.

    Attributes:
        images: pixels (B, 3, H, W) in [-1, 1]; or scaled latents (B, C, h, w), if `encoded`.
        layouts: what is where, in pixels; boxes beyond a crop keep their coordinates.
        numbers: of the examples in the whole training.
    """

    images: Tensor
    layouts: tuple[Layout, ...]
    numbers: tuple[int, ...]
    encoded: bool = False

    def split(self, size: int) -> Iterator[Batch]:
        """Parts of `size` examples, the last one what is left."""
        for start in range(0, len(self.layouts), size):
            rows = slice(start, start + size)
            yield replace(
                self, images=self.images[rows], layouts=self.layouts[rows], numbers=self.numbers[rows]
            )


@dataclass(frozen=True, slots=True)
class Source:
    """One image of a data set: how it is opened, its size in pixels, and the file that it comes from.

    Parts of it begin at multiples of `grid` pixels, unless they are scaled.
    """

    open: Callable[[int], Scene]  # called with the example's number
    width: int
    height: int
    layout: Layout | None = None  # None: another one each time
    path: Path | None = None
    grid: int = 1


class LayoutDataset(Dataset[Example]):
    """Examples by their number in the whole training, without end.

    An epoch shows every source once in an order of its own. Sources are shown in groups of `group` whose
    images have one size, so that a step of `group` examples is one tensor on any number of processes.

    Args:
        sizes: (W, H) in pixels of the training images; a source gets the one nearest to its own shape.
        group: examples of a step, on all processes together.
        flip: mirror half of the examples.
        fixed_crops: an image is always cut alike (only its mirroring differs), so that it can be cached.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        labels: tuple[str, ...],
        *,
        sizes: Sequence[tuple[int, int]],
        seed: int,
        group: int = 1,
        flip: bool = True,
        fixed_crops: bool = False,
    ) -> None:
        self.sources, self.labels, self.sizes, self.seed = sources, labels, tuple(sizes), seed
        self._flip, self._fixed = flip, fixed_crops
        self._group = group if len(sizes) > 1 else 1
        shapes = np.array([width / height for width, height in sizes])
        self._bucket = [
            int(np.abs(np.log(shapes * source.height / source.width)).argmin()) for source in sources
        ]
        self._members = [
            np.flatnonzero(np.array(self._bucket) == bucket) for bucket in range(len(self.sizes))
        ]
        self.epoch = sum(-(-len(members) // self._group) * self._group for members in self._members)
        """Examples of an epoch: all sources, and a few of them twice to fill the last group of each size."""
        self._orders: dict[int, npt.NDArray[np.int64]] = {}

    def __getitem__(self, number: int) -> Example:
        source, mirrored = self.place(number)
        scene = self.sources[source].open(number)
        image = self.cut(scene.image, source, number, mirrored)
        return Example(to_pixels(image), self.cropped(scene.layout, source, number, mirrored), number)

    def place(self, number: int) -> tuple[int, bool]:
        """Which source example `number` shows, and whether mirrored."""
        epoch, place = divmod(number, self.epoch)
        mirrored = self._flip and bool(np.random.default_rng([self.seed, 1, number, 1]).random() < 0.5)
        if epoch not in self._orders:
            before = {k: v for k, v in self._orders.items() if k == epoch - 1}  # a batch may reach into both
            self._orders = before | {epoch: self._shuffled(epoch)}
        return int(self._orders[epoch][place]), mirrored

    def crop_box(self, source: int, number: int) -> tuple[int, int, int, int]:
        """The part (x, y, width, height) of the image that example `number` shows, in pixels.

        It has the shape of the training image and at least two thirds of the largest such part; an image
        that is only a little larger than the training image is cut without scaling.
        """
        key = [self.seed, 4, source] if self._fixed else [self.seed, 1, number]
        rng = np.random.default_rng(key)
        image, (width, height) = self.sources[source], self.size_of(source)
        scale, grid = min(image.width / width, image.height / height), image.grid
        if not 1 <= scale <= 1.5:
            scale, grid = scale * rng.uniform(2 / 3, 1), 1
            width, height = max(1, int(width * scale)), max(1, int(height * scale))
        x = int(rng.integers((image.width - width) // grid + 1)) * grid
        y = int(rng.integers((image.height - height) // grid + 1)) * grid
        return x, y, width, height

    def cut(self, image: Image.Image, source: int, number: int, mirrored: bool) -> Image.Image:
        """What example `number` shows of `image`, of `source`."""
        x, y, width, height = self.crop_box(source, number)
        size = self.size_of(source)
        if (width, height) == size:
            part = image.crop((x, y, x + width, y + height))
        else:
            part = image.resize(size, Image.Resampling.LANCZOS, box=(x, y, x + width, y + height))
        return part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else part

    def cropped(self, layout: Layout, source: int, number: int, mirrored: bool) -> Layout:
        """What `layout`, of `source`, is in example `number`; boxes keep their unclipped coordinates."""
        part = layout.crop(*self.crop_box(source, number)).resize(*self.size_of(source))
        return part.flip() if mirrored else part

    def size_of(self, source: int) -> tuple[int, int]:
        """(W, H) of the training images of `source`, in pixels."""
        return self.sizes[self._bucket[source]]

    def batches(self, start: int, batch_size: int, step: int) -> Iterator[list[int]]:
        """Numbers of the examples of one process, from example `start` on, every `step` examples."""
        while True:
            yield list(range(start, start + batch_size))
            start += step

    def _shuffled(self, epoch: int) -> npt.NDArray[np.int64]:
        """The sources in the order of `epoch`: groups of one size each, in any order."""
        rng = np.random.default_rng([self.seed, 2, epoch])
        groups: list[npt.NDArray[np.int64]] = []
        for members in self._members:
            if len(members):
                count = -(-len(members) // self._group) * self._group
                groups.extend(np.resize(rng.permutation(members), count).reshape(-1, self._group))
        return np.stack([groups[k] for k in rng.permutation(len(groups))]).ravel()


def fingerprint(data: Path) -> str:
    """A code of what `data` lists: another one when an image, a box or a caption is added or changed.

    Raises:
        InvalidFile: it is no prepared data.
    """
    file = data / SCENES_FILE if (data / SCENES_FILE).is_file() else data / INDEX
    if not file.is_file():
        read_prepared(data)  # says what is wrong
    return hashlib.sha256(read_bytes(file)).hexdigest()[:16]


def open_dataset(
    data: Path,
    *,
    resolution: int,
    seed: int,
    multiple: int | None = None,
    group: int = 1,
    fixed_crops: bool = False,
) -> LayoutDataset:
    """Open what ``prepare coco`` or ``prepare scenes`` wrote.

    Args:
        resolution: side of the square training images in pixels.
        multiple: train on several aspect ratios instead, with sides that are multiples of this many pixels.

    Raises:
        InvalidFile: `data` is neither.
    """
    sizes = [(resolution, resolution)] if multiple is None else aspect_sizes(resolution, multiple)
    recipe = data / SCENES_FILE
    if recipe.is_file():
        scenes = SceneRecipe.read(recipe)
        look = scenes.config
        source = Source(scenes.composer().compose, look.width, look.height, grid=look.grid)
        return LayoutDataset([source], scenes.labels, sizes=sizes, seed=seed, group=group, flip=False)
    entries = read_prepared(data)
    labels = tuple(sorted({label for entry in entries for label in entry.layout.labels}))
    sources = [_photo(data / entry.file_name, entry.layout) for entry in entries]
    return LayoutDataset(
        sources, labels, sizes=sizes, seed=seed, group=group, flip=True, fixed_crops=fixed_crops
    )


def aspect_sizes(resolution: int, multiple: int) -> list[tuple[int, int]]:
    """Sizes (W, H) of about ``resolution ** 2`` pixels and no more, from 1:2 to 2:1 (NovelAI's buckets).

    Sides are multiples of `multiple`.
    """
    sizes = set()
    for width in range(multiple, 2 * resolution + 1, multiple):
        height = resolution**2 // width // multiple * multiple
        if height and 0.5 <= width / height <= 2:
            sizes.add((width, height))
    return sorted(sizes)


def _photo(path: Path, layout: Layout) -> Source:
    return Source(partial(_open, path, layout), layout.width, layout.height, layout, path)


def _open(path: Path, layout: Layout, number: int) -> Scene:
    return Scene(read_photo(path, layout.width, layout.height), layout)


def collate(examples: list[Example], *, encoded: bool = False) -> Batch:
    """Join examples to a batch; `encoded`: they hold latents."""
    images, layouts, numbers = zip(*examples, strict=True)
    return Batch(torch.stack(images), tuple(layouts), tuple(numbers), encoded)
