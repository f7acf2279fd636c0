"""Encoded images and captions on disk, so that an epoch after the first does not encode them again.

A cache is found by a key of everything that it depends on: the content of the images, the autoencoder's or
text encoder's weights, and how images are cut. A changed file or setting has another key, so a stale cache
is never read; it is deleted by nobody but the user (``DATA/.latents``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from layoutgen.autoencoder import to_pixels
from layoutgen.conditioning.text import prompt_rows
from layoutgen.dataset import Example, LayoutDataset
from layoutgen.formats.files import replacing
from layoutgen.pipeline import LayoutPipeline

_FOLDER = ".latents"
_BATCH = 8

Report = Callable[[str], None]


class CachedLatents(Dataset[Example]):
    """The examples of `dataset`, whose crops are fixed, with latents instead of pixels.

    Each image is there as it is and mirrored: rows 2 k and 2 k + 1, numbered within the images of its size.
    """

    def __init__(self, dataset: LayoutDataset, files: dict[tuple[int, int], Path]) -> None:
        self._dataset, self._files = dataset, files
        self._open: dict[tuple[int, int], npt.NDArray[np.float16]] = {}
        self._row: list[int] = []
        seen: dict[tuple[int, int], int] = {}
        for source in range(len(dataset.sources)):
            size = dataset.size_of(source)
            self._row.append(seen.get(size, 0))
            seen[size] = self._row[-1] + 1

    def __getitem__(self, number: int) -> Example:
        source, mirrored = self._dataset.place(number)
        size = self._dataset.size_of(source)
        if size not in self._open:  # in the process that reads: a mapping is not sent to workers
            self._open[size] = np.load(self._files[size], mmap_mode="r")
        latents = torch.from_numpy(self._open[size][2 * self._row[source] + mirrored].astype(np.float32))
        layout = self._dataset.sources[source].layout
        assert layout is not None  # scenes are not cached
        return Example(latents, self._dataset.cropped(layout, source, number, mirrored), number)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_open": {}}


@torch.no_grad()
def cache_latents(
    pipeline: LayoutPipeline, dataset: LayoutDataset, data: Path, report: Report
) -> CachedLatents:
    """Encode all images of `dataset` with the pipeline's autoencoder, unless that is done already.

    Returns the examples with latents, scaled as the U-Net sees them, in half precision.
    """
    paths = [source.path for source in dataset.sources]
    key = _key(
        [f"{path.name} {_digest(path)}" for path in paths if path is not None],
        [pipeline.vae],
        {"sizes": dataset.sizes, "seed": dataset.seed, "of": "latents 1"},
    )
    files = {}
    for size in dataset.sizes:
        chosen = [k for k in range(len(paths)) if dataset.size_of(k) == size]
        if chosen:
            file = data / _FOLDER / key / f"{size[0]}x{size[1]}.npy"
            files[size] = file
            if not file.is_file():
                width, height = (side // pipeline.factor for side in size)
                shape = (2 * len(chosen), pipeline.vae.config.latent_channels, height, width)
                report(f"encoding {len(chosen)} images of {size[0]} x {size[1]} into {file}")
                _write(file, shape, _encoded(pipeline, dataset, chosen))
    return CachedLatents(dataset, files)


def _encoded(
    pipeline: LayoutPipeline, dataset: LayoutDataset, sources: Sequence[int]
) -> Iterator[npt.NDArray[np.float16]]:
    """Latents (2, C, h, w) of each source, as it is and mirrored."""
    for source in sources:
        photo = dataset.sources[source].open(0).image
        pixels = torch.stack([to_pixels(dataset.cut(photo, source, 0, flip)) for flip in (False, True)])
        pixels = pixels.to(pipeline.vae.device, pipeline.vae.dtype)
        latents = (
            pipeline.vae.encode(pixels, return_dict=False)[0].mode() * pipeline.vae.config.scaling_factor
        )
        yield latents.cpu().numpy().astype(np.float16)


class CachedTextEncoder:
    """Stands for a frozen text encoder: looks the captions up, and asks the encoder for everything else."""

    def __init__(self, text_encoder: nn.Module, rows: dict[tuple[int, ...], int], file: Path) -> None:
        self._encoder, self._rows = text_encoder, rows
        self._states = np.load(file, mmap_mode="r")

    @property
    def device(self) -> torch.device:
        """Where the encoder is."""
        return self._encoder.device  # type: ignore[return-value]

    def __call__(self, ids: Tensor) -> Any:
        """The last hidden state (B, M, D) of token `ids` (B, M), as transformers' CLIPTextModel gives it."""
        found = [self._rows.get(tuple(row)) for row in ids.tolist()]
        if None in found:
            return self._encoder(ids)
        states = torch.from_numpy(self._states[found].astype(np.float32))
        return SimpleNamespace(last_hidden_state=states.to(ids.device))


@torch.no_grad()
def cache_captions(
    pipeline: LayoutPipeline, dataset: LayoutDataset, data: Path, report: Report
) -> CachedTextEncoder:
    """Encode the captions of `dataset` and the empty one with the pipeline's text encoder."""
    captions = sorted({"", *(s.layout.prompt for s in dataset.sources if s.layout is not None)})
    rows = sorted({tuple(row) for row in prompt_rows(pipeline.tokenizer, captions)})
    key = _key([json.dumps(rows)], [pipeline.text_encoder], {"of": "captions 1"})
    file = data / _FOLDER / f"captions-{key}.npy"
    if not file.is_file():
        report(f"encoding {len(captions)} captions into {file}")
        shape = (len(rows), len(rows[0]), pipeline.text_encoder.config.hidden_size)
        _write(file, shape, _states(pipeline, rows))
    return CachedTextEncoder(pipeline.text_encoder, {row: k for k, row in enumerate(rows)}, file)


def _states(pipeline: LayoutPipeline, rows: Sequence[tuple[int, ...]]) -> Iterator[npt.NDArray[np.float16]]:
    for start in range(0, len(rows), _BATCH):
        ids = torch.tensor(rows[start : start + _BATCH], device=pipeline.text_encoder.device)
        yield pipeline.text_encoder(ids).last_hidden_state.cpu().numpy().astype(np.float16)


def _write(file: Path, shape: tuple[int, ...], parts: Iterator[npt.NDArray[np.float16]]) -> None:
    """Write `parts`, joined along their first axis, as one array of `shape`; the file appears whole."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with replacing(file) as aside:
        array = np.lib.format.open_memmap(aside, mode="w+", dtype=np.float16, shape=shape)
        done = 0
        for part in parts:
            array[done : done + len(part)] = part
            done += len(part)
        array.flush()


def _key(content: Sequence[str], modules: Sequence[nn.Module], settings: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps([list(content), settings]).encode())
    for module in modules:
        digest.update(str(module).encode())
        for value in module.state_dict().values():
            digest.update(value.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()[:24]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
