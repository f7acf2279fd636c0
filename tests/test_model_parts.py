"""What files tell of a model before it is opened: whether its parts are whole, and which size it is of."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from layoutgen.errors import InvalidFile
from layoutgen.model_info import find_model
from layoutgen.model_kind import check_parts, kind_of_tensors
from layoutgen.training.start_info import start_info

DIFFUSION = "diffusion_pytorch_model"


def model_folder(folder: Path, unet: list[str]) -> Path:
    """A model whose U-Net's weights are in files of these names."""
    files = {
        "unet": unet,
        "vae": [f"{DIFFUSION}.safetensors"],
        "text_encoder": ["model.safetensors"],
    }
    for part, names in files.items():
        (folder / part).mkdir(parents=True)
        (folder / part / "config.json").write_text("{}")
        for name in names:
            save_file({name: np.zeros(2, np.float32)}, folder / part / name)
    for name in ("tokenizer/vocab.json", "scheduler/scheduler_config.json"):
        (folder / name).parent.mkdir()
        (folder / name).write_text("{}")
    return folder


def shards(variant: str = "") -> list[str]:
    return [f"{DIFFUSION}{variant}-0000{number}-of-00002.safetensors" for number in (1, 2)]


@pytest.mark.parametrize("variant", ["", ".fp16"])
def test_shards_need_the_index_that_says_what_is_in_them(tmp_path: Path, variant: str) -> None:
    folder = model_folder(tmp_path / "model", shards(variant))
    index = f"unet/{DIFFUSION}.safetensors.index{variant}.json"
    said = (
        f"{index}: is missing: it says which tensor is in {shards(variant)[0]}, and which in the other files"
    )
    with pytest.raises(InvalidFile, match=re.escape(said)):
        check_parts(folder)
    (folder / index).write_text(json.dumps({"weight_map": {name: name for name in shards(variant)}}))
    check_parts(folder)


def test_weights_under_a_name_of_ones_own_are_named(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model", ["mine.safetensors"])
    said = "unet: its weights are called mine.safetensors, under which nothing looks for them (call the file "
    with pytest.raises(InvalidFile, match=re.escape(said + f"{DIFFUSION}.safetensors)")):
        check_parts(folder)


def test_a_variant_alone_is_enough(tmp_path: Path) -> None:
    check_parts(model_folder(tmp_path / "model", [f"{DIFFUSION}.fp16.safetensors"]))


@pytest.mark.parametrize(
    ("metadata", "known"),
    [
        ({}, False),
        ({"modelspec.prediction_type": "noise"}, False),
        ({"modelspec.resolution": "512x512"}, True),
        ({"modelspec.prediction_type": "v"}, True),
    ],
)
def test_a_v2_that_does_not_say_its_size_is_said_to_be_unknown(
    tmp_path: Path, metadata: dict[str, str], known: bool
) -> None:
    names = ("cond_stage_model.model.ln_final.bias", "first_stage_model.decoder.conv_in.weight")
    weights = {name: np.zeros(2, np.float32) for name in names}
    weights["model.diffusion_model.input_blocks.0.0.weight"] = np.zeros((2, 4, 3, 3), np.float32)
    file = tmp_path / "v2.safetensors"
    save_file(weights, file, metadata)
    info = find_model(str(file))
    assert info.window_known == known
    note = (
        None if known else f"{file} does not say whether it is the Stable Diffusion v2 of 768 px or that of "
    )
    for said in (info.size_note, start_info(str(file), None).size_note):
        assert said is None if note is None else said is not None and said.startswith(note + "512 px: ")


def test_a_lora_of_three_factors_is_named() -> None:
    layer = "lora_unet_mid_block_resnets_0_conv1"
    shapes = {f"{layer}.lora_{part}.weight": (2, 2, 3, 3) for part in ("down", "mid", "up")}
    assert kind_of_tensors(shapes).what.startswith(
        "a LoCon of LyCORIS of three factors (Tucker), which belongs"
    )
