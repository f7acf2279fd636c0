"""Latents of images and embeddings of captions, computed once and kept on disk in half precision.

Each array has a key of everything that it depends on. A changed file, weight or setting has another key, so a
stale array is never read; none is ever deleted.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from layoutgen.autoencoder import to_pixels
from layoutgen.backbones.clip_text import TextPart, prompt_rows
from layoutgen.data.dataset import Example, LayoutDataset
from layoutgen.errors import CannotSave
from layoutgen.io.files import replacing
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.waiting import Waiting, no_waiting

_CAPTION_BATCH = 8

Half = npt.NDArray[np.float16]
Size = tuple[int, int]


@dataclass(frozen=True)
class ArrayCache:
    """Half-precision arrays in `folder`; `report` hears of each that is computed, `waiting` how far it is."""

    folder: Path
    report: Callable[[str], None] = lambda message: None
    waiting: Waiting = no_waiting

    def file_of(self, name: str, shape: tuple[int, ...], blocks: Iterable[Half], content: str) -> Path:
        """The file of the array called `name`; it is written, if there is none.

        Args:
            blocks: the array in pieces along its first axis, computed as they are asked for.
            content: what the array holds, for the report.

        Raises:
            CannotSave: the disk is full, or may not be written.
        """
        file = self.folder / f"{name}.npy"
        if file.is_file():
            return file
        self.report(f"encoding {content} into {file}")
        header = {"descr": "<f2", "fortran_order": False, "shape": shape}
        try:
            # Written from front to back: through a memory mapping, a full disk would be a crash.
            with replacing(file) as aside, aside.open("wb") as out:
                np.lib.format.write_array_header_1_0(out, header)
                rows = 0
                for block in blocks:
                    out.write(block.astype("<f2").tobytes())
                    rows += len(block)
                    self.waiting(f"encoding {content}", rows, shape[0])
                out.flush()
                os.fsync(out.fileno())
        except OSError as error:
            remedy = "make room, or leave out `cache_latents`"
            raise CannotSave(f"{file} cannot be written: {error.strerror}; {remedy}") from error
        return file


def cache_key(module: nn.Module, content: object) -> str:
    """A name for what `module`, with its weights, computes from `content` (plain values)."""
    digest = hashlib.sha256(json.dumps([str(module), content]).encode())
    for value in module.state_dict().values():
        digest.update(value.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:24]


@dataclass(frozen=True)
class LatentArray:
    """The latents of all images of one size; rows 2 k and 2 k + 1 are the k-th image, as is and mirrored.

    Attributes:
        file: the array (2 K, C, h, w).
        sources: numbers in the data set of the K images.
    """

    file: Path
    sources: tuple[int, ...]


class CachedLatents(Dataset[Example]):
    """The examples of `dataset`, whose crops are fixed, with latents instead of pixels."""

    def __init__(self, dataset: LayoutDataset, arrays: dict[Size, LatentArray]) -> None:
        self._dataset, self._arrays = dataset, arrays
        self._index = {source: k for array in arrays.values() for k, source in enumerate(array.sources)}
        self._mapped: dict[Size, Half] = {}

    def __getitem__(self, number: int) -> Example:
        source, mirrored = self._dataset.source_of(number)
        size = self._dataset.size_of(source)
        if size not in self._mapped:  # in the process that reads: a mapping is not sent to workers
            self._mapped[size] = np.load(self._arrays[size].file, mmap_mode="r")
        latents = torch.from_numpy(self._mapped[size][2 * self._index[source] + mirrored].astype(np.float32))
        layout = self._dataset.sources[source].layout
        assert layout is not None  # scenes are not cached
        sizes = self._dataset.crop_sizes(source, number, mirrored)
        return Example(latents, self._dataset.crop_layout(layout, source, number, mirrored), number, sizes)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_mapped": {}}


@torch.no_grad()
def cache_latents(pipeline: LayoutPipeline, dataset: LayoutDataset, cache: ArrayCache) -> CachedLatents:
    """Encode all images of `dataset`: the same examples with latents, scaled as the U-Net sees them."""
    files = [
        f"{s.path.name} {hashlib.sha256(s.path.read_bytes()).hexdigest()}"
        for s in dataset.sources
        if s.path is not None
    ]
    key = cache_key(pipeline.vae, ["latents", files, dataset.sizes, dataset.seed])
    arrays = {}
    for size in dataset.sizes:
        sources = tuple(k for k in range(len(dataset.sources)) if dataset.size_of(k) == size)
        if sources:
            width, height = (side // pipeline.backbone.pixels_per_latent for side in size)
            shape = (2 * len(sources), pipeline.backbone.latent_channels, height, width)
            blocks = (_half(_image_latents(pipeline, dataset, k)) for k in sources)
            content = f"{len(sources)} images of {size[0]} x {size[1]}"
            file = cache.file_of(f"{key}/{size[0]}x{size[1]}", shape, blocks, content)
            arrays[size] = LatentArray(file, sources)
    return CachedLatents(dataset, arrays)


def _image_latents(pipeline: LayoutPipeline, dataset: LayoutDataset, source: int) -> Tensor:
    """Scaled latents (2, C, h, w) of an image: as it is and mirrored."""
    photo = dataset.sources[source].open(0).image
    images = [to_pixels(dataset.crop_image(photo, source, 0, mirrored)) for mirrored in (False, True)]
    return pipeline.backbone.to_latents(torch.stack(images))


class CachedTextEncoder:
    """Replaces a frozen text encoder: looks up known token ids, and asks the encoder for all others.

    Args:
        part: the encoder, and what is read of it.
        index: row in the array of each known row of token ids.
        file: the array (R, M * D, or more by E): hidden states of its layer, and vectors of the whole text if
            they are read.
    """

    def __init__(self, part: TextPart, index: dict[tuple[int, ...], int], file: Path) -> None:
        self._part, self._index = part, index
        self._known = np.load(file, mmap_mode="r")

    @property
    def device(self) -> torch.device:
        """Where the encoder is."""
        device: torch.device = self._part.encoder.device
        return device

    def __call__(self, ids: Tensor, **options: Any) -> Any:
        """What is read of token `ids` (B, M), in the form of transformers' CLIPTextModel."""
        wanted = [tuple(row) for row in ids.tolist()]
        if any(row not in self._index for row in wanted):
            return self._part.encoder(ids, **options)
        return _Known(self._part, self._known, [self._index[row] for row in wanted], ids)


