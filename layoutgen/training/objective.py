"""The loss: denoising at a random time, weighted by noise level and by box area. Tensors in, tensors out."""

from __future__ import annotations

import torch
from diffusers import DDPMScheduler
from torch import Tensor


def noisy_target(
    scheduler: DDPMScheduler, latents: Tensor, noise: Tensor, times: Tensor
) -> tuple[Tensor, Tensor]:
    """The noisy latents (B, C, h, w) at `times` (B,), and what the U-Net should predict of them.

    Noise, or v (Salimans and Ho 2022, eq. 10), or the latents, as the scheduler's ``prediction_type`` says.
    """
    noisy = scheduler.add_noise(latents, noise, times)
    kind = scheduler.config.prediction_type
    if kind == "epsilon":
        return noisy, noise
    return noisy, scheduler.get_velocity(latents, noise, times) if kind == "v_prediction" else latents


def snr_weights(scheduler: DDPMScheduler, times: Tensor, gamma: float) -> Tensor:
    """Min-SNR weights (B,) of the prediction's loss (Hang et al., arXiv 2303.09556)."""
    alphas = scheduler.alphas_cumprod.to(times.device)[times]
    snr = alphas / (1 - alphas)
    kept = snr.clamp(max=gamma)
    kind = scheduler.config.prediction_type
    return kept / snr if kind == "epsilon" else kept / (snr + 1) if kind == "v_prediction" else kept


def inside_boxes(boxes: Tensor, height: int, width: int) -> Tensor:
    """(B, N, h, w) bool: the latent cell's centre lies in the box.

    `boxes` (B, N, 4) are fractions of the canvas, rows of zeros padding.
    """
    x = (torch.arange(width, device=boxes.device) + 0.5) / width
    y = (torch.arange(height, device=boxes.device) + 0.5) / height
    x0, y0, x1, y1 = boxes[..., None].unbind(2)  # (B, N, 1)
    return ((y >= y0) & (y < y1))[..., None] & ((x >= x0) & (x < x1))[:, :, None]


def area_weights(boxes: Tensor, height: int, width: int, exponent: float) -> Tensor:
    """Weights (B, h, w) that let small boxes count: 2 / area ** exponent inside, 1 outside, mean 1 per image.

    `boxes` (B, N, 4) are fractions of the canvas, rows of zeros padding; area is in latent cells, relative
    to the canvas. Where boxes overlap the smallest counts. Source: GeoDiffusion (arXiv 2306.04607), 3.3.
    """
    inside = inside_boxes(boxes, height, width)
    x0, y0, x1, y1 = boxes[..., None].unbind(2)  # (B, N, 1)
    area = ((x1 - x0) * (y1 - y0) * height * width).clamp_min(1.0)[..., None]
    largest = (
        (inside * 2.0 * (height * width / area) ** exponent).amax(1) if boxes.shape[1] else inside.sum(1)
    )
    weights = torch.where(largest > 0, largest, 1.0)
    return weights / weights.mean((1, 2), keepdim=True)
