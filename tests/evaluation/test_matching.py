"""One-to-one matching, against planted errors counted by hand and against brute force."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layoutgen.domain.layout import Box
from layoutgen.evaluation.matching import match
from tests.evaluation.conftest import dogs, grid, seen, target

corner = st.integers(0, 12)
boxes = st.lists(
    st.builds(
        lambda x, y, w, h: Box(x, y, x + w, y + h), corner, corner, st.integers(3, 9), st.integers(3, 9)
    ),
    max_size=5,
)


@pytest.mark.parametrize("count", [1, 100, 101, 1000])
def test_perfect_detections_in_any_order_all_match(count):
    found = match(dogs(count).instances, seen(grid(count)[::-1]))
    assert [pair.detection for pair in found.matched] == [count - 1 - pair.target for pair in found.matched]
    assert {pair.target for pair in found.matched} == set(range(count))
    assert {pair.iou for pair in found.matched} == {1.0}
    assert found.missed == found.extra == found.misplaced == found.mislabelled == ()


def test_nothing_and_nothing():
    found = match([], [])
    assert (found.matched, found.missed, found.extra) == ((), (), ())
    assert match(dogs(3).instances, []).missed == (0, 1, 2)
    assert match([], seen(grid(2))).extra == (0, 1)


def best_by_hand(targets, detections, iou):
    """The most pairs with at least `iou`, and the largest sum of overlaps among those, by trying all."""
    best = (0, 0.0)
    wide, narrow = (targets, detections) if len(targets) >= len(detections) else (detections, targets)
    for order in permutations(range(len(wide)), len(narrow)):
        overlaps = [wide[k].iou(other) for k, other in zip(order, narrow, strict=True)]
        valid = [o for o in overlaps if o >= iou]
        best = max(best, (len(valid), sum(valid)))
    return best


@given(boxes, boxes, st.sampled_from([0.3, 0.5, 0.7]))
def test_the_assignment_is_the_best_there_is(targets, detections, iou):
    found = match([target(box) for box in targets], seen(detections), iou)
    assert (
        len({p.target for p in found.matched})
        == len({p.detection for p in found.matched})
        == len(found.matched)
    )
    for pair in found.matched:
        assert pair.iou == pytest.approx(targets[pair.target].iou(detections[pair.detection]))
        assert pair.iou >= iou
    count, overlap = best_by_hand(targets, detections, iou)
    assert len(found.matched) == count
    assert sum(pair.iou for pair in found.matched) == pytest.approx(overlap)


def test_a_greedy_choice_would_lose_a_dog():
    # The best overlap of all, second with first, would leave the first dog without its only detection.
    targets = [target(Box(0, 0, 10, 10)), target(Box(0, 3, 10, 13))]
    found = match(targets, seen([Box(0, 2.5, 10, 12.5), Box(0, 6, 10, 16)]))
    assert {(p.target, p.detection) for p in found.matched} == {(0, 0), (1, 1)}


@given(boxes, boxes)
def test_every_target_and_every_detection_has_one_outcome(targets, detections):
    labels = ["dog", "cat"]
    boxes = [target(box, labels[k % 2]) for k, box in enumerate(targets)]
    asked, ignored = [*boxes[:3], *boxes[4:]], boxes[3:4]
    found = match(
        asked, [seen([box], labels[k // 2 % 2])[0] for k, box in enumerate(detections)], ignored=ignored
    )
    pairs = (*found.matched, *found.mislabelled, *found.misplaced)
    assert sorted([*(p.target for p in pairs), *found.missed]) == list(range(len(asked)))
    outcomes = [*(p.detection for p in pairs), *found.extra, *found.ignored]
    assert sorted(outcomes) == list(range(len(detections)))
    assert set(found.duplicates) <= set(found.extra)


def test_what_is_near_is_misplaced_and_what_has_another_label_is_mislabelled():
    targets = [
        target(Box(0, 0, 20, 20)),
        target(Box(100, 0, 120, 20)),
        target(Box(200, 0, 220, 20)),
    ]
    detections = [
        *seen([Box(10, 0, 30, 20)]),
        *seen([Box(101, 0, 121, 20)], "cat"),
        *seen([Box(218, 0, 238, 20)]),
    ]
    found = match(targets, detections)
    assert [(p.target, p.detection) for p in found.misplaced] == [(0, 0)]
    assert [(p.target, p.detection) for p in found.mislabelled] == [(1, 1)]
    assert (found.missed, found.extra) == ((2,), (2,))  # an IoU of 0.05 is no relation


def test_what_lies_in_a_crowd_is_not_judged():
    crowd = target(Box(100, 100, 200, 200))
    detections = [
        *seen([Box(110, 110, 130, 130), Box(190, 190, 230, 230)]),
        *seen([Box(110, 110, 130, 130)], "cat"),
    ]
    found = match([], detections, ignored=[crowd])
    assert found.ignored == (0,)
    assert found.extra == (1, 2)
