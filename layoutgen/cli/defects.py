"""What readers left out and mended: how many of each reason, and the first of them by name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from layoutgen.cli import console

if TYPE_CHECKING:
    from layoutgen.domain.annotated_image import Defect

_NAMED = 3


def say_defects(
    dropped: Sequence[Defect], mended: Sequence[Defect], name: str = "", *, err: bool = False
) -> None:
    """Print a line for each reason: of the file called `name`, to stderr where stdout is for a report."""
    say = console.warn if err else console.say
    for verb, defects in (("dropped", dropped), ("mended", mended)):
        for reason, places in by_reason(defects).items():
            rest = f" and {len(places) - _NAMED:,} more" if len(places) > _NAMED else ""
            start = f"{name}: {verb}" if name else verb
            say(f"{start}: {len(places):,} x {reason}: {', '.join(places[:_NAMED])}{rest}")


def defects_content(dropped: Sequence[Defect], mended: Sequence[Defect]) -> dict[str, dict[str, list[str]]]:
    """What :func:`say_defects` says, and every place of it, for other programs."""
    return {"dropped": by_reason(dropped), "mended": by_reason(mended)}


def by_reason(defects: Iterable[Defect]) -> dict[str, list[str]]:
    """The places by reason, in their order."""
    places: dict[str, list[str]] = defaultdict(list)
    for one in defects:
        places[one.reason].append(one.where)
    return places
