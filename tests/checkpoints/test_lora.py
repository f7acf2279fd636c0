"""A LoRA adds what its file says, layer by layer, or is refused in one line."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from layoutgen.additions import Additions
from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.pipeline import LayoutPipeline

Adapters = dict[str, torch.Tensor]


def test_adapters_of_several_ranks_and_alphas_add_what_they_say(
    forms: dict[str, Path], tmp_path: Path
) -> None:
    """As in files that were resized, which have for each layer the rank that it needs."""
    pipeline = LayoutPipeline.from_pretrained(forms["folder"])
    parts = {"unet": pipeline.unet, "te": pipeline.text_encoder}
    ends = ("attn1.to_q", "attn2.to_v", "to_out.0", "conv1", "fc1")
    layers = {
        (part, name): layer
        for part, network in parts.items()
        for name, layer in network.named_modules()
        if name.endswith(ends)
    }
    generator = torch.Generator().manual_seed(3)
    file: Adapters = {}
    expected = {}
    for number, ((part, name), layer) in enumerate(layers.items()):
        rank, alpha = ((2, 1.0), (4, 4.0), (8, 2.0))[number % 3]
        inside = name if part == "unet" else f"text_model.{name.removeprefix('text_model.')}"
        key = f"lora_{part}_{inside.replace('.', '_')}"
        out, *inputs = layer.weight.shape
        down = torch.randn(rank, *inputs, generator=generator)
        up = torch.randn(out, rank, *[1] * (len(inputs) - 1), generator=generator)
        file |= {f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up}
        file[f"{key}.alpha"] = torch.tensor(alpha)
        change = (up.flatten(1) @ down.flatten(1)).view_as(layer.weight)
        expected[part, name] = layer.weight.detach() + 0.7 * alpha / rank * change
    save_file(file, tmp_path / "resized.safetensors")
    pipeline.add(Additions(lora=(f"{tmp_path / 'resized.safetensors'}:0.7",)))
    assert len(expected) > 50
    for (part, name), weight in expected.items():
        got = parts[part].get_submodule(name).weight
        torch.testing.assert_close(
            got, weight, rtol=1e-4, atol=1e-4, msg=lambda text, at=name: f"{at}: {text}"
        )


def adapter(layer: str, inputs: int, outputs: int) -> Adapters:
    """Of one layer, in the keys of kohya."""
    return {
        f"{layer}.lora_down.weight": torch.ones(2, inputs),
        f"{layer}.lora_up.weight": torch.ones(outputs, 2),
    }


ATTENTION = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
REFUSED = {
    "texts of another width": (
        adapter(ATTENTION, 99, 32),
        "is for another base model: its layers have other",
    ),
    "layers that this one lacks": (
        adapter(ATTENTION.replace("blocks_0_attn2", "blocks_9_attn2"), 64, 32),
        "is for another base model: its layers have other",
    ),
    "whole layers": (
        adapter(ATTENTION, 64, 32) | {"lora_unet_conv_in.diff": torch.ones(32, 4, 3, 3)},
        "is a LyCORIS of whole layers, which belongs to a model and is not read here",
    ),
    "something unheard of": (
        adapter(ATTENTION, 64, 32) | {"lora_unet_conv_in.novel": torch.ones(2)},
        "correctly renamed: lora_unet_conv_in.novel",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_does_not_go_with_the_model_is_one_line(
    forms: dict[str, Path], tmp_path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    weights, problem = REFUSED[what]
    save_file(weights, tmp_path / "other.safetensors")
    pipeline = LayoutPipeline.from_pretrained(forms["folder"])
    logging.getLogger("diffusers").setLevel(logging.ERROR)
    with pytest.raises((InvalidOption, InvalidFile)) as raised:
        pipeline.add(Additions(lora=(str(tmp_path / "other.safetensors"),)))
    assert problem in str(raised.value) and "\n" not in str(raised.value)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
