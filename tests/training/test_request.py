"""What a user asks of a training: taken from the model, from the run, from a file; refused all at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from layoutgen.additions import Additions
from layoutgen.assets import MODEL
from layoutgen.cli import app
from layoutgen.data.listing import list_data
from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.training.outlook import Stage, outlook, spoken_time
from layoutgen.training.request import TrainingRequest, read_request
from layoutgen.training.run_config import RunConfig, read_shape
from layoutgen.training.start_info import start_info
from tests.training.conftest import draw_scenes, endless_scenes


class Stop(Exception):
    """Ends the command where the training would begin."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[TrainingRequest]:
    """What the command line asks of a training, which does not begin."""
    requests: list[TrainingRequest] = []

    def stop(request: TrainingRequest, **rest: object) -> None:
        requests.append(request)
        raise Stop

    monkeypatch.setattr("layoutgen.training.run.prepare_run", stop)
    return requests


def command(*words: object) -> str:
    """What `layoutgen train` prints until a training would begin."""
    return CliRunner().invoke(app, ["train", *map(str, words)]).output


def test_without_more_it_starts_from_the_small_model(
    prepared: Path, tmp_path: Path, asked: list[TrainingRequest]
) -> None:
    index = prepared / "metadata.jsonl"
    index.write_text(index.read_text().replace('"cat"', '"horse"'))
    printed = command(prepared, "-o", tmp_path / "run")
    assert "Starts from the small model in the package; new to it: horse" in printed
    (request,) = asked
    assert request.start.source == str(MODEL) and request.shape is None
    config = request.config
    assert (config.resolution, config.methods, config.train_text_encoder) == (
        192,
        ("img2img", "text2img"),
        True,
    )
    assert request.differing() == {}


def test_what_is_given_wins_over_the_model(prepared: Path, tmp_path: Path) -> None:
    given = RunConfig(prepared, settings={"resolution": 96, "train_text_encoder": False, "images": 64})
    request = read_request(tmp_path / "run", given, None, "cpu")
    assert (request.config.resolution, request.config.train_text_encoder) == (96, False)
    assert request.differing() == {"resolution": 96, "train_text_encoder": False, "images": 64}


def test_a_checkpoint_gives_its_resolution(prepared: Path, tmp_path: Path, toy_checkpoint: Path) -> None:
    request = read_request(tmp_path / "run", RunConfig(prepared, str(toy_checkpoint)), None, "cpu")
    assert (request.config.resolution, request.start.multiple) == (32, 16)
    assert not request.config.train_text_encoder and request.start.labels is None


@pytest.mark.parametrize("order", ["{data} --from-scratch -o {run}", "--from-scratch {data} -o {run}"])
def test_from_scratch_without_a_file_has_the_shape_of_the_package(
    prepared: Path, tmp_path: Path, asked: list[TrainingRequest], order: str
) -> None:
    command(*order.format(data=prepared, run=tmp_path / "run").split())
    (request,) = asked
    assert request.data == prepared and request.shape == read_shape(None)
    assert request.config.resolution == 192 and request.config.train_text_encoder
    unet = json.loads((MODEL / "unet/config.json").read_text())
    assert request.shape.channels == tuple(unet["block_out_channels"])
    assert request.shape.window == start_info(None, None).window


