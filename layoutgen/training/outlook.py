"""Whether a training comes to something: by what its sample pictures show, in words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from layoutgen.training.start_info import SMALL_MODEL, StartInfo

NEW_MODEL = 100_000
"""Images after which the objects of a new small model can be told from noise (recipes/LOG.md)."""
_ENOUGH = 0.5  # share of boxes from which a picture is more than noise


class Stage(Enum):
    """How far a training is, as far as can be seen."""

    UNKNOWN = "no picture yet"
    NOISE = "nothing in the boxes"
    OBJECTS = "something in the boxes"


@dataclass(frozen=True, slots=True)
class Outlook:
    """What can be said of a training now."""

    stage: Stage
    words: str


def outlook(
    start: StartInfo, images: int, done: int, images_per_second: float, visible: float | None = None
) -> Outlook | None:
    """What to expect of a run of `images` images after `done`; None: nothing that is worth a word.

    Args:
        visible: share of the boxes in the newest sample pictures that stand out
            (:func:`~layoutgen.training.visible_boxes.visible_share`); None: there is no picture yet.
    """
    if visible is None:
        return _without_pictures(start, images, done, images_per_second)
    seen = f"{visible:.0%} of the boxes in the sample pictures stand out from what is around them"
    if visible >= _ENOUGH:
        return Outlook(Stage.OBJECTS, f"Pictures are more than noise: {seen}")
    words = f"Pictures are still noise: {seen}, after {done:,} images"
    if start.shape is not None and done < NEW_MODEL:
        words += f"; {_needs(images, done, images_per_second)}"
    return Outlook(Stage.NOISE, words)


def _without_pictures(start: StartInfo, images: int, done: int, images_per_second: float) -> Outlook | None:
    """What is known of a new model by the number of its images alone."""
    if start.shape is None or done >= NEW_MODEL:
        return None
    words = f"No sample picture shows yet what it has learnt: {_needs(images, done, images_per_second)}"
    return Outlook(Stage.UNKNOWN, words)


def _needs(images: int, done: int, images_per_second: float) -> str:
    """How many images a new model needs, and how much sooner another one learns."""
    left = spoken_time((NEW_MODEL - done) / images_per_second)
    ends = f", and this run ends at {images:,}" if images < NEW_MODEL else ""
    return (
        f"{done:,} of about {NEW_MODEL:,} images that a new model needs, {left} at "
        f"{images_per_second:.3g} images/s{ends}. {SMALL_MODEL.capitalize()} learns new objects much sooner"
    )


def spoken_time(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3.5 h``, ``2.1 days``."""
    for unit, length, most in (("s", 1, 100), ("min", 60, 100), ("h", 3600, 48)):
        if seconds < most * length:
            count = seconds / length
            return f"{count:.1f} {unit}" if unit == "h" and count < 10 else f"{count:.0f} {unit}"
    return f"{seconds / 86400:.3g} days"
