"""``layoutgen sample``: layout -> images, overlays and annotations."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layoutgen.cli import console
from layoutgen.cli.options import Overwrite, Quiet

if TYPE_CHECKING:
    from layoutgen.domain.layout import Layout


def sample(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[LAYOUT] [LABEL]...",
            help="Layout file (.yaml), COCO json, or a PNG that layoutgen made, which is made again; "
            "then the label of each -n, as in: layout.yaml -n 100 dogs.",
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
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            show_default="the small model in the package",
            help="A run folder of `train`, a Stable Diffusion v1 folder, or a hub id.",
        ),
    ] = None,
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
            metavar="NAME", show_default="dpm++", help="ddim, dpm++, euler, unipc, or model: the model's own."
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option(show_default="20", help="Denoising steps.")] = None,
    guidance: Annotated[
        float | None, typer.Option(show_default="5", help="Classifier-free guidance; 1: off, twice as fast.")
    ] = None,
    guidance_interval: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="START STOP",
            show_default="0 1",
            help="The part of the steps that is guided; the others take half the time.",
        ),
    ] = None,
    cache_interval: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            show_default="2",
            help="Compute the U-Net's deeper levels in every Nth step only; 1: in all of them.",
        ),
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(
            show_default="0.9",
            help="img2img on a checkpoint without layout training: how much of the drawing is repainted.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(show_default="0", help="The same seed gives the same result.")
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
    device: Annotated[
        str | None,
        typer.Option(metavar="DEVICE", show_default="cuda if there is one", help="cpu, cuda, cuda:1."),
    ] = None,
    dtype: Annotated[
        str,
        typer.Option(
            metavar="TYPE",
            help="fp32, bf16 or fp16; auto: fp16 on cuda, bf16 on a CPU that has it, else fp32.",
        ),
    ] = "auto",
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Paint images with each object in its own box.

    Writes images/, overlays/ and annotations.json (COCO) to the output folder. Each PNG holds its layout and
    settings: `layoutgen sample that.png` makes it again.
    """
    from layoutgen.denoising.settings import SampleSettings
    from layoutgen.domain.layout import Layout
    from layoutgen.errors import InvalidOption
    from layoutgen.io.output_folder import SAMPLES, check_output
    from layoutgen.model_info import check_labels, find_model
    from layoutgen.sampling.processes import running_processes

    layout, numbers = _asked(words or [], number or [])
    stored = _settings_of(layout)
    given: dict[str, Any] = {
        "model": model,
        "method": method,
        "encoding": encoding,
        "steps": steps,
        "guidance": guidance,
    }
    given |= {"scheduler": scheduler, "guidance_interval": guidance_interval}
    given |= {"cache_interval": cache_interval, "strength": strength, "seed": seed}
    chosen = stored | {key: value for key, value in given.items() if value is not None}
    if method is not None and method != stored.get("method"):
        chosen["encoding"] = encoding  # of another method than the stored one
    info = find_model(chosen.get("model"))
    if layout is not None and (width is not None or height is not None):
        raise InvalidOption(f"--width and --height are for a canvas without a file: {layout} has its own")
    place = {"seed": chosen.get("seed", 0), "size_prior": info.size_prior}
    start = _layouts(layout, image_id, place, numbers, Layout(width or 512, height or 512))
    layouts = [(name, _completed(one, numbers[1:], place, prompt)) for name, one in start]
    check_labels({label for _, one in layouts for label in one.labels}, info.labels)
    output = output or Path("out") / _output_name(layout, numbers)
    processes = running_processes()
    leads = processes.rank == 0
    if leads:
        check_output(output, SAMPLES, overwrite=overwrite)
    settings, windows = SampleSettings(**chosen), _batch(batch_size)
    with console.progress(quiet or not leads) as bar:
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
    if leads and not quiet:
        placed = sum(len(one.instances) for _, one in layouts)
        count = num_images * len(layouts)
        console.say(f"Images ({count:,}, {placed:,} objects placed): {output / 'images'}")
        console.say(f"Overlays: {output / 'overlays'}")
        console.say(f"Annotations (COCO): {output / 'annotations.json'}")


