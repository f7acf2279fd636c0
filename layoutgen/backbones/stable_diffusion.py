"""Stable Diffusion v1 and v2, and our small model, which has their shape: a U-Net that reads CLIP's text.

Rombach et al. 2022, "High-Resolution Image Synthesis with Latent Diffusion Models".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextModel, CLIPTokenizer

from layoutgen.autoencoder import PatchAutoencoder
from layoutgen.backbones import clip_text
from layoutgen.backbones.base import Backbone
from layoutgen.conditioning.attention import LayoutAttention
from layoutgen.conditioning.attention_regions import Level
from layoutgen.conditioning.condition import DenoiserInputs, Prompts
from layoutgen.devices import execution_device
from layoutgen.errors import InvalidOption
from layoutgen.model_kind.sizes import latent_side

PREDICTION_TYPES = ("epsilon", "v_prediction", "sample")
"""What a denoiser may predict: the noise, v (Salimans and Ho 2022), or the latents."""


class StableDiffusion(Backbone):
    """The components of a Stable Diffusion v1 or v2 pipeline.

    Args:
        scheduler: any of diffusers' with betas; only its noise schedule and prediction type are used here.

    Raises:
        InvalidOption: the scheduler says that the denoiser predicts something unknown.
    """

    denoiser: UNet2DConditionModel

    def __init__(
        self,
        vae: AutoencoderKL | PatchAutoencoder,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        unet: UNet2DConditionModel,
        scheduler: Any,
    ) -> None:
        self.vae, self.text_encoder, self.tokenizer, self.denoiser = vae, text_encoder, tokenizer, unet
        self.prediction_type = str(scheduler.config.get("prediction_type", "epsilon"))
        if self.prediction_type not in PREDICTION_TYPES:
            raise InvalidOption(
                f"the model predicts {self.prediction_type!r}, none of {', '.join(PREDICTION_TYPES)}: "
                "correct prediction_type in its scheduler_config.json"
            )
        if "beta_schedule" not in scheduler.config:
            raise InvalidOption(
                f"the model's scheduler is a {type(scheduler).__name__}, which has no noise schedule that "
                "Stable Diffusion is trained with: put that of its base model into its folder scheduler/"
            )
        self._scheduler = scheduler

    @property
    def pixels_per_latent(self) -> int:
        """See :class:`Backbone`."""
        ratio = getattr(self.vae, "spatial_compression_ratio", None)
        return int(ratio or 2 ** (len(self.vae.config.block_out_channels) - 1))

    @property
    def latent_channels(self) -> int:
        """See :class:`Backbone`."""
        return int(self.vae.config.latent_channels)

    @property
    def native_size(self) -> int:
        """See :class:`Backbone`."""
        return latent_side(self.denoiser.config.sample_size)

    @property
    def activation_channels(self) -> int:
        """See :class:`Backbone`."""
        return int(self.denoiser.config.block_out_channels[0])

    def levels(self, height: int, width: int) -> tuple[Level, ...]:
        """See :class:`Backbone`; each level halves the sides, rounding up."""
        sizes = [(height, width)]
        for _ in self.denoiser.config.block_out_channels[1:]:
            height, width = (height + 1) // 2, (width + 1) // 2
            sizes.append((height, width))
        return tuple(sizes)

    @property
    def text_parts(self) -> tuple[clip_text.TextPart, ...]:
        """See :class:`Backbone`."""
        return (clip_text.TextPart(self.tokenizer, self.text_encoder),)

    def use_text_encoders(self, encoders: Sequence[Any]) -> None:
        """See :class:`Backbone`."""
        (self.text_encoder,) = encoders

    def encode_prompts(self, prompts: Sequence[str]) -> Prompts:
        """See :class:`Backbone`."""
        return clip_text.embed_prompts(self.tokenizer, self.text_encoder, prompts)

    def encode_phrases(self, phrases: Sequence[str]) -> tuple[Tensor, Tensor]:
        """See :class:`Backbone`."""
        return clip_text.embed_phrases(self.tokenizer, self.text_encoder, phrases)

    def pool_phrases(self, phrases: Sequence[str]) -> Tensor:
        """See :class:`Backbone`."""
        return clip_text.pool_phrases(self.tokenizer, self.text_encoder, phrases)

    def find_words(self, prompts: Sequence[str], words: Sequence[Sequence[str]]) -> Tensor:
        """See :class:`Backbone`."""
        return clip_text.find_words(self.tokenizer, prompts, words).to(self.device)

    def to_latents(self, pixels: Tensor) -> Tensor:
        """See :class:`Backbone`."""
        pixels = pixels.to(execution_device(self.vae), self.vae.dtype)
        encoded = self.vae.encode(pixels, return_dict=False)[0].mode()
        return (encoded - self._shift) * self.vae.config.scaling_factor

    def to_pixels(self, latents: Tensor) -> Tensor:
        """See :class:`Backbone`."""
        encoded = (latents / self.vae.config.scaling_factor + self._shift).to(self.vae.dtype)
        pixels: Tensor = self.vae.decode(encoded, return_dict=False)[0].float()
        return pixels

    def predict(
        self,
        noisy: Tensor,
        timesteps: Tensor,
        inputs: DenoiserInputs,
        *,
        denoiser: nn.Module | None = None,
    ) -> Tensor:
        """See :class:`Backbone`."""
        channels = [] if inputs.channels is None else [inputs.channels.to(noisy)]
        predicted: Tensor = (denoiser or self.denoiser)(
            torch.cat([noisy, *channels], dim=1) if channels else noisy,
            timesteps,
            encoder_hidden_states=inputs.contexts[0].tokens,  # only says that there are contexts
            cross_attention_kwargs={"contexts": inputs.contexts},
            return_dict=False,
            **self.added_conditions(noisy, inputs),
        )[0]
        return predicted

    def added_conditions(self, noisy: Tensor, inputs: DenoiserInputs) -> dict[str, Any]:
        """What else the denoiser is called with."""
        return {}

    def training_target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """See :class:`Backbone`: the noise, or v (Salimans and Ho 2022, eq. 10), or the latents."""
        noisy = self._noise.add_noise(latents, noise, timesteps)
        if self.prediction_type == "epsilon":
            return noisy, noise
        if self.prediction_type == "v_prediction":
            return noisy, self._noise.get_velocity(latents, noise, timesteps)
        return noisy, latents

    def signal_to_noise(self, timesteps: Tensor) -> Tensor:
        """See :class:`Backbone`."""
        alphas = self._noise.alphas_cumprod.to(timesteps.device)[timesteps]
        ratio: Tensor = alphas / (1 - alphas)
        return ratio

    @cached_property
    def _noise(self) -> Any:
        """The noise schedule, which every scheduler of diffusers can be made of."""
        return DDPMScheduler.from_config(self._scheduler.config)

    @property
    def timesteps(self) -> int:
        """How many timesteps the noise schedule has."""
        return int(self._noise.config.num_train_timesteps)

    @contextmanager
    def reading_layouts(self) -> Iterator[None]:
        """See :class:`Backbone`."""
        before = self.denoiser.attn_processors
        self.denoiser.set_attn_processor(dict.fromkeys(before, LayoutAttention()))
        try:
            yield
        finally:
            self.denoiser.set_attn_processor(before)

    def cacheable_blocks(self) -> tuple[list[nn.Module], nn.Module]:
        """See :class:`Backbone`."""
        unet = self.denoiser
        last = unet.up_blocks[-2] if len(unet.up_blocks) > 1 else unet.mid_block
        return [*unet.down_blocks[1:], unet.mid_block, *unet.up_blocks[:-1]], last

    @property
    def _shift(self) -> float:
        """What is subtracted from encoded images before they are scaled."""
        return float(getattr(self.vae.config, "shift_factor", None) or 0.0)
