"""One way to detect objects and to score them, for the images in question and for a reference.

The detector is loaded, and torch with it, when it is first needed: scoring a file of results needs neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.detection.names import check_detector
from layoutgen.detection.tiles import Tiling
from layoutgen.domain.annotated_image import AnnotatedImage, Detection, Detections
from layoutgen.errors import Problems
from layoutgen.evaluation.benchmark_protocols import BenchmarkProtocol
from layoutgen.evaluation.report import ProtocolResult, Report
from layoutgen.evaluation.scoring import Scores, check_scoring, score
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.formats.coco_results import Results, read_results
from layoutgen.formats.read_options import ReadOptions
from layoutgen.imports import importing
from layoutgen.preflight.options import check_device_names

if TYPE_CHECKING:
    from layoutgen.detection.detectors import Detector

_LOWEST_SCORE = 0.05  # detections with a lower score do not count for AP either
_THRESHOLD = 0.5  # score from which detections of a file count


@dataclass(frozen=True, slots=True)
class EvaluatorOptions:
    """How objects are detected and scored; None: as the detector, or the benchmark protocol, has it.

    Attributes:
        detector: local folder or hub id; None: the small one in the package.
        results: detections come from files, and no detector runs.
        threshold: score from which a detection counts.
        iou: overlap from which a detection is at a target's place.
        protocol: detect as a benchmark does, and give its figures, too.
        tile, overlap: in pixels, of the tiles in which larger images are searched.
        batch_size: tiles that are searched together.

    Raises:
        InvalidOption: an option is out of its range, or would have no effect.
    """

    detector: str | None = None
    results: bool = False
    device: str | None = None
    threshold: float | None = None
    iou: float = 0.5
    protocol: BenchmarkProtocol | None = None
    tile: int | None = None
    overlap: int | None = None
    batch_size: int = 4

    def __post_init__(self) -> None:
        wrong = Problems()
        with wrong.noted():
            check_scoring(0.0 if self.threshold is None else self.threshold, self.iou)
        for name in ("detector", "device", "tile", "overlap"):
            wrong.check(
                not self.results or getattr(self, name) is None,
                f"`{name}` has no effect with `detections`, as no detector runs: leave it out",
            )
        with wrong.noted():
            overlap = self.overlap or 0
            Tiling(max(32, overlap + 1) if self.tile is None else self.tile, overlap)
        wrong.check(self.batch_size >= 1, f"`batch_size` must be 1 or more, not {self.batch_size}")
        wrong.say()


def check_names(detector: str | None, device: str | None) -> None:
    """Refuse a detector, or a device, that there certainly is not.

    Raises:
        InvalidOption, InvalidFile: say which, and what to do.
    """
    wrong = Problems()
    with wrong.noted():
        check_device_names(device)
    with wrong.noted():
        check_detector(detector)
    wrong.say()


class Evaluator:
    """Detects objects with one detector, or reads what was detected, and scores it.

    Raises:
        InvalidOption: there is no such detector, as far as can be seen without loading it, or no such device.
    """

    def __init__(self, options: EvaluatorOptions) -> None:
        check_names(options.detector, options.device)
        self.options = options
        self._detector: Detector | None = None

    def read(self, source: AnnotatedSource, results: Path, options: ReadOptions | None = None) -> Results:
        """What the COCO results file `results` says was detected in the images of `source`."""
        return read_results(results, source.data, options)

    def check_labels(self, source: AnnotatedSource) -> None:
        """Refuse images that ask for what the detector does not know.

        Raises:
            UnknownLabel: says what it knows, and what to do.
        """
        from layoutgen.detection.inference import check_labels

        check_labels(self._loaded(), source)

    def detect(self, source: AnnotatedSource) -> Iterator[tuple[int, tuple[Detection, ...]]]:
        """The id of each image of `source`, and what is detected in it.

        Raises:
            InvalidOption, UnknownLabel: what the detector cannot do.
        """
        from layoutgen.detection.inference import run_inference

        options, protocol = self.options, self.options.protocol
        found = run_inference(
            self._loaded(),
            source,
            score_threshold=min(_LOWEST_SCORE, self.threshold),
            tiling=self._tiling(),
            side=None if protocol is None else protocol.side,
            nms_iou=None if protocol is None else protocol.nms_iou,
            batch_size=options.batch_size,
        )
        return ((image.id, detections) for image, detections in found)

    def score(self, images: Sequence[AnnotatedImage], labels: Sequence[str], found: Detections) -> Scores:
        """The scores of what was `found` in `images`; `labels` are those in question."""
        return score(images, found, labels, threshold=self.threshold, iou=self.options.iou)

    def report(self, source: AnnotatedSource, found: Detections) -> Report:
        """What the detections `found` in the images of `source` are worth, and how that was measured."""
        options, protocol = self.options, self.options.protocol
        return Report(
            annotations=str(source.path),
            detector=None if options.results else options.detector or "the one in the package",
            tiling=None if options.results else self._tiling(),
            scores=self.score(source.images, source.labels, found),
            protocol=None
            if protocol is None
            else ProtocolResult(protocol, protocol.metrics(source.images, found)),
        )

    @property
    def threshold(self) -> float:
        """Score from which a detection counts."""
        options = self.options
        if options.threshold is not None:
            return options.threshold
        if options.protocol is not None:
            return options.protocol.score_threshold
        return _THRESHOLD if options.results else self._loaded().threshold

    def _tiling(self) -> Tiling:
        own, options = self._loaded().tiling, self.options
        size = options.tile or own.size
        overlap = options.overlap if options.overlap is not None else min(own.overlap, size // 2)
        return Tiling(size, overlap, own.whole)

    def _loaded(self) -> Detector:
        if self._detector is None:
            with importing():
                from layoutgen.detection.loading import load_detector

            self._detector = load_detector(self.options.detector, self.options.device)
        return self._detector