def test_all_that_is_wrong_is_said_at_once_and_without_torch(tmp_path: Path) -> None:
    words = [
        "train", str(tmp_path / "gone"), "-o", str(tmp_path / "run"), "--batch-size", "0", "--ema", "2",
        "--model", "dogs", "--tracker", "abacus", "--max-minutes", "0", "--device", "tpu",
    ]  # fmt: skip
    program = f"""
import sys
from layoutgen.cli import app
try:
    app({words!r})
finally:
    print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "False\n"
    assert done.stderr.count("\n") == 1
    places = [
        done.stderr.index(words)
        for words in ("--max-minutes", "gone: is no folder", "--model dogs", "--batch-size", "--ema")
    ]
    assert places == sorted(places)
    assert not (tmp_path / "run").exists()


def test_a_device_and_a_package_that_are_not_there(prepared: Path, tmp_path: Path) -> None:
    settings = {"tracker": "abacus", "cache_latents": True}
    with pytest.raises(InvalidOption, match=r"`tracker` abacus is unknown.*; `device` must be cpu or cuda"):
        read_request(tmp_path / "run", RunConfig(prepared, settings=settings), None, "tpu")


def test_nothing_to_train_with(tmp_path: Path) -> None:
    assert f"pass DATA, what `layoutgen prepare` wrote: {tmp_path / 'run'} holds no run" in command(
        "-o", tmp_path / "run"
    )


def test_data_without_a_box(tmp_path: Path) -> None:
    folder = draw_scenes(tmp_path / "data", 1)
    line = json.loads((folder / "metadata.jsonl").read_text())
    line["objects"] = {"bbox": [], "category": []}
    (folder / "metadata.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(InvalidFile, match="lists 1 images and no box"):
        list_data(folder)


def test_scenes_whose_photos_are_gone(tmp_path: Path) -> None:
    scenes = endless_scenes(tmp_path)
    assert list_data(scenes).labels == ("dog",) and list_data(scenes).images == 0
    (tmp_path / "grounds").rename(tmp_path / "moved")
    with pytest.raises(InvalidFile, match="grounds is not there"):
        list_data(scenes)


def test_a_file_of_options_may_hold_data_and_model(
    prepared: Path, tmp_path: Path, toy_checkpoint: Path
) -> None:
    (tmp_path / "all.yaml").write_text(
        yaml.safe_dump({"data": str(prepared), "model": str(toy_checkpoint), "images": 4})
    )
    request = read_request(tmp_path / "run", RunConfig(), tmp_path / "all.yaml", "cpu")
    assert (request.data, request.model, request.config.images) == (prepared, str(toy_checkpoint), 4)
    (tmp_path / "all.yaml").write_text("data: [1]\n")
    with pytest.raises(InvalidFile, match="no text"):
        read_request(tmp_path / "run", RunConfig(), tmp_path / "all.yaml", "cpu")


def test_the_first_runs_named_their_model_elsewhere(
    prepared: Path, tmp_path: Path, toy_checkpoint: Path
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").write_text("images: 12\n")
    (tmp_path / "run/origin.yaml").write_text(
        f"model: {toy_checkpoint}\nfrom_scratch: null\nversions: {{}}\n"
    )
    request = read_request(tmp_path / "run", RunConfig(prepared), None, "cpu")
    assert (request.model, request.config.images) == (str(toy_checkpoint), 12)


def test_a_file_of_options_says_what_a_run_says(tmp_path: Path) -> None:
    added = Additions("a.safetensors", ("b:0.5",), (), 2)
    config = RunConfig(Path("/x"), None, read_shape(None), {"methods": ("img2img",), "images": 3}, added)
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config.plain()))
    from layoutgen.training.run_config import read_run_config

    assert read_run_config(tmp_path / "config.yaml") == config


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(40, "40 s"), (720, "12 min"), (12_600, "3.5 h"), (90_000, "25 h"), (200_000, "2.31 days")],
)
def test_times_are_spoken(seconds: float, words: str) -> None:
    assert spoken_time(seconds) == words


def test_a_hopeless_training_is_told() -> None:
    new = start_info(None, read_shape(None))
    hopeless = outlook(new, 8_000, 6_000, 2.0, visible=0.1)
    assert hopeless is not None and hopeless.stage is Stage.NOISE
    assert "still noise: 10% of the boxes in the sample pictures stand out" in hopeless.words
    assert "6,000 of about 100,000 images" in hopeless.words and "13 h at 2 images/s" in hopeless.words
    assert "this run ends at 8,000" in hopeless.words
    small = outlook(start_info(None, None), 8_000, 6_000, 2.0, visible=0.1)
    assert small is not None and small.words.endswith("around them, after 6,000 images")
    late = outlook(new, 200_000, 100_000, 2.0, visible=0.1)
    assert late is not None and late.stage is Stage.NOISE and "of about" not in late.words


def test_a_hopeful_training_is_told_by_its_pictures_not_by_its_images() -> None:
    new = start_info(None, read_shape(None))
    early = outlook(new, 8_000, 1_000, 2.0, visible=0.9)
    assert early is not None and early.stage is Stage.OBJECTS
    assert early.words.startswith("Pictures are more than noise: 90% of the boxes")


def test_without_a_picture_nobody_knows() -> None:
    new = start_info(None, read_shape(None))
    unknown = outlook(new, 8_000, 6_000, 2.0)
    assert unknown is not None and unknown.stage is Stage.UNKNOWN and "noise" not in unknown.words
    assert "6,000 of about 100,000 images" in unknown.words
    assert outlook(new, 200_000, 100_000, 2.0) is None
    assert outlook(start_info(None, None), 8_000, 6_000, 2.0) is None
