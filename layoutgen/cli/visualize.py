"""``layoutgen visualize``: boxes drawn on images."""

from __future__ import annotations

import math
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from layoutgen.api.inputs import beside, read_options
from layoutgen.cli import console
from layoutgen.cli.options import Json, Overwrite, Quiet, Strict, Units
from layoutgen.cli.visualize_run import draw_run, is_run, refuse_layout_options
from layoutgen.cli.visualize_sources import Drawings, open_drawings, words_and_path


def visualize(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH [LABEL]...",
            help="Prepared data, a folder of samples, annotations of any known format, one image that "
            "layoutgen made, a training run, the recipe of endless scenes, or a layout file (- is standard "
            "input), whose boxes are drawn on a blank canvas. Then the label of each -n.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", show_default="PATH_visualized", help="Folder to write to."
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", show_default="found beside it", help="Folder with the images of a COCO json."
        ),
    ] = None,
    image_id: Annotated[
        int | None, typer.Option(metavar="ID", show_default="all", help="Only this image of a COCO json.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", show_default="48; all in a page", help="Show the first N images only."
        ),
    ] = None,
    sheet: Annotated[
        bool | None,
        typer.Option(
            "--sheet/--no-sheet",
            show_default="for several images",
            help="Write one page that shows them all.",
        ),
    ] = None,
    number: Annotated[
        list[str] | None,
        typer.Option(
            "--number",
            "-n",
            metavar="N",
            show_default=False,
            help="Of a layout file: what `sample` would make of it with the same -n.",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, metavar="N", show_default="0", help="Of a layout file: where its groups go."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            show_default="the small model in the package",
            help="Of a layout file: whose sizes its groups get.",
        ),
    ] = None,
    html: Annotated[
        bool,
        typer.Option(
            "--html",
            help="Write one page for the browser instead: filters, statistics, zoom; also of a training run.",
        ),
    ] = False,
    compare: Annotated[
        Path | None,
        typer.Option(metavar="PATH", show_default=False, help="Another such PATH, beside it in the page."),
    ] = None,
    units: Units = "pixels",
    strict: Strict = False,
    as_json: Json = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Draw boxes on images, or those of a layout on a blank canvas, and a contact sheet of all."""
    from layoutgen.errors import InvalidOption

    path, quantities = words_and_path(words, number or [])
    console.note_typing([path])
    if html or compare is not None:
        from layoutgen.cli.gallery import Selection, write_gallery
        from layoutgen.formats import is_layout_file
        from layoutgen.layout_model.wire import holds_model

        if not html or sheet is not None or as_json:
            raise InvalidOption("--compare goes with --html, --sheet does not, nor does --json")
        if is_layout_file(path) or holds_model(path):
            raise InvalidOption(f"--html shows images, and {path} has none yet: leave it out")
        wanted = Selection(path, images, image_id, limit)
        write_gallery(wanted, compare, output, overwrite=overwrite, quiet=quiet)
        return

    if is_run(path):
        refuse_layout_options(
            images=images, image_id=image_id, sheet=sheet, number=number, seed=seed, model=model
        )
        target = output or beside(path, "_visualized")
        draw_run(path, target, limit=limit, overwrite=overwrite, as_json=as_json, quiet=quiet)
        return

    from layoutgen.drawing.gallery import WRITES, draw_gallery
    from layoutgen.io.output_folder import check_output

    output = output or beside(path, "_visualized")
    check_output(output, WRITES, overwrite=overwrite)
    reading = read_options(strict, units)
    with console.progress(quiet) as bar:
        task = bar.add_task("opening", total=None)
        found = open_drawings(
            path, images, image_id, limit, reading, quantities=quantities, seed=seed, model=model
        )
        with_sheet = sheet if sheet is not None else found.shown > 1
        run = draw_gallery(found.pictures, output, labels=found.labels, sheet=with_sheet, overwrite=overwrite)
        bar.update(task, description="overlays", total=found.shown)
        with closing(run):
            overlays = list(bar.track(run, task_id=task))
    _say(found, output, overlays, with_sheet, as_json=as_json, quiet=quiet)


def _say(
    found: Drawings, output: Path, overlays: list[Path], sheet: bool, *, as_json: bool, quiet: bool
) -> None:
    """What was drawn, and where it is."""
    from layoutgen.drawing.gallery import SHEET_LIMIT

    page = output / "contact_sheet.jpg"
    if not quiet:
        found.say_defects(err=as_json)
    if as_json:
        files = [str(overlay) for overlay in overlays]
        console.print_json({"overlays": files, "contact_sheet": str(page) if sheet else None})
    if as_json or quiet:
        return
    whole = f"{found.count:,}" if math.isfinite(found.count) else "endlessly many"
    rest = f" of {whole}; --limit N draws more" if found.count > found.shown else ""
    place = overlays[0] if len(overlays) == 1 else output / "overlays"
    console.say(f"Overlays ({len(overlays):,}{rest}): {place}")
    if sheet:
        part = f" (the first {SHEET_LIMIT})" if len(overlays) > SHEET_LIMIT else ""
        console.say(f"Contact sheet{part}: {page}")
