"""What cannot work, refused before anything is loaded."""

from __future__ import annotations

import importlib.util
from dataclasses import fields

import torch
from accelerate.tracking import get_available_trackers

from layoutgen.errors import InvalidOption
from layoutgen.training.config import TrainConfig
from layoutgen.training.scratch import ScratchConfig


def check_options(
    config: TrainConfig, model: str | None, scratch: ScratchConfig | None, device: str | None
) -> None:
    """Refuse options that do not go together, or not with this machine.

    Raises:
        InvalidOption: says which, and what to pass instead.
    """
    _check_start(config, model, scratch)
    _check_device(config, device)
    _check_packages(config)


def check_resolution(config: TrainConfig, multiple: int) -> None:
    """Refuse images whose sides are no multiple of `multiple` pixels, which the U-Net halves level by level.

    Raises:
        InvalidOption: names the nearest that can be.
    """
    if config.resolution % multiple:
        nearest = max(1, round(config.resolution / multiple)) * multiple
        problem = f"--resolution {config.resolution} must be a multiple of {multiple} for this model"
        raise InvalidOption(f"{problem}: pass {nearest}")


def _check_start(config: TrainConfig, model: str | None, scratch: ScratchConfig | None) -> None:
    """Of what model a run begins."""
    if (model is None) == (scratch is None):
        raise InvalidOption("pass --model to fine-tune, or --from-scratch for a new small model (not both)")
    if scratch is None:
        return
    if config.lora_rank:
        raise InvalidOption("--lora-rank adapts a trained model: leave it out with --from-scratch")
    if not config.train_text_encoder:
        raise InvalidOption("a model from scratch has an untrained text encoder: pass --train-text-encoder")
    if scratch.window != config.resolution:
        raise InvalidOption(
            f"--resolution {config.resolution} must be the window of the new model, {scratch.window}"
        )


def _check_device(config: TrainConfig, device: str | None) -> None:
    if device not in (None, "cpu", "cuda"):
        raise InvalidOption(
            f"--device must be cpu or cuda, not {device}: accelerate gives each process its GPU"
        )
    cuda = torch.cuda.is_available() and device != "cpu"
    if device == "cuda" and not cuda:
        raise InvalidOption("--device cuda: this machine has no CUDA device; leave it out, or use cpu")
    if config.mixed_precision == "fp16" and not cuda:
        raise InvalidOption("--mixed-precision fp16 needs a CUDA device: use bf16 or no on the CPU")


def _check_packages(config: TrainConfig) -> None:
    """Refuse options whose package is not installed."""
    if config.lora_rank and importlib.util.find_spec("peft") is None:
        raise InvalidOption("--lora-rank needs the package peft: pip install -c constraints.txt '.[train]'")
    if config.optimizer == "adamw8bit" and importlib.util.find_spec("bitsandbytes") is None:
        raise InvalidOption("--optimizer adamw8bit needs the package bitsandbytes: pip install bitsandbytes")
    known = [tracker.value for tracker in get_available_trackers()]
    if config.tracker is not None and config.tracker not in known:
        installed = ", ".join(known) or "none"
        raise InvalidOption(f"--tracker {config.tracker} is unknown or not installed; installed: {installed}")


def check_shape(shape: ScratchConfig) -> None:
    """Refuse a new model that cannot be built, before its autoencoder is fitted for minutes.

    Raises:
        InvalidOption: says which figure of the shape is impossible.
    """
    whole = [f.name for f in fields(shape) if type(f.default) is int]
    rules = {name: (getattr(shape, name) >= 1, "at least 1") for name in whole}
    rules["autoencoder_steps"] = (shape.autoencoder_steps >= 0, "0 or more")
    rules["smallest"] = (0 < shape.smallest <= shape.window, "above 0 and at most the window")
    rules["largest"] = (shape.largest >= shape.smallest, "at least smallest")
    low_to_high = len(shape.aspect) == 2 and 0 < shape.aspect[0] <= shape.aspect[1]
    rules["aspect"] = (low_to_high, "two numbers above 0, the smaller first")
    widths = [c for c in shape.channels if type(c) is int and c > 0 and c % 16 == c % max(1, c // 32) == 0]
    rules["channels"] = (0 < len(widths) == len(shape.channels), "multiples of 32, or 16")
    rules["text_dim"] = (
        shape.text_dim > 0 == shape.text_dim % max(1, shape.text_dim // 32),
        "a multiple of 32",
    )
    rules["text_length"] = (shape.text_length >= 3, "at least 3")
    most = 3 * shape.patch_size**2
    rules["latent_channels"] = (1 <= shape.latent_channels <= most, f"1 to {most}, the values of a patch")
    multiple = shape.patch_size * 2 ** (len(shape.channels) - 1)
    rules["window"] = (shape.window >= 1 and shape.window % multiple == 0, f"a multiple of {multiple}")
    for name, (right, rule) in rules.items():
        if not right:
            value = getattr(shape, name)
            raise InvalidOption(f"--from-scratch: {name} must be {rule}, not {value}")
