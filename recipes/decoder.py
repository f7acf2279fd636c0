"""Trains a convolutional decoder for the linear patch code of a model.

    python recipes/decoder.py SCENES MODEL OUT

SCENES: an endless recipe of `layoutgen prepare scenes`. MODEL: a model folder with a patch autoencoder. OUT:
the same model with the new decoder; the code itself stays, so that its U-Net stays what it is.

The loss is the mean absolute error of pixels, of the features of EfficientNet-Lite0, and of the steps of
colour between pixels on both sides of a patch's border, without which seams come back in painted grounds.
Latents get a little noise, so that the decoder forgives what a denoiser gets wrong. The decoder corrects the
linearly decoded patches: what the code holds is there from the first step, and training hides their seams.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import torch
from torch import Tensor

from layoutgen.autoencoder import PatchAutoencoder
from layoutgen.data.dataset import open_dataset
from layoutgen.features.efficientnet_lite import EfficientNetLite0
from layoutgen.pipeline import LayoutPipeline

CHANNELS, BLOCKS = (128, 96, 48), (3, 2, 1)
NOISE, FEATURE_WEIGHT, SEAM_WEIGHT, LEARNING_RATE, WARMUP = 0.2, 0.3, 0.3, 1e-3, 100


def with_decoder(old: PatchAutoencoder) -> PatchAutoencoder:
    """The code of `old` with an untrained convolutional decoder."""
    config = {key: value for key, value in old.config.items() if not key.startswith(("_", "decoder_"))}
    new: PatchAutoencoder = PatchAutoencoder(
        **config, decoder_channels=CHANNELS, decoder_blocks=BLOCKS, decoder_adds_patches=True
    )
    for name in ("mean", "encode_basis", "decode_basis"):
        getattr(new, name).data.copy_(getattr(old, name))
    return new.to(memory_format=torch.channels_last)


def loss_of(
    vae: PatchAutoencoder, features: EfficientNetLite0, images: Tensor, generator: torch.Generator
) -> Tensor:
    """The loss () of decoding `images` (B, 3, H, W)."""
    with torch.no_grad():
        latents = vae.encode(images, return_dict=False)[0].mode()
        noise = torch.randn(latents.shape, generator=generator)
        latents = latents + NOISE * torch.rand(len(images), 1, 1, 1, generator=generator) * noise
        expected = features(images)[:3]
    with torch.autocast("cpu", torch.bfloat16):
        decoded = vae.decode(latents, return_dict=False)[0].float()
    distances = [(a - b).abs().mean() / b.std() for a, b in zip(features(decoded)[:3], expected, strict=True)]
    pixels = (decoded - images).abs().mean() + seams(decoded, images, vae.config.patch_size)
    return pixels + FEATURE_WEIGHT * sum(distances) / len(distances)


def seams(decoded: Tensor, images: Tensor, side: int) -> Tensor:
    """How visible () borders of patches of `side` px are in `decoded` pictures of `images` (B, 3, H, W)."""
    error = decoded - images
    across = [error.diff(dim=dim).movedim(dim, 0)[side - 1 :: side].abs().mean() for dim in (2, 3)]
    excess = (border_share(decoded, side) - border_share(images, side)).clamp_min(0)
    return sum(across) / 2 + SEAM_WEIGHT * excess


def border_share(images: Tensor, side: int) -> Tensor:
    """Steps of colour across borders of patches, by those inside of patches; about 1 in photos."""
    steps = [images.diff(dim=dim).movedim(dim, 0).abs() for dim in (2, 3)]
    border = sum(one[side - 1 :: side].mean() for one in steps)
    inside = sum(one[start::side].mean() for one in steps for start in (1, side // 2 - 1))
    return 2 * border / inside


def main() -> None:
    """Train, and write the model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--steps", type=int, default=1400)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--side", type=int, default=96, help="of the crops, in pixels")
    chosen = parser.parse_args()

    pipeline = LayoutPipeline.from_pretrained(chosen.model)
    vae, features = with_decoder(pipeline.vae), EfficientNetLite0()
    dataset = open_dataset(chosen.scenes, resolution=chosen.side, seed=0)
    parameters = list(vae.decoder.parameters())
    optimizer = torch.optim.AdamW(parameters, LEARNING_RATE, betas=(0.9, 0.99), weight_decay=0.0)
    generator = torch.Generator().manual_seed(0)
    for step in range(chosen.steps):
        numbers = range(step * chosen.batch_size, (step + 1) * chosen.batch_size)
        images = torch.stack([dataset[number].image for number in numbers])
        loss = loss_of(vae, features, images, generator)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        falling = 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / chosen.steps))
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, (step + 1) / WARMUP) * falling
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step} of {chosen.steps}: loss {loss.item():.4f}", flush=True)
    pipeline.register_modules(vae=vae.eval())
    pipeline.save_pretrained(chosen.output)


if __name__ == "__main__":
    main()
