from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidLayout, LayoutgenError

coordinates = st.floats(-1e4, 1e4)
spans = st.floats(0.01, 1e4)
boxes = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), coordinates, coordinates, spans, spans)
instances = st.builds(Instance, st.sampled_from(["dog", "cat", "tree"]), boxes)
sides = st.integers(1, 5000)
layouts = st.builds(Layout, sides, sides, st.lists(instances, max_size=5).map(tuple), st.text(), st.text())
factors = st.floats(0.01, 100)


def same(one: Layout, other: Layout) -> None:
    """Equal but for rounding of the coordinates."""
    assert one.with_instances(()) == other.with_instances(())
    assert [i.label for i in one.instances] == [i.label for i in other.instances]
    for left, right in zip(one.instances, other.instances, strict=True):
        assert left.box.xyxy == pytest.approx(right.box.xyxy, rel=1e-6, abs=1e-6)


@given(boxes, factors, factors)
def test_scale_is_undone_by_its_inverse(box: Box, x: float, y: float) -> None:
    assert box.scale(x, y).scale(1 / x, 1 / y).xyxy == pytest.approx(box.xyxy)
    assert box.scale(x, y).area == pytest.approx(box.area * x * y)


@given(boxes, coordinates, coordinates)
def test_shift_is_undone_by_its_inverse(box: Box, x: float, y: float) -> None:
    assert box.shift(x, y).shift(-x, -y).xyxy == pytest.approx(box.xyxy, abs=1e-6)
    assert box.shift(x, y).width == pytest.approx(box.width, abs=1e-6)


@given(boxes, st.integers(1, 64))
def test_snapped_edges_are_the_nearest_on_the_grid(box: Box, grid: int) -> None:
    snapped = box.snap(grid)
    assert all(edge % grid == 0 for edge in snapped.xyxy)
    assert snapped.snap(grid) == snapped
    for low, high, was, is_ in ((box.x0, box.x1, 0, 2), (box.y0, box.y1, 1, 3)):
        if high - low > grid:
            assert abs(snapped.xyxy[was] - low) <= grid / 2 and abs(snapped.xyxy[is_] - high) <= grid / 2
        assert snapped.xyxy[is_] - snapped.xyxy[was] >= grid


@given(boxes, boxes)
def test_intersection_and_iou(one: Box, other: Box) -> None:
    assert one.intersection(other) == other.intersection(one)
    assert 0 <= one.iou(other) <= 1 + 1e-9
    assert one.iou(one) == pytest.approx(1)
    assert one.intersection(other) <= min(one.area, other.area) * (1 + 1e-9)


@given(boxes, sides, sides)
def test_clip_is_the_intersection_with_the_canvas(box: Box, width: int, height: int) -> None:
    clipped, shared = box.clip(width, height), box.intersection(Box(0, 0, width, height))
    assert (0 if clipped is None else clipped.area) == pytest.approx(shared)
    if clipped is not None:
        assert clipped.clip(width, height) == clipped
        assert 0 <= clipped.x0 < clipped.x1 <= width and 0 <= clipped.y0 < clipped.y1 <= height


def test_boxes_that_only_touch_share_nothing() -> None:
    assert Box(0, 0, 10, 10).intersection(Box(10, 0, 20, 10)) == 0
    assert Box(0, 0, 10, 10).iou(Box(5, 0, 15, 10)) == pytest.approx(1 / 3)


@given(layouts, sides, sides)
def test_resize_is_undone_by_its_inverse(layout: Layout, width: int, height: int) -> None:
    there = layout.resize(width, height)
    assert (there.width, there.height) == (width, height)
    same(there.resize(layout.width, layout.height), layout)


@given(layouts)
def test_flip_twice_is_no_flip(layout: Layout) -> None:
    same(layout.flip().flip(), layout)
    for before, after in zip(layout.instances, layout.flip().instances, strict=True):
        assert before.box.x0 + after.box.x1 == pytest.approx(layout.width, abs=1e-6)
        assert (before.box.y0, before.box.y1) == (after.box.y0, after.box.y1)


