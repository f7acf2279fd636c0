"""Attempts at painting a layout: what a detector found in each, which is the best, what becomes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.domain.layout import Layout
from layoutgen.errors import InvalidOption
from layoutgen.evaluation.scoring import ImageScore

MISSING = ("objects", "images", "keep")
"""What may become of objects that were not found: they go, their image goes, or they stay as if found."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A painted layout.

    Attributes:
        number: of the layout, from 1.
        file: of the image, relative to the folder of all attempts.
        round: from 0, of painting.
        seed: that it was painted with.
        found: places of the instances that a detector found.
        extra: what it found besides.
    """

    number: int
    layout: Layout
    file: str
    round: int
    seed: int
    found: tuple[int, ...]
    extra: int = 0

    @property
    def missing(self) -> tuple[int, ...]:
        """Places of the instances that were not found."""
        found = set(self.found)
        return tuple(k for k in range(len(self.layout.instances)) if k not in found)

    @property
    def complete(self) -> bool:
        """Whether every object was found."""
        return not self.missing

    def better_than(self, other: Attempt) -> bool:
        """Whether it has fewer objects missing; or as many, and less that nobody asked for."""
        return (len(self.missing), self.extra) < (len(other.missing), other.extra)

    def to_json(self) -> dict[str, Any]:
        """What was found, to be read by :func:`attempt_from`."""
        return {"number": self.number, "file": self.file, "seed": self.seed, "found": list(self.found),
                "extra": self.extra}  # fmt: skip


def attempt_from(content: Mapping[str, Any], layout: Layout, round_: int) -> Attempt:
    """The attempt at `layout` that :meth:`Attempt.to_json` wrote."""
    return Attempt(
        content["number"],
        layout,
        content["file"],
        round_,
        content["seed"],
        tuple(content["found"]),
        content["extra"],
    )


def attempt_of(score: ImageScore, number: int, layout: Layout, file: str, round_: int, seed: int) -> Attempt:
    """The attempt that was scored with `score`."""
    found = tuple(sorted(pair.target for pair in score.matching.matched))
    return Attempt(number, layout, file, round_, seed, found, len(score.matching.extra))


def best(attempts: Iterable[Attempt]) -> dict[int, Attempt]:
    """The best attempt at each layout, by its number; the first of equal ones."""
    kept: dict[int, Attempt] = {}
    for one in attempts:
        if one.number not in kept or one.better_than(kept[one.number]):
            kept[one.number] = one
    return dict(sorted(kept.items()))


def settled(attempt: Attempt, missing: str) -> AnnotatedImage | None:
    """The image as it is annotated; None if it is left out.

    With `missing` objects, those that were not found are not annotated, and an image of nothing else is left
    out; with images, an image that misses one is; with keep all is as it was asked for.

    Raises:
        InvalidOption: another `missing`.
    """
    if missing not in MISSING:
        raise InvalidOption(f"`missing` must be one of {', '.join(MISSING)}, not {missing}")
    image = AnnotatedImage(attempt.number, attempt.file, attempt.layout)
    if missing == "keep" or attempt.complete:
        return image
    if missing == "images" or not attempt.found:
        return None
    kept = tuple(attempt.layout.instances[k] for k in attempt.found)
    return replace(image, layout=attempt.layout.with_instances(kept))
