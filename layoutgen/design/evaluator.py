"""What became of each box in a picture, by the detector that ``evaluate`` uses."""

from __future__ import annotations

import threading
from pathlib import Path
from tempfile import TemporaryDirectory

from layoutgen.design.painter import Painted
from layoutgen.evaluation.evaluator import Evaluator, EvaluatorOptions
from layoutgen.formats.annotated_source import open_annotated
from layoutgen.formats.coco_writing import write_coco
from layoutgen.gallery.records import GalleryBox
from layoutgen.gallery.sources import boxes_of


class PictureEvaluator:
    """A detector that is loaded when it is first needed, for one picture at a time."""

    def __init__(self, detector: str | None = None, device: str | None = None) -> None:
        self._evaluator = Evaluator(EvaluatorOptions(detector=detector, device=device))
        self._lock = threading.Lock()

    def evaluate(self, painted: Painted) -> tuple[GalleryBox, ...]:
        """The boxes of the picture's layout in their order, then what is there too much.

        Raises:
            UnknownLabel: the detector does not know a label of the layout.
        """
        with self._lock, TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "images").mkdir()
            painted.image.save(folder / "images" / "picture.png")
            write_coco(folder / "annotations.json", [("picture.png", painted.layout)])
            source = open_annotated(folder)
            self._evaluator.check_labels(source)
            found = dict(self._evaluator.detect(source))
            (score,) = self._evaluator.score(source.images, source.labels, found).images
        return boxes_of(score)
