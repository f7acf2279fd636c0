"""``layoutgen sample``: layout -> images, overlays and annotations."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layoutgen.cli import console
from layoutgen.cli import sample_options as options
from layoutgen.cli.defects import say_defects
from layoutgen.cli.inputs import read_options
from layoutgen.cli.options import (
    ClipSkip,
    Device,
    Embeddings,
    Json,
    Loras,
    Model,
    Overwrite,
    Quiet,
    Units,
    Vae,
)
from layoutgen.cli.sample_images import Series, images_asked_for
from layoutgen.cli.sample_inputs import in_words_of, output_name, read_requests
from layoutgen.cli.sample_settings import check_guided, settings_asked_for
from layoutgen.cli.sample_words import parse_words
from layoutgen.cli.unfinished import unfinished_said

if TYPE_CHECKING:
    from layoutgen.cli.sample_images import Images


def sample(
    words: options.Words = None,
    number: options.Number = None,
    output: options.Output = None,
    model: Model = None,
    vae: Vae = None,
    lora: Loras = None,
    embedding: Embeddings = None,
    clip_skip: ClipSkip = None,
    method: options.Method = None,
    encoding: options.Encoding = None,
    prompt: options.Prompt = None,
    negative_prompt: options.NegativePrompt = None,
    seed: options.Seeds = None,
    num_images: options.NumImages = None,
    vary: options.Vary = "seed",
    image_id: options.ImageId = None,
    width: options.Width = None,
    height: options.Height = None,
    scheduler: options.Scheduler = None,
    steps: options.Steps = None,
    guidance: options.Guidance = None,
    background_guidance: options.BackgroundGuidance = None,
    coarse_above: options.CoarseAbove = None,
    strength: options.Strength = None,
    guidance_rescale: options.GuidanceRescale = None,
    karras: options.Karras = None,
    zoom: options.Zoom = None,
    guidance_interval: options.GuidanceInterval = None,
    cache_interval: options.CacheInterval = None,
    batch_size: options.BatchSize = "auto",
    dtype: options.Dtype = "auto",
    device: Device = None,
    preview: options.Preview = None,
    units: Units = "pixels",
    strict: options.Strict = False,
    as_json: Json = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Paint images with each object in its own box.

    Writes images/, overlays/ and annotations.json (COCO) to the output folder. Each PNG holds its layout and
    settings: `layoutgen sample that.png` makes it again.
    """
    from layoutgen.cli.preview import open_preview
    from layoutgen.cli.sample_costs import say_zoom
    from layoutgen.io.output_folder import SAMPLES, check_output
    from layoutgen.model_info import find_model
    from layoutgen.preflight.check import check_painting
    from layoutgen.preflight.options import check_device_names
    from layoutgen.sampling.processes import running_processes

    paths, quantities = parse_words(words or [], number or [])
    series = Series.of(seed, num_images, vary)
    requests, defects = read_requests(paths, image_id, width, height, read_options(strict, units))
    painted = [one.settings for _, one in requests]
    given: dict[str, Any] = {
        "model": model,
        "vae": vae,
        "lora": lora or None,
        "embedding": embedding or None,
        "clip_skip": clip_skip,
        "encoding": encoding,
        "scheduler": scheduler,
        "steps": steps,
        "guidance": guidance,
        "guidance_interval": guidance_interval,
        "background_guidance": background_guidance,
        "coarse_above": coarse_above,
        "guidance_rescale": guidance_rescale,
        "karras": karras,
        "cache_interval": cache_interval,
        "zoom": zoom,
        "strength": strength,
    }
    check_device_names(device, dtype)
    info = find_model(model if model is not None else painted[0].get("model"))
    canvas = None if paths else (width, height)
    requests, quantities = in_words_of(info, requests, quantities, canvas=canvas)
    settings = settings_asked_for(method, given, painted, info.sampling)
    asked = images_asked_for(requests, quantities, series, info, prompt, negative_prompt)
    settings = [replace(one, seed=asked.seeds[0]) for one in settings]
    settings[0].additions.check()
    check_guided({"negative_prompt": negative_prompt, "guidance_rescale": guidance_rescale}, settings)
    output = output or Path("out") / output_name(paths, quantities)
    folders = [output / str(one.method) if len(settings) > 1 else output for one in settings]
    windows, processes = _windows(batch_size), running_processes()
    leads = processes.rank == 0
    for folder in folders if leads else ():
        check_output(folder, SAMPLES, overwrite=overwrite)
    console.note(check_painting(asked.named, info, settings, strict=strict), quiet=quiet or not leads)
    shown = open_preview(preview if leads else None, inline=not quiet)
    kept = unfinished_said(folders if leads else (), quiet=quiet)
    with kept, shown, console.progress(quiet or not leads or shown.inline) as bar:
        task = bar.add_task("loading the model", total=None)

        from layoutgen.sampling.run import load_pipeline, quiet_libraries
        from layoutgen.sampling.run import sample as paint

        quiet_libraries()
        additions = settings[0].additions
        pipeline = load_pipeline(info.source, device or processes.device(), dtype, additions)
        for one, folder in zip(settings, folders, strict=True):
            run = paint(
                pipeline,
                asked.named,
                one,
                folder,
                seeds=asked.seeds,
                image_ids=asked.image_ids,
                num_images=asked.num_images,
                batch_size=windows,
                overwrite=overwrite,
                processes=processes,
            )
            bar.update(task, description=f"painting by {one.method}" if len(settings) > 1 else "painting")
            if leads and not quiet and one.zoom is None:
                say_zoom(pipeline, asked.layouts, one)
            with closing(run):  # type: ignore[type-var]
                for event in run:
                    if event.kept and leads:
                        console.note([f"{event.kept:,} images of an interrupted run are kept"], quiet=quiet)
                    bar.update(task, completed=event.step, total=event.steps)
                    shown.update(event.preview)
    if leads and not quiet:
        say_defects(*defects, err=as_json)
    if leads and as_json:
        console.print_json(_files(folders, asked))
    elif leads and not quiet:
        for folder in folders:
            _say(folder, asked)


def _files(folders: list[Path], asked: Images) -> dict[str, Any]:
    """What was written, for other programs."""
    from layoutgen.io.output_folder import GRID

    images = [
        {
            "image": str(folder / "images" / job.file),
            "overlay": str(folder / "overlays" / job.overlay),
            "seed": job.seed,
            "objects": len(job.layout.instances),
        }
        for folder in folders
        for job in asked.jobs
    ]
    grids = [str(folder / GRID) for folder in folders if (folder / GRID).is_file()]
    return {
        "images": images,
        "annotations": [str(folder / "annotations.json") for folder in folders],
        "grids": grids,
    }


def _say(folder: Path, asked: Images) -> None:
    """What was written to `folder`, for people."""
    from layoutgen.io.output_folder import GRID

    placed = asked.num_images * sum(len(layout.instances) for layout in asked.layouts)
    count = asked.num_images * len(asked.named)
    console.say(f"Images ({count:,}, {placed:,} objects placed): {folder / 'images'}")
    console.say(f"Overlays: {folder / 'overlays'}")
    if (folder / GRID).is_file():
        console.say(f"Images side by side: {folder / GRID}")
    console.say(f"Annotations (COCO): {folder / 'annotations.json'}")


def _windows(text: str) -> int | None:
    """The number of windows, or None for ``auto``."""
    from layoutgen.errors import InvalidOption

    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise InvalidOption(f"--batch-size must be auto or a number of windows from 1, not {text}")
    return int(text)
