"""``layoutgen sample``: layout -> images, overlays and annotations."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layoutgen.cli import console
from layoutgen.cli.defects import say_defects
from layoutgen.cli.inputs import read_options
from layoutgen.cli.options import Device, Model, Overwrite, Quiet, Strict, Units
from layoutgen.cli.sample_inputs import output_name, parse_words, read_requests
from layoutgen.denoising.schedulers import SCHEDULERS
from layoutgen.denoising.settings import DEFAULT_STRENGTH, DEFAULTS

if TYPE_CHECKING:
    from layoutgen.domain.layout import Layout
    from layoutgen.model_info import ModelInfo


def sample(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LAYOUT]... [LABEL]...",
            help="Layout file (.yaml), annotations of any known format such as a COCO json, or a PNG that "
            "layoutgen made, which is made again; several are painted one after the other. "
            "Then the label of each -n, as in: layout.yaml -n 100 dogs.",
            show_default=False,
        ),
    ] = None,
    number: Annotated[
        list[int] | None,
        typer.Option(
            "--number",
            "-n",
            metavar="N",
            help="Exactly N objects of the label that follows: boxes of the file first, the rest at distinct "
            "free places. Can be repeated: -n 100 dogs -n 20 cats.",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", show_default="out/LAYOUT", help="Folder to write to."),
    ] = None,
    model: Model = None,
    method: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD", show_default="the model's best", help="img2img, text2img or regional."
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(metavar="box|text", show_default="the trained one", help="Of text2img."),
    ] = None,
    prompt: Annotated[str | None, typer.Option(show_default="the file's", help="What else to show.")] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=DEFAULTS.scheduler,
            help=f"{', '.join(SCHEDULERS)}, or model: its own.",
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(show_default=str(DEFAULTS.steps), help="Denoising steps.")
    ] = None,
    guidance: Annotated[
        float | None,
        typer.Option(
            show_default=f"{DEFAULTS.guidance:g}", help="Classifier-free guidance; 1: off, twice as fast."
        ),
    ] = None,
    guidance_interval: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="START STOP",
            show_default="{:g} {:g}".format(*DEFAULTS.guidance_interval),
            help="The part of the steps that is guided; the others take half the time.",
        ),
    ] = None,
    background_guidance: Annotated[
        float | None,
        typer.Option(show_default="the model's", help="Guidance outside of boxes, which colours the ground."),
    ] = None,
    coarse_above: Annotated[
        float | None,
        typer.Option(
            metavar="PX",
            show_default="the model's",
            help="Paint boxes longer than this on a coarser canvas first, then enlarge and refine; 0: never.",
        ),
    ] = None,
    cache_interval: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            show_default=str(DEFAULTS.cache_interval),
            help="Compute the U-Net's deeper levels in every Nth step only; 1: in all of them.",
        ),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(
            show_default=f"{DEFAULT_STRENGTH:g}",
            help="img2img on a checkpoint without layout training: how much of the drawing is repainted.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(show_default=str(DEFAULTS.seed), help="The same seed gives the same result."),
    ] = None,
    num_images: Annotated[
        int, typer.Option(min=1, help="Images of each layout, each with its own seed.")
    ] = 1,
    batch_size: Annotated[
        str,
        typer.Option(metavar="N|auto", help="Windows at once, over all images; auto: what fits into memory."),
    ] = "auto",
    image_id: Annotated[
        int | None, typer.Option(metavar="ID", show_default="all", help="Only this image of a COCO json.")
    ] = None,
    width: Annotated[
        int | None, typer.Option(min=1, metavar="PX", show_default="512", help="Canvas, without a file.")
    ] = None,
    height: Annotated[
        int | None, typer.Option(min=1, metavar="PX", show_default="512", help="Canvas, without a file.")
    ] = None,
    device: Device = None,
    dtype: Annotated[
        str,
        typer.Option(
            metavar="TYPE",
            help="fp32, bf16 or fp16; auto: fp16 on cuda, bf16 on a CPU that has it, else fp32.",
        ),
    ] = "auto",
    preview: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            show_default=False,
            help="Keep a PNG here that shows the image as it forms; some terminals show it, too.",
        ),
    ] = None,
    units: Units = "pixels",
    strict: Strict = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Paint images with each object in its own box.

    Writes images/, overlays/ and annotations.json (COCO) to the output folder. Each PNG holds its layout and
    settings: `layoutgen sample that.png` makes it again.
    """
    from dataclasses import replace

    from layoutgen.cli.preview import open_preview
    from layoutgen.denoising.settings import settings_of
    from layoutgen.domain.requests import arrange_request
    from layoutgen.io.output_folder import SAMPLES, check_output
    from layoutgen.model_info import check_labels, find_model
    from layoutgen.sampling.processes import running_processes

    paths, quantities = parse_words(words or [], number or [])
    requests, defects = read_requests(paths, image_id, width, height, read_options(strict, units))
    given: dict[str, Any] = {
        "model": model,
        "method": method,
        "encoding": encoding,
        "scheduler": scheduler,
        "steps": steps,
        "guidance": guidance,
        "guidance_interval": guidance_interval,
        "background_guidance": background_guidance,
        "coarse_above": coarse_above,
        "cache_interval": cache_interval,
        "strength": strength,
        "seed": seed,
    }
    chosen = _chosen(requests[0][1].settings, given)
    info = find_model(chosen.get("model"))
    place: dict[str, Any] = {"size_prior": info.size_prior, "seed": chosen.get("seed", 0)}
    arranged = [(name, arrange_request(one, quantities, **place)) for name, one in requests]
    check_labels({label for _, layout in arranged for label in layout.labels}, info.labels)
    layouts = [(name, _with_prompt(layout, prompt, info)) for name, layout in arranged]
    output = output or Path("out") / output_name(paths, quantities)
    processes = running_processes()
    leads = processes.rank == 0
    if leads:
        check_output(output, SAMPLES, overwrite=overwrite)
    settings, windows = replace(settings_of(info.sampling), **chosen), _windows(batch_size)
    shown = open_preview(preview if leads else None, inline=not quiet)
    with shown, console.progress(quiet or not leads or shown.inline) as bar:
        task = bar.add_task("loading the model", total=None)

        from layoutgen.sampling.run import load_pipeline, quiet_libraries
        from layoutgen.sampling.run import sample as paint

        quiet_libraries()
        pipeline = load_pipeline(info.source, device or processes.device(), dtype)
        run = paint(
            pipeline,
            layouts,
            settings,
            output,
            num_images=num_images,
            batch_size=windows,
            overwrite=overwrite,
            processes=processes,
        )
        bar.update(task, description="painting")
        with closing(run):  # type: ignore[type-var]
            for event in run:
                bar.update(task, completed=event.step, total=event.steps)
                shown.update(event.preview)
    if leads and not quiet:
        say_defects(*defects)
        placed = sum(len(one.instances) for _, one in layouts)
        count = num_images * len(layouts)
        console.say(f"Images ({count:,}, {placed:,} objects placed): {output / 'images'}")
        console.say(f"Overlays: {output / 'overlays'}")
        console.say(f"Annotations (COCO): {output / 'annotations.json'}")


def _chosen(painted: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings: those `given`, else those with which the image was `painted` that is made again."""
    from dataclasses import fields

    from layoutgen.denoising.settings import SampleSettings

    known = {field.name for field in fields(SampleSettings)}
    chosen = {key: value for key, value in painted.items() if key in known}
    chosen |= {key: value for key, value in given.items() if value is not None}
    if given["method"] is not None and given["method"] != painted.get("method"):
        chosen["encoding"] = given["encoding"]  # of another method than the stored one
    return chosen


def _with_prompt(layout: Layout, prompt: str | None, info: ModelInfo) -> Layout:
    """`layout` with `prompt`, with its own, or with one that says no more than what is in it."""
    from dataclasses import replace

    return replace(layout, prompt=prompt if prompt is not None else layout.prompt or info.prompt_for(layout))


def _windows(text: str) -> int | None:
    """The number of windows, or None for ``auto``."""
    from layoutgen.errors import InvalidOption

    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise InvalidOption(f"--batch-size must be auto or a number of windows from 1, not {text}")
    return int(text)
