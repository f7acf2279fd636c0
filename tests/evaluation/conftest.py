"""Layouts and detections that several tests of the evaluation share."""

from __future__ import annotations

from collections.abc import Sequence

from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.layout import Box
from layoutgen.formats.coco import CocoAnnotation, CocoImage


def grid(count: int) -> list[Box]:
    """`count` boxes of 14 x 16 px, 20 px apart: none near another."""
    columns = max(1, round(count**0.5))
    return [
        Box(x, y, x + 14, y + 16)
        for x, y in ((20 * (k % columns), 20 * (k // columns)) for k in range(count))
    ]


def annotation(box: Box, label: str = "dog", *, number: int = 1, crowd: bool = False) -> CocoAnnotation:
    return CocoAnnotation(number, label, box, box.area, crowd, None)


def image(annotations: Sequence[CocoAnnotation], number: int = 1, side: int = 2000) -> CocoImage:
    return CocoImage(number, f"{number}.png", side, side, tuple(annotations))


def dogs(count: int, number: int = 1) -> CocoImage:
    """An image that asks for `count` dogs on a grid."""
    return image([annotation(box, number=k) for k, box in enumerate(grid(count), start=1)], number)


def seen(boxes: Sequence[Box], label: str = "dog", score: float = 0.9) -> list[Detection]:
    return [Detection(label, box, score) for box in boxes]
