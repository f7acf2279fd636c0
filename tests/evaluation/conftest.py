"""Layouts and detections that several tests of the evaluation share."""

from __future__ import annotations

from collections.abc import Sequence

from layoutgen.domain.annotated_image import AnnotatedImage, Detection
from layoutgen.domain.layout import Box, Instance, Layout


def grid(count: int) -> list[Box]:
    """`count` boxes of 14 x 16 px, 20 px apart: none near another."""
    columns = max(1, round(count**0.5))
    return [
        Box(x, y, x + 14, y + 16)
        for x, y in ((20 * (k % columns), 20 * (k // columns)) for k in range(count))
    ]


def target(box: Box, label: str = "dog") -> Instance:
    return Instance(label, box)


def image(targets: Sequence[Instance], number: int = 1, side: int = 2000) -> AnnotatedImage:
    return AnnotatedImage(number, f"{number}.png", Layout(side, side, tuple(targets)))


def dogs(count: int, number: int = 1) -> AnnotatedImage:
    """An image that asks for `count` dogs on a grid."""
    return image([target(box) for box in grid(count)], number)


def seen(boxes: Sequence[Box], label: str = "dog", score: float = 0.9) -> list[Detection]:
    return [Detection(label, box, score) for box in boxes]
