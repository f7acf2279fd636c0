"""``layoutgen sample``: layout -> images, overlays and annotations."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layoutgen.cli import console
from layoutgen.cli.options import Overwrite, Quiet

if TYPE_CHECKING:
    from layoutgen.layout import Layout
    from layoutgen.models import ModelInfo


def sample(
    layout: Annotated[
        Path | None,
        typer.Argument(
            metavar="[LAYOUT]",
            help="Layout file (.yaml), COCO instances json, or a PNG that layoutgen made, which is made again.",
            show_default=False,
        ),
    ] = None,
    number: Annotated[
        list[tuple[int, str]] | None,
        typer.Option(
            "--number",
            "-n",
            metavar="N LABEL",
            help="Exactly N objects of this label, as in -n 100 dogs: boxes of the file first, the rest at "
            "distinct free places. Can be repeated.",
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
        typer.Option(metavar="METHOD", show_default="the model's best", help="img2img, text2img or regional."),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(metavar="box|text", show_default="the trained one", help="Of text2img."),
    ] = None,
    prompt: Annotated[str | None, typer.Option(show_default="the file's", help="What else to show.")] = None,
    steps: Annotated[int | None, typer.Option(show_default="30", help="Denoising steps.")] = None,
    guidance: Annotated[
        float | None, typer.Option(show_default="3", help="Classifier-free guidance; 1: off, twice as fast.")
    ] = None,
    strength: Annotated[
        float | None,
        typer.Option(
            show_default="0.9",
            help="img2img on a checkpoint without layout training: how much of the drawn layout is repainted.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(show_default="0", help="The same seed gives the same result.")
    ] = None,
    num_images: Annotated[int, typer.Option(min=1, help="Images of each layout, each with its own seed.")] = 1,
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
        str | None, typer.Option(metavar="DEVICE", show_default="cuda if there is one", help="cpu, cuda, cuda:1.")
    ] = None,
    dtype: Annotated[
        str | None,
        typer.Option(metavar="TYPE", show_default="fp16 on cuda, else fp32", help="fp32, bf16 or fp16."),
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Paint images with each object in its own box.

    Writes images/, overlays/ and annotations.json (COCO) to the output folder. Each PNG holds its layout and
    settings: `layoutgen sample that.png` makes it again.
    """
    from layoutgen.errors import InvalidOption
    from layoutgen.models import check_labels, find_model
    from layoutgen.output import check_output

    stored = _settings_of(layout)
    given = {"model": model, "method": method, "encoding": encoding, "steps": steps, "guidance": guidance}
    given |= {"strength": strength, "seed": seed}
    chosen = stored | {key: value for key, value in given.items() if value is not None}
    if method is not None and method != stored.get("method"):
        chosen["encoding"] = encoding  # of another method than the stored one
    info = find_model(chosen.get("model"))
    if layout is not None and (width is not None or height is not None):
        raise InvalidOption(f"--width and --height are for a canvas without a file: {layout} has its own")
    start = _layouts(layout, image_id, info, chosen.get("seed", 0), width or 512, height or 512)
    layouts = [
        (name, _with_numbers(one, number or [], prompt, info, chosen.get("seed", 0))) for name, one in start
    ]
    check_labels({label for _, one in layouts for label in one.labels}, info.labels)
    output = output or Path("out") / _output_name(layout, number)
    check_output(output, ("images", "overlays", "annotations.json"), overwrite=overwrite)

    from layoutgen.sampling import SampleSettings, load_pipeline, quiet_libraries
    from layoutgen.sampling import sample as paint

    settings = SampleSettings(**chosen)
    quiet_libraries()
    pipeline = load_pipeline(info.source, device, dtype)
    run = paint(pipeline, layouts, settings, output, num_images=num_images, overwrite=overwrite)
    images = []
    with closing(run), console.progress(quiet) as bar:  # type: ignore[type-var]
        task = bar.add_task("painting", total=None)
        for event in run:
            bar.update(task, completed=event.step, total=event.steps)
            if event.finished is not None:
                images.append(event.finished)
    if not quiet:
        placed = sum(len(one.instances) for _, one in layouts)
        console.say(f"Images ({len(images)}, {placed:,} objects placed): {images[0].parent}")
        console.say(f"Overlays: {output / 'overlays'}")
        console.say(f"Annotations (COCO): {output / 'annotations.json'}")


def _settings_of(layout: Path | None) -> dict[str, Any]:
    """The settings inside a PNG that layoutgen made; none for other layout files."""
    if layout is None or layout.suffix.lower() != ".png":
        return {}
    from dataclasses import fields

    from layoutgen.formats.png import read_png
    from layoutgen.sampling import SampleSettings

    known = {field.name for field in fields(SampleSettings)}
    return {key: value for key, value in read_png(layout)[1].items() if key in known}


def _layouts(
    path: Path | None, image_id: int | None, info: ModelInfo, seed: int, width: int, height: int
) -> list[tuple[str, Layout]]:
    """The named layouts of the file, or an empty canvas without one."""
    from layoutgen.errors import InvalidOption
    from layoutgen.formats import read_layouts
    from layoutgen.layout import Layout

    if path is None:
        if image_id is not None:
            raise InvalidOption("--image-id goes with a COCO json")
        return [("sample", Layout(width, height))]
    layouts = read_layouts(path, image_id=image_id, seed=seed, smallest=info.smallest)
    if path.suffix.lower() == ".png":
        return [(path.stem.rpartition("_")[0] or path.stem, layouts[0])]
    if len(layouts) == 1:
        return [(path.stem, layouts[0])]
    return [(f"{path.stem}_{index:04d}", one) for index, one in enumerate(layouts, start=1)]


def _with_numbers(
    layout: Layout, numbers: list[tuple[int, str]], prompt: str | None, info: ModelInfo, seed: int
) -> Layout:
    """The layout with the asked numbers of objects, and a prompt."""
    from collections import Counter
    from dataclasses import replace

    from layoutgen.arrange import ask_for
    from layoutgen.errors import InvalidOption
    from layoutgen.labels import count_phrase

    for count, label in numbers:
        layout = ask_for(layout, count, label, smallest=info.smallest, seed=seed)
    if not layout.instances and not numbers:
        if prompt is None and not layout.prompt:
            raise InvalidOption("there is nothing to paint: name a layout file, or ask for objects with -n 100 dogs")
    if prompt is None and not layout.prompt:
        counts = Counter(instance.label for instance in layout.instances)
        prompt = f"{count_phrase(counts)} on green ground"
    return layout if prompt is None else replace(layout, prompt=prompt)


def _output_name(layout: Path | None, numbers: list[tuple[int, str]] | None) -> str:
    """A folder name that says what was asked for."""
    asked = ["_".join([str(count), *label.split()]) for count, label in numbers or []]
    return "_".join(dict.fromkeys([layout.stem, *asked] if layout is not None else asked)) or "sample"
