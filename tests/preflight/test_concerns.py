"""What is said of a layout before it is painted, and that nothing is said of a good one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from layoutgen.denoising.settings import SampleSettings
from layoutgen.domain.canvas import canvas_side
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.domain.requests import LayoutRequest, arrange_request
from layoutgen.domain.size_prior import ANY_SIZE
from layoutgen.errors import InvalidOption
from layoutgen.formats import read_layouts
from layoutgen.model_info import ModelInfo, find_model
from layoutgen.preflight.boxes import overlapping
from layoutgen.preflight.concerns import check_strictly, concerns

LAYOUTS = Path(__file__).parents[2] / "sample_layouts"
SMALL = find_model(None)


def layout(*boxes: tuple[float, float, float, float], prompt: str = "") -> Layout:
    return Layout(512, 512, tuple(Instance("dog", Box(*box)) for box in boxes), prompt)


def said(one: Layout, info: ModelInfo = SMALL) -> str:
    (sentence,) = concerns([("pets", one)], info, SampleSettings())
    return sentence


@pytest.mark.parametrize("file", sorted(LAYOUTS.glob("*.yaml")), ids=lambda path: path.stem)
def test_nothing_is_said_of_the_layouts_in_the_repository(file: Path) -> None:
    (request,) = read_layouts(file)
    assert (
        concerns([("x", arrange_request(request, size_prior=SMALL.size_prior))], SMALL, SampleSettings())
        == ()
    )


@pytest.mark.parametrize("count", [1, 2, 3, 10, 100, 300])
def test_nothing_is_said_of_what_is_arranged_for_the_model(count: int) -> None:
    side = canvas_side(count, SMALL.size_prior, SMALL.window)
    request = LayoutRequest(Layout(side, side))
    placed = arrange_request(request, [(count, "dogs")], size_prior=SMALL.size_prior)
    assert concerns([("x", replace(placed, prompt=SMALL.prompt_for(placed)))], SMALL, SampleSettings()) == ()


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([(0, 0, 2, 4)], "1 box smaller than the 24 px that the model draws, the dog of 2 x 4 px in pets"),
        ([(0, 0, 40, 48), (50, 50, 260, 350)], "1 of 2 boxes larger than the 112 px that the model draws"),
        ([(0, 0, 80, 40)], "1 box of another shape than the model has seen (width / height 0.45 to 0.95)"),
        ([(0, 0, 16, 72)], "1 box of another shape"),
        ([(0, 0, 40, 48), (30, 0, 70, 48)], "2 of 2 boxes covered by another to a tenth or more, such as"),
        ([(0, 0, 100, 112), (8, 8, 40, 48)], "1 of 2 boxes inside another, the dog of 32 x 40 px in pets"),
    ],
)
def test_boxes_that_will_not_be_good(boxes: list[tuple[float, float, float, float]], expected: str) -> None:
    assert said(layout(*boxes)).startswith(expected)


@pytest.mark.parametrize(
    "box", [(0, 0, 24, 28), (0, 0, 80, 118), (0, 0, 16, 48), (0, 0, 40, 40), (36, 0, 76, 48)]
)
def test_what_rounding_does_is_not_said(box: tuple[float, float, float, float]) -> None:
    assert concerns([("pets", layout((0, 200, 40, 248), box))], SMALL, SampleSettings()) == ()


def test_a_model_of_any_text_has_seen_all_shapes_sizes_and_words() -> None:
    one = layout((0, 0, 500, 100), prompt="a dog surfing at dusk")
    assert concerns([("pets", one)], ModelInfo("a/b"), SampleSettings()) == ()
    assert ModelInfo("a/b").size_prior == ANY_SIZE


def test_words_that_the_model_has_not_read() -> None:
    one = layout((0, 0, 40, 48), prompt="a dog on sandy Beach, at dusk")
    assert said(one).startswith("the model has never read beach, at, dusk and will not show")
    assert "green, grey, ground" in said(one)
    assert (
        concerns([("x", layout((0, 0, 40, 48), prompt="A Dog on dark ground"))], SMALL, SampleSettings())
        == ()
    )


def test_a_word_that_several_layouts_say() -> None:
    named = [(name, layout((0, 0, 40, 48), prompt="a dog on sandy ground at dusk")) for name in "ab"]
    (sentence,) = concerns(named, SMALL, SampleSettings())
    assert sentence.startswith("the model has never read at, dusk and will not show")


def test_a_number_in_the_prompt_that_is_not_that_of_the_boxes() -> None:
    one = layout((0, 0, 40, 48), prompt="3 dogs on green ground")
    assert said(one).startswith("the prompt says 3 dogs, and pets has 1: ")
    assert said(replace(one, prompt="3 dogs and 2 cats on green ground")).startswith("the prompt says 3 dogs")


def test_layouts_are_counted_together() -> None:
    small, good = layout((0, 0, 3, 5)), layout((0, 0, 40, 48))
    (sentence,) = concerns([("a", good), ("b", small), ("c", small)], SMALL, SampleSettings())
    assert sentence.startswith("2 of 3 boxes smaller than the 24 px that the model draws, such as the dog")
    assert "in b" in sentence


def test_strictly_nothing_of_that_is_painted() -> None:
    check_strictly([])
    with pytest.raises(InvalidOption, match="refused, as `strict` is given: this; that"):
        check_strictly(["this", "that"])


def test_many_boxes_are_compared_as_each_with_each() -> None:
    boxes = [(17.0 * k % 500, 29.0 * k % 480, 17.0 * k % 500 + 20, 29.0 * k % 480 + 24) for k in range(700)]
    one = layout(*boxes)
    covered, inside = overlapping(one)
    for number, instance in enumerate(one.instances):
        shares = [
            instance.box.intersection(other.box) / instance.box.area
            for k, other in enumerate(one.instances)
            if k != number
        ]
        assert covered[number] == (max(shares) >= 0.1)
        assert inside[number] == (max(shares) >= 0.9)


def test_what_is_painted_larger_is_large_enough() -> None:
    one = layout((0, 0, 8, 12))
    assert concerns([("pets", one)], SMALL, SampleSettings()) == ()
    (sentence,) = concerns([("pets", one)], SMALL, SampleSettings(zoom=1))
    assert sentence.startswith("1 box smaller than the 24 px") and "`zoom`" in sentence
    (sentence,) = concerns([("pets", layout((0, 0, 40, 48)))], SMALL, SampleSettings(zoom=4))
    assert sentence.startswith("1 box larger than the 112 px")


def test_words_of_several_prompts_are_said_once() -> None:
    one = layout((0, 0, 40, 48), prompt="a dog at dusk")
    (sentence,) = concerns([("a", one), ("b", replace(one, prompt="dog at dawn"))], SMALL, SampleSettings())
    assert sentence.startswith("the model has never read at, dusk, dawn and will not show")


@pytest.mark.parametrize("kind", ["of other tools", "of A1111", "of diffusers", "of diffusers, a pickle"])
def test_an_embedding_that_no_prompt_names_is_said(tmp_path: Path, kind: str) -> None:
    vectors, word = torch.ones(1, 8), "<cat-toy>" if "diffusers" in kind else "MyDog"
    file = tmp_path / ("MyDog.safetensors" if kind in ("of other tools", "of diffusers") else "MyDog.pt")
    held: dict[str, Any] = {"emb_params": vectors} if word == "MyDog" else {word: vectors}
    if kind == "of A1111":
        held = {"string_to_param": {"*": vectors}, "name": "other"}
    save_file(held, file) if file.suffix == ".safetensors" else torch.save(held, file)
    settings = SampleSettings(embedding=(str(file),))
    info = ModelInfo("sd")

    def of(prompt: str, negative: str = "") -> tuple[str, ...]:
        return concerns([("x", Layout(512, 512, (), prompt, negative))], info, settings)

    (sentence,) = of("a dog", "cat toy")
    assert f"no prompt says {word}, so that the embedding {file.name} has no effect" in sentence
    assert of(f"a {word.lower()}") == of("a dog", word) == ()
