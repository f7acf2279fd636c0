"""Geometry of many boxes, beside that of single ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layoutgen.domain.boxes import areas, corners, iou_matrix, nms, shared_areas, touching
from layoutgen.domain.layout import Box

corner, side = st.integers(0, 12), st.integers(1, 9)
boxes = st.lists(
    st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), corner, corner, side, side), max_size=5
)


@given(boxes, boxes)
def test_pairs_are_as_single_boxes_say(some, others):
    a, b = corners(some), corners(others)
    assert areas(a).tolist() == [box.area for box in some]
    shared, ious, near = shared_areas(a, b), iou_matrix(a, b), touching(a, b)
    assert shared.shape == ious.shape == near.shape == (len(some), len(others))
    for row, one in enumerate(some):
        for column, other in enumerate(others):
            assert shared[row, column] == one.intersection(other)
            assert ious[row, column] == pytest.approx(one.iou(other))
            assert near[row, column] == (one.intersection(other) > 0)


def test_what_is_nearer_than_the_margin_touches():
    box, right = corners([Box(0, 0, 10, 10)]), corners([Box(12, 0, 20, 10), Box(10, 0, 20, 10)])
    assert touching(box, right).tolist() == [[False, False]]
    assert touching(box, right, 2.0).tolist() == [[False, True]]
    assert touching(box, right, 2.5).tolist() == [[True, True]]


def test_of_boxes_that_overlap_the_best_is_kept():
    found = corners([Box(0, 0, 10, 10), Box(1, 0, 11, 10), Box(0, 5, 10, 15), Box(50, 50, 60, 60)])
    scores = np.array([0.6, 0.9, 0.5, 0.1])
    assert nms(found, scores, 0.5).tolist() == [1, 2, 3]  # IoU 0.82 with the first, 0.29 with the third
    assert nms(found, scores, 0.2).tolist() == [1, 3]
    assert nms(corners([]), np.array([]), 0.5).tolist() == []
