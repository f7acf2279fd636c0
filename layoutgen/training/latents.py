"""Images, and img2img's maps of their layouts, that the autoencoder encoded once, on disk.

An image is always cut alike then, so that there are two of each: as it is and mirrored. Arrays have them in
rows 2 k and 2 k + 1, for the k-th image of its size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from layoutgen.autoencoder import to_pixels
from layoutgen.conditioning.img2img import Img2Img
from layoutgen.dataset import Example, LayoutDataset
from layoutgen.drawing.class_map import class_map, place_map
from layoutgen.layout import Box, Instance, Layout
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.cache import Cache, Half, key

Size = tuple[int, int]
_PROBE = Layout(64, 48, (Instance("dog", Box(-5.5, 3, 20, 30)), Instance("ship", Box(10, 10, 60, 40))))


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
        return Example(
            latents, self._dataset.cropped(_layout(self._dataset, source), source, number, mirrored), number
        )

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": {}}


class CachedMaps(Img2Img):
    """img2img with maps that were encoded before; of other layouts it draws and encodes them as ever."""

    def __init__(self, method: Img2Img, dataset: LayoutDataset, rows: dict[Size, Rows]) -> None:
        super().__init__(method.tokenizer, method.text_encoder, method.vae, method.layout_encoder)
        self._open = {size: np.load(some.file, mmap_mode="r") for size, some in rows.items()}
        self._row = {
            _drawn(_mirrored(dataset, source, flip)): 2 * k + flip
            for some in rows.values()
            for k, source in enumerate(some.sources)
            for flip in (False, True)
        }

    def _maps(self, layouts: Sequence[Layout]) -> Tensor:
        """Encoded class maps and place maps (B, 2C, h, w)."""
        found = [self._row.get(_drawn(layout)) for layout in layouts]
        if None in found:
            return super()._maps(layouts)
        maps = self._open[layouts[0].width, layouts[0].height][found]
        return torch.from_numpy(maps.astype(np.float32)).to(self.vae.device)


@torch.no_grad()
def cache_latents(pipeline: LayoutPipeline, dataset: LayoutDataset, cache: Cache) -> CachedLatents:
    """Encode all images of `dataset`: the examples with latents, scaled as the U-Net sees them."""
    files = [f"{s.path.name} {_digest(s.path)}" for s in dataset.sources if s.path is not None]
    name = key(pipeline.vae, ["latents", files, dataset.sizes, dataset.seed])

    def latents(source: int) -> Tensor:
        photo = dataset.sources[source].open(0).image
        return _encoded(pipeline, [dataset.cut(photo, source, 0, flip) for flip in (False, True)])

    channels = int(pipeline.vae.config.latent_channels)
    return CachedLatents(dataset, _rows(pipeline, dataset, cache, name, channels, "images", latents))


@torch.no_grad()
def cache_maps(method: Img2Img, pipeline: LayoutPipeline, dataset: LayoutDataset, cache: Cache) -> CachedMaps:
    """Encode the class map and the place map of all layouts of `dataset`."""
    boxes = [
        [s.width, s.height, [(i.label, i.box.xyxy) for i in s.layout.instances]]
        for s in dataset.sources
        if s.layout
    ]
    drawn = [hashlib.sha256(draw(_PROBE).tobytes()).hexdigest() for draw in (class_map, place_map)]
    name = key(pipeline.vae, ["maps", boxes, drawn, dataset.sizes, dataset.seed])

    def maps(source: int) -> Tensor:
        layouts = [_mirrored(dataset, source, flip) for flip in (False, True)]
        pictures = [draw(layout) for draw in (class_map, place_map) for layout in layouts]
        return torch.cat(_encoded(pipeline, pictures).chunk(2), dim=1)  # (2, 2C, h, w)

    channels = 2 * int(pipeline.vae.config.latent_channels)
    return CachedMaps(method, dataset, _rows(pipeline, dataset, cache, name, channels, "layouts", maps))


def _rows(
    pipeline: LayoutPipeline,
    dataset: LayoutDataset,
    cache: Cache,
    name: str,
    channels: int,
    what: str,
    encode: Callable[[int], Tensor],
) -> dict[Size, Rows]:
    """An array for each size; `encode` makes the two rows (2, `channels`, h, w) of an image."""
    rows = {}
    for size in dataset.sizes:
        sources = tuple(k for k in range(len(dataset.sources)) if dataset.size_of(k) == size)
        if sources:
            width, height = (side // pipeline.factor for side in size)
            parts: Iterator[Half] = (encode(k).cpu().numpy().astype(np.float16) for k in sources)
            shape = (2 * len(sources), channels, height, width)
            told = f"{len(sources)} {what} of {size[0]} x {size[1]}"
            rows[size] = Rows(cache.array(f"{name}/{size[0]}x{size[1]}", shape, parts, told), sources)
    return rows


def _encoded(pipeline: LayoutPipeline, pictures: Sequence[Image.Image]) -> Tensor:
    """Scaled latents (B, C, h, w)."""
    pixels = torch.stack([to_pixels(picture) for picture in pictures]).to(
        pipeline.vae.device, pipeline.vae.dtype
    )
    return pipeline.vae.encode(pixels, return_dict=False)[0].mode() * pipeline.vae.config.scaling_factor


def _layout(dataset: LayoutDataset, source: int) -> Layout:
    layout = dataset.sources[source].layout
    assert layout is not None  # scenes are not cached
    return layout


def _mirrored(dataset: LayoutDataset, source: int, flip: bool) -> Layout:
    return dataset.cropped(_layout(dataset, source), source, 0, flip)


def _drawn(layout: Layout) -> int:
    """A number for all that the maps show of `layout`."""
    return hash((layout.width, layout.height, layout.instances))


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
