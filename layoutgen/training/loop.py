"""The training loop. Progress is counted in images; the same command again continues where it stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from accelerate.utils.memory import clear_device_cache, should_reduce_batch_size
from diffusers import DDPMScheduler
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from layoutgen.conditioning.text2img import box_fractions
from layoutgen.dataset import Batch, Example, LayoutDataset, collate
from layoutgen.errors import InvalidOption
from layoutgen.layout import Layout
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.checkpoint import Checkpoints, saving
from layoutgen.training.config import TrainConfig
from layoutgen.training.denoiser import Denoiser
from layoutgen.training.draws import draw
from layoutgen.training.export import as_pipeline, averaged_state, write_model
from layoutgen.training.monitor import Losses, Monitor
from layoutgen.training.objective import area_weights, inside_boxes, noisy_target, snr_weights
from layoutgen.training.schedule import learning_rates


@dataclass(frozen=True, slots=True)
class Progress:
    """What a step reports, over all processes."""

    images: int
    loss: float
    images_per_second: float
    waiting: float  # share of the time that the steps waited for data


def train(
    pipeline: LayoutPipeline,
    denoiser: Denoiser,
    dataset: LayoutDataset,
    examples: Dataset[Example],
    config: TrainConfig,
    run: Path,
    accelerator: Accelerator,
    *,
    validation: Sequence[Layout] = (),
    max_seconds: float | None = None,
) -> Iterator[Progress]:
    """Train what of `denoiser`, made of `pipeline`'s modules, needs gradients; yield after every step.

    The run folder gets ``checkpoints/`` to continue from, ``model/`` with averaged weights,
    ``metrics.jsonl``, and ``samples/`` with the `validation` layouts as ``model/`` paints them.

    Args:
        dataset: the order of the examples.
        examples: the same examples, with pixels or latents.
        max_seconds: stop, with a checkpoint, when this much time has passed.

    Raises:
        CannotSave: the disk is full; the last checkpoint is untouched.
    """
    # The model and what is kept beside it.
    pipeline.vae.to(accelerator.device)
    denoiser.to(accelerator.device)
    pipeline.unet.to(memory_format=torch.channels_last)
    if config.compile:
        pipeline.unet.compile(dynamic=True)
    trained = [p for p in denoiser.parameters() if p.requires_grad]
    model, optimizer = accelerator.prepare(denoiser, _optimizer(trained, config))
    trained = [p for p in model.parameters() if p.requires_grad]
    ema = EMAModel(trained, decay=config.ema, use_ema_warmup=True, inv_gamma=1.0, power=0.75)
    ema.to(accelerator.device)

    # Where it stopped.
    checkpoints = Checkpoints(run / "checkpoints", accelerator, model, ema, keep=config.keep_checkpoints)
    images = checkpoints.load_latest()
    monitor = Monitor(run, accelerator, images)

    # The data, from there on.
    step_size = config.batch_size * accelerator.num_processes
    first = images + accelerator.process_index * config.batch_size
    batches = iter(
        DataLoader(
            examples,
            batch_sampler=dataset.batches(first, config.batch_size, step_size),
            collate_fn=partial(collate, encoded=examples is not dataset),
            num_workers=config.workers,
        )
    )
    rates = learning_rates(config, step_size)
    gradients = Gradients(pipeline, model, config, accelerator)
    started, waited, begun = time.monotonic(), 0.0, images

    denoiser.train()
    with denoiser.attached():
        while images < config.images:
            before = time.monotonic()
            batch = next(batches)
            waited += time.monotonic() - before

            # One step: gradients, weights, averages.
            step = images // step_size
            losses = gradients.add(batch, step)
            accelerator.clip_grad_norm_(trained, 1.0)
            for group in optimizer.param_groups:
                group["lr"] = rates(step)
            optimizer.step()
            optimizer.zero_grad()
            ema.step(trained)
            images += step_size

            passed = time.monotonic() - started
            speed = {"images_per_second": (images - begun) / passed, "waiting": waited / passed}
            # The first process decides for all: clocks differ.
            (out_of_time,) = broadcast_object_list([max_seconds is not None and passed > max_seconds])
            last = images >= config.images or out_of_time
            save = last or _passes(images, step_size, config.save_every)
            report = bool(validation) and (last or _passes(images, step_size, config.report_every))
            monitor.note(images, losses, speed | {"learning_rate": rates(step)}, last=save)
            yield Progress(images, losses.loss, **speed)

            # The checkpoint comes last: after a kill before it, all of this is done again.
            if save or report:
                state = averaged_state(accelerator, model, trained, ema)
                if accelerator.is_main_process:
                    averaged = as_pipeline(pipeline, state, lora_rank=config.lora_rank)
                    if report:
                        monitor.paint(averaged, validation, images, method=config.methods[0])
                    if save:
                        with saving(run / "model", checkpoints.folder):
                            write_model(averaged, run / "model")
                    del averaged
                accelerator.wait_for_everyone()
            if save:
                checkpoints.save(images)
            if last:
                break


def _passes(images: int, step_size: int, every: int) -> bool:
    """Whether the step that ends at `images` completes another `every` images, wherever a run began."""
    return images // every > (images - step_size) // every


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
    if batch.encoded:
        return images
    return pipeline.vae.encode(images, return_dict=False)[0].mode() * pipeline.vae.config.scaling_factor


def without_prompt(layout: Layout) -> Layout:
    """The layout with no caption."""
    return Layout(layout.width, layout.height, layout.instances)


def _optimizer(parameters: list[nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    options: dict[str, Any] = {"lr": config.learning_rate, "betas": (0.9, 0.99), "weight_decay": 0.01}
    if config.optimizer == "adamw":
        return torch.optim.AdamW(parameters, **options)
    from bitsandbytes.optim import AdamW8bit

    return AdamW8bit(parameters, **options)
