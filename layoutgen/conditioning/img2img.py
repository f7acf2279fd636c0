"""img2img: the layout is drawn as an image, encoded by the autoencoder, and read as extra latent channels."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from layoutgen.autoencoder import PatchAutoencoder, to_pixels
from layoutgen.conditioning.base import Condition, LayoutMethod
from layoutgen.conditioning.encoder import LayoutEncoder
from layoutgen.conditioning.text2img import prompts_of
from layoutgen.drawing.class_map import class_map, place_map
from layoutgen.layout import Layout


class Img2Img(LayoutMethod):
    """A class map and a place map of the layout are extra input channels of the U-Net.

    On a checkpoint whose U-Net has no such channels the class map is only the image to start from
    (:meth:`start`), and how much of it is kept is the sampler's `strength`.
    """

    name = "img2img"

    def __init__(
        self,
        tokenizer: CLIPTokenizer,
        text_encoder: CLIPTextModel,
        vae: AutoencoderKL | PatchAutoencoder,
        layout_encoder: LayoutEncoder | None,
    ) -> None:
        self.tokenizer, self.text_encoder, self.vae = tokenizer, text_encoder, vae
        self.layout_encoder = layout_encoder

    @property
    def trained(self) -> bool:
        """Whether the U-Net reads the maps through channels of its own."""
        return self.layout_encoder is not None and self.layout_encoder.config.map_channels > 0

    def encode(self, layouts: Sequence[Layout]) -> Condition:
        """See :meth:`LayoutMethod.encode`."""
        if self.layout_encoder is not None:
            layouts = self.layout_encoder.on_grid(layouts)
        prompt, negative = prompts_of(self.tokenizer, self.text_encoder, layouts)
        return Condition(prompt, negative, prompt[:, :0], self._maps(layouts) if self.trained else None)

    def start(self, layouts: Sequence[Layout]) -> Tensor:
        """The encoded class maps (B, C, h, w), to start an untrained checkpoint from."""
        return self._latents([class_map(layout) for layout in layouts])

    def _maps(self, layouts: Sequence[Layout]) -> Tensor:
        """Encoded class maps and place maps (B, 2C, h, w)."""
        classes = self._latents([class_map(layout) for layout in layouts])
        return torch.cat([classes, self._latents([place_map(layout) for layout in layouts])], dim=1)

    @torch.no_grad()
    def _latents(self, images: Sequence[Image.Image]) -> Tensor:
        """Scaled latents (B, C, h, w) of RGB `images` of one size."""
        pixels = torch.stack([to_pixels(image) for image in images]).to(self.vae.device, self.vae.dtype)
        return self.vae.encode(pixels, return_dict=False)[0].mode() * self.vae.config.scaling_factor

    def modules(self) -> tuple[nn.Module, ...]:
        """None: the U-Net's own input convolution is all that is learnt."""
        return ()
