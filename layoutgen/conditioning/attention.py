"""The attention of a denoiser that reads layouts, and the context that its latents attend to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention, AttnProcessor2_0
from torch import Tensor

from layoutgen.conditioning.attention_regions import AttentionRegions, RowBlocks

_FEW_TOKENS = 128


class _Projected(NamedTuple):
    """A context as one layer attends to it.

    Attributes:
        key, value: (B * S, H, M, C / H) of the tokens of each of S blocks of rows; one block has all tokens.
        bias: (B * S, 1, L / S, M) added to the scores; None: every latent attends to all tokens.
        positions: (B, H, L, C / H) added to the result: where in its box each latent lies.
    """

    key: Tensor
    value: Tensor
    bias: Tensor | None
    positions: Tensor | None

    def by_blocks(self, blocks: RowBlocks) -> _Projected:
        """Of all tokens only those that each block attends to."""
        row = torch.arange(len(blocks.tokens), device=blocks.tokens.device)[:, None, None]
        key, value = (
            every.transpose(1, 2)[row, blocks.tokens].flatten(0, 1).transpose(1, 2)
            for every in (self.key, self.value)
        )
        return self._replace(key=key, value=value, bias=blocks.bias)

    def expand(self, rows: int) -> _Projected:
        """Keys and values for `rows` rows that share them."""
        key, value = (every.expand(rows, -1, -1, -1) for every in (self.key, self.value))
        return self._replace(key=key, value=value)


class AttentionContext:
    """What R rows of a batch attend to: tokens, and which latent attends to which of them.

    Args:
        tokens: of the prompt and the layout (R, P + T, D).
        regions: which latent attends to which token; None: every latent attends to all.
        mask: (R, P + T) bool, False where a token is padding; only without `regions`, which know it.
        cached: the context stays the same over many calls: keys and values are projected in the first call
            of each layer and kept as long as this object; rows that are equal (the windows of a canvas share
            their prompt) are projected once, and rows of latents are compared with their own tokens only.
    """

    def __init__(
        self,
        tokens: Tensor,
        regions: AttentionRegions | None = None,
        mask: Tensor | None = None,
        *,
        cached: bool = False,
    ) -> None:
        self.rows, self.regions, self._cached = len(tokens), regions, cached
        self.tokens = tokens[:1] if cached and bool((tokens == tokens[:1]).all()) else tokens
        self._mask = None if mask is None else torch.zeros_like(mask, dtype=tokens.dtype)
        if self._mask is not None and mask is not None:
            self._mask = self._mask.masked_fill_(~mask, -torch.inf)[:, None, None]  # (R, 1, 1, P + T)
        self._projected: dict[Attention, _Projected] = {}

    def attend(self, attn: Attention, query: Tensor) -> Tensor:
        """What the layer `attn` reads (R, H, L, C / H) with `query` (R, H, L, C / H)."""
        if not self._cached:
            return _attend_to(query, self._project(attn, query))
        if attn not in self._projected:
            projected = self._project(attn, query).expand(self.rows)
            blocks = None
            if self.regions is not None:
                blocks = self.regions.row_blocks(query.shape[2], query.dtype)
            self._projected[attn] = projected if blocks is None else projected.by_blocks(blocks)
        return _attend_to(query, self._projected[attn])

    def weights(self, attn: Attention, states: Tensor) -> Tensor:
        """How the layer `attn` weighs the tokens (R, H, L, P + T) for latents of `states` (R, L, C)."""
        query, key = _heads(attn, attn.to_q(states)), _heads(attn, attn.to_k(self.tokens))
        scores = query @ key.expand(self.rows, -1, -1, -1).transpose(2, 3) * query.shape[3] ** -0.5
        bias = self._bias(query)
        return (scores if bias is None else scores + bias).float().softmax(-1)

    def self_attention_bias(self, query: Tensor) -> Tensor | None:
        """Bias (R, 1, L, L) of the latents of `query` (R, H, L, C / H) to each other; None: none."""
        if self.regions is None:
            return None
        return self.regions.self_attention_bias(query.shape[2], query.dtype)

    def _project(self, attn: Attention, query: Tensor) -> _Projected:
        key, value = _heads(attn, attn.to_k(self.tokens)), _heads(attn, attn.to_v(self.tokens))
        embedded = None if self.regions is None else self.regions.positions.get(query.shape[2])
        positions = None if embedded is None else _heads(attn, attn.to_v(embedded))
        return _Projected(key, value, self._bias(query), positions)

    def _bias(self, query: Tensor) -> Tensor | None:
        """Bias (R, 1, L or 1, P + T) of the latents of `query` (R, H, L, C / H) to tokens; None: none."""
        if self.regions is None:
            return self._mask
        return self.regions.cross_attention_bias(query.shape[2], query.dtype)


class LayoutAttention(AttnProcessor2_0):
    """Attention of diffusers' U-Nets to :class:`AttentionContext`; without one it is diffusers' own."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: Tensor | None = None,
        temb: Tensor | None = None,
        contexts: Sequence[AttentionContext] | None = None,
    ) -> Tensor:
        """Attend from `hidden_states` (B, L, C) to the contexts, or to itself where there is no encoder's.

        Args:
            contexts: what the first rows of the batch attend to, what the next ones do, ...; comes in the
                `cross_attention_kwargs` of diffusers.

        Raises:
            ValueError: there is an `attention_mask` besides the contexts, which have their own.
        """
        if contexts is None:
            attended: Tensor = super().__call__(
                attn, hidden_states, encoder_hidden_states, attention_mask, temb
            )
            return attended
        if attention_mask is not None:
            raise ValueError("contexts say what is attended to: there can be no attention_mask besides them")
        query = _heads(attn, attn.to_q(hidden_states))
        if encoder_hidden_states is None:
            key, value = (_heads(attn, project(hidden_states)) for project in (attn.to_k, attn.to_v))
            attended = _self_attention(query, key, value, contexts)
        else:
            split = query.split([context.rows for context in contexts])
            parts = [context.attend(attn, part) for context, part in zip(contexts, split, strict=True)]
            attended = parts[0] if len(parts) == 1 else torch.cat(parts)
        return attn.to_out[1](attn.to_out[0](attended.transpose(1, 2).flatten(2)))


