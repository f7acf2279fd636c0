"""Large boxes are painted on a coarser canvas first; guidance may differ outside of boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from layoutgen import Box, Instance, Layout
from layoutgen.denoising.coarse_to_fine import enlarged, layer_of, layers_of, own_layers
from layoutgen.denoising.guidance import guidance_map
from layoutgen.pipeline import LayoutPipeline
from tests.toy import toy_pipeline

SMALL, LARGE = Instance("dog", Box(8, 8, 40, 60)), Instance("cat", Box(50, 20, 250, 120))
SEEDED = {"scheduler": "ddim", "steps": 4, "guidance": 3.0, "cache_interval": 1}


@pytest.fixture
def toy(tmp_path: Path) -> LayoutPipeline:
    return toy_pipeline(tmp_path)


def paint(pipeline: LayoutPipeline, layout: Layout, **options: object) -> np.ndarray:
    seeded = SEEDED | {"method": "regional", "generator": torch.Generator().manual_seed(0)}
    return np.array(pipeline(layout, **seeded | options)[0]).astype(int)


@pytest.mark.parametrize(("longer", "layer"), [(10, 0), (60, 0), (60.01, 1), (120, 1), (121, 2), (480, 3)])
def test_a_box_belongs_to_the_layer_in_which_it_is_drawn_at_once(longer: float, layer: int) -> None:
    assert layer_of(Box(0, 0, longer, 5), 60) == layer_of(Box(0, 0, 5, longer), 60) == layer


def test_layers_show_their_own_boxes_and_those_of_coarser_layers() -> None:
    layout = Layout(256, 128, (SMALL, LARGE), "grass")
    assert own_layers(layout, 64) == (2, 0)
    assert own_layers(Layout(256, 128), 64) == (0,)
    coarse, middle, fine = layers_of([layout], 64, 8, 8)
    assert [layer.number for layer in (coarse, middle, fine)] == [2, 1, 0]
    assert [(c.width, c.height) for layer in (coarse, middle, fine) for c in layer.canvases] == [
        (64, 64),  # 64 x 32 is less than 8 cells high
        (128, 64),
        (256, 128),
    ]
    assert coarse.canvases[0].instances == (Instance("cat", LARGE.box.scale(0.25, 0.25)),)
    assert middle.canvases[0].instances == (Instance("cat", LARGE.box.scale(0.5, 0.5)),)
    assert fine.canvases[0].instances == (SMALL, LARGE)
    assert [layer.has_own for layer in (coarse, middle, fine)] == [True, False, True]
    own = fine.own[0, 0]
    assert own.shape == (16, 32)
    assert own[0:8, 0:6].all()  # the small box, 8 to 40 and 8 to 60 px, with a cell around
    assert own.sum() == own[0:9, 0:6].sum()


def test_an_image_is_enlarged_to_the_next_layer() -> None:
    pixels = torch.rand(1, 3, 8, 8) * 2 - 1
    assert enlarged(pixels, 16, 12).shape == (1, 3, 16, 12)
    filled = enlarged(pixels, 24, 16)
    assert_close(filled[..., 16:, :], filled[..., 15:16, :].expand(-1, -1, 8, -1))
    assert filled.abs().max() <= 1


def test_guidance_is_given_to_cells_whose_centre_lies_in_a_box() -> None:
    layout = Layout(64, 32, (Instance("dog", Box(8, 0, 28, 17)), Instance("dog", Box(-20, 20, 11, 60))))
    scales = guidance_map([layout, Layout(64, 32)], 4, 8, inside=5.0, outside=1.5)
    assert scales.shape == (2, 1, 4, 8)
    inside = (scales[0, 0] == 5.0).nonzero().tolist()
    assert inside == [[0, 1], [0, 2], [0, 3], [1, 1], [1, 2], [1, 3], [2, 0], [3, 0]]
    assert (scales[1] == 1.5).all()


def test_without_large_boxes_nothing_changes(toy: LayoutPipeline) -> None:
    layout = Layout(256, 128, (SMALL,), "grass")
    assert (paint(toy, layout) == paint(toy, layout, coarse_above=64)).all()
    large = Layout(256, 128, (SMALL, LARGE), "grass")
    assert (paint(toy, large) == paint(toy, large, coarse_above=400)).all()
    assert (paint(toy, large) != paint(toy, large, coarse_above=64)).any()


def test_equal_guidance_outside_of_boxes_changes_nothing(toy: LayoutPipeline) -> None:
    layout = Layout(256, 128, (SMALL, LARGE), "grass")
    assert np.abs(paint(toy, layout) - paint(toy, layout, background_guidance=3.0)).max() <= 1
    assert (paint(toy, layout) != paint(toy, layout, background_guidance=1.0)).any()


def test_what_a_coarser_layer_painted_is_kept_until_it_is_refined(toy: LayoutPipeline) -> None:
    """Of a layer without boxes of its own only the steps that refine are taken."""
    layout = Layout(128, 128, (Instance("dog", Box(10, 10, 120, 120)),), "grass")
    steps = list(toy.paint(layout, steps=10, scheduler="ddim", coarse_above=64))[:-1]
    assert [step.number for step in steps] == list(range(1, 16))  # 10, and the last half of 10
    assert {step.total for step in steps} == {15}


def test_layouts_of_several_layers_painted_together_are_those_painted_alone(toy: LayoutPipeline) -> None:
    layouts = [Layout(256, 128, (SMALL, LARGE), "grass"), Layout(256, 128, (LARGE,), "snow")]
    generators = [torch.Generator().manual_seed(seed) for seed in (3, 4)]
    together = toy(layouts, method="regional", generator=generators, coarse_above=64, **SEEDED)
    for image, layout, seed in zip(together, layouts, (3, 4), strict=True):
        alone = paint(toy, layout, coarse_above=64, generator=torch.Generator().manual_seed(seed))
        assert np.abs(np.array(image).astype(int) - alone).max() <= 2


@pytest.mark.parametrize("size", [(131, 77), (512, 128), (40, 200)])
def test_any_canvas_size_in_layers(toy: LayoutPipeline, size: tuple[int, int]) -> None:
    dog = Instance("dog", Box(1, 2, size[0] - 2, size[1] - 3))
    assert paint(toy, Layout(*size, (dog,)), coarse_above=32).shape == (size[1], size[0], 3)
    *steps, images = toy.paint(Layout(*size, (dog,)), steps=2, coarse_above=32)
    assert steps[0].preview()[0].size == images[0].size


def test_a_model_says_how_it_paints_best(toy: LayoutPipeline, tmp_path: Path) -> None:
    toy.register_to_config(sampling={"steps": 3, "background_guidance": 1.0, "coarse_above": 64})
    toy.save_pretrained(tmp_path / "model")
    loaded = LayoutPipeline.from_pretrained(tmp_path / "model")
    assert (loaded.settings.steps, loaded.settings.background_guidance) == (3, 1.0)
    assert len(list(loaded.paint(Layout(128, 128)))) == 4
    assert len(list(loaded.paint(Layout(128, 128), steps=5))) == 6
