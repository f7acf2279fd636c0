"""The guided many-step model that a painter of few steps begins as, and keeps near to."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from diffusers import DDPMScheduler
from torch import Tensor

from layoutgen.denoising.estimate import clean_latents
from layoutgen.denoising.guidance import GuidedDenoiser, guidance_map
from layoutgen.domain.layout import Layout
from layoutgen.methods.base import LayoutMethod
from layoutgen.pipeline import LayoutPipeline

_LOWEST, _HIGHEST = 0.02, 0.98  # of the noise schedule: at its ends a denoiser has nothing to say


@dataclass(frozen=True)
class Teacher:
    """A frozen copy of a model.

    Source: Sauer et al. 2023, "Adversarial Diffusion Distillation", arXiv 2311.17042, equation 4.

    Attributes:
        methods: those of the painter, in the same order.
        guidance, background_guidance: inside and outside of boxes.
    """

    pipeline: LayoutPipeline
    methods: tuple[LayoutMethod, ...]
    guidance: float
    background_guidance: float

    @staticmethod
    def of(pipeline: LayoutPipeline, methods: Sequence[LayoutMethod], guidance: float) -> Teacher:
        """A copy of `pipeline` as it is now, with the `guidance`; 0: that with which it paints best."""
        names = ("unet", "text_encoder", "layout_encoder")
        parts = {name: copy.deepcopy(getattr(pipeline, name)) for name in names}
        for part in parts.values():
            if part is not None:
                part.requires_grad_(False).eval()
        scheduler = DDPMScheduler.from_config(pipeline.scheduler.config)
        copied = LayoutPipeline(vae=pipeline.vae, tokenizer=pipeline.tokenizer, scheduler=scheduler, **parts)
        usual = pipeline.settings
        inside = guidance or usual.guidance
        outside = usual.background_guidance if not guidance else None
        return Teacher(
            copied,
            tuple(copied.method(one.info.name, one.encoding) for one in methods),
            inside,
            inside if outside is None else outside,
        )

    def to(self, device: torch.device) -> None:
        """Move to `device`; the autoencoder is the painter's."""
        for part in (self.pipeline.unet, self.pipeline.text_encoder, self.pipeline.layout_encoder):
            if part is not None:
                part.to(device)

    @torch.no_grad()
    def foresee(
        self, number: int, layouts: Sequence[Layout], clean: Tensor, noise: Tensor, share: float
    ) -> tuple[Tensor, float]:
        """What the teacher makes of `clean` latents (B, C, h, w) with `noise`, and how much that counts.

        Args:
            number: of the optimizer step; it decides the method.
            share: in [0, 1), decides the timestep.
        """
        scheduler = self.pipeline.scheduler
        last = int(scheduler.config.num_train_timesteps)
        number_of_step = int(last * (_LOWEST + (_HIGHEST - _LOWEST) * share))
        timestep = torch.tensor(number_of_step, device=clean.device)
        noisy = scheduler.add_noise(clean, noise, timestep[None])
        method = self.methods[number % len(self.methods)]
        backbone = method.backbone
        condition = method.encode(layouts).to(clean.device, clean.dtype)
        scales = guidance_map(
            layouts, *clean.shape[-2:], inside=self.guidance, outside=self.background_guidance
        ).to(clean.device)
        with backbone.reading_layouts():
            denoiser = GuidedDenoiser(backbone, condition, condition.null())
            predicted = denoiser.predict(noisy, timestep, scales)
        signal = float(scheduler.alphas_cumprod[number_of_step]) ** 0.5
        return clean_latents(scheduler, noisy, predicted, timestep), signal
