"""``layoutgen train``: teach the small model new objects, fine-tune a checkpoint, or train a new model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import typer

from layoutgen.additions import Additions
from layoutgen.cli import console
from layoutgen.cli import train_options as options
from layoutgen.cli.options import ClipSkip, Embeddings, Json, Loras, Output, Quiet, Vae
from layoutgen.cli.train_display import TrainingDisplay
from layoutgen.cli.train_tables import components_table, plan_table, run_content, settings_table
from layoutgen.imports import importing
from layoutgen.training.config import TrainConfig
from layoutgen.training.run_config import RunConfig

if TYPE_CHECKING:
    from layoutgen.training.request import TrainingRequest


def train(
    context: typer.Context,
    output: Output,
    data: options.Data = None,
    methods: options.Methods = None,
    model: options.Model = None,
    vae: Vae = None,
    lora: Loras = None,
    embedding: Embeddings = None,
    clip_skip: ClipSkip = None,
    from_scratch: options.FromScratch = None,
    config: options.Config = None,
    encoding: options.Encoding = None,
    residual_tokens: options.ResidualTokens = None,
    train_text_encoder: options.TrainTextEncoder = None,
    lora_rank: options.LoraRank = None,
    images: options.Images = None,
    batch_size: options.BatchSize = None,
    resolution: options.Resolution = None,
    aspect_buckets: options.AspectBuckets = None,
    cache_latents: options.CacheLatents = None,
    workers: options.Workers = None,
    learning_rate: options.LearningRate = None,
    unet_lr_factor: options.UnetLrFactor = None,
    text_lr_factor: options.TextLrFactor = None,
    warmup: options.Warmup = None,
    schedule: options.Schedule = None,
    optimizer: options.Optimizer = None,
    ema: options.Ema = None,
    drop_caption: options.DropCaption = None,
    drop_layout: options.DropLayout = None,
    drop_both: options.DropBoth = None,
    min_snr: options.MinSnr = None,
    box_weight: options.BoxWeight = None,
    micro_batch: options.MicroBatch = None,
    gradient_checkpointing: options.GradientCheckpointing = None,
    mixed_precision: options.MixedPrecision = None,
    tf32: options.Tf32 = None,
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
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Teach a model to draw the objects of DATA where a layout says.

    Without more, it starts from the small model in the package and takes its settings from it: the way to get
    results on a CPU. `layoutgen train -o RUN` alone continues a run that was stopped or killed. `accelerate
    launch -m layoutgen train ...` uses many GPUs. `layoutgen sample --model RUN` paints with the result.
    """
    added = Additions(vae, tuple(lora or ()), tuple(embedding or ()), clip_skip)
    run_training(
        RunConfig(data, model, settings=settings_of(context), additions=added),
        output,
        file=config,
        from_scratch=from_scratch,
        device=device,
        max_minutes=max_minutes,
        dry_run=dry_run,
        as_json=as_json,
        quiet=quiet,
    )


def settings_of(context: typer.Context) -> dict[str, Any]:
    """The settings that the command line gives; one that can be repeated is empty where it is not given."""
    values = {field.name: context.params.get(field.name) for field in fields(TrainConfig)}
    return {name: value for name, value in values.items() if value not in (None, [], ())}


def run_training(
    given: RunConfig,
    output: Path,
    *,
    file: Path | None,
    from_scratch: str | None = None,
    device: str | None,
    max_minutes: float | None,
    dry_run: bool = False,
    as_json: bool = False,
    quiet: bool,
    usual: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Check what is asked for, prepare the run and follow it, or show its plan.

    Args:
        file: of further options.
        from_scratch: file of the shape of a new model; "": that of the package.
        usual: settings that the command has where nobody asks for anything else.
    """
    from layoutgen.api.train import read_training

    request = read_training(given, output, file, from_scratch, max_minutes, device, usual)
    follows = os.environ.get("RANK", "0") != "0"  # of many processes only the first one prints
    as_json, quiet = as_json and not follows, quiet or as_json or follows
    say = (lambda message: None) if quiet else console.say
    say(_beginning(request))

    with importing():
        from layoutgen.sampling.run import quiet_libraries
        from layoutgen.training.run import prepare_run

    quiet_libraries()
    with TrainingDisplay(quiet, request) as display:
        run = prepare_run(request, device=device, dry_run=dry_run, report=say, waiting=display.waiting)
        if not quiet:
            console.out.print(settings_table(request))
            console.out.print(components_table(run))
            for warning in run.boxes.warnings(request.start.size_prior, request.config.resolution):
                console.warn(f"Data: {warning}")
        if dry_run:
            if as_json:
                console.print_json(run_content(request, run, plan=run.plan()))
            elif not quiet:
                console.out.print(plan_table(run))
            return
        max_seconds = None if max_minutes is None else 60 * max_minutes
        display.follow(run.start(max_seconds=max_seconds, report=say, waiting=display.waiting))
    if as_json:
        console.print_json(run_content(request, run, images=display.images))
    for line in display.ending():
        say(line)
    if display.exit_code:
        raise typer.Exit(display.exit_code)


def _beginning(request: TrainingRequest) -> str:
    """From where the run goes, in a line."""
    if request.done:
        total = f"{request.config.images:,} images"
        return f"Continues {request.output} after {request.done:,} of {total}, with {request.data}"
    new = [label for label in request.listing.labels if label not in (request.start.labels or ())]
    learns = f"; new to it: {', '.join(new)}" if request.start.labels and new else ""
    note = f"; {request.start.size_note}" if request.start.size_note else ""
    return f"Starts from {request.start.name}{learns}{note}"
