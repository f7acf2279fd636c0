"""img2img: the layout as a mask image in the autoencoder's latent space, read as extra input channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from layoutgen.autoencoder import PatchAutoencoder, to_latents, to_pixels
from layoutgen.conditioning.condition import Condition
from layoutgen.conditioning.encoder import LayoutEncoder
from layoutgen.domain.layout import Layout
from layoutgen.methods.base import LayoutMethod
from layoutgen.methods.class_map import PLACE_CHANNELS, Color, class_map, class_shares, place_cells
from layoutgen.methods.text2img import prompts_of

_SWATCH = 16  # latents along a side of the picture of one colour; its middle is far from the border


class Img2Img(LayoutMethod):
    """A class map and a place map of the layout are extra input channels of the U-Net.

    A class map has few colours, so that each is encoded once, as a picture of nothing else, and the map is
    drawn with what the autoencoder made of them: a cell that several colours share has their mean. To encode
    every map would cost training as much as the photos do.

    On a checkpoint whose U-Net has no such channels the class map is only the image to start from
    (:meth:`start`), and how much of it is kept is the sampler's `strength`.

    Args:
        factor: pixels per latent along a side.
    """

    name = "img2img"

    def __init__(
        self,
        tokenizer: CLIPTokenizer,
        text_encoder: CLIPTextModel,
        vae: AutoencoderKL | PatchAutoencoder,
        layout_encoder: LayoutEncoder | None,
        *,
        factor: int,
    ) -> None:
        self.tokenizer, self.text_encoder, self.vae = tokenizer, text_encoder, vae
        self.layout_encoder, self._factor = layout_encoder, factor
        self._swatches: dict[Color, Tensor] = {}

    @property
    def trained(self) -> bool:
        """Whether the U-Net reads the maps through channels of its own."""
        return self.layout_encoder is not None and self.layout_encoder.config.map_channels > 0

    def encode(self, layouts: Sequence[Layout]) -> Condition:
        """See :meth:`LayoutMethod.encode`."""
        if self.layout_encoder is not None:
            layouts = self.layout_encoder.on_grid(layouts)
        prompt, negative = prompts_of(self.tokenizer, self.text_encoder, layouts)
        maps = torch.stack([self._maps(layout) for layout in layouts]) if self.trained else None
        return Condition(prompt, negative, prompt[:, :0], maps)

    def start(self, layouts: Sequence[Layout]) -> Tensor:
        """The encoded class maps (B, C, h, w), to start an untrained checkpoint from."""
        return self._latents([class_map(layout) for layout in layouts])

    def _maps(self, layout: Layout) -> Tensor:
        """The class map in latent space, and the place map (C + 3, h, w)."""
        colors, shares = class_shares(layout, self._factor)
        swatches = torch.stack([self._swatch(color) for color in colors], dim=1)  # (C, K)
        classes = torch.einsum("ck,hwk->chw", swatches, torch.from_numpy(shares).to(swatches))
        places = torch.from_numpy(place_cells(layout, self._factor)).to(classes.device)
        return torch.cat([classes, places])

    def _swatch(self, color: Color) -> Tensor:
        """What the autoencoder makes of `color` (C,)."""
        if color not in self._swatches:
            side = _SWATCH * self._factor
            latents = self._latents([Image.new("RGB", (side, side), color)])
            self._swatches[color] = latents[0, :, _SWATCH // 2, _SWATCH // 2].float()
        return self._swatches[color]

    @torch.no_grad()
    def _latents(self, images: Sequence[Image.Image]) -> Tensor:
        """Scaled latents (B, C, h, w) of RGB `images` of one size."""
        return to_latents(self.vae, torch.stack([to_pixels(image) for image in images]))

    def modules(self) -> tuple[nn.Module, ...]:
        """None: the U-Net's own input convolution is all that is learnt."""
        return ()


def map_channels(latent_channels: int) -> int:
    """Extra input channels of a U-Net that reads the maps of layouts."""
    return latent_channels + PLACE_CHANNELS
