"""Cross-attention maps are those that diffusers itself computes, of the tokens that spell a word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from diffusers.models.attention_processor import Attention, AttnProcessor
from torch import Tensor
from torch.testing import assert_close

from layoutgen import Box, Instance, Layout
from layoutgen.backbones.stable_diffusion import StableDiffusion
from layoutgen.conditioning.attention_maps import AttentionMap, recording
from layoutgen.conditioning.condition import DenoiserInputs
from layoutgen.denoising.multidiffusion import MultiDiffusion
from layoutgen.methods.regional import Regional
from layoutgen.pipeline import LayoutPipeline
from tests.real_shapes import real_shaped
from tests.toy import toy_pipeline

HEIGHT, WIDTH = 24, 16  # latent cells
NOISE = torch.randn(2, 4, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
LAYOUTS = [Layout(8 * WIDTH, 8 * HEIGHT, (), prompt) for prompt in ("a dog on grass", "two hot dogs, a dog")]


@pytest.fixture(scope="module")
def theirs() -> Any:
    return real_shaped("sd1")


@pytest.fixture(scope="module")
def regional(theirs: Any) -> Regional:
    parts = (theirs.vae, theirs.text_encoder, theirs.tokenizer, theirs.unet, theirs.scheduler)
    return Regional(StableDiffusion(*parts), None)


@torch.no_grad()
def recorded(method: Regional, layouts: list[Layout], tokens: Tensor) -> Tensor:
    """Our maps (B, h, w) of `tokens` (B, T), in a call that has the counterpart of guidance, too."""
    condition, backbone = method.encode(layouts), method.backbone
    inputs = DenoiserInputs.of([condition, condition.null()], cached=True)
    with (
        backbone.reading_layouts(),
        recording(backbone.denoiser, tokens, backbone.levels(HEIGHT, WIDTH)) as found,
    ):
        backbone.predict(torch.cat([NOISE, NOISE]), torch.tensor(400), inputs)
    mean = found.mean()
    assert mean is not None
    return mean


def test_maps_are_the_attention_that_diffusers_computes(
    theirs: Any, regional: Regional, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps: list[Tensor] = []
    tokens = torch.rand(2, 77, generator=torch.Generator().manual_seed(1)) < 0.2
    compute = Attention.get_attention_scores

    def noted(layer: Attention, query: Tensor, key: Tensor, mask: Tensor | None = None) -> Tensor:
        weights = compute(layer, query, key, mask)  # (B * heads, L, T)
        if key.shape[1] == 77:
            each = weights.unflatten(0, (2, -1)).mean(1)  # (B, L, T)
            side = int((each.shape[1] * WIDTH / HEIGHT) ** 0.5)
            share = (each * tokens[:, None]).sum(2).unflatten(1, (-1, side))
            maps.append(F.interpolate(share[:, None], (HEIGHT, WIDTH), mode="bilinear", antialias=True)[:, 0])
        return weights

    ours = recorded(regional, LAYOUTS, tokens)
    monkeypatch.setattr(Attention, "get_attention_scores", noted)
    before = theirs.unet.attn_processors
    theirs.unet.set_attn_processor(AttnProcessor())
    ids = [theirs.tokenizer(one.prompt, padding="max_length").input_ids for one in LAYOUTS]
    with torch.no_grad():
        states = theirs.text_encoder(torch.tensor(ids)).last_hidden_state
        theirs.unet(NOISE, torch.tensor(400), states)
    theirs.unet.set_attn_processor(before)
    assert len(maps) == 16  # layers of cross-attention of Stable Diffusion v1
    assert_close(ours, torch.stack(maps).mean(0), atol=1e-5, rtol=1e-4)


def test_what_a_box_is_told_is_heard_in_it_alone(regional: Regional) -> None:
    box = Instance("dog", Box(32, 64, 96, 128))
    layouts = [Layout(8 * WIDTH, 8 * HEIGHT, (box,), "grass")] * 2
    tokens = torch.arange(2 * 77).expand(2, -1) >= 77
    (heard, _) = recorded(regional, layouts, tokens)
    assert heard[11:13, 7:9].min() > 0.95  # but for the mid block, half of whose cells the box covers
    assert heard[8:16, 4:12].mean() > 0.8
    assert heard[:4].max() == 0 and heard[20:].max() == 0


def test_a_word_is_found_wherever_it_is_spelt(theirs: Any, regional: Regional) -> None:
    prompts = ["a hot dog, two hot dogs and a Hot Dog", "a dog " + "on very green grass " * 20 + "a dog"]
    found = regional.backbone.find_words(prompts, [["hot dog"], ["dog", "cat"]])
    embedded = regional.backbone.encode_prompts(prompts)
    assert found.shape == embedded.embeddings.shape[:2] == (2, 2 * 77)
    assert found[0].nonzero().flatten().tolist() == [2, 3, 10, 11]
    first, last = 2, len(theirs.tokenizer(prompts[1], truncation=False, verbose=False).input_ids) - 2
    assert found[1].nonzero().flatten().tolist() == [first, last + 2]  # a second start and end between them


def test_a_label_is_found_in_the_prompt_and_in_what_its_boxes_are_told(regional: Regional) -> None:
    dog, cat = (Instance(label, Box(0, 0, 32, 32)) for label in ("dog", "cat"))
    layouts = [Layout(128, 192, (dog, cat), "1 dog and 1 cat on grass"), Layout(128, 192, (cat,), "grass")]
    found, condition = regional.label_tokens(layouts), regional.encode(layouts)
    assert found.shape[1] == condition.prompt.embeddings.shape[1] + condition.tokens.shape[1]
    # The labels are told in the order of the alphabet: "a cat on grass", "a dog on grass"; "a cat, grass".
    assert found[0].nonzero().flatten().tolist() == [2, 5, 77 + 2, 2 * 77 + 2]
    assert found[1].nonzero().flatten().tolist() == [77 + 2, 2 * 77 + 2]


def test_maps_of_windows_are_blended_as_their_predictions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline: LayoutPipeline = toy_pipeline(tmp_path, size=8)
    method = pipeline.method("regional")
    everything = torch.ones(1, 77, dtype=torch.bool)
    monkeypatch.setattr(method, "label_tokens", lambda layouts: everything.expand(len(layouts), -1))
    attention = AttentionMap((12, 20))
    fused = MultiDiffusion(method, [Layout(160, 96)] * 2, guided=True, batch_size=4, attention=attention)
    noise = torch.randn(2, 4, 12, 20, generator=torch.Generator().manual_seed(0))
    with torch.no_grad(), pipeline.backbone.reading_layouts():
        fused.predict(noise, torch.tensor(500), 3.0)
        fused.predict(noise, torch.tensor(400), 1.0)
    mean = attention.mean()
    assert mean is not None
    assert_close(mean, torch.ones(2, 12, 20))


def test_a_mean_of_nothing_is_none() -> None:
    assert AttentionMap((3, 2)).mean() is None
