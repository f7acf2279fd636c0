"""img2img: the layout as a mask image in the autoencoder's latent space, read as extra input channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from layoutgen.autoencoder import to_pixels
from layoutgen.backbones.base import Backbone
from layoutgen.conditioning.condition import Condition
from layoutgen.conditioning.encoder import LayoutEncoder
from layoutgen.domain.layout import Layout
from layoutgen.drawing.colors import Color
from layoutgen.methods.base import LayoutMethod
from layoutgen.methods.class_map import class_map, class_shares, position_cells
from layoutgen.methods.registry import IMG2IMG

_SWATCH = 16  # latents along a side of the picture of one colour; its middle is far from the border


class Img2Img(LayoutMethod):
    """A class map and a position map of the layout are extra input channels of the denoiser.

    A class map has few colours, so that each is encoded once, as a picture of nothing else, and the map is
    drawn with what the autoencoder made of them: a cell that several colours share has their mean. To encode
    every map would cost training as much as the photos do.

    On a checkpoint whose denoiser has no such channels the class map is only the image to start from, and how
    much of it is kept is the `strength` of sampling.
    """

    info = IMG2IMG

    def __init__(
        self, backbone: Backbone, layout_encoder: LayoutEncoder | None, encoding: str | None = None
    ) -> None:
        super().__init__(backbone, layout_encoder, encoding)
        self._swatches: dict[Color, Tensor] = {}

    @property
    def _reads_maps(self) -> bool:
        """Whether the denoiser reads the maps through channels of its own."""
        return self.layout_encoder is not None and self.layout_encoder.config.map_channels > 0

    def encode(self, layouts: Sequence[Layout]) -> Condition:
        """See :meth:`LayoutMethod.encode`."""
        if self.layout_encoder is not None:
            layouts = self.layout_encoder.on_grid(layouts)
        prompt, negative = self.encode_prompts(layouts)
        maps = self._maps(layouts) if self._reads_maps else None
        return Condition(prompt, negative, prompt.embeddings[:, :0], maps)

    @property
    def starts_from_drawing(self) -> bool:
        """See :class:`LayoutMethod`: where the denoiser has no channels for the maps."""
        return not self._reads_maps

    def initial_latents(self, layouts: Sequence[Layout]) -> Tensor:
        """See :meth:`LayoutMethod.initial_latents`: the encoded class maps."""
        return self._latents([class_map(layout) for layout in layouts])

    def _maps(self, layouts: Sequence[Layout]) -> Tensor:
        """The class maps in latent space, and the position maps (B, C + 3, h, w)."""
        cell = self.backbone.pixels_per_latent
        drawn = [class_shares(layout, cell) for layout in layouts]
        classes = []
        for colors, shares in drawn:
            swatches = torch.stack([self._swatch(color) for color in colors], dim=1)  # (C, K)
            classes.append(torch.einsum("ck,hwk->chw", swatches, torch.from_numpy(shares)))
        positions = np.stack([position_cells(layout, cell) for layout in layouts])
        return torch.cat([torch.stack(classes), torch.from_numpy(positions)], dim=1).to(self.backbone.device)

    def _swatch(self, color: Color) -> Tensor:
        """What the autoencoder makes of `color` (C,)."""
        if color not in self._swatches:
            side = _SWATCH * self.backbone.pixels_per_latent
            latents = self._latents([Image.new("RGB", (side, side), color)])
            self._swatches[color] = latents[0, :, _SWATCH // 2, _SWATCH // 2].float().cpu()
        return self._swatches[color]

    @torch.no_grad()
    def _latents(self, images: Sequence[Image.Image]) -> Tensor:
        """Latents (B, C, h, w) of RGB `images` of one size."""
        return self.backbone.to_latents(torch.stack([to_pixels(image) for image in images]))
