"""What a checkpoint is extended by for training changes nothing that it paints before the first step."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from layoutgen import Box, Instance, Layout
from layoutgen.conditioning.attention_regions import AttentionRegions
from layoutgen.conditioning.condition import Condition, DenoiserInputs
from layoutgen.methods.token_layout import box_fractions, prompt_owners
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.extend_inputs import extend_inputs, take_resolution
from tests.toy import toy_pipeline
from tests.training.conftest import train, weights

BOXES = Layout(
    32, 48, (Instance("dog", Box(2, 3, 20, 30)), Instance("cat", Box(12, 20, 31, 47))), "two animals"
)
PLAIN = Layout(32, 48, (), "two animals")
WAYS = {
    "box": (("text2img",), "box"),
    "text": (("text2img",), "text"),
    "img2img": (("img2img",), "box"),
    "both": (("img2img", "text2img"), "box"),
}


@torch.no_grad()
def predict(pipeline: LayoutPipeline, condition: Condition, shape: tuple[int, ...] = (1, 4, 6, 4)) -> Tensor:
    noise = torch.randn(*shape, generator=torch.Generator().manual_seed(3))
    with pipeline.backbone.reading_layouts():
        return pipeline.backbone.predict(noise, torch.tensor([600]), DenoiserInputs.of([condition]))


@torch.no_grad()
def by(pipeline: LayoutPipeline, method: str, layout: Layout, encoding: str | None = None) -> Tensor:
    return predict(pipeline, pipeline.method(method, encoding).encode([layout]))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("text_encoder", [False, True])
def test_other_methods_and_plain_prompts_stay_as_they_were(
    tmp_path: Path, way: str, text_encoder: bool
) -> None:
    methods, encoding = WAYS[way]
    before, after = toy_pipeline(tmp_path, size=4), toy_pipeline(tmp_path, size=4)
    extend_inputs(after, methods, encoding, ("cat", "dog"), location_tokens=text_encoder)
    exactly = {"rtol": 0.0, "atol": 1e-6}
    torch.testing.assert_close(by(after, "regional", BOXES), by(before, "regional", BOXES), **exactly)
    for method in methods:
        plain = by(after, method, PLAIN, encoding if method == "text2img" else None)
        torch.testing.assert_close(plain, by(before, "regional", PLAIN), **exactly)


@pytest.mark.parametrize("methods", [("img2img",), ("img2img", "text2img")])
def test_img2img_does_not_see_its_maps_yet(tmp_path: Path, methods: tuple[str, ...]) -> None:
    before, after = toy_pipeline(tmp_path, size=4), toy_pipeline(tmp_path, size=4)
    extend_inputs(after, methods, "box")
    assert after.unet.config.in_channels > 4
    got, expected = by(after, "img2img", BOXES), by(before, "regional", PLAIN)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-6)


def test_a_sentence_is_read_as_before(tmp_path: Path) -> None:
    before, after = toy_pipeline(tmp_path, size=4), toy_pipeline(tmp_path, size=4)
    extend_inputs(after, ("text2img",), "text")
    assert torch.equal(by(after, "text2img", BOXES, "text"), by(before, "text2img", BOXES, "text"))


@torch.no_grad()
def test_a_box_is_told_its_label_and_nothing_else(tmp_path: Path) -> None:
    """As the unchanged checkpoint, if its attention reads the end tokens of the labels in their boxes."""
    before, after = toy_pipeline(tmp_path, size=4), toy_pipeline(tmp_path, size=4)
    extend_inputs(after, ("text2img",), "box")
    backbone = before.backbone
    prompt, negative = (backbone.encode_prompts([text]) for text in (BOXES.prompt, ""))
    states = []
    for label in ("dog", "cat"):
        ids = before.tokenizer(label, return_tensors="pt").input_ids
        states.append(before.text_encoder(ids).last_hidden_state[:, -1])
    owners = torch.cat([prompt_owners(prompt), torch.tensor([[0, 1]])], dim=1)
    regions = AttentionRegions(box_fractions([BOXES]), owners, backbone.levels(6, 4))
    labelled = Condition(prompt, negative, torch.stack(states, dim=1), None, regions)
    got, expected = by(after, "text2img", BOXES, "box"), predict(before, labelled)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-6)
    assert not torch.allclose(got, by(before, "regional", PLAIN), atol=1e-4)
    noise = toy_pipeline(tmp_path, size=4)
    extend_inputs(noise, ("text2img",), "box", residual_tokens=False)
    assert not torch.allclose(got, by(noise, "text2img", BOXES, "box"), atol=1e-5)


def test_new_labels_change_nothing(prepared: Path, scratch: list[str], tmp_path: Path) -> None:
    train(prepared, tmp_path / "run", *scratch, "--method", "img2img", "--method", "text2img", images=2)
    before, after = (LayoutPipeline.from_pretrained(tmp_path / "run") for _ in range(2))
    extend_inputs(after, ("img2img", "text2img"), "box", ("zebra",), location_tokens=True)
    assert after.labels == ("cat", "dog", "zebra")
    square = Layout(32, 32, BOXES.instances[:1], "1 thing")
    for method in ("img2img", "text2img"):
        outputs = [predict(p, p.method(method).encode([square]), (1, 6, 8, 8)) for p in (before, after)]
        assert torch.equal(*outputs)


def test_a_resolution_is_saved_with_the_model(prepared: Path, toy_checkpoint: Path, tmp_path: Path) -> None:
    options = ["--model", str(toy_checkpoint), "--resolution", "64"]
    train(prepared, tmp_path / "run", *options, images=2)
    trained = LayoutPipeline.from_pretrained(tmp_path / "run")
    assert (trained.window, trained.layout_encoder.config.window, trained.layout_encoder.unit) == (64, 64, 32)
    config = json.loads((tmp_path / "run/model/unet/config.json").read_text())
    assert config["sample_size"] == 8
    # Trained on at yet another size, its boxes still mean the same.
    onwards = ["--model", str(tmp_path / "run"), "--resolution", "48"]
    train(prepared, tmp_path / "on", *onwards, images=2)
    again = LayoutPipeline.from_pretrained(tmp_path / "on")
    assert (again.window, again.layout_encoder.unit) == (48, 32)


def test_a_model_of_few_labels_learns_from_crops_of_its_window(
    prepared: Path, scratch: list[str], tmp_path: Path
) -> None:
    train(prepared, tmp_path / "run", *scratch, images=2)
    small = LayoutPipeline.from_pretrained(tmp_path / "run")
    take_resolution(small, 16)
    assert (small.window, small.layout_encoder.unit) == (32, 32)
    assert weights(tmp_path / "run")