class _Known(NamedTuple):
    """What `part` says of token `ids` (B, M), kept in `rows` of `known`; read when it is asked for."""

    part: TextPart
    known: Half
    rows: list[int]
    ids: Tensor

    @property
    def last_hidden_state(self) -> Tensor:
        """(B, M, D)."""
        return self._read(slice(self._states)).reshape(*self.ids.shape, -1)

    @property
    def hidden_states(self) -> dict[int, Tensor]:
        """Those (B, M, D) of the layer that is read."""
        return {self.part.layer: self.last_hidden_state}

    @property
    def text_embeds(self) -> Tensor:
        """(B, E)."""
        return self._read(slice(self._states, None))

    @property
    def _states(self) -> int:
        return int(self.ids.shape[1] * self.part.encoder.config.hidden_size)

    def _read(self, columns: slice) -> Tensor:
        return torch.from_numpy(self.known[self.rows, columns].astype(np.float32)).to(self.ids.device)


@torch.no_grad()
def cache_captions(
    pipeline: LayoutPipeline, dataset: LayoutDataset, cache: ArrayCache
) -> list[CachedTextEncoder]:
    """Encode the captions of `dataset` and the empty one with the pipeline's text encoders."""
    captions = sorted({"", *(s.layout.prompt for s in dataset.sources if s.layout is not None)})
    return [_cached(part, captions, cache) for part in pipeline.backbone.text_parts]


def _cached(part: TextPart, captions: Sequence[str], cache: ArrayCache) -> CachedTextEncoder:
    rows = sorted({tuple(row) for row in prompt_rows(part.tokenizer, captions)})
    config = part.encoder.config
    width = len(rows[0]) * config.hidden_size + (config.projection_dim if part.pools else 0)
    key = cache_key(part.encoder, [part.layer, part.pools, rows])
    content = f"{len(captions)} captions"
    file = cache.file_of(f"captions-{key}", (len(rows), width), _encoded(part, rows), content)
    return CachedTextEncoder(part, {row: k for k, row in enumerate(rows)}, file)


def _encoded(part: TextPart, rows: Sequence[tuple[int, ...]]) -> Iterator[Half]:
    """What is read of `rows` of token ids, some at a time: all states of each, then its vector."""
    for start in range(0, len(rows), _CAPTION_BATCH):
        ids = torch.tensor(rows[start : start + _CAPTION_BATCH], device=part.encoder.device)
        said = part.encoder(ids, output_hidden_states=part.layer != -1)
        states = said.last_hidden_state if part.layer == -1 else said.hidden_states[part.layer]
        vectors = [said.text_embeds] if part.pools else []
        yield _half(torch.cat([states.flatten(1), *vectors], dim=1))


def _half(values: Tensor) -> Half:
    return values.cpu().numpy().astype(np.float16)
