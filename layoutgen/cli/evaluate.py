"""``layoutgen evaluate``: how much of the layouts is really in the images."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from layoutgen.api.inputs import beside, read_options
from layoutgen.cli import completion, console
from layoutgen.cli.defects import say_defects
from layoutgen.cli.evaluate_inputs import (
    check_options,
    named_sources,
    open_beside,
    open_sources,
)
from layoutgen.cli.options import Device, Overwrite, Quiet, Strict, Units

if TYPE_CHECKING:
    from layoutgen.domain.annotated_image import Detections
    from layoutgen.evaluation.evaluator import Evaluator
    from layoutgen.evaluation.report import Report
    from layoutgen.features.quality import Quality
    from layoutgen.formats.annotated_source import AnnotatedSource
    from layoutgen.formats.read_options import ReadOptions


def evaluate(
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
            help="Add the figures of a benchmark: coco-mig or yolo-score.",
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
            metavar="DIR", show_default=False, help="Real images: FID and KID of the images to them."
        ),
    ] = None,
    inception: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default="downloaded", help="Weights of the network for FID and KID."
        ),
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
    from layoutgen.cli.evaluation_tables import show
    from layoutgen.cli.gallery import PAGE, add_gallery, check_comparison
    from layoutgen.evaluation.benchmark_protocols import find_protocol
    from layoutgen.evaluation.evaluator import Evaluator, EvaluatorOptions
    from layoutgen.evaluation.output import WRITES, write_evaluation
    from layoutgen.formats.annotated_source import open_annotated
    from layoutgen.io.output_folder import check_output

    paths = named_sources(samples or [], images, annotations)
    reading = read_options(strict, units)
    check_options(paths, detections, reference, reference_images, reference_detections, real, inception)
    options = EvaluatorOptions(
        detector=detector,
        results=detections is not None,
        device=device,
        threshold=threshold,
        iou=iou,
        protocol=find_protocol(protocol) if protocol is not None else None,
        tile=tile,
        overlap=overlap,
        batch_size=batch_size,
    )
    output = output or beside(paths[0], "_evaluation")
    check_comparison(html, compare, detections, compare_detections)
    check_output(output, (*WRITES, PAGE) if html else WRITES, overwrite=overwrite)
    required = detections is None or real is not None or bool(overlays)
    source = open_sources(paths, images, reading, required=required, quiet=quiet)
    ceiling = None
    if reference is not None:
        ceiling = open_annotated(reference, reference_images, required=detections is None, options=reading)
    second = open_beside(source, compare, required=detections is None)
    compared = _Comparison(source, real, inception, device) if real is not None else None

    evaluator = Evaluator(options)
    for one in (source, ceiling, second):
        if one is not None and not options.results:
            evaluator.check_labels(one)  # before any image is searched
    found = _found(evaluator, source, detections, reading, "detecting", quiet)
    report = evaluator.report(source, found)
    if ceiling is not None:
        best = _found(evaluator, ceiling, reference_detections, reading, "reference", quiet)
        report = replace(report, reference=evaluator.report(ceiling, best))
    run2 = _second_run(evaluator, second, compare_detections, reading, quiet)
    if compared is not None:
        report = replace(report, quality=compared.quality(quiet))
    drawn = overlays is not False
    run = write_evaluation(output, source, report, found, overlays=drawn, overwrite=overwrite)
    with closing(run), console.progress(quiet) as bar:
        for _ in bar.track(run, total=len(source.images), description="overlays"):
            pass
    if html:
        add_gallery(output, source, report, run2, quiet=quiet or as_json)
    if as_json:
        typer.echo(json.dumps(report.to_json(), indent=1))
    elif not quiet:
        show(report, output)


def _found(
    evaluator: Evaluator,
    source: AnnotatedSource,
    results: Path | None,
    options: ReadOptions,
    title: str,
    quiet: bool,
) -> Detections:
    """What is detected in the images of `source`, or what the file `results` says of them."""
    if results is not None:
        read = evaluator.read(source, results, options)
        if not quiet:
            say_defects(read.dropped, read.mended, results.name, err=True)
        return read.detections
    with console.progress(quiet) as bar:
        return dict(bar.track(evaluator.detect(source), total=len(source.images), description=title))


def _second_run(
    evaluator: Evaluator,
    source: AnnotatedSource | None,
    results: Path | None,
    options: ReadOptions,
    quiet: bool,
) -> tuple[AnnotatedSource, Report] | None:
    """Another run, evaluated as the first one; None if there is none."""
    if source is None:
        return None
    return source, evaluator.report(source, _found(evaluator, source, results, options, "comparing", quiet))


class _Comparison:
    """FID and KID of the images of `source` to those in `real`; refused before anything else has run."""

    def __init__(
        self, source: AnnotatedSource, real: Path, inception: Path | None, device: str | None
    ) -> None:
        from layoutgen.errors import InvalidOption
        from layoutgen.features.quality import find_photos, load_inception

        if len(source.images) < 2:
            raise InvalidOption("--real compares many images with many, and there is only one to evaluate")
        self._images = [source.file_of(image) for image in source.images]
        self._real = find_photos(real)
        self._network = load_inception(inception, device)

    def quality(self, quiet: bool) -> Quality:
        """How far the images are from the real ones."""
        from layoutgen.features.quality import Quality, compare

        with console.progress(quiet) as bar:
            task = bar.add_task("FID and KID", total=len(self._images) + len(self._real))
            for event in compare(self._images, self._real, self._network):
                if isinstance(event, Quality):
                    return event
                bar.update(task, completed=event)
        raise AssertionError("a comparison ends with its result")