@given(layouts, st.integers(-50, 400), st.integers(-50, 400), sides, sides)
def test_crop_shifts_what_shows_and_keeps_it_whole(
    layout: Layout, x: int, y: int, width: int, height: int
) -> None:
    window = Box(x, y, x + width, y + height)
    shown = [i for i in layout.instances if i.box.intersection(window) > 0]
    crop = layout.crop(x, y, width, height)
    assert (crop.width, crop.height, crop.prompt) == (width, height, layout.prompt)
    back = Layout(width, height, tuple(Instance(i.label, i.box.shift(x, y)) for i in crop.instances))
    same(back, Layout(width, height, tuple(shown)))


@given(layouts)
def test_a_crop_of_the_whole_canvas_drops_what_is_outside(layout: Layout) -> None:
    whole = layout.crop(0, 0, layout.width, layout.height)
    same(whole.clip(), layout.clip())
    assert whole.clip().check_inside() is not None


@given(layouts)
def test_clip_leaves_nothing_outside(layout: Layout) -> None:
    clipped = layout.clip()
    assert clipped.check_inside() is clipped
    assert clipped.clip() == clipped


def test_check_inside_forgives_half_a_pixel_and_names_the_instance() -> None:
    near = Layout(100, 50, (Instance("dog", Box(-0.5, 0, 100.5, 50.4)),))
    assert near.check_inside() is near
    for box in (Box(-0.6, 0, 9, 9), Box(0, -1, 9, 9), Box(0, 0, 100.6, 9), Box(0, 0, 9, 51)):
        layout = near.with_instances((*near.instances, Instance("cat", box)))
        with pytest.raises(InvalidLayout, match=r"instances\[1\] \(cat\).*outside the 100 x 50 canvas"):
            layout.check_inside()


@pytest.mark.parametrize(
    ("corners", "said"),
    [
        ((5, 0, 5, 9), "inverted or empty"),
        ((0, 9, 9, 3), "inverted or empty"),
        ((math.nan, 0, 9, 9), "x0 must be a finite number, not nan"),
        ((0, 0, math.inf, 9), "x1 must be a finite number"),
        ((0, 0, 9, "9"), "y1 must be a finite number, not '9'"),
        ((0, True, 9, 9), "y0 must be a finite number"),
        ((0, None, 9, 9), "y0 must be a finite number"),
        ((0, 0, 10**400, 9), "x1 must be a finite number"),
    ],
)
def test_boxes_that_cannot_exist(corners: tuple[Any, ...], said: str) -> None:
    with pytest.raises(InvalidLayout, match=said):
        Box(*corners)


@pytest.mark.parametrize(
    "values",
    [
        {"width": 0},
        {"height": -3},
        {"width": 10.0},
        {"height": True},
        {"prompt": None},
        {"negative_prompt": 3},
        {"instances": (Box(0, 0, 1, 1),)},
    ],
)
def test_layouts_that_cannot_exist(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidLayout, match=next(iter(values))):
        Layout(**({"width": 10, "height": 10} | values))


@pytest.mark.parametrize("label", ["", "  ", None, 3])
def test_labels_that_cannot_exist(label: Any) -> None:
    with pytest.raises(InvalidLayout, match="label must be a non-empty string"):
        Instance(label, Box(0, 0, 1, 1))


def test_an_instance_needs_a_box() -> None:
    with pytest.raises(InvalidLayout, match="box must be a Box"):
        Instance("dog", (0, 0, 1, 1))  # type: ignore[arg-type]


def test_numbers_of_numpy_become_plain_ones() -> None:
    box = Box(np.int64(1), np.float32(2), np.float64(3), np.int32(4))
    assert box == Box(1, 2, 3, 4)
    assert all(type(value) is float for value in box.xyxy)


def test_everything_is_frozen_and_hashable() -> None:
    layout = Layout(10, 20, (Instance("dog", Box(0, 0, 1, 1)),))
    assert hash(layout) == hash(dataclasses.replace(layout))
    for thing, name in ((layout, "width"), (layout.instances[0], "label"), (layout.instances[0].box, "x0")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, name, 5)


def test_labels_are_distinct_and_sorted() -> None:
    box = Box(0, 0, 1, 1)
    assert Layout(5, 5, tuple(Instance(label, box) for label in ("dog", "cat", "dog"))).labels == (
        "cat",
        "dog",
    )


def test_an_invalid_layout_is_an_error_of_the_user_and_a_value_error() -> None:
    assert issubclass(InvalidLayout, LayoutgenError) and issubclass(InvalidLayout, ValueError)
