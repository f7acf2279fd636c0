"""Figures, against what was planted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layoutgen.domain.layout import Box
from layoutgen.errors import InvalidOption
from layoutgen.evaluation.scoring import score
from tests.evaluation.conftest import dogs, grid, image, seen, target


@pytest.mark.parametrize("count", [1, 100, 101, 1000])
def test_perfect_detections_score_one_everywhere(count):
    scores = score([dogs(count)], {1: tuple(seen(grid(count)))}, ["dog"])
    counts, ap = scores.counts, scores.precision
    assert (counts.recall, counts.precision, counts.f1, counts.mean_iou) == (1, 1, 1, 1)
    assert (ap.ap, ap.ap50, ap.ap75, ap.small) == pytest.approx((1, 1, 1, 1))
    assert scores.labels["dog"].precision == ap
    assert (
        scores.count_errors.share(0),
        scores.count_errors.share(0.05),
        scores.perfect,
        scores.count_errors.mean_error,
    ) == (
        1,
        1,
        1,
        0,
    )


@given(st.data())
def test_planted_errors_give_the_figures_counted_by_hand(data):
    count = data.draw(st.integers(1, 40), "objects")
    fates = data.draw(
        st.lists(
            st.sampled_from(["right", "missing", "shifted", "duplicated", "wrong label"]),
            min_size=count,
            max_size=count,
        )
    )
    missing, shifted, duplicated, wrong = (
        fates.count(fate) for fate in ("missing", "shifted", "duplicated", "wrong label")
    )
    detections = []
    for box, fate in zip(grid(count), fates, strict=True):
        # 8 px aside: an IoU of 0.27 with its own place, and of 0.08 with the neighbour's.
        place = box.shift(8, 0) if fate == "shifted" else box
        times = {"missing": 0, "duplicated": 2}.get(fate, 1)
        detections += seen([place] * times, "cat" if fate == "wrong label" else "dog")
    scores = score([dogs(count)], {1: tuple(detections)}, ["dog", "cat"])
    counts = scores.counts
    right = count - missing - shifted - wrong
    found = count - missing + duplicated
    assert (counts.targets, counts.detections, counts.matched) == (count, found, right)
    assert (counts.misplaced, counts.mislabelled, counts.duplicates) == (shifted, wrong, duplicated)
    assert (counts.missed, counts.extra) == (missing + shifted + wrong, shifted + wrong + duplicated)
    assert counts.recall == right / count
    assert counts.precision == (right / found if found else None)
    assert counts.f1 == 2 * right / (count + found)
    assert counts.mean_iou == (1 if right else None)
    error = abs(duplicated - missing - wrong) + wrong
    assert scores.count_errors.mean_error == error
    assert scores.count_errors.share(0) == (error == 0)
    assert scores.count_errors.share(0.1) == (error <= 0.1 * count)
    assert scores.perfect == (right == count == found)


@given(st.lists(st.integers(0, 9), max_size=30))
def test_duplicates_never_raise_recall(repeated):
    boxes = [box.shift(2, 1) for box in grid(10)]
    once = score([dogs(10)], {1: tuple(seen(boxes[:6]))}, ["dog"])
    again = score([dogs(10)], {1: tuple(seen(boxes[:6] + [boxes[k] for k in repeated if k < 6]))}, ["dog"])
    assert again.counts.recall == once.counts.recall == 0.6
    assert again.counts.mean_iou == pytest.approx(once.counts.mean_iou)


def test_zero_targets_and_zero_detections_are_answered():
    scores = score([image([])], {}, ["dog"])
    counts = scores.counts
    assert (counts.targets, counts.detections, counts.recall, counts.precision, counts.f1) == (
        0,
        0,
        None,
        None,
        None,
    )
    assert scores.precision.ap is None
    assert (scores.count_errors.share(0), scores.perfect, scores.count_errors.mean_error) == (1, 1, 0)


def test_targets_without_detections_and_detections_without_targets():
    nothing_seen = score([dogs(4)], {}, ["dog"])
    assert (nothing_seen.counts.recall, nothing_seen.counts.precision, nothing_seen.counts.f1) == (0, None, 0)
    assert (nothing_seen.precision.ap, nothing_seen.count_errors.share(0.1)) == (0, 0)
    nothing_asked = score([image([])], {1: tuple(seen(grid(4)))}, ["dog"])
    counts, errors = nothing_asked.counts, nothing_asked.count_errors
    assert (counts.recall, counts.precision, counts.f1) == (None, 0, 0)
    assert (nothing_asked.precision.ap, errors.mean_error, errors.share(0.1)) == (None, 4, 0)


def test_each_label_and_each_image_has_its_own_figures():
    boxes = grid(4)
    first = image(
        [target(box, label) for box, label in zip(boxes, ["dog", "dog", "cat", "cat"], strict=True)]
    )
    found = {1: (*seen(boxes[:2]), *seen(boxes[2:3], "cat")), 2: tuple(seen(grid(3)))}
    scores = score([first, dogs(2, number=2)], found, ["dog", "cat"])
    assert {label: (one.counts.matched, one.counts.targets) for label, one in scores.labels.items()} == {
        "cat": (1, 2),
        "dog": (4, 4),
    }
    assert [(one.counts.matched, one.counts.extra, one.count_error) for one in scores.images] == [
        (3, 0, 1),
        (2, 1, 1),
    ]
    cats = scores.labels["cat"].count_errors
    assert (cats.errors, cats.asked, cats.mean_error, cats.share(0)) == ((1,), (2,), 1, 0)
    assert scores.labels["cat"].precision.ap50 == pytest.approx(51 / 101)
    assert scores.count_errors.mean_error == 1


def test_only_sure_detections_count_but_ap_takes_all():
    found = {1: (*seen(grid(4)[:2], score=0.6), *seen(grid(4)[2:], score=0.4))}
    scores = score([dogs(4)], found, ["dog"], threshold=0.6)
    assert (scores.counts.detections, scores.counts.recall) == (2, 0.5)
    assert scores.precision.ap == pytest.approx(1)


def test_labels_that_nothing_asks_for_are_not_counted():
    strangers = [
        *seen([Box(500, 500, 600, 600)], "person"),
        *seen([Box(500, 0, 600, 90)], "person", score=0.4),
    ]
    found = {1: (*seen(grid(2)), *strangers)}
    scores = score([dogs(2)], found, ["dog"])
    assert (scores.counts.detections, scores.counts.precision, scores.other) == (2, 1, {"person": 1})


def test_what_cannot_be_scored():
    with pytest.raises(InvalidOption, match="no images"):
        score([], {}, ["dog"])
    with pytest.raises(InvalidOption, match="`threshold` must be between 0 and 1"):
        score([dogs(1)], {}, ["dog"], threshold=50)
    for iou in (0.1, 0, -1, 1.5):
        with pytest.raises(InvalidOption, match=r"`iou` must be above 0\.1 and at most 1"):
            score([dogs(1)], {}, ["dog"], iou=iou)
