"""Another autoencoder instead of a checkpoint's own, such as the one that was fine-tuned for faces."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL

from layoutgen.additions import vae_folder
from layoutgen.checkpoints.configuration import base_configuration
from layoutgen.checkpoints.opening import as_invalid_file
from layoutgen.checkpoints.single_file import header_of
from layoutgen.checkpoints.weight_files import loading_options
from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.io.tensor_header import Shapes
from layoutgen.model_kind.original_layout import VAE, base_of_names

_PREFIXES = ("", VAE)


def open_vae(path: Path, own: Any) -> AutoencoderKL:
    """The autoencoder at `path`, a file or a folder, in place of the checkpoint's `own` one.

    How latents are scaled, a folder says, and of a file the base model of the checkpoint that it is; a file
    with the autoencoder alone says nothing: that is taken from `own`.

    Raises:
        InvalidOption: the checkpoint's autoencoder is of another kind, or its latents have other channels or
            another scale.
        InvalidFile: the file is none, or broken.
    """
    if not isinstance(own, AutoencoderKL):
        raise InvalidOption(
            "`vae` is for Stable Diffusion: this model's autoencoder is of another kind: leave it out"
        )
    with as_invalid_file(path):
        if path.is_dir():
            vae = _from_folder(path, own.dtype)
        else:
            vae = _from_file(path, dict(own.config), own.dtype)
    if vae.config.latent_channels != own.config.latent_channels:
        raise InvalidOption(
            f"`vae` {path} makes latents of {vae.config.latent_channels} channels, and the model's have "
            f"{own.config.latent_channels}: take one of its own base model"
        )
    scale = vae.config.scaling_factor
    if not math.isclose(scale, own.config.scaling_factor, rel_tol=1e-3):
        raise InvalidOption(
            f"`vae` {path} is of another base model: it scales latents by {scale:g}, and the model's "
            f"autoencoder by {own.config.scaling_factor:g}: take one of its own base model"
        )
    return vae.to(own.device).eval()


def _from_folder(path: Path, dtype: torch.dtype) -> AutoencoderKL:
    folder = vae_folder(path)
    options = loading_options(folder.parent, folder.name)
    vae: AutoencoderKL = AutoencoderKL.from_pretrained(folder, torch_dtype=dtype, **options)
    return vae


def _from_file(path: Path, config: dict[str, Any], dtype: torch.dtype) -> AutoencoderKL:
    shapes = header_of(path).shapes
    config["block_out_channels"] = _widths(path, shapes)
    latents = next(shape for name, shape in shapes.items() if name.endswith("decoder.conv_in.weight"))
    config["latent_channels"] = latents[1]
    config["_class_name"] = "AutoencoderKL"
    base = base_of_names(shapes)
    if base is not None:
        config["scaling_factor"] = base_configuration(base)["vae"]["scaling_factor"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "config.json").write_text(json.dumps(config), encoding="utf-8")
        vae: AutoencoderKL = AutoencoderKL.from_single_file(
            str(path), config=folder, local_files_only=True, torch_dtype=dtype
        )
    return vae


def _widths(path: Path, shapes: Shapes) -> list[int]:
    """The channels of the encoder's levels."""
    layouts = ("encoder.down.{}.block.0.conv1.weight", "encoder.down_blocks.{}.resnets.0.conv1.weight")
    for name in (prefix + layout for prefix in _PREFIXES for layout in layouts):
        found = [shapes[name.format(k)][0] for k in range(9) if name.format(k) in shapes]
        if found:
            return found
    raise InvalidFile(path, "holds no autoencoder", remedy="give one of Stable Diffusion")
