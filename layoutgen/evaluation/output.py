"""What an evaluation leaves on disk."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from layoutgen.domain.annotated_image import Detections
from layoutgen.evaluation.match_overlay import match_overlay
from layoutgen.evaluation.report import Report, write_report
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.formats.coco_results import write_results
from layoutgen.io.images import save_drawing
from layoutgen.io.output_folder import name_inside, output_folder

PAGE = "gallery.html"
"""The page that may be added to them."""
WRITES = ("report.json", "images.csv", "labels.csv", "errors.csv", "detections.json", "overlays")
"""What :func:`write_evaluation` writes into its output folder."""


def write_evaluation(
    output: Path,
    source: AnnotatedSource,
    report: Report,
    detections: Detections,
    *,
    overlays: bool = True,
    overwrite: bool = False,
) -> Generator[Path, None, None]:
    """Write the report, all detections that have one of the labels in question, and an overlay per image.

    Yields the path of each overlay. All appear in `output` at once when the last is drawn.

    Raises:
        InvalidFile: an image cannot be read.
        OutputExists: `output` holds results and `overwrite` is not set.
    """
    known = set(source.labels)
    kept = {image: tuple(d for d in found if d.label in known) for image, found in detections.items()}
    taken: set[str] = set()
    with output_folder(output, WRITES, overwrite=overwrite, with_them=(PAGE,)) as aside:
        write_report(aside, report)
        write_results(aside / "detections.json", kept, source.data.categories)
        for score in report.scores.images if overlays and source.folder is not None else ():
            name = name_inside("overlays", score.image.file_name, ".jpg", taken)
            image = source.read_image(score.image, any_size=True)
            save_drawing(match_overlay(image, score), aside / name)
            yield output / name
