"""``layoutgen.evaluate``: how much of the layouts is really in the images."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.api.evaluate_inputs import check_options, named_sources, open_inputs
from layoutgen.api.evaluation_page import add_page, check_comparison
from layoutgen.api.image_comparison import ImageComparison, features_for
from layoutgen.api.inputs import PathLike, as_path, as_paths, beside, read_options
from layoutgen.errors import Problems
from layoutgen.evaluation.benchmark_protocols import find_protocol
from layoutgen.evaluation.evaluator import Evaluator, EvaluatorOptions, check_names
from layoutgen.evaluation.output import PAGE, WRITES, write_evaluation
from layoutgen.evaluation.report import Report
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.formats.read_options import ReadOptions
from layoutgen.io.output_folder import check_output
from layoutgen.progress import Progress, progress_of

if TYPE_CHECKING:
    from layoutgen.domain.annotated_image import AnnotatedImages, Defect, Detections
    from layoutgen.formats.coco_results import Results


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What :func:`evaluate` found, and the folder that it wrote.

    Attributes:
        page: for the browser; None: none was asked for.
        defects: by the name of a file: entries of annotations and detections that were left out, and those
            that were read in the one way that makes sense.
    """

    report: Report
    folder: Path
    page: Path | None
    defects: tuple[tuple[str, tuple[Defect, ...], tuple[Defect, ...]], ...] = ()


