"""A single file that lacks a tensor, or has one too many, is one line that names it, not another model."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from layoutgen.checkpoints.single_file import open_single_file
from layoutgen.errors import InvalidFile
from tests.checkpoints.conftest import SPEC

Weights = dict[str, torch.Tensor]
UNET, VAE = "model.diffusion_model.", "first_stage_model."
TEXT = "cond_stage_model.transformer.text_model."
CONV = f"{UNET}input_blocks.1.0.in_layers.2.weight"


@pytest.fixture(scope="module")
def weights(forms: dict[str, Path]) -> Weights:
    """Those of a single file that opens."""
    return load_file(forms["one .safetensors file"])


def without(*beginnings: str) -> Callable[[Weights], Weights]:
    return lambda weights: {name: value for name, value in weights.items() if not name.startswith(beginnings)}


def having(name: str, value: torch.Tensor) -> Callable[[Weights], Weights]:
    return lambda weights: weights | {name: value}


Damage = tuple[Callable[[Weights], Weights], tuple[str, ...]]
LACKS, DEPTH = "lacks the tensor ", "it has fewer layers than Stable Diffusion v1"


def lacking(name: str, *more: str) -> Damage:
    """Without the tensor `name`, of which, and of `more`, a line tells."""
    return without(name), (LACKS + name, *more)


DAMAGES: dict[str, Damage] = {
    "a convolution": lacking(CONV, DEPTH),
    "a level's width": lacking(f"{UNET}input_blocks.4.0.out_layers.3.weight"),
    "the times": (without(f"{UNET}time_embed.0"), (LACKS + f"{UNET}time_embed.0.weight and 1 more",)),
    "of the autoencoder": lacking(f"{VAE}decoder.conv_out.bias"),
    "its width": lacking(f"{VAE}encoder.down.1.block.0.conv1.weight"),
    "of the text encoder": lacking(f"{TEXT}encoder.layers.11.mlp.fc1.weight"),
    "its words": lacking(f"{TEXT}embeddings.token_embedding.weight"),
    "one layer fewer": (
        without(f"{UNET}input_blocks.11.", f"{UNET}output_blocks.0."),
        (LACKS + f"{UNET}input_blocks.11.0.", DEPTH),
    ),
    "no middle": (without(f"{UNET}middle_block."), (LACKS + f"{UNET}middle_block.", DEPTH)),
    "a scale of fp8, of the text encoder": (
        having(f"{TEXT}encoder.layers.0.mlp.fc1.scale_weight", torch.ones(())),
        ("mlp.fc1.scale_weight: its weights are quantised to scaled fp8",),
    ),
    "another shape": (
        having(CONV, torch.zeros(7, 32, 3, 3)),
        (f"its tensor {CONV} has the shape (7, 32, 3, 3), and (32, 32, 3, 3) is needed",),
    ),
    "too few words": (
        having(f"{TEXT}embeddings.token_embedding.weight", torch.zeros(190, 64)),
        ("token_embedding.weight has the shape (190, 64), and (49408, 64) is needed",),
    ),
    "quantised": (
        having(CONV, torch.zeros(32, 32, 3, 3, dtype=torch.int8)),
        (f"its tensor {CONV} is of whole numbers: the weights are quantised",),
    ),
    "scaled": (
        having(f"{UNET}middle_block.1.transformer_blocks.0.attn2.to_k.scale_weight", torch.ones(())),
        ("attn2.to_k.scale_weight: its weights are quantised to scaled fp8",),
    ),
    "a layer more": (
        having(f"{UNET}input_blocks.12.0.in_layers.2.weight", torch.zeros(2)),
        ("input_blocks.12.0.in_layers.2.weight, for which Stable Diffusion v1 has no place",),
    ),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_file_is_one_line_that_names_a_tensor(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    damage, said = DAMAGES[case]
    file = tmp_path / "model.safetensors"
    save_file(damage(weights), file, SPEC)
    monkeypatch.setattr("diffusers.StableDiffusionPipeline.from_single_file", None)  # nothing is read
    with pytest.raises(InvalidFile) as raised:
        open_single_file(file)
    line = str(raised.value)
    assert all(part in line for part in (*said, str(file))) and "\n" not in line, line


def test_averaged_weights_beside_the_plain_ones_are_not_read(weights: Weights, tmp_path: Path) -> None:
    averaged = {
        "model_ema." + name.removeprefix("model.").replace(".", ""): torch.full_like(value, 0.01)
        for name, value in weights.items()
        if name.startswith(UNET)
    }
    save_file(weights | averaged | {"model_ema.num_updates": torch.tensor(5)}, tmp_path / "x.safetensors")
    unet = open_single_file(tmp_path / "x.safetensors")["unet"]
    assert torch.equal(unet.conv_in.weight, weights[f"{UNET}input_blocks.0.0.weight"])
    assert torch.equal(unet.down_blocks[0].resnets[0].conv1.weight, weights[CONV])


def test_weights_of_eight_bits_are_cast_up(weights: Weights, tmp_path: Path) -> None:
    file = tmp_path / "fp8.safetensors"
    save_file({name: value.to(torch.float8_e4m3fn) for name, value in weights.items()}, file)
    parts = open_single_file(file, torch.float32)
    small = weights[CONV].to(torch.float8_e4m3fn).float()
    assert torch.equal(parts["unet"].down_blocks[0].resnets[0].conv1.weight, small)
    for name in ("unet", "vae", "text_encoder"):
        assert {value.dtype for value in parts[name].parameters()} == {torch.float32}


def test_a_pickle_is_looked_into_in_the_same_way(weights: Weights, tmp_path: Path) -> None:
    torch.save({"state_dict": without(CONV)(weights)}, tmp_path / "model.ckpt")
    with pytest.raises(InvalidFile, match=re.escape(LACKS + CONV)):
        open_single_file(tmp_path / "model.ckpt")
