"""Cross-attention maps: which part of its attention each latent gives to chosen tokens.

A word's map shows where a picture has what the word names (Hertz et al., arXiv 2208.01626), the mean over
heads, layers and steps best of all (Tang et al., "What the DAAM", arXiv 2210.04885).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention
from torch import Tensor, nn

from layoutgen.conditioning.attention_regions import Level


class AttentionMap:
    """The mean of maps (B, h, w) that are added one after the other, each of any size.

    Args:
        size: h and w of the mean; smaller maps are enlarged.
    """

    def __init__(self, size: Level) -> None:
        self._size, self._sum, self._count = size, torch.zeros(()), 0

    def add(self, maps: Tensor) -> None:
        """Another map (B, h', w') for each of B rows."""
        enlarged = F.interpolate(maps[:, None].float(), self._size, mode="bilinear", antialias=True)[:, 0]
        self._sum = self._sum.to(enlarged.device) + enlarged
        self._count += 1

    def mean(self) -> Tensor | None:
        """The mean (B, h, w); None: nothing was added."""
        return self._sum / self._count if self._count else None


@contextmanager
def recording(denoiser: nn.Module, tokens: Tensor, levels: tuple[Level, ...]) -> Iterator[AttentionMap]:
    """Record, inside the block, how much of its attention each latent gives to `tokens`.

    Of a batch only the first context's rows are recorded: the condition, and not its counterpart.

    Args:
        denoiser: of diffusers, inside :meth:`~layoutgen.backbones.base.Backbone.reading_layouts`.
        tokens: (R, T) bool: those of the first context's T tokens that are meant, for each of its R rows.
        levels: the sizes of the denoiser's levels, the finest first.
    """
    sizes = {height * width: (height, width) for height, width in levels}
    found = AttentionMap(levels[0])

    def record(layer: Attention, inputs: tuple[Tensor, ...], options: dict[str, Any]) -> None:
        if options.get("encoder_hidden_states") is None:  # self-attention
            return
        context = options["contexts"][0]
        weights = context.weights(layer, inputs[0][: context.rows])  # (R, H, L, T)
        shares = (weights * tokens[:, None, None]).sum(3).mean(1)  # (R, L)
        found.add(shares.unflatten(1, sizes[shares.shape[1]]))

    layers = [module for module in denoiser.modules() if isinstance(module, Attention)]
    hooks: list[Any] = [layer.register_forward_pre_hook(record, with_kwargs=True) for layer in layers]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()
