import itertools

import numpy as np
import pytest
from PIL import Image

from layoutgen import Box, Instance, Layout
from layoutgen.drawing.colors import label_color, label_colors
from layoutgen.drawing.overlay import overlay


def pixels(image: Image.Image, color: tuple[int, int, int]) -> np.ndarray:
    """Where `image` has exactly this colour, (H, W) bool."""
    return (np.asarray(image) == color).all(axis=-1)


def test_the_line_runs_along_the_box_and_the_inside_stays_visible(picture) -> None:
    layout = Layout(800, 600, (Instance("dog", Box(200, 100, 600, 500)),))
    ys, xs = np.nonzero(pixels(overlay(picture(800, 600), layout), label_color("dog")))
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (200, 599, 100, 499)
    drawn, photo = (
        np.asarray(i)[200:480, 220:580] for i in (overlay(picture(800, 600), layout), picture(800, 600))
    )
    np.testing.assert_array_equal(drawn, photo)


def test_the_input_is_left_as_it_was(picture) -> None:
    image = picture(900, 700)
    before = image.tobytes()
    overlay(image, Layout(900, 700, (Instance("dog", Box(0, 0, 900, 700)),)))
    assert image.tobytes() == before


def test_an_empty_layout_leaves_the_picture(picture) -> None:
    image = picture(900, 700)
    assert overlay(image, Layout(900, 700)).tobytes() == image.tobytes()


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_any_mode_becomes_rgb(picture, mode) -> None:
    image = picture(90, 70).convert(mode)
    assert overlay(image, Layout(90, 70, (Instance("dog", Box(0, 0, 9, 9)),))).mode == "RGB"


def test_the_layout_is_stretched_to_the_image(picture) -> None:
    layout = Layout(400, 300, (Instance("dog", Box(100, 50, 300, 250)),))
    same = overlay(picture(800, 600), layout)
    assert same.tobytes() == overlay(picture(800, 600), layout.resize(800, 600)).tobytes()


def test_boxes_that_reach_beyond_the_canvas_are_cut_at_its_edge(picture) -> None:
    beyond = Layout(
        800, 600, (Instance("dog", Box(-50, -50, 400, 900)), Instance("cat", Box(900, 0, 950, 50)))
    )
    cut = Layout(800, 600, (Instance("dog", Box(0, 0, 400, 600)),))
    assert overlay(picture(800, 600), beyond).tobytes() == overlay(picture(800, 600), cut).tobytes()


def test_a_small_box_stays_on_top_of_a_large_one_whatever_the_order(picture) -> None:
    instances = (Instance("cat", Box(300, 100, 360, 160)), Instance("dog", Box(290, 90, 790, 590)))
    pictures = {
        overlay(picture(800, 600), Layout(800, 600, order)).tobytes()
        for order in itertools.permutations(instances)
    }
    assert len(pictures) == 1
    drawn = overlay(picture(800, 600), Layout(800, 600, instances))
    assert pixels(drawn, label_color("cat"))[100, 300:360].all()


def grid(count: int, size: int, labels: tuple[str, ...]) -> Layout:
    side = int(np.ceil(np.sqrt(count)))
    step = size / side
    boxes = [
        Box(c * step + 2, r * step + 2, (c + 1) * step - 2, (r + 1) * step - 2)
        for r, c in itertools.product(range(side), range(side))
    ]
    return Layout(
        size, size, tuple(Instance(labels[i % len(labels)], box) for i, box in enumerate(boxes[:count]))
    )


def test_three_hundred_boxes_are_all_there_and_do_not_hide_the_picture() -> None:
    layout, grey = grid(300, 512, ("dog",)), Image.new("RGB", (512, 512), (128, 128, 128))
    drawn = overlay(grey, layout)
    factor = drawn.width // 512
    assert factor >= 2, "boxes of 24 pixels are too small to be looked at"
    dog = pixels(drawn, label_color("dog"))
    for instance in layout.instances:
        x0, y0, x1, y1 = (round(value * factor) for value in instance.box.xyxy)
        assert dog[y1 - 1, x0:x1].all() and dog[y0:y1, x1 - 1].all()
    assert pixels(drawn, (128, 128, 128)).mean() > 0.6


def test_a_strip_below_names_the_categories_when_there_are_several(picture) -> None:
    drawn = overlay(picture(800, 600), grid(20, 600, ("dog", "cat")))
    strip = drawn.crop((0, 600, drawn.width, drawn.height))
    assert strip.height > 10
    assert all(pixels(strip, label_color(label)).sum() > 50 for label in ("dog", "cat"))


def test_a_name_without_room_stands_in_the_strip(picture) -> None:
    def has_strip(label: str, box: Box) -> bool:
        drawn = overlay(picture(1000, 900), Layout(1000, 900, (Instance(label, box),)))
        return drawn.height > drawn.width * 900 / 1000

    assert has_strip("refrigerator", Box(100, 100, 112, 800))
    assert not has_strip("refrigerator", Box(100, 100, 300, 300))


def test_eighty_categories_fit_on_the_strip(picture) -> None:
    labels = tuple(f"category number {n}" for n in range(80))
    drawn = overlay(picture(512, 512), grid(80, 512, labels))
    strip = drawn.crop((0, drawn.width, drawn.width, drawn.height))
    assert all(pixels(strip, color).sum() > 50 for color in label_colors(labels).values())


def test_unnamed_labels_have_a_line_and_no_name(picture) -> None:
    layout = Layout(
        800, 600, (Instance("dog", Box(100, 50, 300, 250)), Instance("cat", Box(400, 50, 600, 250)))
    )
    named, half = (overlay(picture(800, 600), layout, unnamed=unnamed) for unnamed in ((), ("dog",)))
    inside = {"dog": (110, 52, 290, 66), "cat": (410, 52, 590, 66)}  # where a name would stand
    count = lambda image, label: int(pixels(image.crop(inside[label]), label_color(label)).sum())  # noqa: E731
    assert count(named, "dog") > 100 and count(named, "cat") > 100
    assert count(half, "dog") == 0 and count(half, "cat") > 100
    assert pixels(half, label_color("dog"))[249, 100:300].all()
    assert half.height == named.height > 600, "the strip names both"


def test_at_the_size_of_a_tile_lines_and_names_can_be_read(picture) -> None:
    layout = Layout(4000, 3000, (Instance("dog", Box(1000, 500, 3000, 2500)),))
    drawn = overlay(picture(4000, 3000), layout, side=320)
    assert drawn.size == (320, 240)
    dog = pixels(drawn, label_color("dog"))
    assert dog[198:200, 80:240].all(), "two pixels"
    name = dog[40:60, 82:110]
    assert name.sum() > 200, "the name of 14 pixels or more"
