"""One way to look at images and to score what is seen, for the images in question and for a reference.

The detector is loaded, and torch with it, when it is first needed: scoring a file of results needs neither.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layoutgen.detection.tiles import Tiling
from layoutgen.domain.annotated_image import Detection, Detections
from layoutgen.errors import InvalidOption
from layoutgen.evaluation.benchmark_protocols import Preset
from layoutgen.evaluation.report import Figures, report
from layoutgen.evaluation.scoring import Scores, check_scoring, score
from layoutgen.formats.annotated_source import Truth
from layoutgen.formats.coco import CocoImage
from layoutgen.formats.coco_results import read_results

if TYPE_CHECKING:
    from layoutgen.detection.detectors import Detector

_FLOOR = 0.05  # detections with a lower score do not count for AP either
_THRESHOLD = 0.5  # score from which detections of a file count


@dataclass(frozen=True, slots=True)
class ExaminationOptions:
    """How images are looked at and scored; None: as the detector, or the preset, has it.

    Attributes:
        detector: local folder or hub id; None: the small one in the package.
        results: detections come from files, and no detector runs.
        threshold: score from which a detection counts.
        iou: overlap from which a detection is at a target's place.
        preset: look at images as a benchmark does, and give its figures, too.
        tile, overlap: in pixels, of the parts of larger images.
        batch_size: parts that are looked at together.

    Raises:
        InvalidOption: an option is out of its range, or would have no effect.
    """

    detector: str | None = None
    results: bool = False
    device: str | None = None
    threshold: float | None = None
    iou: float = 0.5
    preset: Preset | None = None
    tile: int | None = None
    overlap: int | None = None
    batch_size: int = 4

    def __post_init__(self) -> None:
        check_scoring(0.0 if self.threshold is None else self.threshold, self.iou)
        for name in ("detector", "device", "tile", "overlap"):
            if self.results and getattr(self, name) is not None:
                raise InvalidOption(f"--{name} has no effect with --detections, which runs no detector")


class Examiner:
    """Looks at images with one detector, or reads what was seen, and scores it."""

    def __init__(self, options: ExaminationOptions) -> None:
        self.options = options
        self._detector: Detector | None = None

    def read(self, truth: Truth, results: Path) -> Detections:
        """What the COCO results file `results` says was seen in the images of `truth`."""
        return read_results(results, truth.categories, {image.id for image in truth.images})

    def check(self, truth: Truth) -> None:
        """Refuse images that ask for what the detector does not know.

        Raises:
            UnknownLabel: says what it knows, and what to do.
        """
        from layoutgen.detection.inference import check_labels

        check_labels(self._loaded(), truth)

    def look(self, truth: Truth) -> Iterator[tuple[int, tuple[Detection, ...]]]:
        """The id of each image of `truth`, and what the detector sees in it.

        Raises:
            InvalidOption, UnknownLabel: what the detector cannot do.
        """
        from layoutgen.detection.inference import look

        options, preset = self.options, self.options.preset
        seen = look(
            self._loaded(),
            truth,
            floor=min(_FLOOR, self.threshold),
            tiling=self._tiling(),
            side=None if preset is None else preset.side,
            suppression=None if preset is None else preset.suppression,
            batch_size=options.batch_size,
        )
        return ((image.id, found) for image, found in seen)

    def score(self, images: tuple[CocoImage, ...], labels: tuple[str, ...], found: Detections) -> Scores:
        """The scores of what was found in `images`; `labels` are those in question."""
        return score(images, found, labels, threshold=self.threshold, iou=self.options.iou)

    def figures(self, truth: Truth, found: Detections, scores: Scores) -> Figures:
        """The report, with how it came to be and the figures of the preset."""
        options = self.options
        detector = None if options.results else options.detector or "the one in the package"
        settings = {
            "annotations": str(truth.annotations),
            "detector": detector,
            "tiles": None if options.results else asdict(self._tiling()),
        }
        result: Figures = {"settings": settings} | report(scores)
        if options.preset is not None:
            rule: dict[str, Any] = options.preset.figures(truth.images, found)
            result["preset"] = asdict(options.preset) | {"figures": rule}
        return result

    @property
    def threshold(self) -> float:
        """Score from which a detection counts."""
        options = self.options
        if options.threshold is not None:
            return options.threshold
        if options.preset is not None:
            return options.preset.threshold
        return _THRESHOLD if options.results else self._loaded().threshold

    def _tiling(self) -> Tiling:
        own, options = self._loaded().tiling, self.options
        size = options.tile or own.size
        overlap = options.overlap if options.overlap is not None else min(own.overlap, size // 2)
        return Tiling(size, overlap, own.whole)

    def _loaded(self) -> Detector:
        if self._detector is None:
            from layoutgen.detection.loading import load_detector

            self._detector = load_detector(self.options.detector, self.options.device)
        return self._detector
