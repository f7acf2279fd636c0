"""What a stranger gives to be added to a model runs no code and takes no memory: one line, before that."""

from __future__ import annotations

import json
import pickle
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from layoutgen.additions import Additions
from layoutgen.errors import LayoutgenError
from tests.test_model_files import Bomb

RUNS_CODE = "can run code when it is read: it names"
CONFIG = {"_class_name": "AutoencoderKL", "block_out_channels": [8, 8], "latent_channels": 4}


def pickled(path: Path, ran: Path) -> Path:
    path.write_bytes(pickle.dumps(Bomb(ran)))
    return path


def saved(path: Path, ran: Path) -> Path:
    """As `torch.save` writes it, between true weights."""
    torch.save({"a": torch.zeros(2), "string_to_param": Bomb(ran)}, path)
    return path


def folder(path: Path, weights: str, **config: Any) -> Path:
    path.mkdir()
    (path / "config.json").write_text(json.dumps(CONFIG | config))
    if weights.endswith(".bin"):
        torch.save({"a": torch.zeros(2)}, path / weights)
    else:
        save_file({"a": torch.zeros(2)}, path / weights)
    return path


def refusal(given: Additions) -> str:
    with pytest.raises(LayoutgenError) as caught:
        given.check()
    said = str(caught.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize("write", [pickled, saved])
@pytest.mark.parametrize("suffix", [".pt", ".bin", ".ckpt"])
@pytest.mark.parametrize("option", ["vae", "lora", "embedding"])
def test_a_pickle_that_would_run_code(tmp_path: Path, write: Any, suffix: str, option: str) -> None:
    file = write(tmp_path / f"added{suffix}", tmp_path / "ran")
    given = Additions(**{option: str(file) if option == "vae" else (str(file),)})
    said = refusal(given)
    assert str(file) in said and (RUNS_CODE in said or "is no file of weights (give a .safetensors" in said)
    assert "safetensors" in said and not (tmp_path / "ran").exists()


@pytest.mark.parametrize("option", ["vae", "lora", "embedding"])
def test_a_pickle_under_the_name_of_safetensors(tmp_path: Path, option: str) -> None:
    file = pickled(tmp_path / "added.safetensors", tmp_path / "ran")
    said = refusal(Additions(**{option: str(file) if option == "vae" else (str(file),)}))
    assert f"{file}: is no .safetensors file, or cut off (download it again)" in said
    assert not (tmp_path / "ran").exists()


def test_an_autoencoder_in_a_folder(tmp_path: Path) -> None:
    pickle_only = folder(tmp_path / "pickle", "diffusion_pytorch_model.bin")
    pickled(pickle_only / "diffusion_pytorch_model.bin", tmp_path / "ran")
    assert RUNS_CODE in refusal(Additions(str(pickle_only)))
    assert not (tmp_path / "ran").exists()
    for name, held in (("x.bin", r"[\d,]+ bytes"), ("x.safetensors", "1 tensors")):
        wide = folder(tmp_path / f"wide {name}", name, block_out_channels=[2**40, 8])
        assert "block_out_channels: is 1099511627776, and the weights have" in refusal(Additions(str(wide)))
        deep = folder(tmp_path / f"deep {name}", name, layers_per_block=2**40)
        said = refusal(Additions(str(deep)))
        assert re.search(rf"layers_per_block: is 1099511627776, and the weights have {held}\b", said), said
    inside = tmp_path / "model"
    inside.mkdir()
    folder(inside / "vae", "x.safetensors", auto_map={"AutoModel": "mine.Model"})
    assert "auto_map: asks for code of its own" in refusal(Additions(str(inside)))


def test_a_list_of_tensors_that_unpacks_to_gigabytes(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(tmp_path / "x.pt", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("archive/data.pkl", "w", force_zip64=True) as file,
    ):
        for _ in range(5):
            file.write(bytes(2**24))
    said = refusal(Additions(embedding=(str(tmp_path / "x.pt"),)))
    assert "its list of tensors has 83,886,080 bytes, and 67,108,864 is the most" in said
