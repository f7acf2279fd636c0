"""What a user types wrong, or meets on the way: one line, and what was there stays as it was."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from layoutgen.errors import InvalidOption
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.config import TrainConfig
from layoutgen.training.extend_inputs import extend_inputs
from layoutgen.training.run_folder import RunFolder
from tests.toy import toy_pipeline
from tests.training.conftest import SCRATCH, draw_scenes, endless_scenes, invoke, same, train, weights

Tree = dict[str, bytes]


def tree(folder: Path) -> Tree:
    """All files, hidden ones too."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(data: Path, run: Path, *options: str, images: int = 8) -> str:
    """A training that must be refused in one line."""
    done = invoke(data, run, *options, images=images)
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith("layoutgen: ") and done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--validation one.yaml --report-every 0", "--report-every 0 wants none"),
        ("--compile --aspect-buckets", "--aspect-buckets has several: drop one"),
        ("--validation one.yaml --report-every 4", "not learnt 'unicorn'"),
        ("--validation gone.yaml --report-every 4", "gone.yaml: there is no such file"),
        ("--max-minutes 0", "--max-minutes must be above 0"),
        ("--learning-rate nan", "--learning-rate must be above 0"),
        ("--box-weight inf", "--box-weight must be a finite number"),
        ("--seed 9999999999999999999999", "--seed must be below"),
        ("--lora-rank 2", "leave it out with --from-scratch"),
        ("--freeze-text-encoder", "pass --train-text-encoder"),
        ("--resolution 64", "must be the window of the new model, 32"),
        ("--model x/y", "not both"),
        ("--device cuda:1", "accelerate gives each process its GPU"),
    ],
)
def test_a_new_model_is_not_made_for_what_cannot_work(
    prepared: Path,
    tmp_path: Path,
    scratch: list[str],
    monkeypatch: pytest.MonkeyPatch,
    options: str,
    words: str,
) -> None:
    layout = "canvas: {width: 32, height: 32}\ninstances:\n  - {label: unicorn, xyxy: [1, 1, 30, 30]}\n"
    (tmp_path / "one.yaml").write_text(layout)
    monkeypatch.chdir(tmp_path)
    assert words in refused(prepared, tmp_path / "run", *scratch, *options.split())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("channels: [16, 50]", "channels must be multiples"),
        ("channels: []", "channels must be multiples"),
        ("window: 36", "window must be a multiple of 8"),
        ("latent_channels: 60", "latent_channels must be 1 to 48"),
        ("text_dim: 100", "text_dim must be a multiple of 32"),
        ("text_layers: 0", "text_layers must be between 1 and 65,536"),
        ("text_dim: 1000000000000000000", "text_dim must be between 1 and 65,536"),
        ("channels: [102400000000000000]", "channels must be multiples of 32, or 16, up to 8,192"),
        ("smallest: 90.0", "smallest must be above 0 and at most the window"),
        ("largest: 2.0", "largest must be at least smallest"),
        ("aspect: [2.0, 1.0]", "aspect must be two numbers above 0, the smaller first"),
        ("aspect: [1.0]", "aspect must be two numbers above 0, the smaller first"),
        ("layers: two", "'two' is no whole number"),
        ("grid: 0", "grid must be between 1 and 65,536, not 0"),
        ("depth: 3", "unknown option 'depth'"),
    ],
)
def test_a_shape_that_no_model_can_have(
    prepared: Path, tmp_path: Path, scratch: list[str], line: str, words: str
) -> None:
    shape = yaml.safe_load(SCRATCH) | yaml.safe_load(line)
    (tmp_path / "scratch.yaml").write_text(yaml.safe_dump(shape))
    assert words in refused(prepared, tmp_path / "run", *scratch, "--resolution", str(shape["window"]))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", ["", "- 1\n", "images: [", "images: many\n", "images: 5.5\n"])
def test_a_config_file_that_is_none(
    prepared: Path, tmp_path: Path, checkpoint: list[str], content: str
) -> None:
    (tmp_path / "run.yaml").write_text(content)
    options = [*checkpoint, "--config", str(tmp_path / "run.yaml")]
    assert "run.yaml" in refused(prepared, tmp_path / "run", *options)


def test_a_resolution_that_the_unet_cannot_halve(
    prepared: Path, tmp_path: Path, checkpoint: list[str]
) -> None:
    options = [*checkpoint[:2], "--resolution", "40"]
    line = refused(prepared, tmp_path / "run", *options)
    assert "--resolution 40 must be a multiple of 16 for this model: pass 32" in line


def test_a_checkpoint_for_inpainting(prepared: Path, tmp_path: Path) -> None:
    toy = toy_pipeline(tmp_path, size=4, in_channels=9)
    with pytest.raises(InvalidOption, match="reads 9 channels, not the 4"):
        extend_inputs(toy, ("text2img",), "box")
    toy.save_pretrained(tmp_path / "sd")
    options = ["--model", str(tmp_path / "sd"), "--resolution", "32"]
    assert "is an inpainting model" in refused(prepared, tmp_path / "run", *options)


def test_a_model_whose_prediction_type_is_unknown(tmp_path: Path, prepared: Path) -> None:
    """It was trained as if it predicted the latents."""
    toy = toy_pipeline(tmp_path, size=4)
    toy.scheduler.register_to_config(prediction_type="flow_prediction")
    toy.save_pretrained(tmp_path / "sd")
    line = refused(prepared, tmp_path / "run", "--model", str(tmp_path / "sd"), "--resolution", "32")
    assert "the model predicts 'flow_prediction', none of epsilon" in line
    assert not (tmp_path / "run").exists()


def test_data_that_is_none(tmp_path: Path, checkpoint: list[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no metadata.jsonl" in refused(tmp_path / "empty", tmp_path / "run", *checkpoint)


def test_the_wrong_data_for_a_run(prepared: Path, tmp_path: Path, checkpoint: list[str]) -> None:
    train(prepared, tmp_path / "run", *checkpoint, images=4)
    before = tree(tmp_path / "run")
    other = draw_scenes(tmp_path / "other", 6, first=50)
    line = refused(other, tmp_path / "run", *checkpoint)
    assert "was trained with data" in line and "another --output" in line
    assert tree(tmp_path / "run") == before
    train(prepared.rename(tmp_path / "moved"), tmp_path / "run", *checkpoint)


def test_scenes_are_told_apart_by_their_recipe(tmp_path: Path, checkpoint: list[str]) -> None:
    scenes = endless_scenes(tmp_path)
    train(scenes, tmp_path / "run", *checkpoint, images=4)
    recipe = json.loads((scenes / "scenes.json").read_text())
    recipe["config"]["instances"] = [2, 3]
    (scenes / "scenes.json").write_text(json.dumps(recipe))
    assert "was trained with data" in refused(scenes, tmp_path / "run", *checkpoint)


def test_what_a_failed_command_left_is_not_used_for_another_one(
    prepared: Path, tmp_path: Path, scratch: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model from scratch is kept before the run begins; with another seed it is another model."""
    train(prepared, tmp_path / "right", *scratch, "--seed", "1", images=4)
    with monkeypatch.context() as patch:
        patch.setattr("layoutgen.training.run.extend_inputs", _stop)
        assert invoke(prepared, tmp_path / "run", *scratch, "--seed", "0").exit_code == 130
    assert (tmp_path / "run/start").is_dir()
    train(prepared, tmp_path / "run", *scratch, "--seed", "1", images=4)
    assert same(weights(tmp_path / "right"), weights(tmp_path / "run"))


def _stop(*arguments: object, **named: object) -> None:
    raise KeyboardInterrupt


@pytest.fixture
def elsewhere() -> Iterator[Callable[[Path], None]]:
    """Makes another process lock a run folder."""
    processes = []
    code = (
        "import sys; from pathlib import Path; from layoutgen.training.run_folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1]), None, {}).locked():\n"
        "    print('locked', flush=True); sys.stdin.read()"
    )

    def lock(folder: Path) -> None:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        processes.append(subprocess.Popen([sys.executable, "-c", code, str(folder)], **pipes))
        assert processes[-1].stdout.readline() == b"locked\n"

    yield lock
    for process in processes:
        process.communicate(b"")


def test_a_folder_in_which_another_process_trains(
    prepared: Path, tmp_path: Path, checkpoint: list[str], elsewhere: Callable[[Path], None]
) -> None:
    train(prepared, tmp_path / "run", *checkpoint, images=4)
    elsewhere(tmp_path / "run")
    before = tree(tmp_path / "run")
    done = invoke(prepared, tmp_path / "run", *checkpoint)
    assert done.exit_code == 2 and "is being trained by another process" in done.stderr
    assert tree(tmp_path / "run") == before


@pytest.mark.parametrize("content", ["", "- 1\n", "model: [", "processes: many\n", "\x00\x01", "model: x\n"])
def test_a_damaged_origin(prepared: Path, tmp_path: Path, checkpoint: list[str], content: str) -> None:
    train(prepared, tmp_path / "run", *checkpoint, images=4)
    (tmp_path / "run/origin.yaml").write_text(content)
    before = tree(tmp_path / "run")
    done = invoke(prepared, tmp_path / "run", *checkpoint, images=8)
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1
    assert "origin.yaml" in done.stderr
    assert tree(tmp_path / "run") == before


@pytest.mark.parametrize("content", ["- 1\n", "seed: [", "\x00\x01"])
def test_a_damaged_note_of_what_a_new_model_was_built_from(
    prepared: Path, tmp_path: Path, scratch: list[str], content: str
) -> None:
    (tmp_path / "run/start").mkdir(parents=True)
    (tmp_path / "run/start/built_from.yaml").write_text(content)
    done = invoke(prepared, tmp_path / "run", *scratch, images=2)
    assert done.exit_code == 2 and len(done.stderr.splitlines()) == 1
    assert "built_from.yaml" in done.stderr


def test_a_run_whose_learning_rate_has_fallen_goes_on_as_another(
    prepared: Path, tmp_path: Path, checkpoint: list[str]
) -> None:
    falling = [*checkpoint, "--schedule", "cosine"]
    train(prepared, tmp_path / "run", *falling, images=4)
    done = invoke(prepared, tmp_path / "run", *falling, images=8)
    assert done.exit_code == 2
    assert (
        "images 4, not 8: its learning rate was to fall until then; train on from what it is" in done.stderr
    )
    assert f"--model {tmp_path / 'run'} and another --output" in done.stderr


def test_a_damaged_checkpoint(prepared: Path, tmp_path: Path, checkpoint: list[str]) -> None:
    train(prepared, tmp_path / "whole", *checkpoint, images=12)
    train(prepared, tmp_path / "run", *checkpoint, images=8)
    newest = tmp_path / "run/checkpoints/images-0000000008"
    for file, rest in (("trained.safetensors", 100), ("optimizer.bin", 1000), ("averaged_0.pt", 0)):
        content = (newest / file).read_bytes()
        (newest / file).write_bytes(content[:rest])
        done = invoke(prepared, tmp_path / "run", *checkpoint, images=12)
        assert done.exit_code == 2, file
        assert f"{newest}: is damaged" in done.stderr and "continues from" in done.stderr
        (newest / file).write_bytes(content)
    shutil.rmtree(newest)
    train(prepared, tmp_path / "run", *checkpoint, images=12)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "run"))


def test_a_loss_that_is_no_number(prepared: Path, tmp_path: Path, checkpoint: list[str]) -> None:
    train(prepared, tmp_path / "run", *checkpoint, "--warmup", "0", "--learning-rate", "1e30", images=2)
    before = tree(tmp_path / "run/checkpoints")
    options = [*checkpoint, "--warmup", "0", "--learning-rate", "1e30"]
    done = invoke(prepared, tmp_path / "run", *options, images=8)
    assert done.exit_code == 2 and "the loss is nan after 2 images" in done.stderr
    assert tree(tmp_path / "run/checkpoints") == before


def test_a_folder_that_may_not_be_written(prepared: Path, tmp_path: Path, checkpoint: list[str]) -> None:
    (tmp_path / "file").write_text("mine")
    assert "is a file" in refused(prepared, tmp_path / "file", *checkpoint)
    done = invoke(prepared, tmp_path / "file" / "run", *checkpoint)
    assert done.exit_code == 2 and "cannot write to --output" in done.stderr


def folder(path: Path, *, batch: int = 4, processes: int = 1, **options: object) -> RunFolder:
    origin = {"model": "x/y", "from_scratch": None, "data": "abc", "processes": processes}
    return RunFolder(path, TrainConfig(batch_size=batch, **options), origin)  # type: ignore[arg-type]


def test_a_run_goes_on_with_other_processes_if_its_steps_stay_the_same(tmp_path: Path) -> None:
    folder(tmp_path, batch=4, processes=2).write()
    (tmp_path / "checkpoints/images-0000000008").mkdir(parents=True)
    folder(tmp_path, batch=8, processes=1).check()
    folder(tmp_path, batch=2, processes=4).check()
    with pytest.raises(InvalidOption, match="with processes 2, not 1"):
        folder(tmp_path, batch=4, processes=1).check()


def test_a_setting_that_the_config_does_not_hold_was_at_its_default(tmp_path: Path) -> None:
    folder(tmp_path).write()
    (tmp_path / "checkpoints/images-0000000004").mkdir(parents=True)
    content = yaml.safe_load((tmp_path / "config.yaml").read_text())
    del content["lora_rank"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    folder(tmp_path).check()
    with pytest.raises(InvalidOption, match="with lora_rank 0, not 4"):
        folder(tmp_path, lora_rank=4).check()


def test_a_model_of_unknown_settings_is_not_the_one_to_start_from(
    prepared: Path, tmp_path: Path, scratch: list[str]
) -> None:
    """The file beside it says from what it was built; without it, the model is built again."""
    train(prepared, tmp_path / "run", *scratch, images=4)
    (tmp_path / "run/start/built_from.yaml").unlink()
    assert "fitting the autoencoder" in train(prepared, tmp_path / "run", *scratch, images=4)
    assert (tmp_path / "run/start/built_from.yaml").is_file()


def test_a_label_that_the_model_did_not_know_is_learnt(
    prepared: Path, tmp_path: Path, scratch: list[str]
) -> None:
    train(prepared, tmp_path / "first", *scratch, images=2)
    index = prepared / "metadata.jsonl"
    index.write_text(index.read_text().replace('"dog"', '"ship"'))
    train(prepared, tmp_path / "run", "--model", str(tmp_path / "first"), *scratch[2:], images=2)
    assert LayoutPipeline.from_pretrained(tmp_path / "run").layout_encoder.config.labels == [
        "cat",
        "dog",
        "ship",
    ]


def test_a_model_that_somebody_deleted_is_written_again(
    prepared: Path, tmp_path: Path, checkpoint: list[str]
) -> None:
    train(prepared, tmp_path / "run", *checkpoint, images=4)
    before = weights(tmp_path / "run")
    shutil.rmtree(tmp_path / "run/model")
    assert "Nothing left to train" in train(prepared, tmp_path / "run", *checkpoint, images=4)
    assert same(before, weights(tmp_path / "run"))


def test_a_model_that_cannot_be_trained_in_this_memory(
    prepared: Path, tmp_path: Path, checkpoint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("layoutgen.training.run.free_bytes", lambda: 1000)
    done = invoke(prepared, tmp_path / "run", *checkpoint)
    assert done.exit_code == 2 and not (tmp_path / "run").exists()
    assert "weights, gradients and optimizer take" in done.stderr
    assert "train adapters with --lora-rank" in done.stderr
