"""``layoutgen visualize``: boxes drawn on images."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from layoutgen.cli import console
from layoutgen.cli.defects import say_defects
from layoutgen.cli.inputs import read_options
from layoutgen.cli.options import Overwrite, Quiet, Strict, Units


def visualize(
    path: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="Prepared data, a folder of samples, annotations of any known format, or one image that "
            "layoutgen made.",
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
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Draw the boxes of a dataset, a COCO file or samples on their images, and a contact sheet of all."""
    if html or compare is not None:
        from layoutgen.cli.gallery import Selection, write_gallery
        from layoutgen.errors import InvalidOption

        if not html or sheet is not None:
            raise InvalidOption("--compare goes with --html, and --sheet does not")
        wanted = Selection(path, images, image_id, limit)
        write_gallery(wanted, compare, output, overwrite=overwrite, quiet=quiet)
        return
    limit = limit or 48

    from layoutgen.drawing.gallery import SHEET_LIMIT, WRITES, draw_gallery
    from layoutgen.formats.annotated_source import open_annotated
    from layoutgen.io.output_folder import check_output

    output = output or _beside(path)
    check_output(output, WRITES, overwrite=overwrite)
    source = open_annotated(path, images, image_id=image_id, options=read_options(strict, units))
    found = len(source.images)
    shown = min(found, limit)
    with_sheet = sheet if sheet is not None else shown > 1
    run = draw_gallery(source, output, limit=limit, sheet=with_sheet, overwrite=overwrite)
    with closing(run), console.progress(quiet) as bar:
        overlays = list(bar.track(run, total=shown, description="overlays"))
    if quiet:
        return
    say_defects(source.data.dropped, source.data.mended)
    rest = f" of {found:,}; --limit N draws more" if found > shown else ""
    place = overlays[0] if len(overlays) == 1 else output / "overlays"
    console.say(f"Overlays ({len(overlays):,}{rest}): {place}")
    if with_sheet:
        part = f" (the first {SHEET_LIMIT})" if len(overlays) > SHEET_LIMIT else ""
        console.say(f"Contact sheet{part}: {output / 'contact_sheet.jpg'}")


def _beside(path: Path) -> Path:
    """Where the overlays of `path` go when the user names no folder."""
    whole = path.resolve()
    name = f"{whole.stem if whole.is_file() else whole.name}_visualized"
    return path.parent / name if path.name else whole.parent / name
