"""``layoutgen prepare``: other people's data -> training data."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from layoutgen.cli import console
from layoutgen.cli.options import Output, Overwrite, Quiet

if TYPE_CHECKING:
    from rich.table import Table

    from layoutgen.data.prepare_coco import Outcome

app = typer.Typer(no_args_is_help=True, help="Make training data.")


@app.command()
def coco(
    images: Annotated[Path, typer.Argument(metavar="IMAGES", help="Folder with the images.")],
    annotations: Annotated[Path, typer.Argument(metavar="ANNOTATIONS", help="COCO instances json.")],
    output: Output,
    captions: Annotated[
        Path | None,
        typer.Option(
            help="COCO captions json: each image takes its first caption. Without one the text is composed "
            "from the labels, such as 'a photo of 3 dogs and a cat'."
        ),
    ] = None,
    category: Annotated[
        list[str] | None,
        typer.Option(help="Keep objects of this category only; repeat it for more.", show_default="all"),
    ] = None,
    min_area: Annotated[
        float,
        typer.Option(
            metavar="FRACTION",
            help="Drop objects whose box is smaller than this part of the image: 0.001 is 0.1 %.",
        ),
    ] = 0.0,
    max_instances: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Leave out images that have more than N objects.", show_default="no limit"
        ),
    ] = None,
    keep_crowd: Annotated[bool, typer.Option("--keep-crowd", help="Keep crowd regions as objects.")] = False,
    size: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="PX",
            show_default="as they are",
            help="Scale images down to this shorter side; never up.",
        ),
    ] = None,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Leave out images that are missing or unreadable.")
    ] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """COCO images and annotations -> an image folder with metadata.jsonl, ready for `layoutgen train`.

    Boxes refer to the stored pixels, as in COCO: an EXIF orientation is removed, not applied, unless only the
    turned image has the annotated size.
    """
    from layoutgen.data.prepare_coco import WRITES, prepare_coco
    from layoutgen.data.selection import Selection
    from layoutgen.formats.coco import read_captions, read_coco
    from layoutgen.io.output_folder import check_output

    check_output(output, WRITES, overwrite=overwrite)
    selection = Selection(tuple(category or ()), min_area, max_instances, keep_crowd)
    data = read_coco(annotations, masks=False)
    texts = read_captions(captions) if captions is not None else None
    run = prepare_coco(
        data,
        images,
        output,
        selection=selection,
        captions=texts,
        size=size,
        skip_missing=skip_missing,
        overwrite=overwrite,
    )
    with closing(run), console.progress(quiet) as bar:
        outcomes = list(bar.track(run, total=len(data.images), description="images"))
    if not quiet:
        console.out.print(_table(outcomes))
        own = sum(outcome.own_caption for outcome in outcomes if outcome.left_out is None)
        kept = sum(outcome.left_out is None for outcome in outcomes)
        console.say(f"Texts: {own:,} captions, {kept - own:,} composed from labels.")
        console.say(f"Written to {output}")


def _table(outcomes: list[Outcome]) -> Table:
    """What was kept, what was dropped, and why."""
    from rich.table import Table

    from layoutgen.data.selection import Reason

    images = Counter(outcome.left_out for outcome in outcomes)
    objects: Counter[str] = sum((Counter(outcome.dropped) for outcome in outcomes), Counter())
    said = {Reason.SMALL: "smaller than --min-area", Reason.TOO_MANY: "more than --max-instances"}
    table = Table("", "images", "objects")
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("kept", f"{images[None]:,}", f"{sum(o.kept for o in outcomes):,}", style="bold")
    for reason in dict.fromkeys((*Reason, *objects)):
        counts = images[reason], objects[reason]
        if any(counts):
            words = said.get(reason, reason.value if isinstance(reason, Reason) else reason)
            table.add_row(f"dropped: {words}", *(f"{n:,}" if n else "" for n in counts))
    return table
