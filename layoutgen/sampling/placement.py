"""Where a model computes: on its device as a whole or, where that has too little memory, part by part."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from layoutgen.denoising.image_codec import UNTILED
from layoutgen.denoising.multidiffusion import window_bytes
from layoutgen.pipeline import LayoutPipeline
from layoutgen.preflight.memory import gib

_DECODING = (
    10  # values in memory, per pixel and channel of the finest level; measured: 9.95 at 256 px in fp32
)
_TILES = (512, 256)  # pixels: sides of tiles, from which the largest is chosen that can be decoded


def place(pipeline: LayoutPipeline, device: str, note: Callable[[str], None]) -> None:
    """Move `pipeline` to `device`; where that has too little memory, part by part, as each computes.

    Then diffusers' hooks move text encoder, denoiser and autoencoder there and back, and what the
    autoencoder cannot decode as a whole it decodes in tiles.

    Args:
        note: is told, in one line, what is not as usual.
    """
    free = free_memory(device)
    if free is None:
        pipeline.to(device)
        return
    modules: dict[str, Any] = {k: one for k, one in pipeline.components.items() if isinstance(one, nn.Module)}
    parts: dict[str, int] = {name: module.get_memory_footprint() for name, module in modules.items()}
    whole, working = sum(parts.values()), window_bytes(pipeline.backbone)
    notes = []
    if whole + working <= free:
        pipeline.to(device)
        left = free - whole
    else:
        pipeline.enable_model_cpu_offload(device=device)
        left = free - parts["vae"]
        notes.append("its parts are moved there one after the other, which is slower")
    side = decoded_whole(left, pipeline.vae)
    if side < UNTILED and hasattr(pipeline.vae, "enable_tiling"):
        decode_in_tiles(pipeline.vae, side)
        notes.append(f"pictures of more than {side} px are decoded in tiles")
    if notes:
        note(
            f"the model needs {gib(whole + working)}, and {gib(free)} are free on {device}: "
            f"{'; '.join(notes)}"
        )


def free_memory(device: str) -> int | None:
    """The bytes that are free on `device`; None: it is the memory in which the model is already."""
    return int(torch.cuda.mem_get_info(device)[0]) if device.startswith("cuda") else None


def decoded_whole(free: int, vae: Any) -> int:
    """The side, in pixels, of the largest square that `vae` can decode as a whole in `free` bytes."""
    channels = vae.config.get("block_out_channels", (1,))[0]
    fitting = (side for side in (UNTILED, *_TILES) if decoding_bytes(side, channels, vae.dtype) <= free)
    return next(fitting, _TILES[-1])


def decoding_bytes(side: int, channels: int, dtype: torch.dtype) -> int:
    """What decoding a square of `side` pixels takes, with so many `channels` at the finest level."""
    return _DECODING * side**2 * channels * dtype.itemsize


def decode_in_tiles(vae: Any, side: int) -> None:
    """Let `vae` decode what is larger than `side` pixels in tiles of that size."""
    vae.enable_tiling()
    vae.tile_sample_min_size = side
    vae.tile_latent_min_size = side // 2 ** (len(vae.config.block_out_channels) - 1)
