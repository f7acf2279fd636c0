"""A model from a stranger runs no code, and takes no memory that its weights do not need."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from layoutgen.assets import DETECTOR, MODEL
from layoutgen.detection.loading import load_detector
from layoutgen.errors import InvalidFile
from layoutgen.model_files import check_model_files, weights_only
from layoutgen.model_info import find_model
from layoutgen.pipeline import LayoutPipeline


class Bomb:
    """Pickled, it writes the file `path` when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.path, "it ran")


def write_code(folder: Path, path: Path) -> None:
    path.write_text(
        f"import pathlib; pathlib.Path({str(folder.parent / 'ran')!r}).write_text('it ran')\nX = 1"
    )


def edited(name: str, **values: Any) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        file = folder / name
        file.write_text(json.dumps(json.loads(file.read_text()) | values))

    return edit


def pickled(part: str, file: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        for weights in (folder / part).glob("*.safetensors"):
            weights.unlink()
        (folder / part / file).write_bytes(pickle.dumps(Bomb(folder.parent / "ran")))

    return edit


HARMFUL = {
    "a module beside the weights": (lambda f: write_code(f, f / "unet" / "diffusers.py"), "is code"),
    "a pipeline of its own": (lambda f: write_code(f, f / "mine.py"), "is code"),
    "its name": (
        edited("model_index.json", _class_name=["mine", "LayoutPipeline"]),
        "_class_name: names a module",
    ),
    "any module": (edited("model_index.json", unet=["antigravity", "X"]), "unet: names X of antigravity"),
    "a pipeline as a part": (
        edited("model_index.json", unet=["diffusers", "StableDiffusionPipeline"]),
        "no part of a model",
    ),
    "a class by another file": (
        edited("model_index.json", text_encoder=["transformers", "AutoModel"]),
        "no part of a model",
    ),
    "no class": (edited("model_index.json", vae=["diffusers"]), "must name a library and a class"),
    "a U-Net in a pickle": (
        pickled("unet", "diffusion_pytorch_model.bin"),
        "is a pickle, which can run code",
    ),
    "an autoencoder in a pickle": (pickled("vae", "diffusion_pytorch_model.bin"), "is a pickle"),
    "a text encoder in a pickle": (pickled("text_encoder", "pytorch_model.bin"), "is a pickle"),
    "a layout encoder in a pickle": (pickled("layout_encoder", "diffusion_pytorch_model.pt"), "is a pickle"),
    "code of the text encoder": (
        edited("text_encoder/config.json", auto_map={"AutoModel": "mine.Model"}),
        "auto_map: asks for code",
    ),
    "a width": (
        edited("unet/config.json", cross_attention_dim=2**40),
        "cross_attention_dim: is 1099511627776",
    ),
    "positions": (edited("text_encoder/config.json", max_position_embeddings=10**12), "and the weights have"),
    "layers": (edited("text_encoder/config.json", num_hidden_layers=10**6), "tensors (copy the model again)"),
    "a list of widths": (
        edited("unet/config.json", block_out_channels=[96, 128, 10**400]),
        "block_out_channels",
    ),
    "infinity": (edited("unet/config.json", sample_size=float("inf")), "sample_size: is inf"),
    "weights cut off": (lambda f: (f / "unet" / "x.safetensors").write_bytes(b"\0" * 9), "cut off"),
}


@pytest.mark.parametrize("case", HARMFUL)
def test_a_harmful_model_is_refused_before_anything_of_it_runs(tmp_path: Path, case: str) -> None:
    spoil, problem = HARMFUL[case]
    model = shutil.copytree(MODEL, tmp_path / "model")
    spoil(model)
    for load in (find_model, lambda name: LayoutPipeline.from_pretrained(name)):
        with pytest.raises(InvalidFile) as caught:
            load(str(model))
        assert problem in str(caught.value)
    assert not (tmp_path / "ran").exists()


DETECTORS = {
    "a pickle": (pickled("", "pytorch_model.bin"), "is a pickle"),
    "its code": (edited("config.json", auto_map={"AutoConfig": "mine.Config"}), "auto_map: asks for code"),
    "a module": (lambda f: write_code(f, f / "mine.py"), "is code"),
    "a width": (edited("config.json", widths=[32, 64, 160, 2**50]), "widths: is 1125899906842624"),
}


@pytest.mark.parametrize("case", DETECTORS)
def test_so_is_a_harmful_detector(tmp_path: Path, case: str) -> None:
    spoil, problem = DETECTORS[case]
    model = shutil.copytree(DETECTOR, tmp_path / "detector")
    spoil(model)
    with pytest.raises(InvalidFile) as caught:
        load_detector(str(model), "cpu")
    assert problem in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("model", [MODEL, DETECTOR])
def test_the_models_of_the_package_pass(model: Path) -> None:
    check_model_files(model)


def test_pickles_beside_safetensors_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "optimizer.pt").write_bytes(b"")
    save_file({"a": torch.zeros(2)}, tmp_path / "model.safetensors")
    check_model_files(tmp_path)


def test_nothing_is_unpickled_whatever_is_asked_for(tmp_path: Path) -> None:
    torch.save(Bomb(tmp_path / "ran"), tmp_path / "x.pt")
    with weights_only(), pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "x.pt", weights_only=False)
    assert not (tmp_path / "ran").exists()
    torch.load(tmp_path / "x.pt", weights_only=False)
    assert (tmp_path / "ran").exists()  # it would have
