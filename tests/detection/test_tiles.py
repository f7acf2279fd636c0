"""Large images in parts: every object once, whatever the size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layoutgen.detection.tiles import Tiling
from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.layout import Box
from layoutgen.errors import InvalidOption
from tests.evaluation.conftest import seen


def all_seen(tiling, width, height, objects):
    """What a perfect detector sees: in every part the visible piece of every object."""
    for part in tiling.tiles(width, height):
        pieces = [box.shift(-part.left, -part.top).clip(part.width, part.height) for box in objects]
        yield part, seen([piece for piece in pieces if piece is not None])


@given(st.data())
def test_a_perfect_detector_sees_each_object_once(data):
    width, height = data.draw(st.integers(40, 700), "width"), data.draw(st.integers(40, 700), "height")
    size = data.draw(st.integers(96, 256), "tile")
    overlap = data.draw(st.integers(48, size // 2), "overlap")
    objects = []
    for _ in range(data.draw(st.integers(0, 12), "objects")):
        w, h = data.draw(st.integers(6, min(38, width))), data.draw(st.integers(6, min(38, height)))
        x, y = data.draw(st.integers(0, width - w)), data.draw(st.integers(0, height - h))
        box = Box(x, y, x + w, y + h)
        if all(box.intersection(other) == 0 for other in objects):
            objects.append(box)
    tiling = Tiling(size, overlap)
    merged = tiling.merge(all_seen(tiling, width, height, objects), width, height)
    assert sorted(d.box.xyxy for d in merged) == sorted(box.xyxy for box in objects)


def test_a_small_image_is_one_part():
    assert len(Tiling(512, 128, whole=True).tiles(512, 300)) == 1
    assert len(Tiling(512, 128).tiles(513, 300)) == 2
    assert len(Tiling(512, 128, whole=True).tiles(513, 300)) == 3


def test_what_is_larger_than_a_part_is_found_by_the_look_at_the_whole():
    tiling, large = Tiling(100, 40, whole=True), Box(20, 20, 280, 280)
    merged = tiling.merge(all_seen(tiling, 300, 300, [large]), 300, 300)
    assert [d.box for d in merged] == [large]  # without its pieces


def test_the_best_score_wins_and_labels_do_not_suppress_each_other():
    tiling = Tiling(100, 60)
    first, second = tiling.tiles(140, 100)
    box = Box(60, 10, 90, 40)
    found = [
        (first, [Detection("dog", box, 0.6), Detection("cat", box, 0.2)]),
        (second, [Detection("dog", box.shift(-40, 1), 0.8)]),
    ]
    assert tiling.merge(found, 140, 100) == (
        Detection("dog", box.shift(0, 1), 0.8),
        Detection("cat", box, 0.2),
    )


def test_one_part_is_taken_as_it_is_unless_the_detector_repeats_itself():
    tiling = Tiling(100, 20)
    found = list(zip(tiling.tiles(100, 100), [seen([Box(0, 0, 20, 20), Box(1, 0, 21, 20)])], strict=True))
    assert len(tiling.merge(found, 100, 100)) == 2
    assert len(tiling.merge(found, 100, 100, 0.7)) == 1


@pytest.mark.parametrize(("size", "overlap"), [(16, 4), (100, 100), (100, -1)])
def test_parts_that_cannot_be(size, overlap):
    with pytest.raises(InvalidOption, match="`overlap` is smaller"):
        Tiling(size, overlap)
