"""What rounds of painting came to, round by round and in the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from layoutgen.augmentation.attempts import Attempt, settled


@dataclass(frozen=True, slots=True)
class Round:
    """A round of painting: images painted, objects that they were to show, and those that were found."""

    images: int
    objects: int
    found: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What all rounds came to.

    Attributes:
        images, objects: that are in the set.
        asked: objects of all layouts.
        found: of them in the best attempts.
        dropped_images, dropped_objects: that are not in the set; objects of dropped images among them.
        unfound: objects that are in the set though nobody found them.
    """

    rounds: tuple[Round, ...]
    images: int
    objects: int
    asked: int
    found: int
    dropped_images: int
    dropped_objects: int
    unfound: int


def round_of(attempts: Sequence[Attempt]) -> Round:
    """What one round came to."""
    objects = sum(len(one.layout.instances) for one in attempts)
    return Round(len(attempts), objects, sum(len(one.found) for one in attempts))


def outcome_of(rounds: Sequence[Round], kept: Mapping[int, Attempt], missing: str) -> Outcome:
    """What the best attempts `kept` come to where those that are `missing` are treated so."""
    images = [image for one in kept.values() if (image := settled(one, missing)) is not None]
    asked = sum(len(one.layout.instances) for one in kept.values())
    found = sum(len(one.found) for one in kept.values())
    objects = sum(len(image.instances) for image in images)
    return Outcome(
        tuple(rounds),
        len(images),
        objects,
        asked,
        found,
        len(kept) - len(images),
        asked - objects,
        asked - found if missing == "keep" else 0,
    )
