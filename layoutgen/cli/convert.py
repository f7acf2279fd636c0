"""``layoutgen convert``: annotated images of one format -> another."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from layoutgen.api.inputs import read_inputs, read_options
from layoutgen.cli import console
from layoutgen.cli.defects import defects_content, say_defects
from layoutgen.cli.options import Format, Json, Overwrite, Quiet, Strict, Units
from layoutgen.cli.watch import Watch


def convert(
    context: typer.Context,
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="[IMAGES] IN... OUT",
            help="Annotations of any known format, a file or folder; before a file may stand the folder of "
            "its images. Several are merged. The last path is the folder to write to.",
            show_default=False,
        ),
    ],
    to: Format,
    boxes_only: Annotated[
        bool, typer.Option("--boxes-only", help="Leave masks out: YOLO files are of detection then.")
    ] = False,
    units: Units = "pixels",
    strict: Strict = False,
    as_json: Json = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Read annotated images of any known format and write them, with their images, in another.

    Read are COCO, YOLO, Pascal VOC, LabelMe, Hugging Face, CreateML, Label Studio, LVIS, Open Images,
    VisDrone, CVAT, VIA, Supervisely and FiftyOne. What the other format cannot hold is said. Of what
    `layoutgen layouts` drew, which has no images yet, the annotations alone are written.
    """
    from layoutgen.errors import InvalidOption
    from layoutgen.formats.convert import convert as write
    from layoutgen.formats.convert import without_masks
    from layoutgen.formats.losses import losses
    from layoutgen.formats.registry import format_named
    from layoutgen.io.output_folder import check_output

    if len(inputs) < 2:
        raise InvalidOption(
            "name what to read and the folder to write to: layoutgen convert IN OUT --to yolo"
        )
    *paths, output = inputs
    target = format_named(to)
    check_output(output, target.writes, overwrite=overwrite)
    with Watch(context, quiet=quiet) as watch:
        watch.begin("reading annotations")
        source = read_inputs(paths, read_options(strict, units, masks=not boxes_only, run_lengths=False))
        source = source if not _without_images(paths) else source.without_images()
    if boxes_only:
        source = source.with_data(without_masks(source.data))
    run = write(source, output, target, overwrite=overwrite)
    with closing(run), console.progress(quiet) as bar:
        images = list(bar.track(run, total=len(source.images), description="images"))
    objects = sum(len(image.instances) for image in images)
    lost = losses(source.data, target)
    if as_json:
        content = {"output": str(output), "format": target.name, "images": len(images), "objects": objects}
        defects = defects_content(source.data.dropped, source.data.mended)
        console.print_json({**content, "lost": lost, **defects})
    if quiet or as_json:
        return
    say_defects(source.data.dropped, source.data.mended)
    if lost:
        said = ", ".join(f"{count:,} {name}" for name, count in lost.items())
        console.say(f"{target.title} cannot hold everything; lost or changed: {said}")
    console.say(f"{len(images):,} images with {objects:,} objects as {target.title}: {output}")


def _without_images(paths: list[Path]) -> bool:
    """Whether `paths` are layouts that nobody has painted yet.

    Raises:
        InvalidOption: some are, and some are not.
    """
    from layoutgen.errors import InvalidOption
    from layoutgen.layout_model.wire import holds_model

    drawn = [holds_model(path) for path in paths]
    if any(drawn) and not all(drawn):
        layouts = paths[drawn.index(True)]
        raise InvalidOption(f"{layouts} holds layouts without images: convert it alone, or `sample` it first")
    return all(drawn)
