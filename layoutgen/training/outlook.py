"""Whether a training can come to something in the time that it has, in words."""

from __future__ import annotations

from layoutgen.training.start_info import SMALL_MODEL, StartInfo

NEW_MODEL = 100_000
"""Images after which the objects of a new small model can be told from noise (recipes/LOG.md)."""


def outlook(start: StartInfo, images: int, done: int, images_per_second: float) -> str | None:
    """What to expect of a run of `images` images after `done`; None: nothing that is worth a word."""
    if start.shape is None or done >= NEW_MODEL:
        return None
    left = spoken_time((NEW_MODEL - done) / images_per_second)
    ends = f", and this run ends at {images:,}" if images < NEW_MODEL else ""
    return (
        f"Pictures are still noise: {done:,} of about {NEW_MODEL:,} images that a new model needs, {left} at "
        f"{images_per_second:.3g} images/s{ends}. {SMALL_MODEL.capitalize()} learns new objects much sooner"
    )


def spoken_time(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3.5 h``, ``2.1 days``."""
    for unit, length, most in (("s", 1, 100), ("min", 60, 100), ("h", 3600, 48)):
        if seconds < most * length:
            count = seconds / length
            return f"{count:.1f} {unit}" if unit == "h" and count < 10 else f"{count:.0f} {unit}"
    return f"{seconds / 86400:.3g} days"
