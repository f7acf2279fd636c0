"""NaN and infinity anywhere a model computes are errors, never a black image or an empty answer."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from layoutgen import Box, Instance, Layout
from layoutgen.data.box_masks import SegmentAnything
from layoutgen.detection.loading import load_detector
from layoutgen.errors import NotFinite
from layoutgen.numerics import check_finite
from tests.toy import toy_pipeline


def spoil(module: torch.nn.Module, value: float) -> None:
    """Put one value that is no number into the last weights of `module`."""
    with torch.no_grad():
        *_, last = module.parameters()
        last.view(-1)[0] = value


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_it_looks_at_every_number(value: float) -> None:
    numbers = torch.zeros(2, 3)
    assert check_finite(numbers, "the model") is numbers
    numbers[1, 2] = value
    with pytest.raises(NotFinite, match=r"the model computes numbers .*fp32"):
        check_finite(numbers, "the model")


@pytest.mark.parametrize("part", ["unet", "vae"])
def test_no_black_image(tmp_path: Path, part: str) -> None:
    toy = toy_pipeline(tmp_path)
    spoil(getattr(toy, part).decoder if part == "vae" else toy.unet, math.nan)
    layout = Layout(64, 64, (Instance("dog", Box(8, 8, 60, 50)),))
    with pytest.raises(NotFinite):
        toy(layout, steps=2, method="regional", generator=torch.Generator().manual_seed(0))


def test_no_empty_answer_of_a_detector() -> None:
    detector = load_detector(None, "cpu")
    spoil(detector._model, math.nan)
    with pytest.raises(NotFinite, match="the detector"):
        detector.detect([Image.new("RGB", (96, 96))], ["dog"], 0.1)


class NoNumbers(torch.nn.Module):
    """Answers as SAM does, without numbers."""

    def forward(self, **_: object) -> object:
        answer = torch.nn.Module()
        answer.pred_masks = torch.full((1, 1, 1, 4, 4), math.nan)
        answer.iou_scores = torch.ones(1, 1, 1)
        return answer


class Inputs(dict):
    def to(self, device: str) -> Inputs:
        return self


def test_no_empty_masks() -> None:
    masker = SegmentAnything(NoNumbers(), lambda **_: Inputs(x=torch.zeros(1)))
    with pytest.raises(NotFinite, match="the model of masks"):
        masker.masks(Image.new("RGB", (8, 8)), [Box(1, 1, 5, 5)])
