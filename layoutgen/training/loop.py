"""The training loop. Progress is counted in images; the same command again continues where it stopped."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from diffusers import DDPMScheduler
from diffusers.training_utils import EMAModel
from torch import Tensor, nn
from torch.utils.data import DataLoader

from layoutgen.conditioning.base import LayoutMethod
from layoutgen.conditioning.text2img import box_fractions
from layoutgen.dataset import Batch, LayoutDataset, collate
from layoutgen.layout import Layout
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training import checkpoint
from layoutgen.training.config import TrainConfig
from layoutgen.training.objective import area_weights, noisy_target, snr_weights


@dataclass(frozen=True, slots=True)
class Progress:
    """What a step reports."""

    images: int
    loss: float
    images_per_second: float
    waiting: float  # share of the time that the step waited for data


def train(
    pipeline: LayoutPipeline,
    dataset: LayoutDataset,
    config: TrainConfig,
    run: Path,
    *,
    max_seconds: float | None = None,
    cpu: bool = False,
) -> Iterator[Progress]:
    """Train `pipeline`'s U-Net, text encoder and layout encoder on `dataset`; yield after every step.

    The run folder gets ``checkpoints/`` to continue from and ``model/``, with averaged weights.

    Args:
        max_seconds: stop, with a checkpoint, when this much time has passed.
        cpu: do not use a GPU, even if there is one.
    """
    accelerator = Accelerator(cpu=cpu, mixed_precision=config.mixed_precision)
    device, world = accelerator.device, accelerator.num_processes

    # What is trained, as objects.
    methods = [
        pipeline.method(name, config.encoding if name == "text2img" else None) for name in config.methods
    ]
    model = nn.ModuleDict({"unet": pipeline.unet, "text_encoder": pipeline.text_encoder})
    if pipeline.layout_encoder is not None:
        model["layout_encoder"] = pipeline.layout_encoder
    pipeline.text_encoder.requires_grad_(config.train_text_encoder)
    pipeline.vae.to(device).requires_grad_(False)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=0.01)
    ema = EMAModel(parameters, decay=config.ema, use_ema_warmup=True, inv_gamma=1.0, power=0.75)
    model.to(device)
    pipeline.unet.to(memory_format=torch.channels_last)
    ema.to(device)

    # Where it stopped.
    images = 0
    state = checkpoint.load_latest(run / "checkpoints")
    if state is not None:
        images = int(state["images"])
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        ema.load_state_dict(state["ema"])
    optimizer = accelerator.prepare_optimizer(optimizer)

    # The data, from there on.
    step_size = config.batch_size * world
    loader = DataLoader(
        dataset,
        batch_sampler=dataset.batches(
            images + accelerator.process_index * config.batch_size, config.batch_size, step_size
        ),
        collate_fn=collate,
        num_workers=config.workers,
    )
    scheduler = DDPMScheduler.from_config(pipeline.scheduler.config)
    started, waited, saved = time.monotonic(), 0.0, images
    begun_at = images
    model.train()
    with ExitStack() as attached:
        for method in methods:
            attached.enter_context(method.attached(pipeline.unet))
        batches = iter(loader)
        while images < config.images:
            before = time.monotonic()
            batch = next(batches)
            waited += time.monotonic() - before

            # One step: a loss, a gradient, an average.
            step = images // step_size
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * min(1.0, (step + 1) / max(1, config.warmup))
            generator = torch.Generator().manual_seed(
                hash((config.seed, accelerator.process_index, step)) % 2**63
            )
            with accelerator.autocast():
                loss = batch_loss(
                    pipeline, methods[step % len(methods)], scheduler, batch, config, generator, device
                )
            accelerator.backward(loss)
            _average_gradients(parameters, world)
            accelerator.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            ema.step(parameters)
            images += step_size

            passed = time.monotonic() - started
            yield Progress(images, loss.item(), (images - begun_at) / passed, waited / passed)
            # The first process decides for all: clocks differ.
            (out_of_time,) = broadcast_object_list([max_seconds is not None and passed > max_seconds])
            if images - saved >= config.save_every or images >= config.images or out_of_time:
                saved = images
                if accelerator.is_main_process:
                    state = {
                        "images": images,
                        "model": model.state_dict(),
                        "optimizer": optimizer.state_dict(),
                        "ema": ema.state_dict(),
                    }
                    checkpoint.save(run / "checkpoints", images, state)
                    save_model(pipeline, parameters, ema, run)
            if out_of_time:
                break


def batch_loss(
    pipeline: LayoutPipeline,
    method: LayoutMethod,
    scheduler: DDPMScheduler,
    batch: Batch,
    config: TrainConfig,
    generator: torch.Generator,
    device: torch.device,
) -> Tensor:
    """The weighted denoising loss of one batch; `generator` (on the CPU) decides noise, times and dropout."""
    size = len(batch.layouts)
    with torch.no_grad():
        latents = (
            pipeline.vae.encode(batch.pixels.to(device), return_dict=False)[0].mode()
            * pipeline.vae.config.scaling_factor
        )
    noise = torch.randn(latents.shape, generator=generator).to(device)
    times = torch.randint(scheduler.config.num_train_timesteps, (size,), generator=generator).to(device)
    bare = torch.rand(size, generator=generator) < config.drop_caption
    unplaced = torch.rand(size, generator=generator) < config.drop_layout

    layouts = [
        without_prompt(lay) if drop else lay for lay, drop in zip(batch.layouts, bare.tolist(), strict=True)
    ]
    condition = method.encode(layouts).to(device, latents.dtype).without_layout(unplaced)
    noisy, target = noisy_target(scheduler, latents, noise, times)
    error = (
        (condition.predict(pipeline.unet, noisy, times).float() - target.float()).square().mean(1)
    )  # (B, h, w)
    if config.box_weight:
        weights = area_weights(
            box_fractions(batch.layouts), error.shape[1], error.shape[2], config.box_weight
        )
        error = error * weights.to(device)
    if config.min_snr:
        error = error * snr_weights(scheduler, times, config.min_snr)[:, None, None]
    return error.mean()


def without_prompt(layout: Layout) -> Layout:
    """The layout with no caption."""
    return Layout(layout.width, layout.height, layout.instances)


def save_model(pipeline: LayoutPipeline, parameters: list[nn.Parameter], ema: EMAModel, run: Path) -> None:
    """Write the pipeline with averaged weights to ``model/`` of the run, aside first."""
    aside = run / ".model.partial"
    shutil.rmtree(aside, ignore_errors=True)
    ema.store(parameters)
    ema.copy_to(parameters)
    try:
        pipeline.save_pretrained(aside)
    finally:
        ema.restore(parameters)
    checkpoint.replace_folder(aside, run / "model")


def _average_gradients(parameters: list[nn.Parameter], world: int) -> None:
    """The mean gradient of all processes."""
    if world == 1:
        return
    for parameter in parameters:
        if parameter.grad is not None:
            torch.distributed.all_reduce(parameter.grad)
            parameter.grad /= world
