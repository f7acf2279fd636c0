"""Small boxes are painted on a larger canvas, and the picture is reduced."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from layoutgen import Box, Instance, Layout
from layoutgen.assets import MODEL
from layoutgen.cli import app
from layoutgen.denoising.settings import SampleSettings
from layoutgen.denoising.zoom import enlarged_to, reduced, zoom_for, zoomed
from layoutgen.errors import InvalidOption
from layoutgen.formats.png import read_png
from layoutgen.pipeline import LayoutPipeline
from tests.toy import toy_pipeline


def of_sizes(*sides: float) -> Layout:
    boxes = [Box(0, 0, side / 2, side) for side in sides]
    return Layout(320, 160, tuple(Instance("dog", box) for box in boxes), "grass")


@pytest.fixture
def toy(tmp_path: Path) -> LayoutPipeline:
    return toy_pipeline(tmp_path)


@pytest.mark.parametrize(
    ("sides", "zoom"), [((), 1), ((36,), 1), ((35.9,), 2), ((18, 100, 18), 2), ((16,), 3), ((1,), 4)]
)
def test_the_median_box_becomes_as_large_as_is_drawn_well(sides: tuple[float, ...], zoom: int) -> None:
    assert zoom_for([of_sizes(*sides)], 36.0) == zoom
    assert zoom_for([of_sizes(90), of_sizes(*sides)], 36.0) == zoom


def test_a_pixel_is_the_mean_of_those_it_was_painted_with() -> None:
    painted = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    (image,) = reduced([Image.fromarray(painted)], 2)
    means = painted.reshape(2, 2, 3, 2, 3).mean(axis=(1, 3))
    assert np.abs(np.array(image) - means).max() <= 0.5
    assert image.size == (3, 2)


def test_a_smaller_canvas_is_shown_as_large_as_the_picture_will_be() -> None:
    images = [Image.new("RGB", (16, 16))]
    assert [one.size for one in enlarged_to([(40, 30)], images, (16, 16))] == [(40, 30)]
    assert enlarged_to([(16, 16)], images, (16, 16)) == images


def test_a_zoomed_picture_is_the_larger_one_reduced(toy: LayoutPipeline) -> None:
    layout, seeded = of_sizes(40, 60), {"steps": 2, "method": "regional", "cache_interval": 1}
    small, large = (
        toy(one, zoom=zoom, generator=torch.Generator().manual_seed(0), **seeded)[0]
        for one, zoom in ((layout, 2), (zoomed(layout, 2), 1))
    )
    assert small.size == (320, 160)
    assert (np.array(small) == np.array(large.reduce(2))).all()


def test_previews_are_as_large_as_the_picture(toy: LayoutPipeline) -> None:
    *steps, images = toy.paint(of_sizes(40), zoom=2, steps=1)
    assert steps[0].preview()[0].size == images[0].size == (320, 160)


def test_what_a_model_draws_well(toy: LayoutPipeline) -> None:
    assert toy.drawn_well == toy.window / 4
    assert LayoutPipeline.from_pretrained(MODEL).drawn_well == 36
    assert toy.zoom(of_sizes(12), SampleSettings()) == 3
    assert toy.zoom(of_sizes(12), SampleSettings(zoom=1)) == 1
    with pytest.raises(InvalidOption, match="`zoom` must be from 1 to 16"):
        SampleSettings(zoom=17)


def test_the_command_says_what_a_zoom_costs_and_makes_the_picture_again(tmp_path: Path) -> None:
    def sample(*words: object) -> str:
        done = CliRunner().invoke(app, ["sample", *map(str, words)], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    file = tmp_path / "small.yaml"
    file.write_text("canvas: {width: 64, height: 64}\ninstances: [{label: dog, xyxy: [8, 8, 20, 24]}]\n")
    options = ["--steps", 1, "--device", "cpu", "--dtype", "fp32"]
    said = sample(file, *options, "-o", tmp_path / "a")
    assert "3 times as large and reduced, 9 times the work (--zoom 1: as it is)" in said
    image = tmp_path / "a/images/small_0.png"
    assert read_png(image)[1]["zoom"] is None
    assert "times the work" not in sample(file, *options, "--zoom", 3, "-o", tmp_path / "b")
    sample(image, "--device", "cpu", "--dtype", "fp32", "-o", tmp_path / "c")
    pictures = [np.array(Image.open(tmp_path / run / "images/small_0.png")) for run in "abc"]
    assert pictures[0].shape == (64, 64, 3)
    assert (pictures[0] == pictures[1]).all()
    assert (pictures[0] == pictures[2]).all()
