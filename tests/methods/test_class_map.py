from __future__ import annotations

import numpy as np

from layoutgen import Box, Instance, Layout
from layoutgen.methods.class_map import (
    BACKGROUND,
    OUTLINE,
    class_color,
    class_map,
    class_shares,
    position_cells,
)


def test_touching_boxes_of_one_class_stay_two() -> None:
    touching = Layout(40, 20, (Instance("dog", Box(0, 0, 20, 20)), Instance("dog", Box(20, 0, 40, 20))))
    row = np.array(class_map(touching))[10]
    assert (row[[19, 20]] == OUTLINE).all()
    assert (row[[10, 30]] == class_color("dog")).all()


def test_labels_have_fixed_distinct_colors() -> None:
    assert (class_color("dog"), class_color("cat")) == ((204, 158, 20), (18, 172, 178))
    colors = [class_color(label) for label in ("dog", "cat", "person", "horse", "a word of no list")]
    assert len(set(colors)) == 5
    assert class_color("unicorn") == class_color("unicorn")


def test_small_boxes_are_drawn_over_large_ones_in_any_order() -> None:
    large, small = Instance("dog", Box(0, 0, 40, 40)), Instance("cat", Box(10, 10, 24, 24))
    one, other = (Layout(40, 40, order) for order in ((large, small), (small, large)))
    assert class_map(one).tobytes() == class_map(other).tobytes()
    assert np.array(class_map(one))[16, 16].tolist() == list(class_color("cat"))


def test_shares_of_cells_are_the_class_map_in_small() -> None:
    layout = Layout(24, 16, (Instance("dog", Box(2, 0, 20, 14)), Instance("cat", Box(8, 4, 14, 16))))
    colors, shares = class_shares(layout, 4)
    assert set(colors) == {BACKGROUND, OUTLINE, class_color("cat"), class_color("dog")}
    mixed = np.einsum("hwk,kc->hwc", shares, np.array(colors, np.float32))
    pixels = np.array(class_map(layout), np.float32).reshape(4, 4, 6, 4, 3)
    np.testing.assert_allclose(mixed, pixels.mean(axis=(1, 3)), atol=1e-3)
    np.testing.assert_allclose(shares.sum(axis=2), 1, atol=1e-6)


def test_places_rise_from_zero_to_one_across_the_box() -> None:
    x, y, inside = position_cells(Layout(64, 48, (Instance("dog", Box(8, 8, 48, 40)),)), 8)
    np.testing.assert_allclose(x[2], [0, 0.1, 0.3, 0.5, 0.7, 0.9, 0, 0], atol=1e-6)
    np.testing.assert_allclose(y[:, 3], [0, 0.125, 0.375, 0.625, 0.875, 0], atol=1e-6)
    assert inside[2].tolist() == [0, 1, 1, 1, 1, 1, 0, 0]


def test_a_cell_that_a_box_shares_says_how_much() -> None:
    x, _, inside = position_cells(Layout(16, 8, (Instance("dog", Box(0, 0, 10, 8)),)), 8)
    np.testing.assert_allclose(inside, [[1, 0.25]])
    np.testing.assert_allclose(x, [[0.4, 0.9 * 0.25]])


def test_a_crop_shows_its_part_of_the_ramp() -> None:
    layout = Layout(64, 64, (Instance("dog", Box(10, 8, 50, 40)),))
    whole, part = position_cells(layout, 8), position_cells(layout.crop(24, 16, 32, 32), 8)
    np.testing.assert_allclose(part, whole[:, 2:6, 3:7], atol=1e-6)


def test_a_box_smaller_than_a_pixel_or_outside_is_no_error() -> None:
    layout = Layout(8, 8, (Instance("dog", Box(1.6, 1.6, 1.9, 1.9)), Instance("dog", Box(-9, -9, -1, -1))))
    assert class_map(layout).size == (8, 8)
    assert not position_cells(layout, 4).any()
