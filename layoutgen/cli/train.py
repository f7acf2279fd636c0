"""``layoutgen train``: fine-tune a checkpoint, or train the small model from nothing."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from layoutgen.cli import console
from layoutgen.cli.options import Output, Quiet
from layoutgen.cli.train_tables import parts_table, plan_table

if TYPE_CHECKING:
    from layoutgen.training.config import TrainConfig
    from layoutgen.training.loop import Progress

_DATA, _STEP, _MEMORY, _KEEP = "Data", "Objective and steps", "Memory and speed", "Checkpoints and reports"
_LOG_SECONDS = 60  # between two lines where there is no terminal for a bar


def train(
    context: typer.Context,
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="What `prepare coco` or `prepare scenes` wrote.")
    ],
    output: Output,
    methods: Annotated[
        list[str] | None,
        typer.Option(
            "--method",
            metavar="METHOD",
            show_default="text2img",
            help="text2img or img2img; both, one after the other, for one model that can do both.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", show_default=False, help="Checkpoint to fine-tune: folder or hub id."),
    ] = None,
    from_scratch: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default=False, help="Train a small model of this shape (YAML)."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default=False,
            help="Options from a YAML file, such as a run's config.yaml; the command line wins.",
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(
            metavar="box|text", show_default="box", help="Of text2img: one token for each box, or text."
        ),
    ] = None,
    train_text_encoder: Annotated[
        bool | None,
        typer.Option(
            "--train-text-encoder/--freeze-text-encoder",
            show_default="freeze",
            help="Train the text encoder too; text encoding gets location tokens.",
        ),
    ] = None,
    lora_rank: Annotated[
        int | None,
        typer.Option(
            metavar="RANK",
            show_default="0: the whole U-Net",
            help="Train low-rank adapters of the attention only.",
        ),
    ] = None,
    images: Annotated[
        int | None,
        typer.Option(show_default="100000", rich_help_panel=_STEP, help="Examples to show in all."),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(show_default="16", rich_help_panel=_STEP, help="Examples a step and process."),
    ] = None,
    resolution: Annotated[
        int | None,
        typer.Option(show_default="512", rich_help_panel=_DATA, help="Side of the images, in pixels."),
    ] = None,
    aspect_buckets: Annotated[
        bool | None,
        typer.Option(
            "--aspect-buckets/--square",
            show_default="square",
            rich_help_panel=_DATA,
            help="Train on several aspect ratios of about the same area.",
        ),
    ] = None,
    cache_latents: Annotated[
        bool | None,
        typer.Option(
            "--cache-latents/--no-cache-latents",
            show_default="off",
            rich_help_panel=_DATA,
            help="Encode images and captions once, into DATA/.latents; crops are then fixed.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(show_default="1", rich_help_panel=_DATA, help="Processes that read data.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(show_default="1e-4", rich_help_panel=_STEP, help="Of the optimizer.")
    ] = None,
    warmup: Annotated[
        int | None, typer.Option(show_default="100", rich_help_panel=_STEP, help="Steps until it is reached.")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default="constant",
            rich_help_panel=_STEP,
            help="What the learning rate does then: constant, linear, cosine, or warmup_stable_decay: held, "
            "then down to zero over the last fifth of --images.",
        ),
    ] = None,
    optimizer: Annotated[
        str | None,
        typer.Option(
            metavar="adamw|adamw8bit",
            show_default="adamw",
            rich_help_panel=_STEP,
            help="adamw8bit needs bitsandbytes.",
        ),
    ] = None,
    ema: Annotated[
        float | None,
        typer.Option(show_default="0.999", rich_help_panel=_STEP, help="Decay of the averaged weights."),
    ] = None,
    drop_caption: Annotated[
        float | None, typer.Option(show_default="0.1", rich_help_panel=_STEP, help="Share without caption.")
    ] = None,
    drop_layout: Annotated[
        float | None, typer.Option(show_default="0.1", rich_help_panel=_STEP, help="Share without layout.")
    ] = None,
    min_snr: Annotated[
        float | None, typer.Option(show_default="5", rich_help_panel=_STEP, help="Min-SNR gamma; 0: off.")
    ] = None,
    box_weight: Annotated[
        float | None,
        typer.Option(show_default="0.2", rich_help_panel=_STEP, help="How much small boxes count; 0: off."),
    ] = None,
    micro_batch: Annotated[
        int | None,
        typer.Option(
            show_default="the batch; halved when memory runs out",
            rich_help_panel=_MEMORY,
            help="Examples at once; gradients are accumulated to the whole batch.",
        ),
    ] = None,
    gradient_checkpointing: Annotated[
        bool | None,
        typer.Option(
            "--gradient-checkpointing/--no-gradient-checkpointing",
            show_default="off",
            rich_help_panel=_MEMORY,
            help="Compute activations twice instead of keeping them.",
        ),
    ] = None,
    mixed_precision: Annotated[
        str | None,
        typer.Option(
            metavar="no|fp16|bf16", show_default="no", rich_help_panel=_MEMORY, help="Of the network's work."
        ),
    ] = None,
    compile: Annotated[
        bool | None,
        typer.Option(
            "--compile/--no-compile",
            show_default="off",
            rich_help_panel=_MEMORY,
            help="Use torch.compile; not with --aspect-buckets.",
        ),
    ] = None,
    save_every: Annotated[
        int | None,
        typer.Option(show_default="5000", rich_help_panel=_KEEP, help="Examples between two checkpoints."),
    ] = None,
    keep_checkpoints: Annotated[
        int | None, typer.Option(show_default="2", rich_help_panel=_KEEP, help="How many stay.")
    ] = None,
    report_every: Annotated[
        int | None,
        typer.Option(
            show_default="5000",
            rich_help_panel=_KEEP,
            help="Examples between two contact sheets in OUTPUT/samples; 0: none.",
        ),
    ] = None,
    validation: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            show_default="the first of DATA",
            rich_help_panel=_KEEP,
            help="Layouts for the contact sheets: YAML or COCO json.",
        ),
    ] = None,
    tracker: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default="none",
            rich_help_panel=_KEEP,
            help="One of accelerate's trackers, such as tensorboard (in OUTPUT).",
        ),
    ] = None,
    max_minutes: Annotated[
        float | None,
        typer.Option(
            show_default="no limit", rich_help_panel=_KEEP, help="Stop with a checkpoint after this time."
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="DEVICE",
            show_default="cuda if there is one",
            rich_help_panel=_MEMORY,
            help="cpu or cuda.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(show_default="0", rich_help_panel=_STEP, help="The same seed gives the same run."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show data, memory and plan, and stop; nothing is written.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Teach a checkpoint to follow layouts.

    The same command again continues a run that was stopped or killed. `accelerate launch -m layoutgen train
    ...` uses many GPUs. `layoutgen sample --model RUN` paints with the result.
    """
    from layoutgen.errors import InvalidOption
    from layoutgen.training.config import TrainConfig, read_options

    if max_minutes is not None and not max_minutes > 0:
        raise InvalidOption(f"--max-minutes must be above 0, not {max_minutes}")
    stored = read_options(config, TrainConfig) if config is not None else {}
    given = {field.name: context.params[field.name] for field in fields(TrainConfig)}
    # Typer gives an option that can be repeated as an empty sequence when it is not given at all.
    chosen = TrainConfig(**stored | {k: v for k, v in given.items() if v not in (None, [], ())})

    from layoutgen.sampling.run import quiet_libraries
    from layoutgen.training.run import prepare_run
    from layoutgen.training.start import read_scratch

    quiet_libraries()
    quiet = quiet or os.environ.get("RANK", "0") != "0"  # of many processes the first one speaks
    say = (lambda message: None) if quiet else console.say
    scratch = read_scratch(from_scratch) if from_scratch is not None else None
    run = prepare_run(
        data, output, chosen, model=model, scratch=scratch, device=device, dry=dry_run, report=say
    )
    if not quiet:
        console.out.print(parts_table(run))
    if dry_run:
        if not quiet:
            console.out.print(plan_table(run))
        return
    seconds = None if max_minutes is None else 60 * max_minutes
    last = _follow(run.start(max_seconds=seconds, report=say), chosen, quiet=quiet)
    say(
        f"Nothing left to train: {output / 'model'}"
        if last is None
        else f"Model: {output / 'model'} ({last})"
    )


def _follow(steps: Iterator[Progress], config: TrainConfig, *, quiet: bool) -> str | None:
    """Show how the training goes, on a bar or, in a log, now and then in a line; returns the last news.

    None if there was no step.
    """
    average, text, told = math.nan, None, time.monotonic()
    with console.progress(quiet) as bar:
        task = bar.add_task("training", total=config.images)
        for step in steps:
            average = step.loss if not math.isfinite(average) else 0.98 * average + 0.02 * step.loss
            text = f"loss {average:.4f}, {step.images_per_second:.3g} images/s, waiting {step.waiting:.0%}"
            bar.update(task, completed=step.images, description=text)
            if bar.disable and not quiet and time.monotonic() - told > _LOG_SECONDS:
                console.say(f"{step.images:,} of {config.images:,} images: {text}")
                told = time.monotonic()
    return text
