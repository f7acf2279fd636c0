"""The training loop. Progress is counted in images; the same command again continues where it stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from diffusers.training_utils import EMAModel
from torch import nn
from torch.utils.data import DataLoader, Dataset

from layoutgen.data.dataset import Example, LayoutDataset, collate
from layoutgen.domain.layout import Layout
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.adversarial import AdversarialGradients
from layoutgen.training.checkpoint import Checkpoints, sharded
from layoutgen.training.config import TrainConfig
from layoutgen.training.curves import CURVES, draw_curves
from layoutgen.training.denoiser import Denoiser
from layoutgen.training.gradients import Gradients, NonFiniteGuard
from layoutgen.training.metrics import MetricsLog
from layoutgen.training.optimizer import learning_rates, make_optimizer, parameter_groups
from layoutgen.training.snapshot import Snapshots
from layoutgen.training.stopping import ignore_signals, lost_workers, reading
from layoutgen.training.teacher import Teacher


@dataclass(frozen=True, slots=True)
class Progress:
    """What a step reports, over all processes.

    Attributes:
        waiting: share of the time that the steps waited for data.
        visible: share of the boxes in the newest sample pictures that stand out; None: none was painted yet.
        stopping: why this is the last step though images are left: "Ctrl-C", "SIGTERM" or "time"; else None.
    """

    images: int
    loss: float
    images_per_second: float
    waiting: float
    stopping: str | None = None
    visible: float | None = None


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
    features: nn.Module | None = None,
    teacher: Teacher | None = None,
    max_seconds: float | None = None,
    asked_to_stop: Callable[[], str | None] = lambda: None,
) -> Iterator[Progress]:
    """Train the parameters of `denoiser` that require gradients; yield after every step.

    The run folder gets ``checkpoints/`` to continue from, ``model/`` with averaged weights,
    ``metrics.jsonl``, and ``samples/`` with the `validation` layouts as ``model/`` paints them.

    Args:
        pipeline: the model; `denoiser` has its modules.
        dataset: the order of the examples.
        examples: the same examples, with pixels or latents.
        features, teacher: of an adversarial finish; see
            :class:`~layoutgen.training.adversarial.AdversarialGradients`.
        max_seconds: stop, with a checkpoint, when this much time has passed.
        asked_to_stop: asked after every step: by what the user wants to stop now, with a checkpoint.

    Raises:
        CannotSave: the disk is full, or a process that reads data is gone; the last checkpoint is untouched.
        InvalidFile: the last checkpoint is damaged.
        Diverged: the loss is not finite.
    """
    # The model, its optimizer and its averaged weights.
    pipeline.vae.to(accelerator.device)
    denoiser.to(accelerator.device)
    # Sharded weights are flat, and can be saved only of weights in the usual memory format.
    pipeline.unet.to(memory_format=torch.contiguous_format if sharded(accelerator) else torch.channels_last)
    if config.compile:
        pipeline.unet.compile()
    groups = parameter_groups(denoiser.named_parameters(), config, reads_maps=denoiser.reads_maps)
    model, optimizer = accelerator.prepare(denoiser, make_optimizer(groups, config))
    trained = [p for p in model.parameters() if p.requires_grad]
    ema = EMAModel(trained, decay=config.ema, use_ema_warmup=True, inv_gamma=1.0, power=0.75, foreach=True)
    ema.to(accelerator.device)

    gradients = Gradients(denoiser.backbone, model, config, accelerator)
    if config.few_steps:
        gradients = AdversarialGradients(pipeline, model, config, accelerator, features, teacher)

    # Where the run stopped.
    checkpoints = Checkpoints(
        run / "checkpoints", accelerator, model, optimizer, ema, keep=config.keep_checkpoints
    )
    images = checkpoints.load_latest()
    metrics = MetricsLog(run, accelerator, images)
    snapshots = Snapshots(pipeline, denoiser, model, ema, config, run, accelerator, validation)
    if images >= config.images and not (run / "model").is_dir():  # somebody deleted it
        snapshots.take(images, paint=False, write=True)

    # The data, from there on.
    step_size = config.batch_size * accelerator.num_processes
    first = images + accelerator.process_index * config.batch_size
    loader = DataLoader(
        examples,
        batch_sampler=dataset.batches(first, config.batch_size, step_size),
        collate_fn=partial(collate, encoded=examples is not dataset),
        num_workers=config.workers,
        worker_init_fn=ignore_signals,
    )
    learning_rate = learning_rates(config, step_size)
    guard = NonFiniteGuard(config, checkpoints.folder)

    denoiser.train()
    with denoiser.attached(), lost_workers(), reading(loader) as next_batch:
        started, waited, begun = time.monotonic(), 0.0, images
        visible: float | None = None
        while images < config.images:
            before = time.monotonic()
            batch = next_batch()
            waited += time.monotonic() - before

            # One step: learning rate (DeepSpeed steps at the end of the backward pass), gradients, weights,
            # averages.
            step = images // step_size
            for group, own in zip(optimizer.param_groups, groups, strict=True):
                group["lr"] = own.factor * learning_rate(step)
            losses = gradients.add(batch, step)
            guard.check(losses.loss, images)
            accelerator.clip_grad_norm_(model.parameters(), 1.0)  # all: FSDP adds up the shards' norms
            optimizer.step()
            optimizer.zero_grad()
            ema.step(trained)
            images += step_size

            passed = time.monotonic() - started
            speed = {"images_per_second": (images - begun) / passed, "waiting": waited / passed}
            # The first process decides for all: clocks differ.
            out_of_time = max_seconds is not None and passed > max_seconds
            (stopping,) = broadcast_object_list([asked_to_stop() or ("time" if out_of_time else None)])
            stopping = None if images >= config.images else stopping
            last = images >= config.images or stopping is not None
            save = last or _passes(images, step_size, config.save_every)
            # Who asks to stop does not want to wait for pictures.
            shown = images >= config.images or stopping == "time"
            paint = bool(validation) and (shown or _passes(images, step_size, config.report_every))
            other = speed | {"learning_rate": learning_rate(step)} | gradients.figures
            metrics.log(images, losses, other, flush=save)
            yield Progress(images, losses.loss, **speed, stopping=stopping, visible=visible)

            # The checkpoint comes last: after a kill before it, all of this is done again.
            if save or paint:
                if accelerator.is_main_process and save:
                    draw_curves(run / "metrics.jsonl", run / CURVES)
                shown_boxes = snapshots.take(images, paint=paint, write=save)
                visible = visible if shown_boxes is None else shown_boxes
            if save:
                checkpoints.save(images)
            if last:
                break


def _passes(images: int, step_size: int, every: int) -> bool:
    """Whether the step that ends at `images` completes another `every` images, wherever a run began."""
    return images // every > (images - step_size) // every
