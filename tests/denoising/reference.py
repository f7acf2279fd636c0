"""Sampling written down once more, as plainly as it can be: windows one by one, nothing cached."""

from __future__ import annotations

from inspect import signature
from typing import Any

import numpy as np
import torch
from torch import Tensor

from layoutgen import Layout
from layoutgen.domain.windows import blend_weights, cover
from layoutgen.pipeline import LayoutPipeline


@torch.no_grad()
def reference_image(
    pipeline: LayoutPipeline, layout: Layout, scheduler: Any, *, steps: int, guidance: float, seed: int = 0
) -> np.ndarray:
    """The image (H, W, 3) of a `layout` without instances, on a canvas of whole latent cells.

    Every window is denoised by the plain U-Net; predictions are blended, and the scheduler steps once.
    """
    generator = torch.Generator().manual_seed(seed)
    height, width, side = layout.height // 8, layout.width // 8, pipeline.unet.config.sample_size
    windows = cover(height, width, side, side // 4)
    weights = torch.from_numpy(blend_weights(windows, height, width))
    latents = torch.randn(1, pipeline.vae.config.latent_channels, height, width, generator=generator)
    scheduler.set_timesteps(steps)
    latents = latents * scheduler.init_noise_sigma
    prompt, negative = (_embedded(pipeline, text) for text in (layout.prompt, layout.negative_prompt))
    noisy = {"generator": generator} if "generator" in signature(scheduler.step).parameters else {}
    for timestep in scheduler.timesteps:
        scaled, fused = scheduler.scale_model_input(latents, timestep), torch.zeros_like(latents)
        for window, weight in zip(windows, weights, strict=True):
            view = scaled[:, :, window.rows, window.columns]
            one, other = (
                pipeline.unet(view, timestep, encoder_hidden_states=text).sample
                for text in (prompt, negative)
            )
            fused[:, :, window.rows, window.columns] += (other + guidance * (one - other)) * weight
        latents = scheduler.step(fused, timestep, latents, **noisy).prev_sample
    pixels = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample[0]
    return ((pixels.clamp(-1, 1) + 1) * 127.5).round().byte().movedim(0, -1).numpy()


def _embedded(pipeline: LayoutPipeline, text: str) -> Tensor:
    ids = pipeline.tokenizer(text, padding="max_length", return_tensors="pt").input_ids
    return pipeline.text_encoder(ids).last_hidden_state
