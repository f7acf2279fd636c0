"""What a denoiser is told about layouts, and the form in which it is handed over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

from layoutgen.conditioning.attention import AttentionContext
from layoutgen.conditioning.attention_regions import AttentionRegions


@dataclass(frozen=True)
class Prompts:
    """Encoded prompts.

    Attributes:
        embeddings: (B, P, D).
        mask: (B, P) bool, False where a prompt is shorter than the longest; None: all are equally long.
        pooled: (B, E), each prompt as one vector, where the denoiser reads that, too.
    """

    embeddings: Tensor
    mask: Tensor | None = None
    pooled: Tensor | None = None

    def __getitem__(self, rows: slice | Tensor | list[int]) -> Prompts:
        """The prompts of some rows, as long as the longest of them."""
        pooled = None if self.pooled is None else self.pooled[rows]
        if self.mask is None:
            return Prompts(self.embeddings[rows], pooled=pooled)
        mask = self.mask[rows]
        mask = mask[:, : int(mask.sum(1).max())]
        return Prompts(self.embeddings[rows][:, : mask.shape[1]], None if bool(mask.all()) else mask, pooled)

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Prompts:
        """Move to `device`; the embeddings also to `dtype`."""
        return Prompts(
            self.embeddings.to(device, dtype),
            None if self.mask is None else self.mask.to(device),
            None if self.pooled is None else self.pooled.to(device, dtype),
        )


@dataclass(frozen=True)
class Condition:
    """What the denoiser is told about B layouts.

    Attributes:
        prompt: of the layouts, P tokens.
        negative: the negative prompts, which guidance moves away from.
        tokens: layout tokens (B, T, D), appended to the prompt; T may be 0.
        channels: extra input channels (B, C, h, w), or None if the denoiser has none.
        regions: which latent attends to which of the P + T tokens; None: every latent attends to the prompt,
            and there are no layout tokens.
    """

    prompt: Prompts
    negative: Prompts
    tokens: Tensor
    channels: Tensor | None = None
    regions: AttentionRegions | None = None

    def drop_layout(self, dropped: Tensor) -> Condition:
        """Hide the layout in the rows where `dropped` (B,) is True: no layout token, zero extra channels."""
        kept = ~dropped.to(self.tokens.device)
        channels = None if self.channels is None else self.channels * kept.view(-1, 1, 1, 1).to(self.channels)
        regions = None if self.regions is None else self.regions.drop_layout(dropped)
        return replace(self, channels=channels, regions=regions)

    def null(self) -> Condition:
        """The counterpart for guidance: the negative prompt, and no layout."""
        channels = None if self.channels is None else torch.zeros_like(self.channels)
        return replace(self, prompt=self.negative, tokens=self.tokens[:, :0], channels=channels, regions=None)

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Condition:
        """Move to `device`; floating-point tensors also to `dtype`."""
        return replace(
            self,
            prompt=self.prompt.to(device, dtype),
            negative=self.negative.to(device, dtype),
            tokens=self.tokens.to(device, dtype),
            channels=None if self.channels is None else self.channels.to(device, dtype),
            regions=None if self.regions is None else self.regions.to(device, dtype),
        )

    def __getitem__(self, rows: slice | Tensor) -> Condition:
        """The condition of some of the layouts: a slice, or their indices."""
        return replace(
            self,
            prompt=self.prompt[rows],
            negative=self.negative[rows],
            tokens=self.tokens[rows],
            channels=None if self.channels is None else self.channels[rows],
            regions=None if self.regions is None else self.regions[rows],
        )

    def context(self, *, cached: bool = False) -> AttentionContext:
        """What the latents attend to; `cached`: in many calls, see :class:`AttentionContext`."""
        if self.regions is None:
            return AttentionContext(self.prompt.embeddings, mask=self.prompt.mask, cached=cached)
        tokens = torch.cat([self.prompt.embeddings, self.tokens], dim=1)
        # Where every latent attends to the whole prompt and to nothing else, plain attention does the same.
        plain = cached and not (
            self.tokens.shape[1] or self.regions.positions or self.prompt.mask is not None
        )
        return AttentionContext(tokens, None if plain else self.regions, cached=cached)


class DenoiserInputs(NamedTuple):
    """Conditions as a denoiser reads them beside the noisy latents, for all rows of a batch.

    Attributes:
        contexts: what the first rows attend to, what the next ones do, ...
        channels: extra input channels (B, C, h, w), or None.
        pooled: the prompts as one vector each (B, E), or None.
        sizes: (B, 6) int of the images that the rows are crops of: height and width of the image, top and
            left of the crop after scaling, height and width of the crop, in pixels; None: they are whole.
    """

    contexts: tuple[AttentionContext, ...]
    channels: Tensor | None
    pooled: Tensor | None = None
    sizes: Tensor | None = None

    @staticmethod
    def of(conditions: Sequence[Condition], *, cached: bool = False) -> DenoiserInputs:
        """The rows of all `conditions`, one after the other; `cached`: for many calls."""
        channels = [c.channels for c in conditions if c.channels is not None]
        pooled = [c.prompt.pooled for c in conditions if c.prompt.pooled is not None]
        return DenoiserInputs(
            tuple(condition.context(cached=cached) for condition in conditions),
            torch.cat(channels) if channels else None,
            torch.cat(pooled) if pooled else None,
        )

    def first(self, contexts: int) -> DenoiserInputs:
        """The rows of the first so many contexts."""
        kept = self.contexts[:contexts]
        rows = sum(context.rows for context in kept)
        return DenoiserInputs(kept, *(None if every is None else every[:rows] for every in self[1:]))
