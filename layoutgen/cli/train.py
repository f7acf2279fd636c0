"""``layoutgen train``: fine-tune a checkpoint, or train the small model from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from layoutgen.cli import console
from layoutgen.cli.options import Output, Quiet


def train(
    data: Annotated[
        Path, typer.Argument(metavar="DATA", help="What `prepare coco` or `prepare scenes` wrote.")
    ],
    output: Output,
    method: Annotated[
        list[str] | None,
        typer.Option(help="text2img or img2img; both, one after the other, for one model that can do both."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", show_default=False, help="Checkpoint to fine-tune: folder or hub id."),
    ] = None,
    from_scratch: Annotated[
        Path | None,
        typer.Option(metavar="CONFIG", show_default=False, help="Train a small model of this shape (YAML)."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Options from a YAML file; the command line wins."
        ),
    ] = None,
    encoding: Annotated[
        str | None, typer.Option(show_default="box", help="Of text2img: box or text.")
    ] = None,
    images: Annotated[
        int | None, typer.Option(show_default="100000", help="Examples to show in all.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(show_default="16", help="Examples a step and process.")
    ] = None,
    resolution: Annotated[
        int | None, typer.Option(show_default="512", help="Side of the images, in pixels.")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(show_default="1e-4", help="Of AdamW.")] = None,
    warmup: Annotated[int | None, typer.Option(show_default="100", help="Steps until it is reached.")] = None,
    ema: Annotated[
        float | None, typer.Option(show_default="0.999", help="Decay of the averaged weights.")
    ] = None,
    drop_caption: Annotated[
        float | None, typer.Option(show_default="0.1", help="Share without caption.")
    ] = None,
    drop_layout: Annotated[
        float | None, typer.Option(show_default="0.1", help="Share without layout.")
    ] = None,
    min_snr: Annotated[float | None, typer.Option(show_default="5", help="Min-SNR gamma; 0: off.")] = None,
    box_weight: Annotated[
        float | None, typer.Option(show_default="0.2", help="How much small boxes count; 0: off.")
    ] = None,
    train_text_encoder: Annotated[
        bool | None,
        typer.Option(
            "--train-text-encoder/--freeze-text-encoder",
            show_default="freeze",
            help="Train the text encoder too.",
        ),
    ] = None,
    save_every: Annotated[
        int | None, typer.Option(show_default="5000", help="Examples between two checkpoints.")
    ] = None,
    workers: Annotated[int | None, typer.Option(show_default="1", help="Processes that read data.")] = None,
    mixed_precision: Annotated[
        str | None, typer.Option(metavar="no|fp16|bf16", show_default="no", help="Of the U-Net's work.")
    ] = None,
    max_minutes: Annotated[
        float | None, typer.Option(show_default="no limit", help="Stop with a checkpoint after this time.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(metavar="DEVICE", show_default="cuda if there is one", help="cpu or cuda.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(show_default="0", help="The same seed gives the same run.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Teach a checkpoint to follow layouts.

    The same command again continues a run that was stopped or killed. `accelerate launch -m layoutgen train
    ...` uses many GPUs. `layoutgen sample --model RUN` paints with the result.
    """
    from layoutgen.training.config import TrainConfig, read_options

    given: dict[str, Any] = {
        "methods": method and tuple(method),
        "encoding": encoding,
        "images": images,
        "batch_size": batch_size,
        "resolution": resolution,
        "learning_rate": learning_rate,
        "warmup": warmup,
        "ema": ema,
        "drop_caption": drop_caption,
        "drop_layout": drop_layout,
        "min_snr": min_snr,
        "box_weight": box_weight,
        "train_text_encoder": train_text_encoder,
        "save_every": save_every,
        "workers": workers,
        "mixed_precision": mixed_precision,
        "seed": seed,
    }
    stored = read_options(config, TrainConfig) if config is not None else {}
    chosen = TrainConfig(**stored | {key: value for key, value in given.items() if value is not None})

    from layoutgen.sampling import quiet_libraries
    from layoutgen.training.run import read_scratch, start

    quiet_libraries()
    scratch = read_scratch(from_scratch) if from_scratch is not None else None
    seconds = None if max_minutes is None else 60 * max_minutes
    say = (lambda message: None) if quiet else console.say
    run = start(
        data, output, chosen, model=model, scratch=scratch, device=device, max_seconds=seconds, report=say
    )
    with console.progress(quiet) as bar:
        task = bar.add_task("training", total=chosen.images)
        average = None
        for step in run:
            average = step.loss if average is None else 0.98 * average + 0.02 * step.loss
            text = f"loss {average:.4f}, {step.images_per_second:.1f} images/s, waiting {step.waiting:.0%}"
            bar.update(task, completed=step.images, description=text)
    say(f"Model: {output / 'model'}" if average is not None else f"Nothing left to train: {output / 'model'}")
