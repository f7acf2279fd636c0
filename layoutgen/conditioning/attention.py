"""The attention of a U-Net that hears layouts, and what of it stays the same over the steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import Tensor

from layoutgen.conditioning.attention_regions import Regions, Strips

_FEW_TOKENS = 128


class _Projected(NamedTuple):
    """A context as one layer hears it.

    Attributes:
        key, value: (B * S, H, M, C / H) of what each of S strips of latents hears; 1 strip hears all.
        mask: (B * S, 1, L / S, M) added to the scores; None: every latent hears all.
        places: (B, H, L, C / H) what latents hear of their place, as if it were part of a box's token.
    """

    key: Tensor
    value: Tensor
    mask: Tensor | None
    places: Tensor | None

    def by_strips(self, strips: Strips) -> _Projected:
        """Of all tokens only those that each strip hears."""
        row = torch.arange(len(strips.tokens), device=strips.tokens.device)[:, None, None]
        key, value = (
            every.transpose(1, 2)[row, strips.tokens].flatten(0, 1).transpose(1, 2)
            for every in (self.key, self.value)
        )
        return self._replace(key=key, value=value, mask=strips.bias)


class Heard:
    """What R rows of a batch hear in every step: masks, and the keys and values of their context.

    Each attention layer's keys and values are projected in the first step and kept as long as this object.
    Rows that all hear the same (the windows of a canvas share their prompt) are projected once.

    Args:
        context: prompt and layout tokens (R, P + T, D).
        regions: which latent hears which token; None: every latent hears all.
    """

    def __init__(self, context: Tensor, regions: Regions | None) -> None:
        self.rows, self.regions = len(context), regions
        same = bool((context == context[:1]).all())
        self.context = context[:1] if same else context
        self._projected: dict[Attention, _Projected] = {}

    def attend(self, attn: Attention, query: Tensor) -> Tensor:
        """What the layer `attn` hears (R, H, L, C / H) with `query` (R, H, L, C / H)."""
        if attn not in self._projected:
            projected = _project(attn, self.context, self.regions, query)
            key, value = (every.expand(self.rows, -1, -1, -1) for every in (projected.key, projected.value))
            projected = projected._replace(key=key, value=value)
            strips = None if self.regions is None else self.regions.strips(query.shape[2], query.dtype)
            self._projected[attn] = projected if strips is None else projected.by_strips(strips)
        return _hear(query, self._projected[attn])


class LayoutAttention:
    """Attention of diffusers' U-Nets; its arguments beyond diffusers' come in `cross_attention_kwargs`."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        regions: Regions | None = None,
        heard: Sequence[Heard] | None = None,
    ) -> Tensor:
        """Attend from `hidden_states` (B, L, C) to the context (B, P + T, D), or to itself.

        Args:
            regions: which latent hears which token of the context.
            heard: instead of the context and `regions`: what the first rows of the batch hear, what the
                next ones hear, ...
        """
        query = _heads(attn, attn.to_q(hidden_states))
        if encoder_hidden_states is None:
            parts = (
                [(len(query), regions)] if heard is None else [(part.rows, part.regions) for part in heard]
            )
            attended = _attend_itself(query, *_keys_and_values(attn, hidden_states), parts)
        elif heard is None:
            attended = _hear(query, _project(attn, encoder_hidden_states, regions, query))
        else:
            split = query.split([part.rows for part in heard])
            attended = torch.cat([part.attend(attn, q) for part, q in zip(heard, split, strict=True)])
        return attn.to_out[1](attn.to_out[0](attended.transpose(1, 2).flatten(2)))


@contextmanager
def layout_attention(unet: UNet2DConditionModel) -> Iterator[None]:
    """Let `unet` hear layouts; its own attention processors come back afterwards, whatever happens."""
    before = unet.attn_processors
    unet.set_attn_processor(dict.fromkeys(before, LayoutAttention()))
    try:
        yield
    finally:
        unet.set_attn_processor(before)


def _heads(attn: Attention, states: Tensor) -> Tensor:
    """(B, L, C) to (B, H, L, C / H)."""
    return states.unflatten(-1, (attn.heads, -1)).transpose(1, 2)


def _keys_and_values(attn: Attention, context: Tensor) -> tuple[Tensor, Tensor]:
    return _heads(attn, attn.to_k(context)), _heads(attn, attn.to_v(context))


def _project(attn: Attention, context: Tensor, regions: Regions | None, query: Tensor) -> _Projected:
    """What the latents of `query` (B, H, L, C / H) hear of a context; `regions` say who hears what."""
    key, value = _keys_and_values(attn, context)
    if regions is None:
        return _Projected(key, value, None, None)
    told = regions.places.get(query.shape[2])
    places = None if told is None else _heads(attn, attn.to_v(told))
    return _Projected(key, value, regions.cross(query.shape[2], query.dtype), places)


def _hear(query: Tensor, context: _Projected) -> Tensor:
    """Attention (B, H, L, C / H) to a context; each strip of latents hears its own tokens."""
    strips = len(context.key) // len(query)
    split = query.unflatten(2, (strips, -1)).transpose(1, 2).flatten(0, 1)  # (B * S, H, L / S, C / H)
    attended = _attend(split, context.key, context.value, context.mask)
    attended = attended.unflatten(0, (-1, strips)).transpose(1, 2).flatten(2, 3)
    return attended if context.places is None else attended + context.places


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Attention (B, H, L, C / H) to a context; `mask` (B, 1, L, T) is added to the scores."""
    if query.requires_grad and query.device.type == "cpu" and key.shape[2] <= _FEW_TOKENS:
        # CPUs' fused attention is made for long contexts: its backward took a fifth of a training step.
        scores = query @ key.transpose(2, 3) * query.shape[3] ** -0.5  # (B, H, L, T)
        return (scores if mask is None else scores + mask).softmax(-1).to(value) @ value
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)


def _attend_itself(
    query: Tensor, key: Tensor, value: Tensor, parts: Sequence[tuple[int, Regions | None]]
) -> Tensor:
    """Self-attention (B, H, L, C / H), with the masks of those `parts`, (rows, regions), that have some."""
    masks = [None if regions is None else regions.self_(query.shape[2], query.dtype) for _, regions in parts]
    if len(parts) == 1 or all(mask is None for mask in masks):
        return F.scaled_dot_product_attention(query, key, value, attn_mask=masks[0])
    rows = [count for count, _ in parts]
    split = zip(query.split(rows), key.split(rows), value.split(rows), masks, strict=True)
    return torch.cat([F.scaled_dot_product_attention(q, k, v, attn_mask=mask) for q, k, v, mask in split])
