"""A hub id of which there is no model is refused in one line, in our words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from layoutgen.hub import check_hub_model


@pytest.fixture(autouse=True)
def silent_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers at the address of the hub, and nothing was downloaded before."""
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    """A folder as `sample` writes it, with an image of nothing."""
    from PIL import Image

    (tmp_path / "run/images").mkdir(parents=True)
    Image.new("RGB", (64, 64)).save(tmp_path / "run/images/a.png")
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 64}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 40, 48]}],
    }
    (tmp_path / "run/annotations.json").write_text(json.dumps(content))
    return tmp_path


@pytest.mark.parametrize(
    ("setting", "command"),
    [
        ("--model", ["sample", "-n", "3", "dogs", "--model", "some/model"]),
        ("--detector", ["evaluate", "run", "--detector", "some/model"]),
        ("--masks", ["prepare", "coco", "run", "-o", "out", "--masks", "some/model"]),
    ],
)
def test_a_hub_that_does_not_answer(
    refused: Callable[..., str], samples: Path, setting: str, command: list[str]
) -> None:
    expected = (
        f"layoutgen: {setting} some/model is no folder here, and the hub that may have it cannot be reached"
    )
    assert refused(*command) == f"{expected}: connect to it, or pass a folder\n"
    assert not (samples / "out").exists()


def test_what_is_no_hub_id_passes() -> None:
    Path("some/folder").mkdir(parents=True)
    for name in (None, "some/folder", "./run", "run", "a/b/c", "model.safetensors"):
        check_hub_model(name, "model")
