"""Stable Diffusion XL: two text encoders, and a denoiser that is told the size of its image.

Podell et al. 2023, "SDXL: Improving Latent Diffusion Models for High-Resolution Image Synthesis" (arXiv
2307.01952).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from layoutgen.backbones import clip_text
from layoutgen.backbones.stable_diffusion import StableDiffusion
from layoutgen.conditioning.condition import DenoiserInputs, Prompts

_LAYER = -2  # of both text encoders: that before the last


class StableDiffusionXL(StableDiffusion):
    """The components of a Stable Diffusion XL pipeline; what it shares with v1 is in the class above.

    A text's embedding is that of both encoders, side by side; the second one's vector of the whole text is
    added to the timestep, as is the size of the image.

    Args:
        empty_is_zero: an empty negative prompt is zeros, as the model was trained, not an encoded text.
    """

    def __init__(
        self,
        vae: AutoencoderKL,
        text_encoders: tuple[CLIPTextModel, CLIPTextModelWithProjection],
        tokenizers: tuple[CLIPTokenizer, CLIPTokenizer],
        unet: UNet2DConditionModel,
        scheduler: Any,
        *,
        empty_is_zero: bool = True,
    ) -> None:
        super().__init__(vae, text_encoders[0], tokenizers[0], unet, scheduler)
        self._encoders = tuple(zip(tokenizers, text_encoders, strict=True))
        self._empty_is_zero = empty_is_zero

    def encode_prompts(self, prompts: Sequence[str]) -> Prompts:
        """See :class:`Backbone`."""
        parts = [clip_text.embed_prompts(*each, prompts, layer=_LAYER) for each in self._encoders]
        return Prompts(
            torch.cat([part.embeddings for part in parts], dim=-1),
            parts[0].mask,
            clip_text.project_prompts(*self._encoders[1], prompts),
        )

    def as_negative(self, prompts: Prompts, texts: Sequence[str]) -> Prompts:
        """See :class:`Backbone`."""
        if not self._empty_is_zero or all(texts):
            return prompts
        kept = torch.tensor([bool(text) for text in texts], device=prompts.embeddings.device)
        assert prompts.pooled is not None  # as encode_prompts makes them
        return replace(
            prompts,
            embeddings=prompts.embeddings * kept[:, None, None],
            pooled=prompts.pooled * kept[:, None],
        )

    def encode_phrases(self, phrases: Sequence[str]) -> tuple[Tensor, Tensor]:
        """See :class:`Backbone`."""
        parts = [clip_text.embed_phrases(*each, phrases, layer=_LAYER) for each in self._encoders]
        return torch.cat([embeddings for embeddings, _ in parts], dim=-1), parts[0][1]

    def pool_phrases(self, phrases: Sequence[str]) -> Tensor:
        """See :class:`Backbone`."""
        return clip_text.last_tokens(*self.encode_phrases(phrases))

    def added_conditions(self, noisy: Tensor, inputs: DenoiserInputs) -> dict[str, Any]:
        """Each window is told to be a whole image of its size, as section 2.2 of the paper has it."""
        height, width = (side * self.pixels_per_latent for side in noisy.shape[-2:])
        sizes = torch.tensor([height, width, 0, 0, height, width], device=noisy.device, dtype=noisy.dtype)
        added = {"text_embeds": inputs.pooled, "time_ids": sizes.expand(len(noisy), -1)}
        return {"added_cond_kwargs": added}
