"""``layoutgen layouts``: the layouts of a data set -> new ones that look like them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from layoutgen.cli import console
from layoutgen.cli.defects import defects_content, say_defects
from layoutgen.cli.options import (
    Balance,
    Json,
    LongerSides,
    MoreObjects,
    Overwrite,
    Quiet,
    Seed,
    Strict,
    Units,
)
from layoutgen.cli.tables import print_table
from layoutgen.cli.watch import Watch

if TYPE_CHECKING:
    from layoutgen.layout_model.distances import Distances


def layouts(
    context: typer.Context,
    data: Annotated[
        list[Path],
        typer.Argument(
            metavar="[IMAGES] DATA...",
            help="Annotations of any known format, a file or folder; their images need not be there. Several "
            "are merged. Or a file that this command wrote: its model is sampled again.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="COCO json to write, without images.")
    ] = Path("layouts.json"),
    count: Annotated[int, typer.Option("--count", "-n", min=1, metavar="N", help="Layouts to draw.")] = 1000,
    category: Annotated[
        list[str] | None,
        typer.Option(help="Only objects of this label; repeat it.", show_default="all"),
    ] = None,
    objects: MoreObjects = 1.0,
    size: LongerSides = 1.0,
    balance: Balance = 0.0,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            show_default=False,
            help="Other real annotations: how far the layouts are from them, beside placement by chance.",
        ),
    ] = None,
    seed: Seed = 0,
    units: Units = "pixels",
    strict: Strict = False,
    as_json: Json = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Draw layouts that look like those of a data set: labels, numbers, sizes, places and overlaps.

    A model of tables and correlations is fitted, and written into the file with the layouts. `sample` paints
    them, `visualize` draws them, `convert` writes them in other formats.
    """
    from layoutgen.api.layouts import layouts as draw

    result = draw(
        data,
        output,
        count=count,
        category=category,
        objects=objects,
        size=size,
        balance=balance,
        compare=compare,
        seed=seed,
        units=units,
        strict=strict,
        overwrite=overwrite,
        progress=Watch(context, quiet=quiet),
    )
    placed = sum(len(layout.instances) for layout in result.layouts)
    if as_json:
        console.print_json(
            {
                "output": str(result.file),
                "layouts": len(result.layouts),
                "objects": placed,
                "labels": sorted(result.model.wide),
                "distances": {name: asdict(one) for name, one in result.distances.items()},
                **defects_content(result.dropped, result.mended),
            }
        )
    if as_json or quiet:
        return
    say_defects(result.dropped, result.mended)
    labels = len(result.model.wide)
    console.say(
        f"{len(result.layouts):,} layouts with {placed:,} objects of {labels:,} labels: {result.file}"
    )
    if result.distances:
        _show(result.distances, compare)


def _show(found: dict[str, Distances], compare: Path | None) -> None:
    """A table of each distance: a row for each feature, a column for each set of layouts."""
    console.say(f"Distances to {compare}:")
    features = list(found["drawn"].features)
    for title, kind in (("Kolmogorov-Smirnov", "ks"), ("Wasserstein-1", "shift")):
        rows = [
            (name, *(f"{getattr(one.features[name], kind):.3f}" for one in found.values()))
            for name in features
        ]
        print_table((title, *found), rows)
    shares = [
        ("labels of objects", *(f"{one.labels:.3f}" for one in found.values())),
        ("pairs of labels in an image", *(f"{one.label_pairs:.3f}" for one in found.values())),
    ]
    print_table(("total variation", *found), shares)
