"""``layoutgen evaluate``: how much of the layouts is really in the images."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layoutgen.cli import console
from layoutgen.cli.evaluation_tables import show
from layoutgen.cli.options import Overwrite, Quiet

if TYPE_CHECKING:
    from layoutgen.domain.annotated_image import Detections
    from layoutgen.evaluation.evaluator import Examiner
    from layoutgen.formats.annotated_source import Truth


def evaluate(
    samples: Annotated[
        Path | None,
        typer.Argument(
            metavar="[SAMPLES]",
            help="Folder that `sample` wrote: images/ and annotations.json.",
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
            metavar="FILE", show_default="SAMPLES/annotations.json", help="What should be in them: COCO."
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
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="RULE", show_default=False, help="Add the figures of a benchmark: coco-mig or yolo-score."
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
            metavar="PX", show_default="the detector's", help="Look at larger images in parts of this side."
        ),
    ] = None,
    overlap: Annotated[
        int | None, typer.Option(metavar="PX", show_default="the detector's", help="What such parts share.")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Parts that are looked at together.")] = 4,
    device: Annotated[
        str | None,
        typer.Option(metavar="DEVICE", show_default="cuda if there is one", help="cpu, cuda, cuda:1."),
    ] = None,
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
    from layoutgen.evaluation.benchmark_protocols import find_preset
    from layoutgen.evaluation.evaluator import ExaminationOptions, Examiner
    from layoutgen.evaluation.output import WRITES, write_evaluation
    from layoutgen.formats.annotated_source import open_truth
    from layoutgen.io.output_folder import check_output

    path = _what(samples, images, annotations)
    _check(detections, reference, reference_images, reference_detections, real, inception)
    options = ExaminationOptions(
        detector=detector,
        results=detections is not None,
        device=device,
        threshold=threshold,
        iou=iou,
        preset=find_preset(preset) if preset is not None else None,
        tile=tile,
        overlap=overlap,
        batch_size=batch_size,
    )
    output = output or _beside(path)
    check_output(output, WRITES, overwrite=overwrite)
    needed = detections is None or real is not None or bool(overlays)
    truth = open_truth(path, images, pictures=needed or (None if overlays is None else False))
    ceiling = None
    if reference is not None:
        ceiling = open_truth(reference, reference_images, pictures=detections is None)
    compared = _Comparison(truth, real, inception, device) if real is not None else None

    examiner = Examiner(options)
    for one in (truth, ceiling):
        if one is not None and not options.results:
            examiner.check(one)  # before any image is looked at
    found = _found(examiner, truth, detections, "detecting", quiet)
    scores = examiner.score(truth.images, truth.labels, found)
    figures = examiner.figures(truth, found, scores)
    if ceiling is not None:
        seen = _found(examiner, ceiling, reference_detections, "reference", quiet)
        best = examiner.score(ceiling.images, ceiling.labels, seen)
        figures["reference"] = examiner.figures(ceiling, seen, best)
    if compared is not None:
        figures["quality"] = compared.figures(quiet)
    drawn = overlays is not False
    run = write_evaluation(output, truth, scores, found, figures, overlays=drawn, overwrite=overwrite)
    with closing(run), console.progress(quiet) as bar:
        for _ in bar.track(run, total=len(truth.images), description="overlays"):
            pass
    if as_json:
        typer.echo(json.dumps(figures, indent=1))
    elif not quiet:
        show(figures, output)


def _found(examiner: Examiner, truth: Truth, results: Path | None, title: str, quiet: bool) -> Detections:
    """What is seen in the images of `truth`, or what the file `results` says of them."""
    if results is not None:
        return examiner.read(truth, results)
    with console.progress(quiet) as bar:
        return dict(bar.track(examiner.look(truth), total=len(truth.images), description=title))


class _Comparison:
    """FID and KID of the images of `truth` to those in `real`; refused before anything else has run."""

    def __init__(self, truth: Truth, real: Path, inception: Path | None, device: str | None) -> None:
        from layoutgen.errors import InvalidOption
        from layoutgen.features.quality import find_photos, load_inception

        if len(truth.images) < 2:
            raise InvalidOption("--real compares many images with many, and there is only one to evaluate")
        self._images = [truth.path(image) for image in truth.images]
        self._real = find_photos(real)
        self._network = load_inception(inception, device)

    def figures(self, quiet: bool) -> dict[str, Any]:
        """The figures, by name."""
        from layoutgen.features.quality import Quality, compare

        result: dict[str, Any] = {}
        with console.progress(quiet) as bar:
            task = bar.add_task("FID and KID", total=len(self._images) + len(self._real))
            for event in compare(self._images, self._real, self._network):
                if isinstance(event, Quality):
                    result = asdict(event)
                else:
                    bar.update(task, completed=event)
        return result


def _check(
    detections: Path | None,
    reference: Path | None,
    reference_images: Path | None,
    reference_detections: Path | None,
    real: Path | None,
    inception: Path | None,
) -> None:
    """Refuse options that would have no effect, or cannot work together."""
    from layoutgen.errors import InvalidOption

    for name, path in {"images": reference_images, "detections": reference_detections}.items():
        if path is not None and reference is None:
            raise InvalidOption(f"--reference-{name} goes with --reference")
    if reference is not None and (detections is None) != (reference_detections is None):
        raise InvalidOption("with --reference, give both --detections and --reference-detections, or neither")
    if inception is not None and real is None:
        raise InvalidOption("--inception goes with --real")


def _what(samples: Path | None, images: Path | None, annotations: Path | None) -> Path:
    """What says what should be in the images."""
    from layoutgen.errors import InvalidOption

    if samples is not None and (annotations is not None or images is not None):
        raise InvalidOption("give either SAMPLES, or --annotations FILE with --images DIR, not both")
    if samples is None and annotations is None:
        raise InvalidOption("name a folder of samples, or --annotations FILE with --images DIR")
    return samples or annotations  # type: ignore[return-value]


def _beside(path: Path) -> Path:
    """Where the report goes when the user names no folder."""
    whole = path.resolve()
    return whole.parent / f"{whole.stem if whole.is_file() else whole.name}_evaluation"
