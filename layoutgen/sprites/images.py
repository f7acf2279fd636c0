"""Images from noise, and images refined from partial noise, by one method with one set of settings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from layoutgen.autoencoder import to_pixels
from layoutgen.conditioning.attention_maps import AttentionMap
from layoutgen.denoising.canvas import MIN_CELLS, padded
from layoutgen.denoising.coarse_to_fine import Layer, layers_of, own_layers
from layoutgen.denoising.image_codec import ImageCodec
from layoutgen.denoising.sampler import LatentStep, Sampler, Surroundings
from layoutgen.denoising.settings import SampleSettings
from layoutgen.domain.layout import Layout
from layoutgen.methods.base import LayoutMethod


@dataclass(frozen=True)
class ImagePainter:
    """Paints images; the settings that only sprites read are not read here.

    Args:
        method: how layouts are told.
        scheduler: the model's own.
    """

    method: LayoutMethod
    scheduler: Any
    settings: SampleSettings
    codec: ImageCodec
    batch_size: int | None = None

    def paint(
        self,
        layouts: Sequence[Layout],
        generator: torch.Generator | None,
        surroundings: Surroundings | None = None,
        attention: AttentionMap | None = None,
    ) -> Iterator[float | list[Image.Image]]:
        """How much is done of painting `layouts`, all of one size, from noise; then the images.

        Args:
            surroundings, attention: see :class:`Sampler`.
        """
        largest, cell = self.settings.coarse_above or math.inf, self.method.backbone.pixels_per_latent
        coarsest = max(own_layers(one, largest)[0] for one in layouts)
        canvases = [padded(one, cell, 2**coarsest) for one in layouts]
        layers = layers_of(canvases, largest, cell, MIN_CELLS)
        sizes = [(one.width, one.height) for one in layouts]
        sampler = replace(self._sampler, surroundings=surroundings, attention=attention)
        for event in self._sampled(sampler, layers, generator):
            yield event if isinstance(event, float) else self.codec.to_images(event, sizes)

    def refine(
        self, picture: Image.Image, layout: Layout, strength: float, generator: torch.Generator | None
    ) -> Iterator[float | Image.Image]:
        """How much is done of painting `picture` anew from a part of the noise; then the image (SDEdit).

        Args:
            layout: what it shows, of its size.
            strength: part of the noise schedule, from its end, 0 to 1.
        """
        canvas = padded(layout, self.method.backbone.pixels_per_latent)
        pixels = to_pixels(picture)[None].to(self.method.backbone.device)
        missing = canvas.width - layout.width, canvas.height - layout.height
        latents = self.codec.to_latents(F.pad(pixels, (0, missing[0], 0, missing[1]), mode="replicate"))
        layer = Layer(0, (canvas,), torch.zeros(1, 1, *self.method.cell_size([canvas])))
        sampler = replace(self._sampler, refined_below=strength)
        for event in self._sampled(sampler, [layer], generator, latents):
            if isinstance(event, float):
                yield event
            else:
                (image,) = self.codec.to_images(event, [picture.size])
                yield image

    @property
    def _sampler(self) -> Sampler:
        decode, encode = self.codec.to_pixels, self.codec.to_latents
        return Sampler(self.method, self.scheduler, self.settings, decode, encode, self.batch_size)

    def _sampled(
        self,
        sampler: Sampler,
        layers: Sequence[Layer],
        generator: torch.Generator | None,
        painted: Tensor | None = None,
    ) -> Iterator[float | Tensor]:
        with self.method.backbone.reading_layouts():
            for event in sampler.run(layers, generator, painted=painted):
                yield event.number / event.total if isinstance(event, LatentStep) else event
