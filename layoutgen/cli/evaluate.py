"""``layoutgen evaluate``: how much of the layouts is really in the images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from layoutgen.cli import completion, console
from layoutgen.cli.defects import say_defects
from layoutgen.cli.options import Device, Overwrite, Quiet, Strict, Units
from layoutgen.cli.watch import Watch


def evaluate(
    context: typer.Context,
    samples: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[SAMPLES]...",
            help="Folder that `sample` wrote, prepared data, or annotations of any known format with their "
            "images beside them. Several are merged.",
            show_default=False,
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(metavar="DIR", show_default="SAMPLES/images", help="Images of any other tool."),
    ] = None,
    annotations: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            show_default="SAMPLES/annotations.json",
            help="What should be in them: COCO, or any known format.",
        ),
    ] = None,
    detector: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            show_default="the small one in the package: cat, dog",
            help="Folder or hub id of any object-detection model of transformers; zero-shot ones (OWLv2, "
            "Grounding DINO) take any labels.",
        ),
    ] = None,
    detections: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default=False, help="COCO results to score instead: no model runs."
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            show_default="the detector's", help="Score from which a detection counts. AP takes all."
        ),
    ] = None,
    iou: Annotated[float, typer.Option(help="Overlap from which an object is at its place.")] = 0.5,
    protocol: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default=False,
            help="Add the figures of a benchmark: coco-mig, coco-position or yolo-score.",
            autocompletion=completion.protocols,
        ),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            show_default=False,
            help="Real images with annotations (as SAMPLES, or a COCO json): the ceiling, shown beside.",
        ),
    ] = None,
    reference_images: Annotated[
        Path | None, typer.Option(metavar="DIR", show_default="beside it", help="Images of --reference.")
    ] = None,
    reference_detections: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default=False, help="COCO results of --reference, with --detections."
        ),
    ] = None,
    real: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            show_default=False,
            help="Real images to compare with: FID, KID, precision, recall, diversity, copies.",
        ),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            show_default="efficientnet-lite0, no download",
            help="Network that --real compares by: inception (that of published FID), dinov2, or a folder or "
            "hub id of a vision model of transformers.",
            autocompletion=completion.embeddings,
        ),
    ] = None,
    inception: Annotated[
        Path | None,
        typer.Option(metavar="FILE", show_default="downloaded", help="Weights of --features inception."),
    ] = None,
    tile: Annotated[
        int | None,
        typer.Option(
            metavar="PX", show_default="the detector's", help="Search larger images in tiles of this side."
        ),
    ] = None,
    overlap: Annotated[
        int | None, typer.Option(metavar="PX", show_default="the detector's", help="What such tiles share.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Tiles that are searched together.")] = 4,
    device: Device = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", show_default="SAMPLES_evaluation", help="Folder to write to."
        ),
    ] = None,
    overlays: Annotated[
        bool | None,
        typer.Option(
            "--overlays/--no-overlays",
            show_default="where the images are",
            help="Draw what became of each object.",
        ),
    ] = None,
    html: Annotated[
        bool,
        typer.Option("--html", help="Write one page for the browser, too: filters, worst first, statistics."),
    ] = False,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN2",
            show_default=False,
            help="Another folder of samples, evaluated too and shown beside in the page.",
        ),
    ] = None,
    compare_detections: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default=False, help="COCO results of --compare, with --detections."
        ),
    ] = None,
    units: Units = "pixels",
    strict: Strict = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON instead of tables.")
    ] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Count the objects of a layout that are really in the images, one to one.

    Writes report.json, tables (CSV), detections.json (COCO results), and overlays coloured by matched,
    missed, misplaced and extra to the output folder.
    """
    from layoutgen.api.evaluate import evaluate as score
    from layoutgen.cli.evaluation_tables import show

    result = score(
        samples or [],
        images=images,
        annotations=annotations,
        detector=detector,
        detections=detections,
        threshold=threshold,
        iou=iou,
        protocol=protocol,
        reference=reference,
        reference_images=reference_images,
        reference_detections=reference_detections,
        real=real,
        features=features,
        inception=inception,
        tile=tile,
        overlap=overlap,
        batch_size=batch_size,
        device=device,
        output=output,
        overlays=overlays,
        html=html,
        compare=compare,
        compare_detections=compare_detections,
        units=units,
        strict=strict,
        overwrite=overwrite,
        progress=Watch(context, quiet=quiet),
    )
    for name, dropped, mended in () if quiet else result.defects:
        say_defects(dropped, mended, name, err=True)
    if as_json:
        typer.echo(json.dumps(result.report.to_json(), indent=1))
    elif not quiet:
        if result.page is not None:
            count = len(result.report.scores.images)
            console.say(f"Page for the browser ({count:,} images): {result.page}")
        show(result.report, result.folder)
