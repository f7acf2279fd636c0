"""What is computed once for a denoising gives the same as computing it in every step."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from layoutgen import Box, Instance, Layout
from layoutgen.conditioning.attention import AttentionContext
from layoutgen.conditioning.condition import Condition, DenoiserInputs
from layoutgen.denoising.guidance import GuidedDenoiser, rescaled
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.extend_inputs import extend_inputs
from tests.toy import toy_pipeline

METHODS = [("text2img", "box"), ("text2img", "text"), ("img2img", None), ("regional", None)]
LAYOUTS = [
    Layout(128, 64, (Instance("dog", Box(8, 8, 60, 50)), Instance("cat", Box(50, 20, 120, 60))), "grass"),
    Layout(128, 64, (Instance("cat", Box(30, 4, 70, 40)),), "snow"),
]


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> LayoutPipeline:
    pipeline = toy_pipeline(tmp_path_factory.mktemp("toy"))
    extend_inputs(pipeline, ("text2img", "img2img"), "box")
    torch.manual_seed(1)
    with torch.no_grad():
        pipeline.unet.conv_in.weight.normal_(std=0.2)
    return pipeline


def predict(
    toy: LayoutPipeline, condition: Condition, noise: torch.Tensor, time: torch.Tensor
) -> torch.Tensor:
    """What the denoiser says of one condition, without anything kept."""
    return toy.backbone.predict(noise, time, DenoiserInputs.of([condition]))


@torch.no_grad()
@pytest.mark.parametrize(("name", "encoding"), METHODS)
def test_guidance_is_its_equation(toy: LayoutPipeline, name: str, encoding: str | None) -> None:
    condition = toy.method(name, encoding).encode(LAYOUTS)
    null, time = condition.null(), torch.tensor(300)
    guided = GuidedDenoiser(toy.backbone, condition, null)
    with toy.backbone.reading_layouts():
        for step in range(2):  # the second finds what the first has kept
            noise = torch.randn(2, 4, 8, 16, generator=torch.Generator().manual_seed(step))
            told, untold = (predict(toy, c, noise, time) for c in (condition, null))
            expected = untold + 3.5 * (told - untold)
            assert_close(guided.predict(noise, time, 3.5), expected, atol=1e-4, rtol=1e-4)
            assert_close(guided.predict(noise, time, 1.0), told, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_hundreds_of_boxes_by_row_blocks_are_as_at_once(toy: LayoutPipeline) -> None:
    corners = [(x, y) for y in range(0, 256, 16) for x in range(0, 256, 16)]
    dogs = tuple(Instance("dog", Box(x, y, x + 14, y + 12)) for x, y in corners)
    layouts = [Layout(256, 256, dogs, "grass"), Layout(256, 256, dogs[:-1], "snow")]
    method = toy.method("text2img", "box")
    condition = method.encode(layouts)
    regions = condition.regions
    assert regions is not None
    assert regions.row_blocks(32 * 32, torch.float32) is not None
    guided, noise, time = (
        GuidedDenoiser(toy.backbone, condition, None),
        torch.randn(2, 4, 32, 32),
        torch.tensor(300),
    )
    with toy.backbone.reading_layouts():
        expected = predict(toy, condition, noise, time)
        assert_close(guided.predict(noise, time, 1.0), expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_the_context_is_projected_in_the_first_step_only(toy: LayoutPipeline) -> None:
    method = toy.method("text2img", "box")
    condition = method.encode(LAYOUTS)
    guided, rows = GuidedDenoiser(toy.backbone, condition, condition.null()), []
    layers = [m.to_k for n, m in toy.unet.named_modules() if n.endswith("attn2")]
    hooks = [
        layer.register_forward_hook(lambda module, inputs, _: rows.append(len(inputs[0]))) for layer in layers
    ]
    with toy.backbone.reading_layouts():
        for _ in range(3):
            guided.predict(torch.zeros(2, 4, 8, 16), torch.tensor(300), 3.0)
    for hook in hooks:
        hook.remove()
    assert layers
    assert rows == [2, 1] * len(layers)  # two layouts; their negative prompts are one


def test_nothing_is_kept_after_a_denoising(toy: LayoutPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[weakref.ref[AttentionContext]] = []
    before = AttentionContext.__init__

    def noting(self: AttentionContext, *arguments: Any, **named: Any) -> None:
        made.append(weakref.ref(self))
        before(self, *arguments, **named)

    monkeypatch.setattr(AttentionContext, "__init__", noting)
    toy(LAYOUTS[0], steps=2)
    gc.collect()
    assert made
    assert all(ref() is None for ref in made)


def test_rescaled_guidance_is_that_of_diffusers() -> None:
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import rescale_noise_cfg

    guided, conditional = torch.randn(2, 4, 5, 6) * 3, torch.randn(2, 4, 5, 6)
    expected = rescale_noise_cfg(guided, conditional, 0.7)
    torch.testing.assert_close(rescaled(guided, conditional, 0.7), expected)
