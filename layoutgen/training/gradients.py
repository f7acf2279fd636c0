"""The gradients of a batch, in micro-batches that fit the memory, and only from finite losses."""

from __future__ import annotations

import math
from contextlib import nullcontext
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from torch import nn

from layoutgen.backbones.base import Backbone
from layoutgen.data.dataset import Batch
from layoutgen.errors import Diverged, InvalidOption
from layoutgen.training.config import TrainConfig
from layoutgen.training.loss import batch_loss
from layoutgen.training.metrics import LossSums

_FP16_TOLERATED = 100  # steps in a row


class Gradients:
    """Adds up the gradients of a batch over micro-batches.

    When a micro-batch does not fit, the batch is computed again in micro-batches of half the size, and so are
    all batches after it; the sum is the same. Several processes would wait for each other for ever, so there
    it is an error.
    """

    def __init__(
        self, backbone: Backbone, model: nn.Module, config: TrainConfig, accelerator: Accelerator
    ) -> None:
        self._backbone, self._model, self._config = backbone, model, config
        self._accelerator = accelerator
        self.size = config.micro_batch or config.batch_size

    @property
    def figures(self) -> dict[str, float]:
        """What else there is to log of the last step, by name."""
        return {}

    def add(self, batch: Batch, step: int) -> LossSums:
        """Add the gradients of the mean loss of `batch` to the parameters; the losses of all processes.

        Raises:
            InvalidOption: out of memory, where micro-batches cannot become smaller.
        """
        while True:
            try:
                losses = self._accumulate(batch, step)
                break
            except RuntimeError as error:
                if not should_reduce_batch_size(error):
                    raise
                self._halve(error)
        sums = self._accelerator.reduce(losses.sums.to(self._accelerator.device, torch.float32))
        return LossSums(sums.cpu().double(), losses.examples * self._accelerator.num_processes)

    def _accumulate(self, batch: Batch, step: int) -> LossSums:
        total: LossSums | None = None
        micro_batches = list(batch.split(self.size))
        for number, micro_batch in enumerate(micro_batches, start=1):
            last = number == len(micro_batches)  # only then do processes exchange gradients
            with nullcontext() if last else self._accelerator.no_sync(self._model):
                loss, losses = batch_loss(
                    self._backbone, self._model, step, micro_batch, self._config, self._accelerator
                )
                self._accelerator.backward(loss * (len(micro_batch.layouts) / len(batch.layouts)))
            total = losses if total is None else total + losses
        assert total is not None  # a batch is never empty
        return total

    def _halve(self, error: RuntimeError) -> None:
        """Halve the micro-batches, and forget the gradients of those that did fit."""
        if self.size == 1 or self._accelerator.num_processes > 1:
            remedy = (
                f"set `micro_batch` to {self.size // 2}"
                if self.size > 1
                else "use `gradient_checkpointing`, or a smaller `resolution`"
            )
            raise InvalidOption(f"out of memory with {self.size} examples at once: {remedy}") from error
        self._model.zero_grad()
        clear_device_cache(garbage_collection=True)
        self.size = -(-self.size // 2)


class NonFiniteGuard:
    """Stops a run whose loss is NaN or infinite, before checkpoints are written that are worth nothing.

    In fp16 that is normal now and then: the step is skipped and the loss scale halved.
    """

    def __init__(self, config: TrainConfig, checkpoints: Path) -> None:
        self._tolerated = _FP16_TOLERATED if config.mixed_precision == "fp16" else 0
        self._checkpoints, self._in_a_row = checkpoints, 0

    def check(self, loss: float, images: int) -> None:
        """Check the loss of a step after `images` examples.

        Raises:
            Diverged: it is not finite, once too often.
        """
        self._in_a_row = 0 if math.isfinite(loss) else self._in_a_row + 1
        if self._in_a_row > self._tolerated:
            raise Diverged(
                f"the loss is {loss} after {images:,} images: start again with a lower `learning_rate` or "
                f"a longer `warmup`; {self._checkpoints} is as it was before"
            )
