"""Fair comparisons on machines that grow slower and faster over minutes: rounds, interleaved and paired."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import TypeVar

Case = TypeVar("Case")


def in_turn(cases: Sequence[Case], number: int) -> Sequence[Case]:
    """The order of `cases` in round `number`: there, and back in the next one."""
    return cases[::-1] if number % 2 else cases


def ratio(values: Sequence[float], reference: Sequence[float]) -> float:
    """How many times the `reference` `values` are: the median of the ratios within each round.

    Of what was not measured in every round, the ratio of medians.
    """
    if len(values) != len(reference):
        return statistics.median(values) / statistics.median(reference)
    return statistics.median(value / other for value, other in zip(values, reference, strict=True))
