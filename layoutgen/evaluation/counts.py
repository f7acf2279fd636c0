"""CountErrors that can be added up, and the figures that follow from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Counts:
    """What was asked for and what was found, in an image, of a label, or in all.

    A figure that nothing can be said about is None: the recall where nothing was asked for, the precision
    where nothing was found, the mean IoU where nothing matched.

    Attributes:
        targets: objects that should be there.
        detections: objects that were found.
        matched: of them one to one at their place, with their label.
        iou_sum: their overlaps, added up.
        mislabelled, misplaced: targets (and as many detections) with another label; near their place.
        duplicates: detections of a target that is matched already.
    """

    targets: int = 0
    detections: int = 0
    matched: int = 0
    iou_sum: float = 0.0
    mislabelled: int = 0
    misplaced: int = 0
    duplicates: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def recall(self) -> float | None:
        """Share of the targets that are matched."""
        return _ratio(self.matched, self.targets)

    @property
    def precision(self) -> float | None:
        """Share of the detections that are matched."""
        return _ratio(self.matched, self.detections)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of recall and precision; 0 if nothing matches."""
        return _ratio(2 * self.matched, self.targets + self.detections)

    @property
    def mean_iou(self) -> float | None:
        """Mean overlap of the matched pairs."""
        return _ratio(self.iou_sum, self.matched)

    @property
    def missed(self) -> int:
        """Targets that are not matched, for whatever reason."""
        return self.targets - self.matched

    @property
    def extra(self) -> int:
        """Detections that are not matched, for whatever reason."""
        return self.detections - self.matched


@dataclass(frozen=True, slots=True)
class CountErrors:
    """How many objects there are too many or too few, image by image, where so many were `asked` for."""

    errors: tuple[int, ...]
    asked: tuple[int, ...]

    @property
    def mean_error(self) -> float | None:
        """Mean of the errors."""
        return _ratio(sum(self.errors), len(self.errors))

    def share(self, within: float) -> float | None:
        """Share of the images whose error is at most `within` of what was asked for; 0: exactly right."""
        right = sum(error <= within * asked for error, asked in zip(self.errors, self.asked, strict=True))
        return _ratio(right, len(self.errors))


def total(counts: Iterable[Counts]) -> Counts:
    """All of them together."""
    return sum(counts, Counts())


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
