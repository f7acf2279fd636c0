"""``layoutgen distill``: a layout model of many guided steps becomes one of a few steps without guidance."""

from __future__ import annotations

from typing import Annotated

import typer

from layoutgen.additions import Additions
from layoutgen.cli import train_options as options
from layoutgen.cli.options import ClipSkip, Embeddings, Json, Loras, Output, Quiet, Vae
from layoutgen.cli.train import run_training, settings_of
from layoutgen.training.run_config import RunConfig

_STEPS = 4


def distill(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A run of `train`, a model folder or a hub id.")
    ],
    data: options.Data,
    output: Output,
    vae: Vae = None,
    lora: Loras = None,
    embedding: Embeddings = None,
    clip_skip: ClipSkip = None,
    few_steps: options.FewSteps = None,
    features: options.Features = None,
    judge_learning_rate: options.JudgeLearningRate = None,
    teacher_weight: options.TeacherWeight = None,
    teacher_guidance: options.TeacherGuidance = None,
    real_weight: options.RealWeight = None,
    border_weight: options.BorderWeight = None,
    methods: options.Methods = None,
    config: options.Config = None,
    encoding: options.Encoding = None,
    train_text_encoder: options.TrainTextEncoder = None,
    lora_rank: options.LoraRank = None,
    images: options.Images = None,
    batch_size: options.BatchSize = None,
    resolution: options.Resolution = None,
    aspect_buckets: options.AspectBuckets = None,
    workers: options.Workers = None,
    learning_rate: options.LearningRate = None,
    unet_lr_factor: options.UnetLrFactor = None,
    text_lr_factor: options.TextLrFactor = None,
    warmup: options.Warmup = None,
    schedule: options.Schedule = None,
    optimizer: options.Optimizer = None,
    ema: options.Ema = None,
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
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Finish a layout model against a judge, so that it paints in few steps without guidance.

    The judge learns beside it, on the features of a frozen network, from the images of DATA. The same command
    again continues a run that was stopped. `layoutgen sample --model RUN` paints in so many steps.
    """
    added = Additions(vae, tuple(lora or ()), tuple(embedding or ()), clip_skip)
    run_training(
        RunConfig(data, model, settings=settings_of(context), additions=added),
        output,
        file=config,
        device=device,
        max_minutes=max_minutes,
        as_json=as_json,
        quiet=quiet,
        usual={"few_steps": _STEPS},
    )
