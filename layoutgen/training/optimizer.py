"""The optimizer, and its learning rate step by step."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import torch
from diffusers.optimization import get_scheduler
from torch import nn

from layoutgen.training.config import TrainConfig

_DECAY = 0.2  # of all steps; as good as a cosine over all of them (Hägele et al., arXiv 2405.18392)


class Group(NamedTuple):
    """Parameters that learn at `factor` times the learning rate."""

    parameters: list[nn.Parameter]
    factor: float


def parameter_groups(
    named: Iterable[tuple[str, nn.Parameter]], config: TrainConfig, *, reads_maps: bool
) -> list[Group]:
    """The parameters that require gradients: what is new to the model, its U-Net, and its text encoders.

    Without factors they are one group, in their own order.

    Args:
        named: as a Denoiser names them.
        reads_maps: the U-Net's first convolution has channels for the layout. They are a part of one tensor,
            so that all of it learns as what is new.
    """
    trained = [(name, parameter) for name, parameter in named if parameter.requires_grad]
    if config.unet_lr_factor == config.text_lr_factor == 1:
        return [Group([parameter for _, parameter in trained], 1.0)]
    groups = {  # by the components of the model, what is new first
        "layout_encoder": Group([], 1.0),
        "unet": Group([], config.unet_lr_factor),
        "text_encoder": Group([], config.text_lr_factor),
    }
    for name, parameter in trained:
        part = name.split(".")[0].removesuffix("_2")
        new = ".lora_" in name or (reads_maps and name.startswith("unet.conv_in."))
        groups["layout_encoder" if new else part].parameters.append(parameter)
    return [group for group in groups.values() if group.parameters]


def make_optimizer(groups: list[Group], config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW over `groups`, in their order; their learning rates are set before every step."""
    parameters = [{"params": group.parameters} for group in groups]
    options: dict[str, Any] = {"lr": config.learning_rate, "betas": (0.9, 0.99), "weight_decay": 0.01}
    if config.optimizer == "adamw":
        return torch.optim.AdamW(parameters, **options, fused=True)
    from bitsandbytes.optim import AdamW8bit

    optimizer: torch.optim.Optimizer = AdamW8bit(parameters, **options)
    return optimizer


def learning_rates(config: TrainConfig, step_size: int) -> Callable[[int], float]:
    """The learning rate as a function of the step (0, 1, ...), on which alone it depends.

    It rises for ``config.warmup`` steps. A schedule that falls after that would reach 0 one step after the
    last, so that every step learns.

    Args:
        step_size: examples of a step, on all processes together.
    """
    steps = -(-config.images // step_size)
    if config.schedule == "warmup_stable_decay":
        factor = _warmup_stable_decay(config.warmup, steps)
    else:
        name = "constant_with_warmup" if config.schedule == "constant" else config.schedule
        dummy = torch.optim.SGD([nn.Parameter(torch.zeros(()))], lr=1.0)
        schedule = get_scheduler(name, dummy, num_warmup_steps=config.warmup, num_training_steps=steps + 1)
        factor = schedule.lr_lambdas[0]
    return lambda step: config.learning_rate * factor(step + 1)


def _warmup_stable_decay(warmup: int, steps: int) -> Callable[[int], float]:
    """Up to 1 in `warmup` steps, held, and down towards 0 over the last fifth of `steps`, linearly.

    Source: MiniCPM (Hu et al., arXiv 2404.06395), section 4. Transformers' schedule of this name knows the
    linear fall only in versions newer than the oldest that layoutgen supports.
    """
    held = max(warmup, round((1 - _DECAY) * steps))

    def factor(step: int) -> float:
        if step < warmup:
            return step / warmup
        return 1.0 if step <= held else max(0.0, (steps + 1 - step) / (steps + 1 - held))

    return factor
