"""Narrow models of the real configurations, as people have them on disk."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.original_layout import write_single_file
from tests.real_shapes import real_shaped

SPEC = {"modelspec.resolution": "128x128"}


def in_half_precision(base: str) -> Any:
    """diffusers' own narrow pipeline of `base`, with weights that half precision can hold."""
    logging.getLogger("diffusers").setLevel(logging.ERROR)
    return real_shaped(base).to(torch.float16).to(torch.float32)


@pytest.fixture(scope="session")
def theirs() -> Any:
    """diffusers' own pipeline of Stable Diffusion v1."""
    return in_half_precision("sd1")


@pytest.fixture(scope="session")
def forms(theirs: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One model in all the forms in which people have it."""
    root = tmp_path_factory.mktemp("checkpoints")
    file = write_single_file(theirs, root / "model.safetensors", SPEC)
    torch.save({"state_dict": load_file(file)}, root / "model.ckpt")
    theirs.save_pretrained(root / "folder")
    theirs.save_pretrained(root / "bin", safe_serialization=False)
    theirs.to(torch.float16).save_pretrained(root / "fp16", variant="fp16")
    theirs.to(torch.float32)
    return {
        "folder": root / "folder",
        "folder of fp16 files": root / "fp16",
        "folder of .bin files": root / "bin",
        "one .safetensors file": file,
        "one .ckpt file": root / "model.ckpt",
    }
