"""Large images in tiles: a detector sees small objects only where they are not shrunk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.boxes import corners, nms
from layoutgen.domain.layout import Box
from layoutgen.domain.windows import Window, cover
from layoutgen.errors import InvalidOption

_TWICE = 0.55  # IoU from which boxes of two tiles show one object
_SLACK = 2.0  # pixels from an edge inside of which a box counts as cut off by it


@dataclass(frozen=True, slots=True)
class Tiling:
    """Parts of `size` x `size` pixels that share at least `overlap` pixels with their neighbours.

    `whole`: search the image as a whole, too, for objects that are too large for a tile.

    Raises:
        InvalidOption: there can be no such tiles.
    """

    size: int
    overlap: int
    whole: bool = False

    def __post_init__(self) -> None:
        if self.size < 32 or not 0 <= self.overlap < self.size:
            raise InvalidOption(
                f"tiles of {self.size} px with an overlap of {self.overlap} px cannot work: "
                "`tile` is at least 32, and `overlap` is smaller than it"
            )

    def tiles(self, width: int, height: int) -> tuple[Window, ...]:
        """The tiles of an image: one if it is not larger than a tile."""
        tiles = cover(height, width, self.size, self.overlap)
        return (*tiles, Window(0, 0, height, width)) if self.whole and len(tiles) > 1 else tiles

    def merge(
        self,
        found: Iterable[tuple[Window, Sequence[Detection]]],
        width: int,
        height: int,
        nms_iou: float | None = None,
    ) -> tuple[Detection, ...]:
        """The detections of all tiles, in the image's coordinates, each object once; best scores first.

        What an edge between tiles cuts off is dropped, if the neighbour, or the search of the whole, sees all
        of it. Of two boxes of a label with an IoU above `nms_iou`, the one with the higher score is kept.
        None: all are kept, unless there are several tiles, which may show an object twice.
        """
        all_found = list(found)
        if nms_iou is None and len(all_found) > 1:
            nms_iou = _TWICE
        kept = [
            Detection(d.label, d.box.shift(tile.left, tile.top), d.score)
            for tile, detections in all_found
            for d in detections
            if not self._cut_off(d.box, tile, width, height)
        ]
        if nms_iou is not None:
            kept = [kept[k] for label in sorted({d.label for d in kept}) for k in _best(kept, label, nms_iou)]
        return tuple(sorted(kept, key=lambda d: -d.score))

    def _cut_off(self, box: Box, tile: Window, width: int, height: int) -> bool:
        """Whether an inner edge of `tile` cuts `box`, in its coordinates, and another tile sees all of it."""
        sides = (
            (box.x0, box.x1, tile.left, tile.width, width),
            (box.y0, box.y1, tile.top, tile.height, height),
        )
        for low, high, start, length, end in sides:
            inner = (start > 0 and low < _SLACK) or (start + length < end and high > length - _SLACK)
            if inner and (self.whole or high - low < self.overlap):
                return True
        return False


def _best(detections: Sequence[Detection], label: str, nms_iou: float) -> list[int]:
    places = [k for k, d in enumerate(detections) if d.label == label]
    boxes = corners(detections[k].box for k in places)
    scores = np.array([detections[k].score for k in places])
    return [places[k] for k in nms(boxes, scores, nms_iou)]
