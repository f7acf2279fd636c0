"""The learnt part of a layout condition: box tokens, and the plan of the U-Net's extra input channels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

from layoutgen.layout import Layout


class LayoutEncoder(ModelMixin, ConfigMixin):
    """Turns labels and boxes into tokens, and says what else the model that it belongs to has learnt.

    Args:
        text_dim: D, width of the text embeddings.
        frequencies: F, Fourier frequencies for each box coordinate, 1, 2, 4, ... half turns per canvas.
        hidden_dim: width of the MLP.
        map_channels: extra U-Net input channels that hold the encoded class map and place map (img2img).
        position_channels: whether the U-Net has 4 * F extra input channels that tell a latent where it is
            (text2img; a U-Net trained from nothing learns places much faster with them).
        methods: the methods that the model was trained for.
        encodings: the text2img encodings that it was trained for.
        labels: the labels that it has learnt; None: any text (a CLIP text encoder knows them all).
        smallest: longer side, in pixels, of the smallest box that it can draw.
        window: side, in pixels, of the square canvas that it was trained on.
        location_tokens: tokens for places that the tokenizer was given; 0: coordinates are numbers.
        grid: the model has learnt boxes whose edges are multiples of this many pixels, and others are
            rounded to that.
    """

    @register_to_config
    def __init__(
        self,
        text_dim: int = 768,
        frequencies: int = 8,
        hidden_dim: int = 768,
        map_channels: int = 0,
        position_channels: bool = False,
        methods: tuple[str, ...] = (),
        encodings: tuple[str, ...] = (),
        labels: tuple[str, ...] | None = None,
        smallest: float = 16.0,
        window: int = 512,
        location_tokens: int = 0,
        grid: int = 1,
    ) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(text_dim + 8 * frequencies, hidden_dim),
            nn.SiLU(),
            nn.Linear(hidden_dim, hidden_dim),
            nn.SiLU(),
            nn.Linear(hidden_dim, text_dim),
        )

    @property
    def extra_channels(self) -> int:
        """U-Net input channels beyond the latents."""
        return int(self.config.map_channels) + (
            4 * int(self.config.frequencies) * self.config.position_channels
        )

    def on_grid(self, layouts: Sequence[Layout]) -> Sequence[Layout]:
        """The `layouts` as the model has learnt them: with their boxes on its grid."""
        grid = int(self.config.grid)
        return layouts if grid == 1 else [layout.snap(grid) for layout in layouts]

    def forward(self, labels: Tensor, boxes: Tensor) -> Tensor:
        """Tokens (N, D) for label embeddings (N, D) and `boxes` (N, 4), xyxy as fractions of the canvas."""
        return self.mlp(torch.cat([labels, fourier(boxes, self.config.frequencies).to(labels)], dim=-1))

    def channels(self, batch: int, height: int, width: int, maps: Tensor | None = None) -> Tensor | None:
        """The extra input channels (B, extra, h, w): encoded `maps` (B, map_channels, h, w), or positions.

        A method that does not speak through a channel leaves it 0. None if the U-Net has no extra channels.
        """
        planes = self.silence(batch, height, width)
        if planes is None:
            return None
        if maps is not None:
            planes[:, : self.config.map_channels] = maps.to(planes)
        elif self.config.position_channels:
            planes[:, self.config.map_channels :] = self._positions(height, width)
        return planes

    def silence(self, batch: int, height: int, width: int) -> Tensor | None:
        """Extra input channels (B, extra, h, w) that say nothing; None if the U-Net has none."""
        if not self.extra_channels:
            return None
        return torch.zeros(batch, self.extra_channels, height, width, device=self.device, dtype=self.dtype)

    def _positions(self, height: int, width: int) -> Tensor:
        """Fourier features (4F, h, w) of the latents' centres."""
        y, x = torch.meshgrid(
            (torch.arange(height, device=self.device) + 0.5) / height,
            (torch.arange(width, device=self.device) + 0.5) / width,
            indexing="ij",
        )
        return fourier(torch.stack([x, y], dim=-1), self.config.frequencies).movedim(-1, 0).to(self.dtype)


def fourier(values: Tensor, frequencies: int) -> Tensor:
    """Fourier features (..., K) -> (..., 2 * K * F): F octaves from half a turn (Tancik et al. 2020)."""
    turns = math.pi * 2.0 ** torch.arange(frequencies, device=values.device, dtype=torch.float32)
    angles = (values.float()[..., None] * turns).flatten(-2)  # (..., K * F)
    return torch.cat([angles.sin(), angles.cos()], dim=-1)
