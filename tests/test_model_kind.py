"""A model of another kind is one line, before anything is loaded, whichever command is given it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from layoutgen.assets import DETECTOR, MODEL
from layoutgen.cli import app
from layoutgen.errors import InvalidFile
from layoutgen.model_kind import Role, kind_of
from layoutgen.model_kind.sizes import side_of_folder

SD = {part: ["diffusers", "Any"] for part in ("unet", "vae", "text_encoder", "tokenizer", "scheduler")}


def folder_of(folder: Path, files: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    return folder


def index(name: str, **parts: Any) -> dict[str, Any]:
    return {"_class_name": name} | SD | parts


OTHERS = {
    "a Stable Diffusion XL model": {"model_index.json": index("StableDiffusionXLPipeline")},
    "a FLUX model": {"model_index.json": {"_class_name": "FluxPipeline", "transformer": ["diffusers", "X"]}},
    "a Stable Diffusion 3 model": {"model_index.json": {"_class_name": "StableDiffusion3Pipeline"}},
    "an inpainting model": {
        "model_index.json": index("StableDiffusionInpaintPipeline"),
        "unet/config.json": {"in_channels": 9, "out_channels": 4},
    },
    "an instruct-pix2pix model": {
        "model_index.json": index("StableDiffusionPipeline"),
        "unet/config.json": {"in_channels": 8, "out_channels": 4},
    },
    "with two text encoders": {
        "model_index.json": index("StableDiffusionPipeline", text_encoder_2=["transformers", "X"])
    },
    "without vae": {
        "model_index.json": {k: v for k, v in index("StableDiffusionPipeline").items() if k != "vae"}
    },
    "a latent consistency model": {
        "model_index.json": index("StableDiffusionPipeline"),
        "unet/config.json": {"in_channels": 4, "out_channels": 4, "time_cond_proj_dim": 256},
    },
    "a latent consistency model, whose U-Net is told the guidance": {
        "model_index.json": index(
            "StableDiffusionXLPipeline",
            text_encoder_2=["transformers", "X"],
            tokenizer_2=["transformers", "X"],
        ),
        "unet/config.json": {"in_channels": 4, "time_cond_proj_dim": 256},
    },
    "a ControlNet alone": {"config.json": {"_class_name": "ControlNetModel"}},
    "a U-Net alone": {"config.json": {"_class_name": "UNet2DConditionModel"}},
    "a LoRA, which belongs to a model": {"pytorch_lora_weights.safetensors": {}},
    "a CLIPModel": {"config.json": {"architectures": ["CLIPModel"], "model_type": "clip"}},
    "an object-detection model": {"config.json": {"architectures": ["DetrForObjectDetection"]}},
    "a model of an unknown kind": {"config.json": {}},
}


@pytest.mark.parametrize("what", OTHERS)
def test_every_other_kind_is_named(tmp_path: Path, what: str) -> None:
    kind = kind_of(folder_of(tmp_path / "it", OTHERS[what]))
    assert kind is not None
    assert what in kind.what
    assert kind.role is not Role.PAINTER


def test_our_own_and_stable_diffusion_are_painters(tmp_path: Path) -> None:
    plain = folder_of(
        tmp_path / "sd",
        {
            "model_index.json": index("StableDiffusionPipeline", text_encoder_2=[None, None]),
            "unet/config.json": {"in_channels": 4, "out_channels": 4},
        },
    )
    for folder in (MODEL, plain):
        kind = kind_of(folder)
        assert kind is not None
        assert kind.role is Role.PAINTER
    detector = kind_of(DETECTOR)
    assert detector is not None
    assert detector.role is Role.DETECTOR
    assert kind_of(tmp_path) is None


@pytest.mark.parametrize(
    ("unet", "vae", "side"),
    [
        ({"sample_size": 96}, {"block_out_channels": [128, 256, 512, 512]}, 768),  # v2 that predicts v
        ({"sample_size": [64, 48]}, {"block_out_channels": [128, 256, 512, 512]}, 512),
        ({"sample_size": None}, {"block_out_channels": [128, 256, 512, 512]}, 512),
        ({}, {}, 512),
        ({"sample_size": 24}, {"patch_size": 4}, 96),
        ({"sample_size": "x"}, {"block_out_channels": 7, "patch_size": "y"}, 512),
        ({"sample_size": ["x", -1]}, {"block_out_channels": []}, 512),
    ],
)
def test_a_folder_says_on_which_size_it_was_trained(
    tmp_path: Path, unet: dict[str, Any], vae: dict[str, Any], side: int
) -> None:
    files = {"unet/config.json": unet, "vae/config.json": vae}
    assert side_of_folder(folder_of(tmp_path, files)) == side


def test_a_broken_index_is_named(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text("{")
    with pytest.raises(InvalidFile, match=r"model_index\.json"):
        kind_of(tmp_path)


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("sample -n 3 dogs --model {sdxl}", "is a Stable Diffusion XL model"),
        ("train {data} -o {out} --model {sdxl}", "is a Stable Diffusion XL model"),
        ("evaluate {data} --detector {sdxl}", "is a Stable Diffusion XL model"),
        ("sample -n 3 dogs --model {detector}", "is an object-detection model"),
        ("evaluate {data} --detector {model}", "is a Stable Diffusion v1, v2 or XL text-to-image model"),
    ],
)
def test_every_command_says_so_in_one_line(tmp_path: Path, command: str, what: str) -> None:
    from tests.training.conftest import draw_scenes

    places = {
        "sdxl": folder_of(tmp_path / "sdxl", OTHERS["a Stable Diffusion XL model"]),
        "data": draw_scenes(tmp_path / "data", 2),
        "out": tmp_path / "out",
        "detector": DETECTOR,
        "model": MODEL,
    }
    done = CliRunner().invoke(app, command.format(**places).split())
    assert done.exit_code == 2, done.output
    assert what in done.output
    assert done.output.count("\n") == 1
