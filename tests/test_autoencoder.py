from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from accelerate.hooks import ModelHook, add_hook_to_module
from torch.testing import assert_close

from layoutgen.autoencoder import PatchAutoencoder


def smooth(count: int, size: int = 32) -> torch.Tensor:
    """Images of low frequencies, (count, 3, size, size)."""
    coarse = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return torch.nn.functional.interpolate(coarse, size=(size, size), mode="bicubic").clamp(-1, 1)


def test_all_components_reconstruct_exactly() -> None:
    images = torch.rand(40, 3, 16, 16) * 2 - 1
    vae = PatchAutoencoder(patch_size=4, latent_channels=48)
    vae.fit([images[:20], images[20:]])
    assert_close(vae.decode(vae.encode(images).latent_dist.mode()).sample, images, atol=1e-4, rtol=1e-4)


def test_few_components_reconstruct_smooth_images_and_latents_have_unit_mean_square() -> None:
    images = smooth(64)
    vae = PatchAutoencoder(patch_size=8, latent_channels=24)
    vae.fit([images])
    latents = vae.encode(images).latent_dist.mode()
    assert latents.shape == (64, 24, 4, 4)
    assert_close(latents.square().mean(), torch.tensor(1.0), atol=1e-2, rtol=1e-2)
    error = (vae.decode(latents).sample - images).square().mean()
    assert error < 0.01 * images.var()


def test_save_and_load(tmp_path: Path) -> None:
    vae = PatchAutoencoder(patch_size=4, latent_channels=5)
    vae.fit([smooth(4, 16)])
    vae.save_pretrained(tmp_path)
    loaded = PatchAutoencoder.from_pretrained(tmp_path)
    assert_close(
        loaded.encode(smooth(2, 16)).latent_dist.mode(), vae.encode(smooth(2, 16)).latent_dist.mode()
    )
    assert loaded.spatial_compression_ratio == 4


def test_a_convolutional_decoder_has_no_patches_of_its_own() -> None:
    torch.manual_seed(0)
    vae = PatchAutoencoder(8, 6, decoder_channels=(16, 12, 8), decoder_blocks=(2, 1, 1))
    latents = torch.randn(2, 6, 5, 32)
    images = vae.decode(latents).sample
    assert images.shape == (2, 3, 40, 256)
    moved = vae.decode(latents.roll(1, 3)).sample[..., 112:152]
    assert_close(moved, images[..., 104:144], atol=1e-5, rtol=1e-5)  # the same a cell further


def test_a_convolutional_decoder_is_saved_and_loaded(tmp_path: Path) -> None:
    vae = PatchAutoencoder(8, 6, decoder_channels=(16, 12), decoder_blocks=(1, 1))
    vae.save_pretrained(tmp_path)
    latents = torch.randn(1, 6, 4, 4)
    assert_close(
        PatchAutoencoder.from_pretrained(tmp_path).decode(latents).sample, vae.decode(latents).sample
    )


def test_a_decoder_that_adds_patches_starts_as_the_linear_one() -> None:
    images = torch.rand(40, 3, 16, 16) * 2 - 1
    vae = PatchAutoencoder(4, 48, decoder_channels=(16, 8), decoder_blocks=(1, 1), decoder_adds_patches=True)
    vae.fit([images[:20], images[20:]])
    latents = vae.encode(images).latent_dist.mode()
    assert_close(vae.decode(latents).sample, images, atol=1e-4, rtol=1e-4)
    torch.nn.init.normal_(vae.decoder[-1].weight)
    assert (vae.decode(latents).sample - images).abs().mean() > 0.1  # and its convolutions are heard


def test_a_convolutional_decoder_paints_no_frame() -> None:
    torch.manual_seed(0)
    vae = PatchAutoencoder(8, 6, decoder_channels=(16, 12), decoder_blocks=(1, 1))
    images = vae.decode(torch.randn(1, 6, 1, 1).expand(1, 6, 9, 9)).sample.unflatten(2, (9, 8))
    images = images.unflatten(4, (9, 8))  # (1, 3, 9, 8, 9, 8)
    middle = images[:, :, 4:5, :, 4:5].expand_as(images)
    assert_close(images, middle, atol=1e-5, rtol=1e-5)  # even latents, the same at the border


def test_a_hook_that_moves_it_is_asked_before_it_computes() -> None:
    """As diffusers offloads autoencoders, whose forward is never called."""
    calls: list[str] = []

    class Hook(ModelHook):
        def pre_forward(self, module: Any, *inputs: Any, **options: Any) -> Any:
            calls.append(type(module).__name__)
            return inputs, options

    vae = PatchAutoencoder(8, 4)
    add_hook_to_module(vae, Hook())
    vae.decode(vae.encode(torch.zeros(1, 3, 16, 16)).latent_dist.mode())
    assert calls == ["PatchAutoencoder"] * 2
