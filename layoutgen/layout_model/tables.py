"""The two tables that a layout model consists of: the quantiles of a number, and how often each value is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from layoutgen.errors import InvalidOption

Numbers = npt.NDArray[np.float64]

_STEPS = 20
_DIGITS = 4  # significant, of what is kept: a file of 80 labels stays small


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A distribution of numbers by its quantiles at 0, 5, ... 100 %, between which it is straight.

    Values that are frequent stay so: a tenth of boxes that begin at 0 are three equal quantiles.

    Raises:
        InvalidOption: not so many numbers, or not in order.
    """

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        values = np.asarray(self.values, dtype=float)
        if values.shape != (_STEPS + 1,) or not np.isfinite(values).all() or (np.diff(values) < 0).any():
            raise InvalidOption(f"quantiles must be {_STEPS + 1} numbers in order, not {self.values!r}")

    @classmethod
    def of(cls, values: Numbers, others: Quantiles | None = None, weight: float = 0.0) -> Quantiles:
        """Those of `values` (N,); drawn to `others` as if `weight` more values were distributed as they are.

        The mean of quantile functions is the Wasserstein barycentre of both distributions.
        """
        share = weight / (weight + len(values))
        places = np.linspace(0, 1, _STEPS + 1)
        own: Numbers = np.zeros(_STEPS + 1)
        if len(values):
            own[:] = np.quantile(values, places)
        if others is not None:
            target: Numbers = np.array(others.values)
            own = (1 - share) * own + share * target
        return cls(rounded(own.tolist()))

    def at(self, places: Numbers | float) -> Numbers:
        """The values at `places` in [0, 1], of any shape."""
        return np.asarray(np.interp(places, np.linspace(0, 1, _STEPS + 1), self.values))


@dataclass(frozen=True, slots=True)
class Frequencies:
    """How often each whole number is: `weights` of `values`, which rise.

    Raises:
        InvalidOption: no values, not in order, or weights that are none.
    """

    values: tuple[int, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        weights = np.asarray(self.weights, dtype=float)
        in_order = list(self.values) == sorted(set(self.values))
        if not self.values or len(self.values) != len(self.weights) or not in_order:
            raise InvalidOption(f"frequencies need a weight for each value, in order, not {self!r}")
        if not np.isfinite(weights).all() or (weights < 0).any() or not weights.sum() > 0:
            raise InvalidOption(f"weights must be 0 or more, and not all 0, not {self.weights!r}")

    @classmethod
    def of(cls, weights: Mapping[int, float]) -> Frequencies:
        """Of a mapping from values to weights, which are made to add up to 1."""
        kept = sorted((value, weight) for value, weight in weights.items() if weight > 0)
        whole = sum(weight for _, weight in kept)
        return cls(tuple(v for v, _ in kept), tuple(_rounded(w / whole) for _, w in kept))

    def draw(self, place: float) -> int:
        """The value at `place` in [0, 1) of the distribution."""
        return self.values[drawn(np.array(self.weights), place)]


def drawn(weights: Numbers, place: float) -> int:
    """The index at `place` in [0, 1) of the distribution with these `weights` (N,)."""
    rising = np.cumsum(weights)
    return min(int(np.searchsorted(rising, place * rising[-1], side="right")), len(weights) - 1)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def rounded(values: Iterable[float]) -> tuple[float, ...]:
    """`values` to the digits that are kept."""
    return tuple(_rounded(value) for value in values)
