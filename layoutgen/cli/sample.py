"""``layoutgen sample``: layout -> images, overlays and annotations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from layoutgen.cli import console
from layoutgen.cli import sample_options as options
from layoutgen.cli.defects import say_defects
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
from layoutgen.cli.sample_words import parse_words
from layoutgen.cli.watch import Watch

if TYPE_CHECKING:
    from layoutgen.api.sample import Samples


def sample(
    context: typer.Context,
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
    variety: options.Variety = None,
    verify: options.Verify = False,
    detector: options.Detector = None,
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
    from layoutgen.api.sample import sample as paint
    from layoutgen.cli.preview import open_preview
    from layoutgen.sampling.processes import running_processes

    paths, quantities = parse_words(words or [], number or [])
    console.note_typing(paths)
    leads = running_processes().rank == 0
    shown = open_preview(preview if leads else None, inline=not quiet)
    with shown:
        samples = paint(
            paths,
            quantities,
            output=output,
            model=model,
            vae=vae,
            lora=lora or None,
            embedding=embedding or None,
            clip_skip=clip_skip,
            method=method,
            encoding=encoding,
            prompt=prompt,
            negative_prompt=negative_prompt,
            seed=seed,
            num_images=num_images,
            vary=vary,
            image_id=image_id,
            width=width,
            height=height,
            scheduler=scheduler,
            steps=steps,
            guidance=guidance,
            background_guidance=background_guidance,
            coarse_above=coarse_above,
            guidance_rescale=guidance_rescale,
            karras=karras,
            strength=strength,
            zoom=zoom,
            variety=variety,
            verify=verify or None,
            detector=detector,
            guidance_interval=guidance_interval,
            cache_interval=cache_interval,
            batch_size=windows(batch_size),
            dtype=dtype,
            device=device,
            units=units,
            strict=strict,
            overwrite=overwrite,
            progress=Watch(context, quiet=quiet or not leads, bars=not shown.inline),
            on_event=lambda event: shown.update(event.preview),
        )
    if leads and not quiet:
        say_defects(samples.dropped, samples.mended, err=as_json)
    if leads and as_json:
        console.print_json(_files(samples))
    elif leads and not quiet:
        for folder in samples.folders:
            _say(folder, samples)


def _files(samples: Samples) -> dict[str, Any]:
    """What was written, for other programs."""
    images = [
        {
            "image": str(one.path),
            "overlay": str(one.overlay),
            "seed": one.seed,
            "objects": len(one.layout.instances),
        }
        for one in samples.images
    ]
    return {
        "images": images,
        "annotations": [str(path) for path in samples.annotations],
        "grids": [str(path) for path in samples.grids],
    }


def _say(folder: Path, samples: Samples) -> None:
    """What was written to `folder`, for people."""
    images = [one for one in samples.images if folder / "images" == one.path.parent]
    placed = sum(len(one.layout.instances) for one in images)
    console.say(f"Images ({len(images):,}, {placed:,} objects placed): {folder / 'images'}")
    console.say(f"Overlays: {folder / 'overlays'}")
    for grid in samples.grids:
        if grid.parent == folder:
            console.say(f"Images side by side: {grid}")
    console.say(f"Annotations (COCO): {folder / 'annotations.json'}")


def windows(text: str) -> int | None:
    """The number of windows, or None for ``auto``."""
    from layoutgen.errors import InvalidOption

    if text == "auto":
        return None
    try:
        return int(text)
    except ValueError:
        raise InvalidOption(f"`batch_size` must be auto or a number of windows from 1, not {text}") from None
