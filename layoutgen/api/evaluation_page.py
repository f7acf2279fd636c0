"""The page of an evaluation: every image, and what became of its objects."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from layoutgen.errors import Problems
from layoutgen.evaluation.output import PAGE
from layoutgen.evaluation.report import Report
from layoutgen.features.image_quality import faults, quality_header, quality_rows, remarks
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.gallery.page import write_page
from layoutgen.gallery.records import FigureTable, Gallery
from layoutgen.gallery.sources import beside, scored
from layoutgen.io.output_folder import added_file
from layoutgen.progress import Progress


def check_comparison(
    html: bool, compare: Path | None, detections: Path | None, compare_detections: Path | None
) -> None:
    """Refuse options of ``evaluate`` that would have no effect, or cannot work together."""
    wrong = Problems()
    wrong.check(compare is None or html, "`compare` goes with `html`")
    given = compare_detections is None or compare is not None
    wrong.check(given, "`compare_detections` goes with `compare`")
    both = compare is None or (detections is None) == (compare_detections is None)
    wrong.check(both, "with `compare`, give both `detections` and `compare_detections`, or neither")
    wrong.say()


def add_page(
    output: Path,
    source: AnnotatedSource,
    report: Report,
    other: tuple[AnnotatedSource, Report] | None,
    watch: Progress,
) -> Path:
    """Write the page of an evaluation into its folder `output`, beside `other` if there is another run."""
    images = scored(source, report.scores)
    compared, others = "", None
    if other is not None:
        images = beside(images, scored(other[0], other[1].scores))
        compared, others = name_of(other[0].path), other[1].to_json()["overall"]
    gallery = Gallery(
        f"Evaluation of {name_of(source.path)}",
        str(source.path),
        images,
        compared=compared,
        figures=report.to_json()["overall"],
        other_figures=others,
        quality=_quality(report, other[1] if other else None, compared),
    )
    with added_file(output, PAGE) as aside, closing(write_page(gallery, aside, output)) as run:  # type: ignore[type-var]
        for _ in watch.track("page", run, len(images)):
            pass
    return output / PAGE


def _quality(report: Report, other: Report | None, compared: str) -> FigureTable | None:
    """The images beside real ones; None: nobody asked."""
    if report.quality is None:
        return None
    columns = {"here": report.quality}
    said = list(remarks(report.quality))
    if other is not None and other.quality is not None:
        columns[compared] = other.quality
        said += [f"{compared}: {text}" for text in faults(other.quality)]
    return FigureTable(quality_header(columns), tuple(quality_rows(columns)), tuple(said))


def name_of(path: Path) -> str:
    """What people call `path`."""
    whole = path.resolve()
    if whole.name in ("annotations.json", "metadata.jsonl"):
        return whole.parent.name
    return whole.stem if whole.is_file() else whole.name
