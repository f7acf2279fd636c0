"""The loss of a batch and its gradients, in parts that fit the memory."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from accelerate import Accelerator
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from diffusers import DDPMScheduler
from torch import Tensor, nn

from layoutgen.autoencoder import to_latents
from layoutgen.data.dataset import Batch
from layoutgen.domain.layout import Layout
from layoutgen.errors import InvalidOption
from layoutgen.methods.token_layout import box_fractions
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.config import TrainConfig
from layoutgen.training.draws import draw
from layoutgen.training.monitor import Losses
from layoutgen.training.objective import area_weights, inside_boxes, noisy_target, snr_weights


class Gradients:
    """The gradients of a batch, in parts that fit the memory.

    When a part does not fit, the batch is done again in parts of half the size, and all batches after it;
    the sum is the same. Several processes would wait for each other for ever, so there it is an error.
    """

    def __init__(
        self, pipeline: LayoutPipeline, model: nn.Module, config: TrainConfig, accelerator: Accelerator
    ) -> None:
        self._pipeline, self._model, self._config = pipeline, model, config
        self._accelerator = accelerator
        self.size = config.micro_batch or config.batch_size

    def add(self, batch: Batch, step: int) -> Losses:
        """Add the gradients of the mean loss of `batch` to the parameters; the losses of all processes."""
        while True:
            try:
                losses = self._accumulate(batch, step)
                break
            except RuntimeError as error:
                if not should_reduce_batch_size(error):
                    raise
                self._halve(error)
        sums = self._accelerator.reduce(losses.sums.to(self._accelerator.device, torch.float32))
        return Losses(sums.cpu().double(), losses.examples * self._accelerator.num_processes)

    def _accumulate(self, batch: Batch, step: int) -> Losses:
        total: Losses | None = None
        parts = list(batch.split(self.size))
        for number, part in enumerate(parts, start=1):
            last = number == len(parts)  # only then do processes exchange gradients
            with nullcontext() if last else self._accelerator.no_sync(self._model):
                loss, losses = batch_loss(
                    self._pipeline, self._model, step, part, self._config, self._accelerator
                )
                self._accelerator.backward(loss * (len(part.layouts) / len(batch.layouts)))
            total = losses if total is None else total + losses
        assert total is not None  # a batch is never empty
        return total

    def _halve(self, error: RuntimeError) -> None:
        """Start again with half the size."""
        if self.size == 1 or self._accelerator.num_processes > 1:
            remedy = (
                f"pass --micro-batch {self.size // 2}"
                if self.size > 1
                else "pass --gradient-checkpointing, or a smaller --resolution"
            )
            raise InvalidOption(f"out of memory with {self.size} examples at once: {remedy}") from error
        self._model.zero_grad()
        clear_device_cache(garbage_collection=True)
        self.size = -(-self.size // 2)


def batch_loss(
    pipeline: LayoutPipeline,
    model: nn.Module,
    step: int,
    batch: Batch,
    config: TrainConfig,
    accelerator: Accelerator,
) -> tuple[Tensor, Losses]:
    """The weighted denoising loss () of `batch`, and what it says of the places inside and outside boxes."""
    device = accelerator.device
    scheduler = DDPMScheduler.from_config(pipeline.scheduler.config)
    with accelerator.autocast():
        latents = _latents(pipeline, batch, device)
        draws = draw(
            config.seed,
            batch.numbers,
            latents.shape[1:],
            times=scheduler.config.num_train_timesteps,
            drop_caption=config.drop_caption,
            drop_layout=config.drop_layout,
        )
        layouts = [
            without_prompt(layout) if drop else layout
            for layout, drop in zip(batch.layouts, draws.uncaptioned.tolist(), strict=True)
        ]
        times = draws.times.to(device)
        noisy, target = noisy_target(scheduler, latents, draws.noise.to(latents), times)
        predicted = model(step, layouts, draws.unplaced, noisy, times)
    error = (predicted.float() - target.float()).square().mean(1)  # (B, h, w)
    if config.min_snr:
        error = error * snr_weights(scheduler, times, config.min_snr)[:, None, None]
    boxes = box_fractions(batch.layouts).to(device)
    height, width = error.shape[1:]
    weighted = error
    if config.box_weight:
        weighted = error * area_weights(boxes, height, width, config.box_weight)
    loss = weighted.mean()
    return loss, Losses.measure(loss, error, inside_boxes(boxes, height, width).any(1))


@torch.no_grad()
def _latents(pipeline: LayoutPipeline, batch: Batch, device: torch.device) -> Tensor:
    """The scaled latents (B, C, h, w) of `batch`."""
    images = batch.images.to(device)
    return images if batch.encoded else to_latents(pipeline.vae, images)


def without_prompt(layout: Layout) -> Layout:
    """The layout with no caption."""
    return Layout(layout.width, layout.height, layout.instances)
