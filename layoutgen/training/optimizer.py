"""The optimizer, and its learning rate step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers.optimization import get_scheduler
from torch import nn

from layoutgen.training.config import TrainConfig

_DECAY = 0.2  # of all steps; as good as a cosine over all of them (Hägele et al., arXiv 2405.18392)


def make_optimizer(parameters: list[nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW over `parameters`; its learning rate is set before every step."""
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
