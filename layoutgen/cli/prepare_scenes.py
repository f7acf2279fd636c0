"""``layoutgen prepare scenes``: segmented objects -> scenes of many."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from layoutgen.cli import console
from layoutgen.cli.options import Json, Output, Overwrite, Quiet, Seed
from layoutgen.cli.watch import Watch


def scenes(
    context: typer.Context,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", help="COCO json with masks, or a folder with one; its images beside it."
        ),
    ],
    output: Output,
    backgrounds: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            show_default="DATA",
            help="Where backgrounds come from: a COCO json or folder (parts without objects), or a folder of "
            "photos without objects. Repeat it for more.",
        ),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Scenes to write.")] = 1000,
    category: Annotated[
        list[str] | None, typer.Option(help="Only objects of this category; repeat it.", show_default="all")
    ] = None,
    instances: Annotated[
        tuple[int, int], typer.Option(metavar="MIN MAX", help="Objects in a scene; fewer if no more fit.")
    ] = (1, 10),
    size: Annotated[
        tuple[float, float], typer.Option(metavar="MIN MAX", help="Longer side of an object, in pixels.")
    ] = (40, 96),
    canvas: Annotated[
        tuple[int, int], typer.Option(metavar="WIDTH HEIGHT", help="Size of a scene, in pixels.")
    ] = (256, 256),
    overlap: Annotated[
        float, typer.Option(min=0, max=1, help="Largest share of a box that another may cover.")
    ] = 0.0,
    shadow: Annotated[float, typer.Option(min=0, max=1, help="Darkness of the shadows.")] = 0.35,
    aspect: Annotated[
        tuple[float, float],
        typer.Option(metavar="MIN MAX", help="Only objects of this width / height.", show_default="all"),
    ] = (0.1, 10.0),
    stretch: Annotated[
        float, typer.Option(min=0, max=1, help="Make objects wider or narrower by up to this share.")
    ] = 0.0,
    grid: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="PX",
            help="Sides and places of objects are multiples of this, as a small model learns them soonest.",
        ),
    ] = 8,
    even_labels: Annotated[
        bool, typer.Option("--even-labels", help="Show all labels equally often, also the rare ones.")
    ] = False,
    min_mask_score: Annotated[
        float, typer.Option(min=0, max=1, help="Skip objects whose annotation has a lower mask_score.")
    ] = 0.0,
    endless: Annotated[
        bool,
        typer.Option(
            "--endless", help="Write a recipe only: `train` composes new scenes as long as it runs."
        ),
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
    seed: Seed = 0,
    as_json: Json = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Paste segmented objects at distinct places on backgrounds: boxes are known exactly, for any number."""
    from layoutgen.data.scene_recipe import SceneRecipe
    from layoutgen.data.scene_sources import find_source
    from layoutgen.data.scenes import SceneConfig
    from layoutgen.data.write_scenes import ENDLESS_WRITES, WRITES, write_recipe, write_scenes
    from layoutgen.io.output_folder import check_output

    config = SceneConfig(*canvas, instances, size, overlap, shadow, aspect, stretch, grid, seed, even_labels)
    check_output(output, ENDLESS_WRITES if endless else WRITES, overwrite=overwrite)
    with Watch(context, quiet=quiet) as watch:
        watch.begin("opening cut-outs and backgrounds")
        sources = tuple(find_source(path) for path in backgrounds or [data])
        labels = tuple(sorted(category or ()))
        recipe = SceneRecipe((find_source(data, min_mask_score),), sources, labels, config)
        composer = recipe.composer()
    if endless:
        # The labels are what the sources hold, so that a model can tell later what it has learnt.
        write_recipe(recipe.with_labels(composer.labels), output, overwrite=overwrite)
        if as_json:
            console.print_json({"output": str(output), "labels": list(composer.labels), "scenes": None})
        elif not quiet:
            console.say(f"Recipe for endless scenes of {', '.join(composer.labels)}: {output}")
        return
    run = write_scenes(composer, count, output, workers=workers, overwrite=overwrite)
    with closing(run), console.progress(quiet) as bar:
        placed = [len(image.layout.instances) for image in bar.track(run, total=count, description="scenes")]
    if as_json:
        content = {"output": str(output), "labels": list(composer.labels)}
        counts = {"scenes": count, "objects": sum(placed), "most": max(placed)}
        console.print_json(content | counts)
    elif not quiet:
        console.say(f"{count:,} scenes with {sum(placed):,} objects ({max(placed)} at most): {output}")
