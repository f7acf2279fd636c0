"""The training loss: denoise latents at a random timestep; errors in small boxes weigh more.

x_t  = sqrt(a_t) x_0 + sqrt(1 - a_t) noise                    Ho et al. 2020 (arXiv 2006.11239), eq. 4
loss = mean over latent cells of  w_snr(t) * w_box(cell) * (prediction - target) ** 2
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from layoutgen.backbones.base import Backbone
from layoutgen.data.dataset import Batch
from layoutgen.methods.token_layout import box_fractions
from layoutgen.training.config import TrainConfig
from layoutgen.training.metrics import LossSums

_SEED_STREAM = 3  # the data set has streams of its own


def batch_loss(
    backbone: Backbone,
    model: nn.Module,
    step: int,
    batch: Batch,
    config: TrainConfig,
    accelerator: Accelerator,
) -> tuple[Tensor, LossSums]:
    """The weighted denoising loss () of `batch`, and its sums inside and outside boxes.

    Args:
        model: the Denoiser with this backbone, as accelerate wraps it.
        step: number of the optimizer step.
    """
    with accelerator.autocast():
        latents = batch_latents(backbone, batch, accelerator.device)  # (B, C, h, w)
        sample = sample_noise(
            config.seed,
            batch.numbers,
            latents.shape[1:],
            num_timesteps=backbone.timesteps,
            drop_caption=config.drop_caption,
            drop_layout=config.drop_layout,
            drop_both=config.drop_both,
        )
        layouts = [
            replace(layout, prompt="", negative_prompt="") if dropped else layout
            for layout, dropped in zip(batch.layouts, sample.caption_dropped.tolist(), strict=True)
        ]
        timesteps = sample.timesteps.to(accelerator.device)
        noisy, target = backbone.training_target(latents, sample.noise.to(latents), timesteps)
        prediction = model(
            step, layouts, sample.layout_dropped, noisy, timesteps, batch.sizes.to(accelerator.device)
        )
    error = (prediction.float() - target.float()).square().mean(1)  # (B, h, w)
    if config.min_snr:
        error = error * snr_weights(backbone, timesteps, config.min_snr)[:, None, None]
    boxes = box_fractions(batch.layouts).to(error.device)  # (B, N, 4)
    height, width = error.shape[1:]
    weights = area_weights(boxes, height, width, config.box_weight) if config.box_weight else 1.0
    loss = (error * weights).mean()
    return loss, LossSums.of(loss, error, inside_boxes(boxes, height, width).any(1))


@torch.no_grad()
def batch_latents(backbone: Backbone, batch: Batch, device: torch.device) -> Tensor:
    """The scaled latents (B, C, h, w) of `batch`."""
    images = batch.images.to(device)
    return images if batch.encoded else backbone.to_latents(images)


@dataclass(frozen=True)
class NoiseSample:
    """What is random in B training examples.

    Attributes:
        noise: standard normal (B, C, h, w).
        timesteps: (B,) of the noise schedule.
        caption_dropped, layout_dropped: (B,) bool, for classifier-free guidance (arXiv 2207.12598).
    """

    noise: Tensor
    timesteps: Tensor
    caption_dropped: Tensor
    layout_dropped: Tensor


def sample_noise(
    seed: int,
    numbers: Sequence[int],
    shape: Sequence[int],
    *,
    num_timesteps: int,
    drop_caption: float,
    drop_layout: float,
    drop_both: float = 0.0,
) -> NoiseSample:
    """Sample noise of `shape` (C, h, w), a timestep and dropouts for each of the examples `numbers`.

    Each row is a function of the seed and the example's number alone. So a step is the same on one process
    and on many, in one batch and in micro-batches, and after a resume.
    """
    rows = []
    for number in numbers:
        state = np.random.SeedSequence([seed, _SEED_STREAM, number]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(state[0]) % 2**63)
        noise = torch.randn(tuple(shape), generator=generator)
        timestep = torch.randint(num_timesteps, (1,), generator=generator)
        rows.append((noise, timestep, torch.rand(2, generator=generator)))
    noises, timesteps, uniforms = zip(*rows, strict=True)
    caption, layout = torch.stack(uniforms).unbind(1)  # (B,)
    both = caption >= 1 - drop_both  # the other end of the draw than captions alone
    return NoiseSample(
        torch.stack(noises),
        torch.cat(timesteps),
        caption_dropped=(caption < drop_caption) | both,
        layout_dropped=(layout < drop_layout) | both,
    )


def snr_weights(backbone: Backbone, timesteps: Tensor, gamma: float) -> Tensor:
    """Min-SNR weights (B,) of the prediction's loss (Hang et al., arXiv 2303.09556)."""
    snr = backbone.signal_to_noise(timesteps)
    clamped = snr.clamp(max=gamma)
    match backbone.prediction_type:
        case "epsilon":
            return clamped / snr
        case "v_prediction":
            return clamped / (snr + 1)
        case _:  # sample
            return clamped


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
