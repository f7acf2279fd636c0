"""Overlays that show how a layout matched: what is matched, missed, misplaced, extra."""

from __future__ import annotations

from PIL import Image

from layoutgen.domain.layout import Instance, Layout
from layoutgen.drawing.colors import Color
from layoutgen.drawing.overlay import overlay
from layoutgen.evaluation.scoring import ImageScore

COLORS: dict[str, Color] = {
    "matched": (60, 220, 90),
    "missed": (255, 70, 60),
    "misplaced": (255, 170, 30),
    "mislabelled": (240, 90, 230),
    "extra": (80, 170, 255),
}
"""The colour of each outcome: where a target is, and, of what is extra, where it was detected."""

_PAIRED = ("matched", "misplaced", "mislabelled")


def match_overlay(image: Image.Image, score: ImageScore) -> Image.Image:
    """`image` with a box in the colour of its outcome for each target and each detection too much.

    What is right has a thinner line only: among 100 names, the few of what is wrong would not be seen.
    """
    targets, found, matching = score.image.instances, score.detections, score.matching
    outcomes = [(name, targets[pair.target].box) for name in _PAIRED for pair in getattr(matching, name)]
    outcomes += [("missed", targets[number].box) for number in matching.missed]
    outcomes += [("extra", found[number].box) for number in matching.extra]
    instances = tuple(Instance(name, box) for name, box in outcomes)
    return overlay(image, Layout(*score.image.size, instances), COLORS, unnamed=("matched",))
