"""Images that the autoencoder encoded once, on disk.

An image is always cut alike then, so that there are two of each: as it is and mirrored. Arrays have them in
rows 2 k and 2 k + 1, for the k-th image of its size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from layoutgen.autoencoder import to_latents, to_pixels
from layoutgen.data.dataset import Example, LayoutDataset
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.cache import Cache, Half, key

Size = tuple[int, int]


@dataclass(frozen=True)
class Rows:
    """The rows of the images of one size.

    Attributes:
        file: the array.
        sources: numbers of the images in the data set.
    """

    file: Path
    sources: tuple[int, ...]


class CachedLatents(Dataset[Example]):
    """The examples of `dataset`, whose crops are fixed, with latents instead of pixels."""

    def __init__(self, dataset: LayoutDataset, rows: dict[Size, Rows]) -> None:
        self._dataset, self._rows = dataset, rows
        self._place = {source: k for some in rows.values() for k, source in enumerate(some.sources)}
        self._open: dict[Size, npt.NDArray[np.float16]] = {}

    def __getitem__(self, number: int) -> Example:
        source, mirrored = self._dataset.place(number)
        size = self._dataset.size_of(source)
        if size not in self._open:  # in the process that reads: a mapping is not sent to workers
            self._open[size] = np.load(self._rows[size].file, mmap_mode="r")
        latents = torch.from_numpy(self._open[size][2 * self._place[source] + mirrored].astype(np.float32))
        layout = self._dataset.sources[source].layout
        assert layout is not None  # scenes are not cached
        return Example(latents, self._dataset.cropped(layout, source, number, mirrored), number)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": {}}


@torch.no_grad()
def cache_latents(pipeline: LayoutPipeline, dataset: LayoutDataset, cache: Cache) -> CachedLatents:
    """Encode all images of `dataset`: the examples with latents, scaled as the U-Net sees them."""
    files = [f"{s.path.name} {_digest(s.path)}" for s in dataset.sources if s.path is not None]
    name = key(pipeline.vae, ["latents", files, dataset.sizes, dataset.seed])
    rows = {}
    for size in dataset.sizes:
        sources = tuple(k for k in range(len(dataset.sources)) if dataset.size_of(k) == size)
        if sources:
            width, height = (side // pipeline.backbone.pixels_per_latent for side in size)
            parts: Iterator[Half] = (
                _encoded(pipeline, dataset, k).cpu().numpy().astype(np.float16) for k in sources
            )
            shape = (2 * len(sources), int(pipeline.vae.config.latent_channels), height, width)
            told = f"{len(sources)} images of {size[0]} x {size[1]}"
            rows[size] = Rows(cache.array(f"{name}/{size[0]}x{size[1]}", shape, parts, told), sources)
    return CachedLatents(dataset, rows)


def _encoded(pipeline: LayoutPipeline, dataset: LayoutDataset, source: int) -> Tensor:
    """Scaled latents (2, C, h, w) of an image: as it is and mirrored."""
    photo = dataset.sources[source].open(0).image
    pictures = [to_pixels(dataset.cut(photo, source, 0, flip)) for flip in (False, True)]
    return to_latents(pipeline.vae, torch.stack(pictures))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
