"""The small model's own autoencoder: a linear patch code, decoded with a little look at the neighbours.

Training a convolutional autoencoder is what a small compute budget cannot pay for. The principal
components of P x P patches need no gradient step, and a few convolutions on the latent grid, trained for
minutes, remove the seams between patches. It speaks the interface of diffusers' ``AutoencoderKL``.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL, ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.autoencoders.vae import DecoderOutput, DiagonalGaussianDistribution
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.utils.accelerate_utils import apply_forward_hook
from PIL import Image
from torch import Tensor, nn

_BORDER = 4
"""Latent cells around the image that a convolutional decoder sees; zeros there would paint a frame."""


class PatchAutoencoder(ModelMixin, ConfigMixin):
    """Images (B, 3, H, W) in [-1, 1] to latents (B, `latent_channels`, H / P, W / P) and back.

    Args:
        patch_size: P, the side of a patch in pixels; images must be whole patches.
        latent_channels: principal components kept, of 3 * P * P.
        hidden_channels: width of the convolutions that correct linearly decoded patches.
        decoder_channels, decoder_blocks: width and residual blocks of each level of a convolutional decoder,
            at 1, 2, 4, ... cells per latent; (): patches are decoded linearly and corrected, with seams.
        decoder_adds_patches: the convolutional decoder corrects linearly decoded patches, so that what the
            code holds is there from the first step of its training.
        scaling_factor: what latents are multiplied with before diffusion, as in diffusers.
    """

    @register_to_config
    def __init__(
        self,
        patch_size: int = 8,
        latent_channels: int = 32,
        hidden_channels: int = 96,
        scaling_factor: float = 1.0,
        decoder_channels: tuple[int, ...] = (),
        decoder_blocks: tuple[int, ...] = (),
        decoder_adds_patches: bool = False,
    ) -> None:
        super().__init__()
        pixels = 3 * patch_size**2
        self.mean = nn.Parameter(torch.zeros(pixels), requires_grad=False)
        self.encode_basis = nn.Parameter(torch.eye(latent_channels, pixels), requires_grad=False)
        self.decode_basis = nn.Parameter(torch.eye(pixels, latent_channels), requires_grad=False)
        if decoder_channels:
            self.decoder = _decoder(latent_channels, decoder_channels, decoder_blocks, patch_size)
            if decoder_adds_patches:
                _to_zero(self.decoder[-1])
            return
        last = nn.Conv2d(hidden_channels, pixels, 3, padding=1, padding_mode="replicate")
        _to_zero(last)
        self.refine = nn.Sequential(
            nn.Conv2d(latent_channels, hidden_channels, 3, padding=1, padding_mode="replicate"),
            nn.SiLU(),
            nn.Conv2d(hidden_channels, hidden_channels, 3, padding=1, padding_mode="replicate"),
            nn.SiLU(),
            last,
        )

    @property
    def spatial_compression_ratio(self) -> int:
        """Pixels per latent cell along a side."""
        return int(self.config.patch_size)

    @apply_forward_hook
    def encode(self, images: Tensor, return_dict: bool = True) -> AutoencoderKLOutput | tuple:
        """Encode `images` (B, 3, H, W); the distribution has no variance."""
        # The projection of every patch on the basis is a convolution that steps from patch to patch.
        side = self.config.patch_size
        kernels = self.encode_basis.unflatten(1, (3, side, side))  # (C, 3, P, P)
        latents = F.conv2d(images, kernels, -self.encode_basis @ self.mean, stride=side)  # (B, C, h, w)
        moments = torch.cat([latents, torch.full_like(latents, -30.0)], dim=1)
        posterior = DiagonalGaussianDistribution(moments, deterministic=True)
        return AutoencoderKLOutput(latent_dist=posterior) if return_dict else (posterior,)

    @apply_forward_hook
    def decode(self, latents: Tensor, return_dict: bool = True) -> DecoderOutput | tuple:
        """Decode `latents` (B, C, h, w) to images (B, 3, hP, wP)."""
        if self.config.decoder_channels:
            images = self._decode(latents)
        else:
            images = F.pixel_shuffle(self._patches(latents) + self.refine(latents), self.config.patch_size)
        return DecoderOutput(sample=images) if return_dict else (images,)

    def _decode(self, latents: Tensor) -> Tensor:
        """The image by the convolutional decoder; beside its border the outermost cells go on."""
        side, border = int(self.config.patch_size), _BORDER * int(self.config.patch_size)
        wide = F.pad(latents, (_BORDER,) * 4, mode="replicate")
        cells = self.decoder(wide.contiguous(memory_format=torch.channels_last))
        images = F.pixel_shuffle(cells, side >> (len(self.config.decoder_channels) - 1))
        images = images[..., border:-border, border:-border]
        if self.config.decoder_adds_patches:
            images = images + F.pixel_shuffle(self._patches(latents), side)
        return images

    def _patches(self, latents: Tensor) -> Tensor:
        """The linearly decoded patches (B, 3PP, h, w) of `latents` (B, C, h, w)."""
        return (F.linear(latents.movedim(1, -1), self.decode_basis) + self.mean).movedim(-1, 1)

    @torch.no_grad()
    def fit(self, images: Iterable[Tensor]) -> None:
        """Set the linear code to the principal components of the patches of `images`, each (B, 3, H, W).

        A component is scaled by 1 / std ** 0.5: between 1 (the diffusion's noise would drown detail) and
        1 / std (the denoiser would spend its capacity on detail that cannot be foreseen). Latents have a
        mean square of 1.
        """
        count, total, products = 0, torch.zeros(()).double(), torch.zeros(()).double()
        for batch in images:
            patches = F.pixel_unshuffle(batch, self.config.patch_size).movedim(1, -1).flatten(0, 2).double()
            count, total = count + len(patches), total + patches.sum(0)
            products = products + patches.T @ patches
        mean = total / count
        variances, basis = torch.linalg.eigh(products / count - torch.outer(mean, mean))
        keep = slice(-int(self.config.latent_channels), None)
        std, basis = variances[keep].clamp_min(1e-12).sqrt().flip(0), basis[:, keep].flip(1)  # (C,), (3PP, C)
        scale = std.pow(-0.5)
        scale = scale / (scale * std).square().mean().sqrt()
        self.mean.copy_(mean)
        self.encode_basis.copy_((basis * scale).T)
        self.decode_basis.copy_(basis / scale)


def to_latents(vae: AutoencoderKL | PatchAutoencoder, pixels: Tensor) -> Tensor:
    """`pixels` (B, 3, H, W) in [-1, 1] as `vae` encodes them (B, C, h, w), scaled as the U-Net sees them."""
    pixels = pixels.to(vae.device, vae.dtype)
    return vae.encode(pixels, return_dict=False)[0].mode() * vae.config.scaling_factor


class _ResidualBlock(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (nn.Conv2d(width, width, 3, padding=1) for _ in range(2))
        _to_zero(self.second)

    def forward(self, states: Tensor) -> Tensor:
        return states + self.second(F.relu(self.first(F.relu(states))))


def _decoder(
    latent_channels: int, widths: tuple[int, ...], blocks: tuple[int, ...], patch_size: int
) -> nn.Sequential:
    """Latents (B, C, h, w) to the pixels of K x K cells for each (B, 3 * (P / K) ** 2, h * K, w * K).

    K is 2 ** (levels - 1).
    There are no norms: a part of an image decodes alike whatever is beside it.
    """
    layers: list[nn.Module] = [nn.Conv2d(latent_channels, widths[0], 3, padding=1)]
    for level, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        if level:
            layers += [nn.Upsample(scale_factor=2.0), nn.Conv2d(widths[level - 1], width, 3, padding=1)]
        layers += [_ResidualBlock(width) for _ in range(count)]
    cell = patch_size >> (len(widths) - 1)
    return nn.Sequential(*layers, nn.ReLU(), nn.Conv2d(widths[-1], 3 * cell**2, 3, padding=1))


def _to_zero(convolution: nn.Module) -> None:
    for values in convolution.parameters():
        nn.init.zeros_(values)


def to_pixels(image: Image.Image) -> Tensor:
    """An RGB image as a tensor (3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.array(image)).movedim(-1, 0).float() / 127.5 - 1.0
