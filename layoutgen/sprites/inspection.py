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
        """The numbers of the boxes of `layout` in which no object of their label is seen, one to one."""
        matched = match(layout.instances, self._seen(picture, layout), _AT_PLACE).matched
        there = {pair.target for pair in matched}
        return tuple(k for k in range(len(layout.instances)) if k not in there)

    def _seen(self, picture: Image.Image, layout: Layout) -> tuple[Detection, ...]:
        return search(self.detector, picture, layout, score_threshold=self.detector.threshold)
