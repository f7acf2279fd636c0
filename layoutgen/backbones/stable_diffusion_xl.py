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

LAYER = -2
"""Of both text encoders: that before the last."""


class StableDiffusionXL(StableDiffusion):
    """The components of a Stable Diffusion XL pipeline; what it shares with v1 is in the class above.

    A text's embedding is that of both encoders, side by side; the second one's vector of the whole text is
    added to the timestep, as is the size of the image.

    Args:
        layer: of both text encoders, whose states are read.
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
        layer: int = LAYER,
        empty_is_zero: bool = True,
    ) -> None:
        super().__init__(vae, text_encoders[0], tokenizers[0], unet, scheduler)
        first, second = zip(tokenizers, text_encoders, strict=True)
        self._parts = clip_text.TextPart(*first, layer), clip_text.TextPart(*second, layer, pools=True)
        self._empty_is_zero = empty_is_zero

    @property
    def text_parts(self) -> tuple[clip_text.TextPart, ...]:
        """See :class:`Backbone`; the second one also pools."""
        return self._parts

    def use_text_encoders(self, encoders: Sequence[Any]) -> None:
        """See :class:`Backbone`."""
        first, second = encoders
        self._parts = self._parts[0]._replace(encoder=first), self._parts[1]._replace(encoder=second)

    def encode_prompts(self, prompts: Sequence[str]) -> Prompts:
        """See :class:`Backbone`."""
        parts = [
            clip_text.embed_prompts(part.tokenizer, part.encoder, prompts, layer=part.layer)
            for part in self._parts
        ]
        return Prompts(
            torch.cat([part.embeddings for part in parts], dim=-1),
            parts[0].mask,
            clip_text.project_prompts(self._parts[1].tokenizer, self._parts[1].encoder, prompts),
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
        parts = [
            clip_text.embed_phrases(part.tokenizer, part.encoder, phrases, layer=part.layer)
            for part in self._parts
        ]
        return torch.cat([embeddings for embeddings, _ in parts], dim=-1), parts[0][1]

    def pool_phrases(self, phrases: Sequence[str]) -> Tensor:
        """See :class:`Backbone`."""
        return clip_text.last_tokens(*self.encode_phrases(phrases))

    def added_conditions(self, noisy: Tensor, inputs: DenoiserInputs) -> dict[str, Any]:
        """Size and place of each image, as section 2.2 of the paper has it; a window is a whole image."""
        if inputs.sizes is not None:
            sizes = inputs.sizes.to(noisy.device, torch.float32)
        else:
            height, width = (side * self.pixels_per_latent for side in noisy.shape[-2:])
            whole = [height, width, 0, 0, height, width]
            sizes = torch.tensor(whole, device=noisy.device, dtype=noisy.dtype).expand(len(noisy), -1)
        return {"added_cond_kwargs": {"text_embeds": inputs.pooled, "time_ids": sizes}}
