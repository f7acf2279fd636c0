from __future__ import annotations

import numpy as np

from layoutgen import Box, Instance, Layout
from layoutgen.drawing.class_map import BACKGROUND, OUTLINE, class_color, class_map, place_map


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


def test_places_rise_from_zero_to_one_across_the_box() -> None:
    pixels = np.array(place_map(Layout(64, 48, (Instance("dog", Box(10, 8, 50, 40)),))))
    assert pixels[20, 10, 0] < 8
    assert pixels[20, 49, 0] > 247
    assert pixels[8, 30, 1] < 8
    assert pixels[39, 30, 1] > 247
    assert pixels[20, 9].tolist() == list(BACKGROUND)


def test_a_crop_shows_its_part_of_the_ramp() -> None:
    layout = Layout(64, 64, (Instance("dog", Box(10, 8, 50, 40)),))
    whole, part = np.array(place_map(layout)), np.array(place_map(layout.crop(24, 16, 32, 32)))
    assert (part == whole[16:48, 24:56]).all()


def test_a_box_smaller_than_a_pixel_or_outside_is_no_error() -> None:
    layout = Layout(8, 8, (Instance("dog", Box(1.6, 1.6, 1.9, 1.9)), Instance("dog", Box(-9, -9, -1, -1))))
    assert class_map(layout).size == place_map(layout).size == (8, 8)
