"""What an evaluation leaves on disk."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from layoutgen.domain.annotated_image import Detections
from layoutgen.evaluation.match_overlay import verdict
from layoutgen.evaluation.report import Figures, write_report
from layoutgen.evaluation.scoring import Scores
from layoutgen.formats.annotated_source import Truth
from layoutgen.formats.coco_results import write_results
from layoutgen.io.output_folder import name_inside, output_folder

WRITES = ("report.json", "images.csv", "labels.csv", "errors.csv", "detections.json", "overlays")
"""What :func:`write_evaluation` writes into its output folder."""


def write_evaluation(
    output: Path,
    truth: Truth,
    scores: Scores,
    detections: Detections,
    figures: Figures,
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
    known = set(truth.labels)
    kept = {image: tuple(d for d in found if d.label in known) for image, found in detections.items()}
    taken: set[str] = set()
    with output_folder(output, WRITES, overwrite=overwrite) as aside:
        write_report(aside, figures, scores)
        write_results(aside / "detections.json", kept, truth.categories)
        for score in scores.images if overlays and truth.folder is not None else ():
            name = name_inside("overlays", score.image.file_name, ".jpg", taken)
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            drawn = verdict(truth.picture(score.image), score)
            drawn.save(aside / name, "JPEG", quality=92, subsampling=0)
            yield output / name
