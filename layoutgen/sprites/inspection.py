"""A detector looks at what was painted: whether an object is one, and which boxes lack theirs."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from layoutgen.detection.detectors import Detector
from layoutgen.detection.inference import search
from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.evaluation.matching import match

_AT_PLACE = 0.5  # IoU from which a detection is at its place


@dataclass(frozen=True)
class Inspector:
    """Looks with `detector`, from its own score threshold on."""

    detector: Detector

    def accepts(self, picture: Image.Image, label: str, box: Box, side: float) -> bool:
        """Whether `picture` shows a `label` in `box`, and nothing else, where that is `side` pixels long."""
        scale = min(1.0, side / max(box.width, box.height))
        size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
        picture = picture.resize(size, Image.Resampling.BOX)
        layout = Layout(*size, (Instance(label, box.scale(scale, scale)),))
        seen = self._seen(picture, layout)
        return len(seen) == 1 and len(match(layout.instances, seen, _AT_PLACE).matched) == 1

    def missed(self, picture: Image.Image, layout: Layout) -> tuple[int, ...]:
        """The numbers of the boxes of `layout` in which not exactly one object of their label is seen."""
        seen = self._seen(picture, layout)
        found = match(layout.instances, seen, _AT_PLACE)
        matched = {pair.target for pair in found.matched}
        boxes, right = [one.box for one in layout.instances], {pair.detection for pair in found.matched}
        nearest = (
            max(range(len(boxes)), key=lambda k: boxes[k].intersection(one.box))
            for number, one in enumerate(seen)
            if number not in right and any(box.intersection(one.box) > 0 for box in boxes)
        )
        return tuple(sorted({*range(len(boxes))} - matched | set(nearest)))

    def _seen(self, picture: Image.Image, layout: Layout) -> tuple[Detection, ...]:
        return search(self.detector, picture, layout, score_threshold=self.detector.threshold)
