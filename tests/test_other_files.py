"""What else people have beside checkpoints, as a model or to be added to one: one line says what it is."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file
from typer.testing import CliRunner

from layoutgen.additions import Additions
from layoutgen.cli import app
from layoutgen.errors import LayoutgenError
from layoutgen.model_info import find_model
from layoutgen.training.start_info import start_info

Make = Callable[[Path], Path]
CONVOLUTION = "model.diffusion_model.input_blocks.0.0.weight"
PARTS = {part: ["diffusers", "Any"] for part in ("unet", "vae", "text_encoder", "tokenizer", "scheduler")}
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 4265146304\n"
PAGE = b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"


def tensors(name: str, **shapes: tuple[int, ...]) -> Make:
    def make(root: Path) -> Path:
        save_file({key: np.zeros(shape, np.float32) for key, shape in shapes.items()}, root / name)
        return root / name

    return make


def content(name: str, values: bytes) -> Make:
    def make(root: Path) -> Path:
        (root / name).write_bytes(values)
        return root / name

    return make


def folder(name: str, files: dict[str, Any]) -> Make:
    def make(root: Path) -> Path:
        for file, values in files.items():
            (root / name / file).parent.mkdir(parents=True, exist_ok=True)
            (root / name / file).write_bytes(
                values if isinstance(values, bytes) else json.dumps(values).encode()
            )
        return root / name

    return make


def archive(name: str) -> Make:
    def make(root: Path) -> Path:
        with zipfile.ZipFile(root / name, "w") as file:
            file.writestr("model_index.json", "{}")
        return root / name

    return make


def cut(root: Path) -> Path:
    file = tensors("cut.safetensors", a=(8,))(root)
    file.write_bytes(file.read_bytes()[:-4])
    return file


NO_TENSORS = "is no .safetensors file, or cut off (download it again)"
NO_PICKLE = "is a pickle that is cut off, or none (copy it again)"
NO_CHECKPOINT = "is no checkpoint: give a folder, or a .safetensors file"
NO_INDEX = "is no model: it holds no model_index.json"
UNREAD = "which belongs to a model and is not read here"
DOWN, UP = {"lora_unet_x.lora_down.weight": (2, 2)}, {"lora_unet_x.lora_up.weight": (2, 2)}
FLAX = {"model_index.json": {"_class_name": "FlaxStableDiffusionPipeline", **PARTS}}
FLAX |= {f"{part}/config.json": {} for part in ("unet", "vae", "text_encoder")}
FLAX |= {"unet/diffusion_flax_model.msgpack": b"x", "tokenizer/vocab.json": {}}

OTHERS: dict[str, tuple[Make, str]] = {
    "a pointer of Git LFS": (content("x.safetensors", POINTER), "is a pointer of Git LFS, not the file"),
    "a pointer to a .ckpt": (content("x.ckpt", POINTER), "is a pointer of Git LFS, not the file"),
    "a web page": (content("x.safetensors", PAGE), "is a web page, no file of weights (download"),
    "a web page as .bin": (content("x.bin", PAGE), "is a web page, no file of weights (download"),
    "an answer of a hub": (content("x.safetensors", b'{"error": "Access is restricted"}'), NO_TENSORS),
    "an empty file": (content("x.safetensors", b""), NO_TENSORS),
    "an empty .pt": (content("x.pt", b""), NO_PICKLE),
    "a file cut off": (cut, "is cut off: 4 bytes are missing (download it again)"),
    "a zip of a folder": (archive("x.zip"), NO_CHECKPOINT),
    "a zip by another name": (archive("x.safetensors"), NO_TENSORS),
    "a zip as .ckpt": (archive("x.ckpt"), NO_PICKLE),
    "GGUF": (content("x.gguf", b"GGUF" + bytes(99)), NO_CHECKPOINT),
    "GGUF by another name": (content("x.safetensors", b"GGUF" + bytes(99)), NO_TENSORS),
    "ONNX in one file": (content("x.onnx", bytes(99)), NO_CHECKPOINT),
    "T2I-Adapter": (
        tensors("x.safetensors", **{"adapter.body.0.resnets.0.block1.weight": (2, 2)}),
        "is a T2I-Adapter alone",
    ),
    "T2I-Adapter, original": (
        tensors("x.safetensors", **{"body.0.block1.weight": (2, 2, 1, 1), "conv_in.weight": (2, 2, 1, 1)}),
        "is a T2I-Adapter alone",
    ),
    "a wrapped checkpoint": (
        tensors("x.safetensors", **{f"module.{CONVOLUTION}": (8, 4, 3, 3)}),
        "is a checkpoint with 'module.' before the names of its tensors",
    ),
    "averaged weights alone": (
        tensors("x.safetensors", **{"model_ema.diffusion_modelinput_blocks00weight": (8, 4, 3, 3)}),
        "is a checkpoint of averaged weights (EMA) alone",
    ),
    "LoHa": (tensors("x.safetensors", **{"lora_unet_x.hada_w1_a": (2, 2)}), f"a LoHa of LyCORIS, {UNREAD}"),
    "LoKr": (tensors("x.safetensors", **{"lora_unet_x.lokr_w1": (2, 2)}), f"a LoKr of LyCORIS, {UNREAD}"),
    "OFT": (tensors("x.safetensors", **{"lora_unet_x.oft_blocks": (2, 2, 2)}), f"an OFT, {UNREAD}"),
    "DoRA": (
        tensors("x.safetensors", **DOWN, **UP, **{"lora_unet_x.dora_scale": (2, 1)}),
        f"a DoRA in the keys of LyCORIS, {UNREAD}",
    ),
    "ONNX": (
        folder(
            "x",
            {"model_index.json": {"_class_name": "OnnxStableDiffusionPipeline", "unet": ["diffusers", "O"]}},
        ),
        "is an ONNX export of a model",
    ),
    "OpenVINO": (
        folder("x", {"model_index.json": {"_class_name": "OVStableDiffusionPipeline"}}),
        "is an OpenVINO export of a model",
    ),
    "optimum's parts": (
        folder(
            "x", {"model_index.json": {"_class_name": "ORTPipeline", "unet": ["optimum.onnxruntime", "U"]}}
        ),
        "names U of optimum.onnxruntime, which is no part of a model that is known",
    ),
    "Core ML": (folder("x.mlpackage", {"Manifest.json": {}}), NO_INDEX),
    "a folder of T2I-Adapter": (
        folder("x", {"config.json": {"_class_name": "T2IAdapter"}}), "is a T2IAdapter alone"
    ),
    "a state of accelerate": (
        folder("x", {"model.safetensors": b"x", "optimizer.bin": b"x", "random_states_0.pkl": b"x"}), NO_INDEX
    ),
    "a state of DeepSpeed": (
        folder("x", {"latest": b"global_step1", "global_step1/mp_rank_00_model_states.pt": b"x"}), NO_INDEX
    ),
    "a modular pipeline": (folder("x", {"modular_model_index.json": {}}), NO_INDEX),
    "a folder called like a file": (folder("x.safetensors", {"y.txt": b""}), NO_INDEX),
    "weights of Flax": (folder("x", FLAX | {"scheduler/scheduler_config.json": {}}), "holds no weights"),
}  # fmt: skip


@pytest.mark.parametrize("case", OTHERS)
def test_what_is_no_model_is_one_line(tmp_path: Path, case: str) -> None:
    make, says = OTHERS[case]
    model = make(tmp_path)
    for opened in (find_model, lambda name: start_info(name, None)):  # of sample, and of train and distill
        with pytest.raises(LayoutgenError) as raised:
            opened(str(model))
        said = str(raised.value)
        assert says in said and "\n" not in said and str(model) in said, said


@pytest.mark.parametrize("option", ["lora", "embedding", "vae"])
@pytest.mark.parametrize("case", OTHERS)
def test_nor_can_it_be_added(tmp_path: Path, case: str, option: str) -> None:
    make, says = OTHERS[case]
    file = make(tmp_path)
    with pytest.raises(LayoutgenError) as raised:
        Additions(**{option: str(file) if option == "vae" else (str(file),)}).check()
    said = str(raised.value)
    assert "\n" not in said and str(file) in said, said
    if file.is_dir():
        return
    assert says in said or says == NO_CHECKPOINT, said


@pytest.mark.parametrize(
    "words", ["sample -n 1 dog --model {}", "sample -n 1 dog --lora {}", "distill {} {}"]
)
@pytest.mark.parametrize("case", ["a web page", "a wrapped checkpoint", "DoRA", "a state of DeepSpeed"])
def test_commands_say_it(tmp_path: Path, case: str, words: str) -> None:
    made = OTHERS[case][0](tmp_path)
    command = [*words.format(made, tmp_path).split(), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, command, env={"COLUMNS": "500"})
    assert isinstance(done.exception, SystemExit) and done.exit_code == 2, done.output
    assert len(done.output.strip().splitlines()) == 1, done.output
    assert not (tmp_path / "out").exists()
