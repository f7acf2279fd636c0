"""Regional attention: what each part of a picture hears, measured in the U-Net's own attention."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.testing import assert_close

from layoutgen import Box, Instance, Layout
from layoutgen.conditioning.attention_regions import PADDING, PROMPT, AttentionRegions
from layoutgen.conditioning.condition import DenoiserInputs
from layoutgen.pipeline import LayoutPipeline
from tests.toy import toy_pipeline

SIZES = (64, 32, 16, 8)
"""Of the levels of Stable Diffusion v1, for its own canvas of 512 pixels."""


@pytest.fixture(scope="module")
def shaped(tmp_path_factory: pytest.TempPathFactory) -> LayoutPipeline:
    """Stable Diffusion's levels and blocks, with few channels and random weights."""
    blocks = ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",)
    return toy_pipeline(
        tmp_path_factory.mktemp("shaped"),
        size=64,
        block_out_channels=(32, 32, 32, 32),
        down_block_types=blocks,
        up_block_types=tuple(name.replace("Down", "Up") for name in reversed(blocks)),
        layers_per_block=1,
    )


def crowd(*, prompt: str = "100 dogs on grass") -> Layout:
    """100 boxes of 43 px, 51 px apart."""
    corners = [(51 * (k % 10) + 3, 51 * (k // 10) + 5) for k in range(100)]
    return Layout(512, 512, tuple(Instance("dog", Box(x, y, x + 30, y + 43)) for x, y in corners), prompt)


def attention_of(
    pipeline: LayoutPipeline, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> dict[tuple[int, int], Tensor]:
    """The mean attention (L, T) of the layers of one evaluation, for L latents and T tokens or latents."""
    seen: dict[tuple[int, int], list[Tensor]] = {}

    def attend(
        query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, **_: object
    ) -> Tensor:
        scores = query @ key.transpose(2, 3) * query.shape[3] ** -0.5
        weights = (scores if attn_mask is None else scores + attn_mask).softmax(-1)
        seen.setdefault((query.shape[2], key.shape[2]), []).append(weights.mean(1)[0])
        return weights @ value

    monkeypatch.setattr(F, "scaled_dot_product_attention", attend)
    method = pipeline.method("regional")
    noise = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), pipeline.backbone.reading_layouts():
        pipeline.backbone.predict(noise, torch.tensor(500), DenoiserInputs.of([method.encode([layout])]))
    monkeypatch.undo()
    return {size: torch.stack(weights).mean(0) for size, weights in seen.items()}


def covered(layout: Layout, side: int) -> Tensor:
    """The share (side * side,) of each cell that boxes cover, pixel by pixel."""
    pixels = torch.zeros(layout.height, layout.width)
    for one in layout.instances:
        x0, y0, x1, y1 = map(int, one.box.xyxy)
        pixels[y0:y1, x0:x1] = 1
    return F.avg_pool2d(pixels[None, None], layout.width // side).flatten()


@pytest.fixture(scope="module")
def attention(shaped: LayoutPipeline) -> dict[tuple[int, int], Tensor]:
    with pytest.MonkeyPatch.context() as patch:
        return attention_of(shaped, crowd(), patch)


@pytest.mark.parametrize("side", SIZES[:3])
def test_the_label_is_heard_as_much_as_boxes_cover(
    attention: dict[tuple[int, int], Tensor], side: int
) -> None:
    weights = attention[side * side, 2 * 77]
    mass = weights[:, 77:].sum(1)  # of the label's tokens, in each cell
    inside = covered(crowd(), side)
    assert_close(mass, inside, atol=0.08, rtol=0)
    assert (mass * inside).sum() / mass.sum() >= 0.97 * (inside * inside).sum() / inside.sum()


def test_at_the_coarse_level_most_cells_hear_prompt_and_label(
    attention: dict[tuple[int, int], Tensor],
) -> None:
    mass = attention[16 * 16, 2 * 77][:, 77:].sum(1)
    assert ((mass > 0.02) & (mass < 0.98)).float().mean() > 0.9
    assert mass.mean() == pytest.approx(100 * 30 * 43 / 512**2, abs=0.03)


def test_a_latent_attends_to_its_own_box_and_the_ground(attention: dict[tuple[int, int], Tensor]) -> None:
    weights, side = attention[64 * 64, 64 * 64], 64
    numbers = torch.zeros(512, 512, dtype=torch.long)
    for number, one in enumerate(crowd().instances, start=1):
        x0, y0, x1, y1 = map(int, one.box.xyxy)
        numbers[y0:y1, x0:x1] = number
    whole = numbers.view(side, 8, side, 8).transpose(1, 2).flatten(2).flatten(0, 1)
    clear = (whole == whole[:, :1]).all(1)  # cells that are all of one box, or all ground
    owner = whole[:, 0]
    inside = clear & (owner > 0)
    assert inside.sum() > 500
    to_boxes = (owner[None] > 0) & clear[None]
    other = to_boxes & (owner[None] != owner[:, None])
    assert (weights * other)[inside].sum(1).max() == 0
    own = clear[None] & (owner[None] == owner[:, None])
    assert (weights * own)[inside].sum(1).min() > 0


def test_of_a_cell_that_several_boxes_share_each_is_told_its_part() -> None:
    boxes = torch.tensor([[[0.0, 0.0, 0.25, 1.0], [0.25, 0.0, 0.75, 1.0]]])
    owners = torch.tensor([[PROMPT, 0, 1, PADDING]])
    regions = AttentionRegions(boxes, owners, [(1, 1), (1, 2)], exclusive=True)
    shares = regions.cross_attention_bias(1, torch.float64)[0, 0].exp()
    assert_close(shares, torch.tensor([[0.25, 0.25, 0.5, 0.0]], dtype=torch.float64))
    halves = regions.cross_attention_bias(2, torch.float32)[0, 0].exp()
    assert_close(halves, torch.tensor([[0.0, 0.5, 0.5, 0.0], [0.5, 0.0, 0.5, 0.0]]))


def test_overlapping_boxes_divide_a_cell() -> None:
    boxes = torch.tensor([[[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 1.0]]])
    regions = AttentionRegions(boxes, torch.tensor([[PROMPT, 0, 1]]), [(1, 1)], exclusive=True)
    assert_close(regions.cross_attention_bias(1, torch.float32)[0, 0].exp(), torch.tensor([[0.0, 0.5, 0.5]]))


def test_a_box_without_tokens_leaves_its_cell_to_the_prompt() -> None:
    boxes = torch.tensor([[[0.0, 0.0, 1.0, 1.0]]])
    regions = AttentionRegions(boxes, torch.tensor([[PROMPT, PADDING]]), [(1, 1)], exclusive=True)
    assert_close(regions.cross_attention_bias(1, torch.float32)[0, 0].exp(), torch.tensor([[1.0, 0.0]]))


def test_self_attention_follows_the_largest_share() -> None:
    boxes = torch.tensor([[[0.0, 0.0, 0.4, 1.0], [0.4, 0.0, 0.62, 1.0]]])
    regions = AttentionRegions(boxes, torch.tensor([[PROMPT, 0, 1]]), [(1, 4)], exclusive=True)
    bias = regions.self_attention_bias(4, torch.float32)
    assert bias is not None
    attended = bias[0, 0].isfinite().int().tolist()
    # The cells: the first box's, again (0.6 of it), the ground's (0.48 is the second's), the ground's.
    assert attended == [[1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]]


def test_boxes_hear_the_style_of_the_prompt_and_the_right_article(
    shaped: LayoutPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    backbone = shaped.method("regional").backbone
    encode = type(backbone).encode_prompts
    monkeypatch.setattr(
        type(backbone), "encode_prompts", lambda self, texts: told.extend(texts) or encode(self, texts)
    )
    airplane = Instance("airplane", Box(8, 8, 90, 60))
    layout = replace(
        crowd(prompt="100 dogs and an airplane, oil painting"), instances=(*crowd().instances, airplane)
    )
    condition = shaped.method("regional").encode([layout, replace(layout, prompt="a sketch")])
    assert {"a dog, oil painting", "an airplane, oil painting"} <= set(told)
    assert {"a dog, a sketch", "an airplane, a sketch"} <= set(told)
    assert condition.tokens.shape == (2, 2 * 77, 24)
    assert (condition.tokens[0] != condition.tokens[1]).any()
