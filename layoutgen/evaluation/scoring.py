"""Detections against layouts: everything that is counted, of each image, of each label, and of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from layoutgen.domain.annotated_image import AnnotatedImage, Detection, Detections
from layoutgen.errors import InvalidOption, Problems
from layoutgen.evaluation.average_precision import AveragePrecision, average_precision
from layoutgen.evaluation.counts import CountErrors, Counts, total
from layoutgen.evaluation.matching import NEAR, Matching, match


@dataclass(frozen=True, slots=True)
class ImageScore:
    """How an image did. `detections` are those that count: of a label in question, and sure enough.

    The numbers in `matching` are places in ``image.instances`` and in `detections`.
    """

    image: AnnotatedImage
    detections: tuple[Detection, ...]
    matching: Matching
    labels: Mapping[str, Counts]

    @property
    def counts(self) -> Counts:
        """All labels together."""
        return total(self.labels.values())

    @property
    def count_error(self) -> int:
        """How many objects there are too many or too few, over the labels."""
        return sum(abs(one.detections - one.targets) for one in self.labels.values())

    @property
    def perfect(self) -> bool:
        """Whether every target is matched and nothing else is there."""
        return self.counts.matched == self.counts.targets == self.counts.detections


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How a label did over all images; `count_errors` are of those where it is asked for or found."""

    counts: Counts
    count_errors: CountErrors
    precision: AveragePrecision


@dataclass(frozen=True, slots=True)
class Scores:
    """All that was counted. `other` are sure detections of labels that no annotation has.

    `threshold` is the score from which a detection counts; AP takes all. `iou` is that of a match.
    """

    images: tuple[ImageScore, ...]
    labels: Mapping[str, LabelScore]
    precision: AveragePrecision
    other: Mapping[str, int]
    threshold: float
    iou: float

    @property
    def counts(self) -> Counts:
        """All images together."""
        return total(image.counts for image in self.images)

    @property
    def count_errors(self) -> CountErrors:
        """How many objects each image has too many or too few, over its labels."""
        errors = tuple(image.count_error for image in self.images)
        return CountErrors(errors, tuple(image.counts.targets for image in self.images))

    @property
    def perfect(self) -> float | None:
        """Share of the images in which all is at its place, and nothing else."""
        return sum(image.perfect for image in self.images) / len(self.images) if self.images else None


def check_scoring(threshold: float, iou: float) -> None:
    """Refuse values that :func:`score` cannot work with.

    Raises:
        InvalidOption: `threshold` or `iou` is out of its range.
    """
    wrong = Problems()
    wrong.check(0 <= threshold <= 1, f"`threshold` must be between 0 and 1, not {threshold}")
    wrong.check(NEAR < iou <= 1, f"`iou` must be above {NEAR} and at most 1, not {iou}")
    wrong.say()


def score(
    images: Sequence[AnnotatedImage],
    detections: Detections,
    labels: Sequence[str],
    *,
    threshold: float = 0.5,
    iou: float = 0.5,
    limit: int | None = None,
) -> Scores:
    """Score the `detections` of `images`, by image id.

    Args:
        labels: the labels in question; detections of others are only counted as such.
        threshold: score from which a detection counts as seen; AP takes all.
        iou: overlap from which a detection is at a target's place.
        limit: for AP, see :func:`~layoutgen.evaluation.average_precision.average_precision`.

    Raises:
        InvalidOption: there are no images, or `threshold` or `iou` is none.
    """
    if not images:
        raise InvalidOption("there are no images to evaluate: name annotations that list some")
    check_scoring(threshold, iou)
    asked = set(labels)
    known = {i.id: tuple(d for d in detections.get(i.id, ()) if d.label in asked) for i in images}
    sure = [d for i in images for d in detections.get(i.id, ()) if d.score >= threshold]
    other = Counter(d.label for d in sure if d.label not in asked)
    done = tuple(_score(image, [d for d in known[image.id] if d.score >= threshold], iou) for image in images)
    overall, by_label = average_precision(images, known, asked, limit)
    scores = {label: _of_label(label, done, by_label[label]) for label in sorted(asked)}
    return Scores(done, scores, overall, dict(other), threshold, iou)


def _of_label(label: str, images: Sequence[ImageScore], precision: AveragePrecision) -> LabelScore:
    counts = [image.labels[label] for image in images if label in image.labels]
    errors = tuple(abs(one.detections - one.targets) for one in counts)
    return LabelScore(total(counts), CountErrors(errors, tuple(one.targets for one in counts)), precision)


def _score(image: AnnotatedImage, detections: Sequence[Detection], iou: float) -> ImageScore:
    matching = match(image.instances, detections, iou, ignored=image.ignored)
    ignored = set(matching.ignored)
    asked = Counter(one.label for one in image.instances)
    seen = Counter(d.label for k, d in enumerate(detections) if k not in ignored)
    pairs = {
        name: Counter(image.instances[pair.target].label for pair in getattr(matching, name))
        for name in ("matched", "mislabelled", "misplaced")
    }
    overlaps: Counter[str] = Counter()
    for pair in matching.matched:
        overlaps[image.instances[pair.target].label] += pair.iou  # type: ignore[assignment]
    again = Counter(detections[k].label for k in matching.duplicates)
    labels = {
        label: Counts(
            asked[label],
            seen[label],
            pairs["matched"][label],
            float(overlaps[label]),
            pairs["mislabelled"][label],
            pairs["misplaced"][label],
            again[label],
        )
        for label in sorted({*asked, *seen})
    }
    return ImageScore(image, tuple(detections), matching, labels)