def _asked(words: list[str], counts: list[int]) -> tuple[Path | None, list[tuple[int, str]]]:
    """The layout file, if there is one among the words, and how many of what."""
    from layoutgen.errors import InvalidOption

    files = [word for word in words if Path(word).suffix or Path(word).is_file()]
    labels = [word for word in words if word not in files]
    if len(counts) == 1 and labels:
        labels = [" ".join(labels)]  # -n 3 teddy bears
    if len(files) > 1:
        raise InvalidOption(f"one layout file at a time, not {', '.join(files)}")
    if len(labels) != len(counts):
        if not counts:
            raise InvalidOption(f"{labels[0]} is no layout file; to ask for objects write -n 100 dogs")
        raise InvalidOption(f"{len(counts)} numbers but {len(labels)} labels: write each as in -n 100 dogs")
    return (Path(files[0]) if files else None), list(zip(counts, labels, strict=True))


def _batch(text: str) -> int | None:
    """The number of windows, or None for ``auto``."""
    from layoutgen.errors import InvalidOption

    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise InvalidOption(f"--batch-size must be auto or a number of windows from 1, not {text}")
    return int(text)


def _settings_of(layout: Path | None) -> dict[str, Any]:
    """The settings inside a PNG that layoutgen made; none for other layout files."""
    if layout is None or layout.suffix.lower() != ".png":
        return {}
    from dataclasses import fields

    from layoutgen.denoising.settings import SampleSettings
    from layoutgen.formats.png import read_png

    # Earlier versions knew only the model's own scheduler, and computed all levels in every step.
    stored = {"scheduler": "model", "cache_interval": 1} | read_png(layout)[1]
    known = {field.name for field in fields(SampleSettings)}
    return {key: value for key, value in stored.items() if key in known}


def _layouts(
    path: Path | None,
    image_id: int | None,
    place: dict[str, Any],
    numbers: list[tuple[int, str]],
    empty: Layout,
) -> list[tuple[str, Layout]]:
    """The named layouts of the file, or of an empty canvas, with the first of the asked numbers."""
    from layoutgen.domain.arrange import ask_for
    from layoutgen.errors import InvalidOption
    from layoutgen.formats import read_layouts

    ask = numbers[0] if numbers else None
    if path is None:
        if image_id is not None:
            raise InvalidOption("--image-id goes with a COCO json")
        if ask is None:
            raise InvalidOption("name a layout file, or ask for objects, as in: layoutgen sample -n 100 dogs")
        return [("sample", ask_for(empty, *ask, **place))]
    layouts = read_layouts(path, image_id=image_id, ask=ask, **place)
    if path.suffix.lower() == ".png":
        return [(path.stem.rpartition("_")[0] or path.stem, layouts[0])]
    if len(layouts) == 1:
        return [(path.stem, layouts[0])]
    return [(f"{path.stem}_{index:04d}", one) for index, one in enumerate(layouts, start=1)]


def _completed(
    layout: Layout, numbers: list[tuple[int, str]], place: dict[str, Any], prompt: str | None
) -> Layout:
    """The layout with the other asked numbers, and a prompt that is never empty."""
    from collections import Counter
    from dataclasses import replace

    from layoutgen.domain.arrange import ask_for
    from layoutgen.domain.labels import count_phrase

    for ask in numbers:
        layout = ask_for(layout, *ask, **place)
    counts = Counter(instance.label for instance in layout.instances)
    made_up = " on ".join(filter(None, [count_phrase(counts), "green ground"]))
    return replace(layout, prompt=prompt if prompt is not None else layout.prompt or made_up)


def _output_name(layout: Path | None, numbers: list[tuple[int, str]]) -> str:
    """A folder name that says what was asked for."""
    asked = ["_".join([str(count), *label.split()]) for count, label in numbers]
    return "_".join(dict.fromkeys([layout.stem, *asked] if layout is not None else asked)) or "sample"
