"""``layoutgen train``: fine-tune a checkpoint, or train the small model from scratch."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from layoutgen.additions import NOTHING_ADDED, Additions
from layoutgen.cli import console
from layoutgen.cli import train_options as options
from layoutgen.cli.options import ClipSkip, Embeddings, Loras, Output, Quiet, Vae
from layoutgen.cli.train_tables import components_table, plan_table
from layoutgen.errors import InvalidOption
from layoutgen.training.config import TrainConfig, read_settings

if TYPE_CHECKING:
    from layoutgen.training.loop import Progress

_LOG_SECONDS = 60  # between two lines where there is no terminal for a bar


def train(
    context: typer.Context,
    data: options.Data,
    output: Output,
    methods: options.Methods = None,
    model: options.Model = None,
    vae: Vae = None,
    lora: Loras = None,
    embedding: Embeddings = None,
    clip_skip: ClipSkip = None,
    from_scratch: options.FromScratch = None,
    config: options.Config = None,
    encoding: options.Encoding = None,
    train_text_encoder: options.TrainTextEncoder = None,
    lora_rank: options.LoraRank = None,
    images: options.Images = None,
    batch_size: options.BatchSize = None,
    resolution: options.Resolution = None,
    aspect_buckets: options.AspectBuckets = None,
    cache_latents: options.CacheLatents = None,
    workers: options.Workers = None,
    learning_rate: options.LearningRate = None,
    warmup: options.Warmup = None,
    schedule: options.Schedule = None,
    optimizer: options.Optimizer = None,
    ema: options.Ema = None,
    drop_caption: options.DropCaption = None,
    drop_layout: options.DropLayout = None,
    min_snr: options.MinSnr = None,
    box_weight: options.BoxWeight = None,
    micro_batch: options.MicroBatch = None,
    gradient_checkpointing: options.GradientCheckpointing = None,
    mixed_precision: options.MixedPrecision = None,
    compile: options.Compile = None,
    save_every: options.SaveEvery = None,
    keep_checkpoints: options.KeepCheckpoints = None,
    report_every: options.ReportEvery = None,
    validation: options.Validation = None,
    tracker: options.Tracker = None,
    max_minutes: options.MaxMinutes = None,
    device: options.Device = None,
    seed: options.Seed = None,
    dry_run: options.DryRun = False,
    quiet: Quiet = False,
) -> None:
    """Teach a checkpoint to follow layouts.

    The same command again continues a run that was stopped or killed. `accelerate launch -m layoutgen train
    ...` uses many GPUs. `layoutgen sample --model RUN` paints with the result.
    """
    stored = read_settings(config, TrainConfig) if config is not None else {}
    given = {field.name: context.params.get(field.name) for field in fields(TrainConfig)}
    # Typer gives an option that can be repeated as an empty sequence when it is not given at all.
    chosen = TrainConfig(**stored | {k: v for k, v in given.items() if v not in (None, [], ())})
    run_training(
        data,
        output,
        chosen,
        model=model,
        additions=Additions(vae, tuple(lora or ()), tuple(embedding or ()), clip_skip),
        from_scratch=from_scratch,
        device=device,
        max_minutes=max_minutes,
        dry_run=dry_run,
        quiet=quiet,
    )


def run_training(
    data: Path,
    output: Path,
    chosen: TrainConfig,
    *,
    model: str | None,
    additions: Additions = NOTHING_ADDED,
    from_scratch: Path | None = None,
    device: str | None,
    max_minutes: float | None,
    dry_run: bool = False,
    quiet: bool,
) -> None:
    """Prepare the run and follow it, or show its plan."""
    if max_minutes is not None and not max_minutes > 0:
        raise InvalidOption(f"`max_minutes` must be above 0, not {max_minutes}")

    from layoutgen.sampling.run import quiet_libraries
    from layoutgen.training.run import prepare_run
    from layoutgen.training.start import read_shape

    quiet_libraries()
    quiet = quiet or os.environ.get("RANK", "0") != "0"  # of many processes only the first one prints
    say = (lambda message: None) if quiet else console.say
    shape = read_shape(from_scratch) if from_scratch is not None else None
    run = prepare_run(
        data,
        output,
        chosen,
        model=model,
        additions=additions,
        from_scratch=shape,
        device=device,
        dry_run=dry_run,
        report=say,
    )
    if not quiet:
        console.out.print(components_table(run))
    if dry_run:
        if not quiet:
            console.out.print(plan_table(run))
        return
    max_seconds = None if max_minutes is None else 60 * max_minutes
    last = _follow(run.start(max_seconds=max_seconds, report=say), chosen, quiet=quiet)
    folder = output / "model"
    say(f"Nothing left to train: {folder}" if last is None else f"Model: {folder} ({last})")


def _follow(steps: Iterator[Progress], config: TrainConfig, *, quiet: bool) -> str | None:
    """Show the progress of a training: on a bar or, in a log, in a line every minute.

    Returns:
        The last progress as text; None if there was no step.
    """
    average, text, printed = math.nan, None, time.monotonic()
    with console.progress(quiet) as bar:
        task = bar.add_task("training", total=config.images)
        for step in steps:
            average = step.loss if not math.isfinite(average) else 0.98 * average + 0.02 * step.loss
            text = f"loss {average:.4f}, {step.images_per_second:.3g} images/s, waiting {step.waiting:.0%}"
            bar.update(task, completed=step.images, description=text)
            if bar.disable and not quiet and time.monotonic() - printed > _LOG_SECONDS:
                console.say(f"{step.images:,} of {config.images:,} images: {text}")
                printed = time.monotonic()
    return text