def evaluate(
    samples: PathLike | Sequence[PathLike] = (),
    *,
    images: PathLike | None = None,
    annotations: PathLike | None = None,
    detector: str | None = None,
    detections: PathLike | None = None,
    threshold: float | None = None,
    iou: float = 0.5,
    protocol: str | None = None,
    reference: PathLike | None = None,
    reference_images: PathLike | None = None,
    reference_detections: PathLike | None = None,
    real: PathLike | None = None,
    features: str | None = None,
    inception: PathLike | None = None,
    tile: int | None = None,
    overlap: int | None = None,
    batch_size: int = 4,
    device: str | None = None,
    output: PathLike | None = None,
    overlays: bool | None = None,
    html: bool = False,
    compare: PathLike | None = None,
    compare_detections: PathLike | None = None,
    units: str = "pixels",
    strict: bool = False,
    overwrite: bool = False,
    progress: bool | Progress = False,
) -> Evaluation:
    """Count the objects of layouts that are really in the images; the same as ``layoutgen evaluate``.

    >>> layoutgen.evaluate("out/100_dogs").report.scores.counts.recall

    Args:
        samples: folders that ``sample`` wrote, prepared data, or annotations with their images beside them.
        images, annotations: images of any other tool, and what should be in them.
        detector: folder or hub id of a model of transformers; None: the small one in the package (cat, dog).
        detections: COCO results to score instead: no model runs.
        threshold: score from which a detection counts; None: the detector's.
        iou: overlap from which an object is at its place.
        protocol: add the figures of a benchmark: coco-mig, coco-position or yolo-score.
        reference: real images with annotations: the ceiling; `reference_images` are beside it, and
            `reference_detections` are given with `detections`.
        real: folder of real images: FID, KID, precision and recall of the images to them, diversity, copies.
        features: of what network: efficientnet-lite0, inception, dinov2, or a folder or hub id of a vision
            model of transformers; None: inception where its weights are given as `inception`, else the first.
        tile, overlap: pixels, of the tiles in which larger images are searched; None: the detector's.
        batch_size: tiles that are searched together.
        device: cpu, cuda, cuda:1; None: cuda if there is one.
        output: folder to write to; None: ``SAMPLES_evaluation``.
        overlays: draw what became of each object; None: where the images are.
        html: write one page for the browser, too, beside the run `compare` with its `compare_detections`.
        units: of annotations: pixels or fraction.
        strict: refuse annotations with a bad entry.
        overwrite: replace earlier results in `output`.
        progress: True: show bars on a terminal; or an object that is told.

    Raises:
        LayoutgenError: what cannot be done, by its kinds.
    """
    wrong, paths, reading = Problems(), list[Path](), ReadOptions()
    evaluator = chosen = None
    compared_by = ""
    results, real_images = as_path(detections), as_path(real)
    with wrong.noted():
        paths = named_sources(as_paths(samples), as_path(images), as_path(annotations))
    with wrong.noted():
        reading = read_options(strict, units)
    with wrong.noted():
        check_options(
            paths, results, as_path(reference), as_path(reference_images), as_path(reference_detections)
        )
    with wrong.noted():
        compared_by = features_for(features, as_path(inception), real_images)
    with wrong.noted():
        check_comparison(html, as_path(compare), results, as_path(compare_detections))
    with wrong.noted():
        chosen = find_protocol(protocol) if protocol is not None else None
    with wrong.noted():
        evaluator = Evaluator(
            EvaluatorOptions(
                detector=detector,
                results=results is not None,
                device=device,
                threshold=threshold,
                iou=iou,
                protocol=chosen,
                tile=tile,
                overlap=overlap,
                batch_size=batch_size,
            )
        )
    if evaluator is None:
        with wrong.noted():
            check_names(detector, device)
    folder = as_path(output) or beside(paths[0] if paths else Path("samples"), "_evaluation")
    with wrong.noted():
        check_output(folder, (*WRITES, PAGE) if html else WRITES, overwrite=overwrite)
    with progress_of(progress) as watch:
        watch.begin("reading annotations")
        inputs = open_inputs(
            paths,
            as_path(images),
            as_path(reference),
            as_path(reference_images),
            as_path(compare),
            real_images,
            reading,
            detector=detector,
            results=results is not None,
            overlays=bool(overlays),
            wrong=wrong,
        )
        wrong.say()
        assert inputs is not None and evaluator is not None  # else something was wrong
        source, ceiling, second = inputs.source, inputs.reference, inputs.compared
        run = _Run(evaluator, reading, watch)
        run.note_defects(paths[0].name, source.data)
        run.load_detector(source, ceiling, second)
        comparison = None
        if inputs.real:
            comparison = ImageComparison(inputs.real, compared_by, as_path(inception), device, watch)
        found = run.detections(source, results, "detecting")
        report = evaluator.report(source, found)
        if ceiling is not None:
            best = run.detections(ceiling, as_path(reference_detections), "reference")
            report = replace(report, reference=evaluator.report(ceiling, best))
        other = None
        if second is not None:
            beside_it = run.detections(second, as_path(compare_detections), "comparing")
            other = second, evaluator.report(second, beside_it)
        if comparison is not None:
            report = replace(report, quality=comparison.quality(source, watch))
            if other is not None:
                beside_real = comparison.quality(other[0], watch, halves=False)  # told once, with the first
                other = other[0], replace(other[1], quality=beside_real)
        drawn = overlays is not False
        with closing(
            write_evaluation(folder, source, report, found, overlays=drawn, overwrite=overwrite)
        ) as steps:
            for _ in watch.track("overlays", steps, len(source.images)):
                pass
        page = add_page(folder, source, report, other, watch) if html else None
    return Evaluation(report, folder, page, tuple(run.defects))


class _Run:
    """One evaluation: opens sources and detects in them, and keeps what was wrong in their files."""

    def __init__(self, evaluator: Evaluator, reading: ReadOptions, watch: Progress) -> None:
        self._evaluator, self._reading, self._watch = evaluator, reading, watch
        self.defects: list[tuple[str, tuple[Defect, ...], tuple[Defect, ...]]] = []

    def note_defects(self, name: str, read: AnnotatedImages | Results) -> None:
        """Keep what was wrong in the file `name` that was `read`."""
        self.defects.append((name, tuple(read.dropped), tuple(read.mended)))

    def load_detector(self, *sources: AnnotatedSource | None) -> None:
        """Refuse what the detector does not know, before any image is searched."""
        if self._evaluator.options.results:
            return
        self._watch.begin("loading the detector")
        for source in sources:
            if source is not None:
                self._evaluator.check_labels(source)

    def detections(self, source: AnnotatedSource, results: Path | None, title: str) -> Detections:
        """What is detected in the images of `source`, or what the file `results` says of them."""
        if results is None:
            detected = self._evaluator.detect(source)
            return dict(self._watch.track(title, detected, len(source.images)))
        read = self._evaluator.read(source, results, self._reading)
        self.note_defects(results.name, read)
        return read.detections
