"""Prepared data or endless scenes -> examples -> batches. Example k is a function of (seed, k) alone."""

from __future__ import annotations

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
from layoutgen.formats.prepared import read_prepared
from layoutgen.io.images import read_photo


class Example(NamedTuple):
    """A training example: `image` (3, H, W) in [-1, 1] or latents (C, h, w), its layout, and its number.

    `sizes` are those of :class:`~layoutgen.conditioning.condition.DenoiserInputs`.
    """

    image: Tensor
    layout: Layout
    number: int
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Batch:
    """B training examples.

    Attributes:
        images: pixels (B, 3, H, W) in [-1, 1]; or scaled latents (B, C, h, w), if `encoded`.
        layouts: B of them, in pixels; boxes beyond a crop keep their coordinates.
        numbers: of the examples in the whole run.
        sizes: (B, 6), see :class:`Example`.
    """

    images: Tensor
    layouts: tuple[Layout, ...]
    numbers: tuple[int, ...]
    sizes: Tensor
    encoded: bool = False

    def split(self, size: int) -> Iterator[Batch]:
        """Micro-batches of `size` examples; the last one may be smaller."""
        for start in range(0, len(self.layouts), size):
            rows = slice(start, start + size)
            yield replace(
                self,
                images=self.images[rows],
                layouts=self.layouts[rows],
                numbers=self.numbers[rows],
                sizes=self.sizes[rows],
            )


@dataclass(frozen=True, slots=True)
class Source:
    """One image of a data set, or an endless stream of composed scenes of one size.

    Attributes:
        open: the image and its layout, for the number of an example.
        width, height: in pixels.
        layout: of an image; None for scenes, which have another one each time.
        path: file of an image; None for scenes.
        grid: crops begin at multiples of this many pixels, unless they are scaled.
    """

    open: Callable[[int], Scene]
    width: int
    height: int
    layout: Layout | None = None
    path: Path | None = None
    grid: int = 1


class LayoutDataset(Dataset[Example]):
    """Training examples by their number in the whole run, without end.

    An epoch shows every source once, in an order of its own. Sources are shown in groups of `group` whose
    images have one size, so that an optimizer step of `group` examples is one tensor on any number of
    processes.

    Args:
        sizes: (W, H) in pixels of the training images; a source gets the one nearest to its own shape.
        group: examples of an optimizer step, on all processes together.
        flip: mirror half of the examples.
        fixed_crops: an image always has the same crop (only its mirroring differs), so that it can be cached.
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
        source, mirrored = self.source_of(number)
        scene = self.sources[source].open(number)
        image = self.crop_image(scene.image, source, number, mirrored)
        layout = self.crop_layout(scene.layout, source, number, mirrored)
        return Example(to_pixels(image), layout, number, self.crop_sizes(source, number, mirrored))

    def source_of(self, number: int) -> tuple[int, bool]:
        """Which source example `number` shows, and whether mirrored."""
        epoch, position = divmod(number, self.epoch)
        mirrored = self._flip and bool(np.random.default_rng([self.seed, 1, number, 1]).random() < 0.5)
        if epoch not in self._orders:
            # A batch may reach from one epoch into the next.
            before = {k: v for k, v in self._orders.items() if k == epoch - 1}
            self._orders = before | {epoch: self._shuffled(epoch)}
        return int(self._orders[epoch][position]), mirrored

    def crop_box(self, source: int, number: int) -> tuple[int, int, int, int]:
        """The crop (x, y, width, height) of the source's image that example `number` shows, in pixels.

        It has the shape of the training image and at least two thirds of the side of the largest such crop;
        an image that is only a little larger than the training image is cropped without scaling.
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

    def crop_image(self, image: Image.Image, source: int, number: int, mirrored: bool) -> Image.Image:
        """The training image of example `number`, from the `image` of `source`."""
        x, y, width, height = self.crop_box(source, number)
        size = self.size_of(source)
        if (width, height) == size:
            crop = image.crop((x, y, x + width, y + height))
        else:
            crop = image.resize(size, Image.Resampling.LANCZOS, box=(x, y, x + width, y + height))
        return crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else crop

    def crop_layout(self, layout: Layout, source: int, number: int, mirrored: bool) -> Layout:
        """The layout of example `number`, from that of `source`; boxes keep their unclipped coordinates."""
        crop = layout.crop(*self.crop_box(source, number)).resize(*self.size_of(source))
        return crop.flip() if mirrored else crop

    def crop_sizes(self, source: int, number: int, mirrored: bool) -> tuple[int, ...]:
        """Of example `number`: height and width of the image, top and left of the crop, its height and width.

        The crop's place is in pixels after scaling (Podell et al., arXiv 2307.01952, section 2.2).
        """
        (x, y, width, _), image = self.crop_box(source, number), self.sources[source]
        if mirrored:
            x = image.width - x - width
        target_width, target_height = self.size_of(source)
        scale = target_width / width
        return image.height, image.width, round(y * scale), round(x * scale), target_height, target_width

    def size_of(self, source: int) -> tuple[int, int]:
        """(W, H) of the training images of `source`, in pixels."""
        return self.sizes[self._bucket[source]]

    def batches(self, start: int, batch_size: int, step: int) -> Iterator[list[int]]:
        """Numbers of the examples of one process: `batch_size` from `start` on, and then every `step`."""
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
        canvas = scenes.config
        source = Source(scenes.composer().compose, canvas.width, canvas.height, grid=canvas.grid)
        return LayoutDataset([source], scenes.labels, sizes=sizes, seed=seed, group=group, flip=False)
    annotated = read_prepared(data)
    sources = [_photo(data / image.file_name, image.layout) for image in annotated.images]
    return LayoutDataset(
        sources, annotated.labels, sizes=sizes, seed=seed, group=group, flip=True, fixed_crops=fixed_crops
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
    images, layouts, numbers, sizes = zip(*examples, strict=True)
    return Batch(torch.stack(images), tuple(layouts), tuple(numbers), torch.tensor(sizes), encoded)
