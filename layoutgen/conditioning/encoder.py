"""The learnt part of a layout condition: box tokens, positions in boxes, extra input channels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from layoutgen.domain.layout import Layout
from layoutgen.domain.size_prior import ANY_SIZE, Range

_POSITION_FREQUENCIES = 4  # a box is seldom more than 16 latents wide


class LayoutEncoder(ModelMixin, ConfigMixin):
    """Turns labels and boxes into tokens, and says what else the model that it belongs to has learnt.

    Args:
        text_dim: D, width of the text embeddings.
        frequencies: F, Fourier frequencies for each box coordinate, 1, 2, 4, ... half turns per window.
        hidden_dim: width of the MLP.
        map_channels: extra U-Net input channels that hold the class map and the position map (img2img).
        methods: the methods that the model was trained for.
        encodings: the text2img encodings that it was trained for.
        labels: the labels that it has learnt; None: any text (a CLIP text encoder knows them all).
        smallest, largest: longer side, in pixels, of the boxes that it draws well; largest None: any.
        aspect: width / height of the boxes that it draws well.
        window: side, in pixels, of the square canvas that it was trained on.
        location_tokens: tokens for locations that the tokenizer was given; 0: coordinates are numbers.
        coordinates: pixels that are 1 in the boxes that `forward` reads; 0: `window`.
        adds_label: a token is its label's embedding and what `forward` adds, which begins as zero, so that a
            checkpoint hears the labels of its boxes before the first step of training.
        grid: the model has learnt boxes whose edges are multiples of this many pixels, and others are
            rounded to that.
        words: those that its training has taught beside the ones in its tokenizer; None: none.
    """

    @register_to_config
    def __init__(
        self,
        text_dim: int = 768,
        frequencies: int = 8,
        hidden_dim: int = 768,
        map_channels: int = 0,
        methods: tuple[str, ...] = (),
        encodings: tuple[str, ...] = (),
        labels: tuple[str, ...] | None = None,
        smallest: float = 16.0,
        largest: float | None = None,
        aspect: Range = ANY_SIZE.aspect,
        window: int = 512,
        location_tokens: int = 0,
        grid: int = 1,
        words: tuple[str, ...] | None = None,
        coordinates: int = 0,
        adds_label: bool = False,
    ) -> None:
        super().__init__()
        token = (nn.Linear(text_dim + 8 * frequencies, hidden_dim), nn.Linear(hidden_dim, hidden_dim))
        to_token = nn.Linear(hidden_dim, text_dim)
        self.mlp = nn.Sequential(token[0], nn.SiLU(), token[1], nn.SiLU(), to_token)
        last = nn.Linear(hidden_dim, text_dim)
        # Position in the box; `place` is its name in the weights.
        self.place = nn.Sequential(nn.Linear(4 * _POSITION_FREQUENCIES, hidden_dim), nn.SiLU(), last)
        for layer in (last, to_token) if adds_label else (last,):
            nn.init.zeros_(layer.weight)  # a checkpoint that is fine-tuned begins as it was
            nn.init.zeros_(layer.bias)
        self.background = nn.Parameter(torch.zeros(text_dim))

    @property
    def unit(self) -> int:
        """Pixels that are 1 in the boxes that :meth:`forward` reads."""
        return int(self.config.coordinates or self.config.window)

    def on_grid(self, layouts: Sequence[Layout]) -> Sequence[Layout]:
        """The `layouts` as the model has learnt them: with their boxes on its grid."""
        grid = int(self.config.grid)
        return layouts if grid == 1 else [layout.snap(grid) for layout in layouts]

    def forward(self, labels: Tensor, boxes: Tensor) -> Tensor:
        """Tokens (N, D) for label embeddings (N, D) and `boxes` (N, 4), xyxy in units of `unit` pixels."""
        tokens = self.mlp(torch.cat([labels, fourier(boxes, self.config.frequencies).to(labels)], dim=-1))
        return labels + tokens if self.config.adds_label else tokens

    def embed_positions(self, positions: Tensor, inside: Tensor) -> Tensor:
        """Embeddings (..., D) of `positions` (..., 2), x and y as fractions of the box that they lie in.

        Where `inside` (...) is False there is no box. That has an embedding of its own: zeros mean that the
        layout is hidden.
        """
        embedded = self.place(fourier(positions[inside], _POSITION_FREQUENCIES).to(self.dtype))  # (M, D)
        embeddings = self.background.to(embedded).expand(*inside.shape, -1)
        return embeddings.index_put((inside,), embedded)

    def zero_channels(self, batch: int, height: int, width: int) -> Tensor | None:
        """Extra input channels (B, map_channels, h, w) of zeros; None if the denoiser has none."""
        count = int(self.config.map_channels)
        if not count:
            return None
        return torch.zeros(batch, count, height, width, device=self.device, dtype=self.dtype)


def fourier(values: Tensor, frequencies: int) -> Tensor:
    """Fourier features (..., K) -> (..., 2 * K * F): F octaves from half a turn (Tancik et al. 2020)."""
    turns = math.pi * 2.0 ** torch.arange(frequencies, device=values.device, dtype=torch.float32)
    angles = (values.float()[..., None] * turns).flatten(-2)  # (..., K * F)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
