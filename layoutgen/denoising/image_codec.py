"""Latents to images and back, one by one, in tiles where the autoencoder's memory would grow too large."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from layoutgen.backbones.base import Backbone
from layoutgen.numerics import check_finite, in_full_precision

UNTILED = 1024
"""Pixels: longer side of the largest canvas that an autoencoder sees as a whole, where memory allows it."""


@dataclass(frozen=True)
class ImageCodec:
    """The autoencoder `vae` of a base model, for images of any size."""

    backbone: Backbone
    vae: Any

    def to_images(self, latents: Tensor, sizes: Sequence[tuple[int, int]]) -> list[Image.Image]:
        """The images of `latents` (I, C, h, w), cut to `sizes`, width and height."""
        arrays = [
            ((one.clamp(-1, 1) + 1) * 127.5).round().byte().movedim(0, -1).cpu().numpy()
            for one in self.to_pixels(latents)
        ]
        return [
            Image.fromarray(np.ascontiguousarray(a[:h, :w])) for a, (w, h) in zip(arrays, sizes, strict=True)
        ]

    def to_pixels(self, latents: Tensor) -> Tensor:
        """Pixels (I, 3, H, W) of `latents` (I, C, h, w).

        Raises:
            NotFinite: these are no numbers, or no pixels come of them in fp32 either.
        """
        check_finite(latents, "the denoiser")
        with self._tiled(latents):
            return self._finite(self.backbone.to_pixels, latents)

    def to_latents(self, pixels: Tensor) -> Tensor:
        """Latents (I, C, h, w) of `pixels` (I, 3, H, W).

        Raises:
            NotFinite: no latents come of them in fp32 either.
        """
        side = self.backbone.pixels_per_latent
        with self._tiled(pixels[..., ::side, ::side]):
            return self._finite(self.backbone.to_latents, pixels)

    def _finite(self, convert: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
        """`values` (I, ...) converted one by one; again in fp32 where half precision overflows.

        Autoencoders overflow in it more easily than denoisers: that of Stable Diffusion XL always does.
        """
        converted = torch.cat([convert(one[None]) for one in values])
        if not converted.isfinite().all() and self.vae.dtype != torch.float32:
            with in_full_precision(self.vae):
                converted = torch.cat([convert(one[None]) for one in values])
        return check_finite(converted, "the autoencoder")

    @contextmanager
    def _tiled(self, latents: Tensor) -> Iterator[None]:
        """Let an autoencoder that can work in tiles do so where its memory would outgrow the denoiser's."""
        large = max(latents.shape[-2:]) * self.backbone.pixels_per_latent > UNTILED
        if not (large and hasattr(self.vae, "enable_tiling")) or self.vae.use_tiling:
            yield
            return
        self.vae.enable_tiling()
        try:
            yield
        finally:
            self.vae.disable_tiling()
