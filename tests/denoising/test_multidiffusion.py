"""Windows in batches: the same image in whatever batches, and when memory runs out."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from layoutgen import Box, Instance, Layout
from layoutgen.denoising.multidiffusion import fitting_batch
from layoutgen.denoising.schedulers import SCHEDULERS
from layoutgen.domain.windows import Window
from layoutgen.errors import InvalidOption
from layoutgen.pipeline import LayoutPipeline
from tests.toy import toy_pipeline

DOGS = tuple(Instance("dog", Box(x, 8, x + 30, 60)) for x in range(0, 220, 40))
WIDE = Layout(256, 128, DOGS, prompt="grass")  # three windows


@pytest.fixture
def toy(tmp_path: Path) -> LayoutPipeline:
    return toy_pipeline(tmp_path)


@pytest.fixture
def rows(toy: LayoutPipeline) -> list[int]:
    """How many rows went through the U-Net in each of its calls."""
    calls: list[int] = []
    toy.unet.register_forward_pre_hook(lambda module, inputs: calls.append(len(inputs[0])))
    return calls


def seeds(count: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(k) for k in range(count)]


def paint(
    pipeline: LayoutPipeline, layouts: Layout | list[Layout], count: int = 1, **options: Any
) -> np.ndarray:
    usual = {"steps": 3, "method": "regional", "scheduler": "model", "cache_interval": 1}
    settings = usual | {"generator": seeds(count)} | options
    return np.stack(pipeline(layouts, **settings)).astype(int)


@pytest.mark.parametrize(("batch_size", "expected"), [(1, [2, 2, 2]), (2, [4, 2]), (3, [6]), (None, [6])])
def test_batches_are_as_large_as_asked(
    toy: LayoutPipeline, rows: list[int], batch_size: int | None, expected: list[int]
) -> None:
    paint(toy, WIDE, batch_size=batch_size, steps=1)
    assert rows == expected


def test_a_batch_is_as_large_as_memory_allows(toy: LayoutPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    window, sizes = Window(0, 0, 16, 16), []
    for free in (0, 2**20, 8 * 2**20, 2**40):
        monkeypatch.setattr("psutil.virtual_memory", lambda free=free: SimpleNamespace(available=free))
        sizes.append([fitting_batch(toy.backbone, window, guided=guided) for guided in (True, False)])
    # 100 values of 4 bytes for each of 256 cells and 16 channels, with and without layout, in half of it
    assert sizes == [[1, 1], [1, 1], [1, 2], [8, 8]]


@pytest.mark.parametrize("method", ["regional", "img2img", "text2img"])
def test_the_image_does_not_depend_on_the_batch(toy: LayoutPipeline, method: str) -> None:
    one, three = (paint(toy, WIDE, method=method, batch_size=size) for size in (1, 3))
    assert np.abs(one - three).max() <= 1


@pytest.mark.parametrize("method", ["regional", "img2img", "text2img"])
def test_layouts_painted_together_are_those_painted_alone(toy: LayoutPipeline, method: str) -> None:
    layouts = [WIDE, Layout(256, 128, DOGS[:2], prompt="snow"), Layout(250, 125, prompt="sand")]
    together = toy(layouts, steps=3, method=method, generator=seeds(3))
    assert [image.size for image in together] == [(256, 128), (256, 128), (250, 125)]
    for image, layout, generator in zip(together, layouts, seeds(3), strict=True):
        alone = toy(layout, steps=3, method=method, generator=generator)[0]
        assert np.abs(np.array(image).astype(int) - np.array(alone)).max() <= 1


def test_many_images_of_one_layout_share_batches(toy: LayoutPipeline, rows: list[int]) -> None:
    together = paint(toy, Layout(128, 128, DOGS[:2]), 4, num_images=4, batch_size=4)
    assert rows == [8, 8, 8]
    for image, generator in zip(together, seeds(4), strict=True):
        alone = paint(toy, Layout(128, 128, DOGS[:2]), generator=generator)[0]
        assert np.abs(image - alone).max() <= 1


def test_layouts_of_two_sizes_are_not_painted_together(toy: LayoutPipeline) -> None:
    with pytest.raises(InvalidOption, match="one canvas size"):
        paint(toy, [WIDE, Layout(128, 128)], 2)


def test_when_memory_runs_out_the_batch_is_halved_and_the_image_is_the_same(
    toy: LayoutPipeline, rows: list[int]
) -> None:
    expected = paint(toy, WIDE, batch_size=1)
    rows.clear()

    def refuse(module: object, inputs: tuple[torch.Tensor, ...]) -> None:
        if len(inputs[0]) > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate much")

    toy.unet.register_forward_pre_hook(refuse)
    assert np.abs(paint(toy, WIDE, batch_size=4) - expected).max() <= 1
    assert rows == [6, 4, 2, 2, 2] + [2] * 6  # tried with 4 and 2 windows, then one by one to the end


def test_one_window_that_does_not_fit_is_an_error(toy: LayoutPipeline) -> None:
    def refuse(module: object, inputs: object) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate much")

    toy.unet.register_forward_pre_hook(refuse)
    with pytest.raises(RuntimeError, match="allocate"):
        paint(toy, WIDE)


def test_steps_outside_the_guidance_interval_are_half_the_work(toy: LayoutPipeline, rows: list[int]) -> None:
    whole = paint(toy, WIDE, steps=4)
    assert rows == [6] * 4
    rows.clear()
    part = paint(toy, WIDE, steps=4, guidance_interval=(0.25, 0.75))
    assert rows == [3, 6, 6, 3]
    assert (whole != part).any()


@pytest.mark.parametrize(
    ("interval", "guided", "expected"),
    [
        (1, (0.0, 1.0), [0, 1, 2, 3, 4]),
        (2, (0.0, 1.0), [0, 2, 4]),
        (3, (0.0, 1.0), [0, 3]),
        (9, (0.0, 1.0), [0]),
        (5, (0.0, 0.4), [0, 2]),  # the third is the first without guidance: nothing to use again yet
    ],
)
def test_deeper_levels_are_computed_in_every_nth_step(
    toy: LayoutPipeline,
    rows: list[int],
    interval: int,
    guided: tuple[float, float],
    expected: list[int],
) -> None:
    steps: list[int] = []
    toy.unet.mid_block.resnets[0].register_forward_hook(lambda *call: steps.append(len(rows) - 1))
    paint(toy, WIDE, steps=5, cache_interval=interval, guidance_interval=guided)
    assert steps == expected


def test_features_are_used_again_by_their_own_windows(toy: LayoutPipeline) -> None:
    together, apart = (paint(toy, WIDE, steps=4, cache_interval=2, batch_size=size) for size in (3, 1))
    assert np.abs(together - apart).max() <= 1
    assert (together != paint(toy, WIDE, steps=4)).any()
    assert "forward" not in vars(toy.unet.mid_block)  # the U-Net is as it was


def test_when_memory_runs_out_features_are_computed_anew(toy: LayoutPipeline, rows: list[int]) -> None:
    computed: list[int] = []

    def scarce(module: object, inputs: object) -> None:
        if len(rows) == 2:  # the second step, which would use those of the first
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate much")

    toy.unet.register_forward_pre_hook(scarce)
    toy.unet.mid_block.resnets[0].register_forward_hook(lambda *call: computed.append(len(rows) - 1))
    paint(toy, WIDE, steps=4, cache_interval=4, batch_size=3)
    assert rows == [6, 6, 4, 2, 4, 2, 4, 2]
    assert computed == [0, 2, 3]


@pytest.mark.parametrize("scheduler", [*SCHEDULERS, "model"])
def test_every_scheduler_paints_the_same_again_and_leaves_the_models_own(
    toy: LayoutPipeline, scheduler: str
) -> None:
    own = toy.scheduler
    first, second = (paint(toy, WIDE, scheduler=scheduler) for _ in range(2))
    assert (first == second).all()
    assert toy.scheduler is own


@pytest.mark.parametrize("scheduler", ["dpm++", "unipc", "euler"])
def test_schedulers_agree_about_the_image(toy: LayoutPipeline, scheduler: str) -> None:
    """With many steps all of them solve the same equation."""
    exact = paint(toy, Layout(64, 64), scheduler="ddim", steps=200, guidance=1.0)
    few = paint(toy, Layout(64, 64), scheduler=scheduler, steps=50, guidance=1.0)
    assert np.abs(few - exact).mean() < 6


def test_a_large_canvas_is_decoded_in_tiles_and_a_small_one_is_not(
    toy: LayoutPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[bool] = []
    decode = toy.vae.decode
    monkeypatch.setattr(
        toy.vae, "decode", lambda *a, **k: (used.append(toy.vae.use_tiling), decode(*a, **k))[1]
    )
    paint(toy, Layout(1160, 16), steps=1)
    paint(toy, Layout(64, 64), steps=1)
    assert used == [True, False]
    assert not toy.vae.use_tiling
