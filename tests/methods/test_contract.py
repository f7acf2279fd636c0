"""One contract for all methods."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from layoutgen import Box, Instance, Layout
from layoutgen.conditioning.condition import DenoiserInputs
from layoutgen.methods.base import LayoutMethod
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.extend_inputs import extend_inputs
from tests.toy import toy_pipeline

METHODS = {
    "box": ("text2img", "box"),
    "text": ("text2img", "text"),
    "img2img": ("img2img", None),
    "regional": ("regional", None),
}


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> LayoutPipeline:
    """An adapted toy model whose new weights are not zero, so that the layout matters."""
    pipeline = toy_pipeline(tmp_path_factory.mktemp("toy"))
    extend_inputs(pipeline, ("text2img", "img2img"), "box")
    torch.manual_seed(1)
    with torch.no_grad():
        pipeline.unet.conv_in.weight.normal_(std=0.2)
    return pipeline


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest, toy: LayoutPipeline) -> LayoutMethod:
    return toy.method(*METHODS[request.param])


def layout(count: int, *, seed: int = 0, width: int = 128, height: int = 64) -> Layout:
    rng = np.random.default_rng(seed)
    corners = rng.uniform(0, [width - 24, height - 24], (count, 2))
    sides = rng.uniform(12, 24, (count, 2))
    boxes = np.concatenate([corners, corners + sides], axis=1)
    labels = ("dog", "cat", "bird")
    instances = tuple(Instance(labels[k % 3], Box(*map(float, box))) for k, box in enumerate(boxes))
    return Layout(width, height, instances, prompt="on grass", negative_prompt="blurry")


@torch.no_grad()
def predicted(
    toy: LayoutPipeline, method: LayoutMethod, layouts: list[Layout], *, null: bool = False
) -> torch.Tensor:
    height, width = layouts[0].height // 8, layouts[0].width // 8
    noise = torch.randn(1, 4, height, width, generator=torch.Generator().manual_seed(3)).expand(
        len(layouts), -1, -1, -1
    )
    condition = method.encode(layouts)
    inputs = DenoiserInputs.of([condition.null() if null else condition])
    with toy.backbone.reading_layouts():
        return toy.backbone.predict(noise, torch.tensor(500), inputs)


@pytest.mark.parametrize("count", [0, 1, 300])
def test_any_number_of_instances(toy: LayoutPipeline, method: LayoutMethod, count: int) -> None:
    result = predicted(toy, method, [layout(count)])
    assert result.shape == (1, 4, 8, 16)
    assert result.isfinite().all()


def test_the_layout_matters(toy: LayoutPipeline, method: LayoutMethod) -> None:
    one, other, none = (predicted(toy, method, [layout(n, seed=n)]) for n in (3, 5, 0))
    assert (one - other).abs().mean() > 1e-4
    assert (one - none).abs().mean() > 1e-4


@pytest.mark.parametrize("name", ["box", "img2img"])
def test_a_model_of_a_grid_is_told_boxes_on_it(toy: LayoutPipeline, name: str) -> None:
    method, asked = toy.method(*METHODS[name]), layout(4)
    exact, on_grid = predicted(toy, method, [asked]), predicted(toy, method, [asked.snap(8)])
    toy.layout_encoder.register_to_config(grid=8)
    rounded = predicted(toy, method, [asked])
    toy.layout_encoder.register_to_config(grid=1)
    assert_close(rounded, on_grid)
    assert (exact - on_grid).abs().mean() > 1e-4


def test_a_batch_of_two_is_two_singles(toy: LayoutPipeline, method: LayoutMethod) -> None:
    layouts = [layout(5, seed=1), replace(layout(9, seed=2), prompt="in snow")]
    both = predicted(toy, method, layouts)
    for row, single in enumerate(layouts):
        assert_close(both[row : row + 1], predicted(toy, method, [single]), atol=1e-4, rtol=1e-4)


def test_the_order_of_instances_does_not_matter(toy: LayoutPipeline, method: LayoutMethod) -> None:
    forward = layout(12)
    backward = forward.with_instances(forward.instances[::-1])
    assert_close(predicted(toy, method, [forward]), predicted(toy, method, [backward]), atol=1e-4, rtol=1e-4)


def test_null_knows_no_layout(toy: LayoutPipeline, method: LayoutMethod) -> None:
    nulls = [predicted(toy, method, [layout(n, seed=n)], null=True) for n in (3, 7)]
    assert_close(*nulls, atol=1e-5, rtol=1e-5)


def test_null_is_told_the_negative_prompt(toy: LayoutPipeline, method: LayoutMethod) -> None:
    plain, other = (replace(layout(3), negative_prompt=text) for text in ("blurry", "dark"))
    difference = predicted(toy, method, [plain], null=True) - predicted(toy, method, [other], null=True)
    assert difference.abs().mean() > 1e-6


def test_reading_layouts_restores_the_unet_also_after_an_error(toy: LayoutPipeline) -> None:
    before = dict(toy.unet.attn_processors)
    with pytest.raises(ZeroDivisionError), toy.backbone.reading_layouts():
        raise ZeroDivisionError
    after = toy.unet.attn_processors
    assert all(after[name] is processor for name, processor in before.items())


@pytest.mark.parametrize("name", METHODS)
def test_save_and_load_round_trip(toy: LayoutPipeline, tmp_path: Path, name: str) -> None:
    toy.save_pretrained(tmp_path)
    loaded = LayoutPipeline.from_pretrained(tmp_path)
    layouts = [layout(4)]
    assert_close(
        predicted(loaded, loaded.method(*METHODS[name]), layouts),
        predicted(toy, toy.method(*METHODS[name]), layouts),
    )


def test_a_long_prompt_does_not_change_the_other_images_of_its_batch(
    toy: LayoutPipeline, method: LayoutMethod
) -> None:
    long = replace(layout(3, seed=1), prompt="on grass " * 40, negative_prompt="blurry " * 60)
    short = layout(3, seed=2)
    for null in (False, True):
        both = predicted(toy, method, [long, short], null=null)
        for row, single in enumerate((long, short)):
            alone = predicted(toy, method, [single], null=null)
            assert_close(both[row : row + 1], alone, atol=1e-5, rtol=1e-5)


def test_nothing_is_cut_at_77_tokens(toy: LayoutPipeline) -> None:
    method = toy.method("text2img", "text")
    long = replace(layout(1), prompt="on grass " * 40)
    assert method.encode([long]).prompt.embeddings.shape[1] > 77
    wordy = Layout(64, 64, (Instance("dog " * 60, Box(1, 2, 30, 40)),))
    assert method.encode([wordy]).tokens.shape[1] > 77


def test_a_plain_unet_paints_as_before_when_adapted(tmp_path: Path) -> None:
    plain, adapted = toy_pipeline(tmp_path / "a"), toy_pipeline(tmp_path / "b")
    extend_inputs(adapted, ("img2img",), "box")
    empty = [layout(3)]
    expected = predicted(plain, plain.method("img2img"), empty)
    assert_close(predicted(adapted, adapted.method("img2img"), empty), expected)
