"""All that is wrong with a command is said in one line, before a model is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

SAMPLE = [
    ("-n 3 horses --steps 0", ["--steps must be at least 1", "not learnt 'horse'"]),
    (
        "-n 3 horses -n 2 cows --guidance 500 --zoom 99 --cache-interval 0 --scheduler foo",
        [
            "--guidance must be between 0 and 100",
            "--zoom must be from 1",
            "--cache-interval must be at least 1",
            "--scheduler must be one of",
            "not learnt 'cow', 'horse', only cat, dog",
        ],
    ),
    (
        "-n 3 dogs --method regional --steps 0 --verify --vae gone --lora gone.safetensors",
        [
            "--steps must be",
            "gone: there is no such file (check the path of --vae)",
            "gone.safetensors: there is no such file (check the path of --lora)",
            "--verify has no effect without --method sprites",
            "knows layouts by img2img, text2img only",
        ],
    ),
    (
        "-n 3 horses --device cdua --dtype fp3 --seed x --batch-size 0 --width 0 --units inch",
        [
            "--device must be",
            "--dtype must be",
            "--seed must be",
            "--batch-size must be",
            "--width must be 1 pixel or more",
            "--units must be",
            "not learnt 'horse'",
        ],
    ),
    (
        "gone.yaml lost.yaml -n 3 dogs --method magic,art --model nowhere --num-images 0",
        [
            "gone.yaml: there is no such file",
            "lost.yaml: there is no such file",
            "not magic or art",
            "--model nowhere: there is no such folder",
            "--num-images must be 1 or more",
        ],
    ),
    (
        "-n 9999 horses --width 256 --height 256 --method regional",
        ["not learnt 'horse'", "knows layouts by img2img, text2img only", "do not fit the 256 x 256 canvas"],
    ),
    ("-n 3 dogs --method sprites --verify --detector gone --steps 0", ["--detector gone: there", "--steps"]),
]


@pytest.mark.parametrize(("words", "said"), SAMPLE, ids=[words for words, _ in SAMPLE])
def test_sample(
    refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, said: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    line = refused("sample", *words.split())
    assert [part for part in said if part not in line] == []
    assert not list(tmp_path.iterdir())


def test_sample_says_what_is_in_the_way_of_its_output(refused, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    line = refused("sample", "-n", "3", "dogs", "--steps", "0", "-o", tmp_path / "out")
    assert "--steps must be" in line and "is a file; name a folder" in line


def test_train(refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").write_text("a file")
    options = (
        "--batch-size 0 --method magic --resolution 97 --validation gone.yaml --device tpu --max-minutes 0"
    )
    line = refused("train", "nowhere", "-o", "run", *options.split())
    assert "run is a file" in line and "nowhere: is no folder" in line and "gone.yaml: there is no" in line
    for said in ("--batch-size", "--method must be text2img", "--resolution 97", "--device", "--max-minutes"):
        assert said in line
    line = refused("train", "-o", "other", "--config", "gone.yaml", "--images", "0")
    assert "gone.yaml: there is no" in line and "--images must be" in line and "pass DATA" not in line
    line = refused("train", "-o", "other", "--images", "0")
    assert "pass DATA" in line and "--images must be" in line


def test_distill(refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prepared_horses: Path) -> None:
    monkeypatch.chdir(tmp_path)
    options = "--steps 0 --batch-size 0 --method magic --features nix"
    line = refused("distill", "nowhere", "gone", "-o", "run", *options.split())
    for said in (
        "MODEL nowhere",
        "gone: is no folder",
        "--steps must be 1 or more",
        "--batch-size",
        "--method",
    ):
        assert said in line
    assert (
        "--features nix cannot be loaded: there is no such folder" in line and "for distillations" not in line
    )
    model = str(Path(__file__).parents[2] / "layoutgen/assets/model")
    line = refused("distill", model, prepared_horses, "-o", "run", "--images", "0")
    assert "not learnt 'horse'" in line and "--images must be" in line


@pytest.fixture
def prepared_horses(coco, run, tmp_path: Path) -> Path:
    """Prepared data of a label that the model in the package does not know."""
    photos, file = coco([("a.png", 96, 96)], [(1, "horse", [10.0, 20.0, 50.0, 40.0])])
    assert run("prepare", "coco", photos, file, "-o", tmp_path / "data").exit_code == 0
    return tmp_path / "data"


def test_evaluate(refused, coco, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    photos, file = coco([("a.png", 200, 100)], [(1, "horse", [10.0, 20.0, 50.0, 40.0])])
    options = "--threshold 3 --iou 7 --protocol foo --tile 3 --device tpu --real gone --inception lost"
    line = refused("evaluate", "--images", photos, "--annotations", file, *options.split())
    for name in ("threshold", "iou", "protocol", "tile", "device", "inception lost: there is no such file"):
        assert f"--{name}" in line
    assert "gone: there is no such folder" in line and "does not know 'horse', only cat, dog" in line
    line = refused("evaluate", "gone", "lost", "--detector", "nowhere", "--iou", "7")
    for said in ("gone: there is no", "lost: there is no", "--detector nowhere", "--iou"):
        assert said in line


def test_many_unknown_labels_are_counted(refused, tmp_path: Path) -> None:
    layout = {
        "canvas": {"width": 512, "height": 512},
        "instances": [{"label": f"thing {n}", "count": 1} for n in range(9)],
    }
    (tmp_path / "many.json").write_text(json.dumps(layout))
    line = refused("sample", tmp_path / "many.json")
    assert "'thing 0', 'thing 1', 'thing 2', 'thing 3', 'thing 4', and 4 more, only cat, dog" in line