def _heads(attn: Attention, states: Tensor) -> Tensor:
    """(B, L, C) to (B, H, L, C / H)."""
    return states.unflatten(-1, (attn.heads, -1)).transpose(1, 2)


def _attend_to(query: Tensor, context: _Projected) -> Tensor:
    """Attention (B, H, L, C / H) to a context; each block of rows attends to its own tokens."""
    blocks = len(context.key) // len(query)
    split = query.unflatten(2, (blocks, -1)).transpose(1, 2).flatten(0, 1)  # (B * S, H, L / S, C / H)
    attended = _attention(split, context.key, context.value, context.bias)
    attended = attended.unflatten(0, (-1, blocks)).transpose(1, 2).flatten(2, 3)
    return attended if context.positions is None else attended + context.positions


def _attention(query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
    """Attention (B, H, L, C / H) to T tokens; `bias` (B, 1, L, T) is added to the scores."""
    if query.requires_grad and query.device.type == "cpu" and key.shape[2] <= _FEW_TOKENS:
        # CPUs' fused attention is made for long contexts: its backward took a fifth of a training step.
        scores = query @ key.transpose(2, 3) * query.shape[3] ** -0.5  # (B, H, L, T)
        return (scores if bias is None else scores + bias).softmax(-1).to(value) @ value
    return F.scaled_dot_product_attention(query, key, value, attn_mask=bias)


def _self_attention(
    query: Tensor, key: Tensor, value: Tensor, contexts: Sequence[AttentionContext]
) -> Tensor:
    """Self-attention (B, H, L, C / H), with the biases of those contexts that have some."""
    biases = [context.self_attention_bias(query) for context in contexts]
    if len(contexts) == 1 or all(bias is None for bias in biases):
        return F.scaled_dot_product_attention(query, key, value, attn_mask=biases[0])
    rows = [context.rows for context in contexts]
    split = zip(query.split(rows), key.split(rows), value.split(rows), biases, strict=True)
    return torch.cat([F.scaled_dot_product_attention(q, k, v, attn_mask=bias) for q, k, v, bias in split])
