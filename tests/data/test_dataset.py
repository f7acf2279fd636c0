"""Examples: the same for the same number, boxes carried exactly, every image once an epoch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from layoutgen import Box, Instance, Layout
from layoutgen.data.dataset import LayoutDataset, Source, aspect_sizes, open_dataset
from layoutgen.data.scenes import Scene
from tests.training.conftest import draw_scenes


def marked(width: int, height: int, box: Box) -> Source:
    """A black image with a white box, and its layout."""
    layout = Layout(width, height, (Instance("dog", box),))

    def make(number: int) -> Scene:
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[int(box.y0) : int(box.y1), int(box.x0) : int(box.x1)] = 255
        return Scene(Image.fromarray(pixels), layout)

    return Source(make, width, height, layout)


@settings(max_examples=40)
@given(
    width=st.integers(40, 200),
    height=st.integers(40, 200),
    number=st.integers(0, 1000),
    size=st.sampled_from([(32, 32), (48, 32), (32, 64)]),
)
def test_a_box_is_where_its_pixels_are(width: int, height: int, number: int, size: tuple[int, int]) -> None:
    """After crop, resize and mirroring: white lies inside the box, black outside, to a pixel or two."""
    box = Box(width // 4, height // 4, 3 * width // 4, 3 * height // 4)
    dataset = LayoutDataset([marked(width, height, box)], ("dog",), sizes=[size], seed=3)
    image, layout, *_ = dataset[number]
    assert (layout.width, layout.height) == size == (image.shape[2], image.shape[1])
    x0, y0, x1, y1 = layout.instances[0].box.xyxy if layout.instances else (-99, -99, -98, -98)
    y, x = np.mgrid[: size[1], : size[0]] + 0.5
    margin = 6.0  # the filter of a resize reaches so far where it enlarges
    inner = (x > x0 + margin) & (x < x1 - margin) & (y > y0 + margin) & (y < y1 - margin)
    outer = (x < x0 - margin) | (x > x1 + margin) | (y < y0 - margin) | (y > y1 + margin)
    pixels = image.mean(0).numpy()
    assert (pixels[inner] > 0.5).all()
    assert (pixels[outer] < -0.5).all()
    scale = dataset.crop_box(0, number)[2] / size[0]
    if layout.instances:  # whole pixels of the image, so a finer bound where nothing is resized
        assert abs((x1 - x0) * scale - box.width) < 1e-6


def test_boxes_beyond_the_crop_keep_their_place() -> None:
    dataset = LayoutDataset([marked(90, 90, Box(0, 0, 90, 90))], ("dog",), sizes=[(32, 32)], seed=0)
    boxes = [dataset[k].layout.instances[0].box for k in range(20)]
    assert any(box.x0 < 0 for box in boxes) and any(box.x1 > 32 for box in boxes)
    assert all(box.width > 32 for box in boxes)


def test_parts_begin_on_the_grid_of_their_source() -> None:
    source = replace(marked(56, 56, Box(16, 8, 32, 40)), grid=8)
    dataset = LayoutDataset([source], ("dog",), sizes=[(40, 40)], seed=0)
    corners = {dataset.crop_box(0, number)[:2] for number in range(60)}
    assert corners == {(x, y) for x in (0, 8, 16) for y in (0, 8, 16)}


def test_an_example_depends_on_its_number_alone(tmp_path: Path) -> None:
    data = draw_scenes(tmp_path / "data", 5)
    one, other = (open_dataset(data, resolution=32, seed=4) for _ in range(2))
    for number in (17, 3, 4, 17):
        assert (one[number].image == other[number].image).all()
        assert one[number].layout == other[number].layout
    assert any((one[k].image != one[k + 5].image).any() for k in range(5))


@pytest.mark.parametrize("group", [1, 4])
def test_every_image_once_an_epoch_and_steps_of_one_size(group: int) -> None:
    shapes = [(64, 64)] * 5 + [(100, 50)] * 6 + [(50, 100)] * 3
    sources = [marked(width, height, Box(4, 4, 40, 40)) for width, height in shapes]
    sizes = aspect_sizes(32, 8)
    dataset = LayoutDataset(sources, ("dog",), sizes=sizes, seed=1, group=group)
    for epoch in range(2):
        numbers = range(epoch * dataset.epoch, (epoch + 1) * dataset.epoch)
        shown = [dataset.source_of(number)[0] for number in numbers]
        assert set(shown) == set(range(len(sources)))
        assert len(shown) < len(sources) + 3 * group
        for start in range(0, len(shown), group):
            assert len({dataset.size_of(source) for source in shown[start : start + group]}) == 1


def test_aspect_sizes_are_of_one_area() -> None:
    sizes = aspect_sizes(512, 64)
    assert (512, 512) in sizes and (640, 384) in sizes and (384, 640) in sizes
    for width, height in sizes:
        assert width % 64 == height % 64 == 0
        assert 0.75 * 512**2 < width * height <= 512**2
        assert 0.5 <= width / height <= 2
