"""Overlays that show what became of a layout: matched, missed, misplaced, extra."""

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
"""The colour of each fate: where a target is, and, of what is extra, where it was seen."""


_PAIRED = ("matched", "misplaced", "mislabelled")


def verdict(picture: Image.Image, score: ImageScore) -> Image.Image:
    """`picture` with a box in the colour of its fate for each target and each detection too much."""
    targets, seen, matching = score.image.annotations, score.detections, score.matching
    fates = [(name, targets[pair.target].box) for name in _PAIRED for pair in getattr(matching, name)]
    fates += [("missed", targets[number].box) for number in matching.missed]
    fates += [("extra", seen[number].box) for number in matching.extra]
    layout = Layout(score.image.width, score.image.height, tuple(Instance(*fate) for fate in fates))
    return overlay(picture, layout, COLORS)
