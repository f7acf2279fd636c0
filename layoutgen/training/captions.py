"""Captions that a frozen text encoder encoded once, on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from layoutgen.backbones.clip_text import prompt_rows
from layoutgen.data.dataset import LayoutDataset
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.cache import Cache, Half, key

_BATCH = 8


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
def cache_captions(pipeline: LayoutPipeline, dataset: LayoutDataset, cache: Cache) -> CachedTextEncoder:
    """Encode the captions of `dataset` and the empty one with the pipeline's text encoder."""
    captions = sorted({"", *(s.layout.prompt for s in dataset.sources if s.layout is not None)})
    rows = sorted({tuple(row) for row in prompt_rows(pipeline.tokenizer, captions)})
    shape = (len(rows), len(rows[0]), pipeline.text_encoder.config.hidden_size)
    name = f"captions-{key(pipeline.text_encoder, rows)}"
    file = cache.array(name, shape, _states(pipeline, rows), f"{len(captions)} captions")
    return CachedTextEncoder(pipeline.text_encoder, {row: k for k, row in enumerate(rows)}, file)


def _states(pipeline: LayoutPipeline, rows: Sequence[tuple[int, ...]]) -> Iterator[Half]:
    for start in range(0, len(rows), _BATCH):
        ids = torch.tensor(rows[start : start + _BATCH], device=pipeline.text_encoder.device)
        yield pipeline.text_encoder(ids).last_hidden_state.cpu().numpy().astype(np.float16)
