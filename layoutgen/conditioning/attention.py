"""The attention of a U-Net that hears layouts, and what of it stays the same over the steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from torch import Tensor

from layoutgen.conditioning.regions import Regions

_FEW_TOKENS = 128


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
        self._projected: dict[Attention, tuple[Tensor, Tensor, Tensor | None]] = {}

    def attend(self, attn: Attention, query: Tensor) -> Tensor:
        """What the layer `attn` hears (R, H, L, C / H) with `query` (R, H, L, C / H)."""
        if attn not in self._projected:
            key, value = (t.expand(self.rows, -1, -1, -1) for t in _keys_and_values(attn, self.context))
            self._projected[attn] = key, value, _places(attn, self.regions, query.shape[2])
        mask = None if self.regions is None else self.regions.cross(query.shape[2], query.dtype)
        key, value, places = self._projected[attn]
        attended = _attend(query, key, value, mask)
        return attended if places is None else attended + places


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
            mask = None if regions is None else regions.cross(query.shape[2], query.dtype)
            key, value = _keys_and_values(attn, encoder_hidden_states)
            attended = _attend(query, key, value, mask)
            places = _places(attn, regions, query.shape[2])
            attended = attended if places is None else attended + places
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


def _places(attn: Attention, regions: Regions | None, length: int) -> Tensor | None:
    """What L latents hear (B, H, L, C / H) of where in their box they lie, as part of its token."""
    if regions is None or length not in regions.places:
        return None
    return _heads(attn, attn.to_v(regions.places[length]))


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
    """Attention (B, H, L, C / H) to a context; `mask` (B, 1, L, P + T) is added to the scores."""
    if query.device.type == "cpu" and key.shape[2] <= _FEW_TOKENS:
        # CPUs' fused attention is made for long contexts: its backward took a fifth of a training step.
        scores = query @ key.transpose(2, 3) * query.shape[3] ** -0.5  # (B, H, L, P + T)
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
