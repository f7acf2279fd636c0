"""``layoutgen augment``: a data set -> a larger one, with painted images."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layoutgen.cli import completion, console
from layoutgen.cli.defects import defects_content, say_defects
from layoutgen.cli.options import (
    Balance,
    Data,
    Device,
    Format,
    Json,
    LongerSides,
    Model,
    MoreObjects,
    Output,
    Overwrite,
    Quiet,
    Seed,
    Strict,
    Units,
)
from layoutgen.cli.sample import windows
from layoutgen.cli.sample_options import BatchSize, Dtype, Steps
from layoutgen.cli.tables import print_table
from layoutgen.cli.watch import Watch
from layoutgen.features.image_quality import share_text

if TYPE_CHECKING:
    from layoutgen.api.augment import AugmentedData

_CHECK = "What is in the images"


def augment(
    context: typer.Context,
    data: Data,
    output: Output,
    factor: Annotated[
        float | None,
        typer.Option(metavar="X", show_default="2", help="The set has X times as many images as the data."),
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", show_default=False, help="Paint N images, instead of --factor."),
    ] = None,
    to: Format = "coco",
    painted_only: Annotated[
        bool, typer.Option("--painted-only", help="Leave the real images out; they need not be there.")
    ] = False,
    model: Model = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD",
            show_default="the model's best",
            help="img2img, text2img, regional or sprites, as of `layoutgen sample`.",
            autocompletion=completion.methods,
        ),
    ] = None,
    steps: Steps = None,
    category: Annotated[
        list[str] | None,
        typer.Option(
            help="Only objects of this label are painted; repeat it.", show_default="all the model knows"
        ),
    ] = None,
    objects: MoreObjects = 1.0,
    size: LongerSides = 1.0,
    balance: Balance = 0.0,
    check: Annotated[
        bool,
        typer.Option(
            "--check/--no-check",
            rich_help_panel=_CHECK,
            help="Let a detector look for the objects, and paint images that miss some again.",
        ),
    ] = True,
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            rich_help_panel=_CHECK,
            show_default="the small one in the package: cats and dogs",
            help="Which looks: a folder or hub id of a detector of transformers.",
        ),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option(
            min=0,
            metavar="N",
            rich_help_panel=_CHECK,
            show_default="2",
            help="Paint images that miss an object again, N times.",
        ),
    ] = None,
    missing: Annotated[
        str | None,
        typer.Option(
            metavar="objects|images|keep",
            rich_help_panel=_CHECK,
            show_default="objects",
            help="Of objects that are never found: they are not annotated, their images are left out, or "
            "they are annotated all the same.",
            autocompletion=completion.one_of("objects", "images", "keep"),
        ),
    ] = None,
    seed: Seed = 0,
    batch_size: BatchSize = "auto",
    dtype: Dtype = "auto",
    device: Device = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be painted, and stop; nothing is written.")
    ] = False,
    units: Units = "pixels",
    strict: Strict = False,
    as_json: Json = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Enlarge a data set by painted images whose objects a detector has found.

    Layouts like those of the data are drawn and painted, and written with the real images; origins.jsonl says
    what each image is. The same command goes on where it was interrupted.
    """
    from layoutgen.api.augment import augment as enlarge

    result = enlarge(
        data,
        output,
        factor=factor,
        count=count,
        to=to,
        painted_only=painted_only,
        model=model,
        method=method,
        steps=steps,
        category=category,
        objects=objects,
        size=size,
        balance=balance,
        check=check,
        detector=detector,
        rounds=rounds,
        missing=missing,
        seed=seed,
        batch_size=windows(batch_size),
        dtype=dtype,
        device=device,
        dry_run=dry_run,
        units=units,
        strict=strict,
        overwrite=overwrite,
        progress=Watch(context, quiet=quiet),
    )
    if as_json:
        console.print_json(_content(result))
    elif not quiet:
        _say(result, check=check)


def _content(result: AugmentedData) -> dict[str, Any]:
    """What was made, for other programs."""
    return {
        "output": str(result.folder),
        "real": result.real,
        "layouts": result.layouts,
        "disk": result.disk,
        "unknown": list(result.unknown),
        "outcome": None if result.outcome is None else asdict(result.outcome),
        **defects_content(result.dropped, result.mended),
    }


def _say(result: AugmentedData, *, check: bool) -> None:
    """What was made, or would be, for people."""
    say_defects(result.dropped, result.mended)
    outcome = result.outcome
    if outcome is None:
        disk = result.disk / 10**6
        console.say(
            f"{result.layouts:,} images to paint beside {result.real:,} real ones, about {disk:,.0f} MB"
        )
        return
    if check:
        rows = [
            (
                f"round {number}",
                f"{one.images:,}",
                f"{one.objects:,}",
                f"{one.found:,}",
                share_text(one.found / one.objects if one.objects else None),
            )
            for number, one in enumerate(outcome.rounds, start=1)
        ]
        print_table(("", "images", "objects", "found", "recall"), rows)
        lost = f"{outcome.dropped_objects:,} objects that were not found, {outcome.dropped_images:,} images"
        console.say(f"Dropped: {lost}; annotated without being found: {outcome.unfound:,}")
    console.say(
        f"{result.real:,} real and {outcome.images:,} painted images ({outcome.objects:,} painted objects): "
        f"{result.folder}"
    )
