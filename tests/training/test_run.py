"""Whole trainings at toy size."""

from __future__ import annotations

import json
import shutil
from dataclasses import fields
from inspect import signature
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from typer.testing import CliRunner

from layoutgen.cli import app
from layoutgen.cli.train import train as command
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training import loss, snapshot
from layoutgen.training.config import TrainConfig
from layoutgen.training.request import TrainingRequest
from tests.training.conftest import draw_scenes, endless_scenes, invoke, same, train, weights

runner = CliRunner()


def test_a_run_that_is_continued_ends_bit_for_bit_where_an_uninterrupted_one_does(
    prepared: Path, tmp_path: Path, scratch: list[str]
) -> None:
    methods = ["--method", "img2img", "--method", "text2img"]
    train(prepared, tmp_path / "whole", *scratch, *methods, images=12)
    train(prepared, tmp_path / "parts", *scratch, *methods, images=4)
    early = weights(tmp_path / "parts")
    train(prepared, tmp_path / "parts", *scratch, *methods, images=12)
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert same(whole, parts)
    assert not same(early, parts)


@pytest.mark.parametrize(
    "options",
    [
        ["--method", "text2img"],
        ["--method", "img2img"],
        ["--method", "text2img", "--encoding", "text"],
        ["--method", "text2img", "--encoding", "text", "--train-text-encoder"],
        ["--method", "img2img", "--lora-rank", "2"],
        ["--method", "img2img", "--method", "text2img", "--lora-rank", "2", "--train-text-encoder"],
        ["--method", "text2img", "--encoding", "text", "--lora-rank", "2", "--cache-latents"],
        ["--method", "text2img", "--lora-rank", "2", "--gradient-checkpointing"],
        ["--method", "text2img", "--train-text-encoder", "--gradient-checkpointing", "--micro-batch", "1"],
        ["--method", "img2img", "--mixed-precision", "bf16"],
    ],
)
def test_a_checkpoint_is_fine_tuned_and_sampled(
    prepared: Path, tmp_path: Path, checkpoint: list[str], options: list[str]
) -> None:
    run = tmp_path / "run"
    train(prepared, run, *checkpoint, *options, images=4)
    (tmp_path / "two.yaml").write_text(
        "canvas: {width: 32, height: 32}\nprompt: a dog\ninstances:\n  - {label: dog, xyxy: [2, 2, 30, 30]}\n"
    )
    command = ["sample", str(tmp_path / "two.yaml"), "--model", str(run), "--steps", "2", "--device", "cpu"]
    done = runner.invoke(app, [*command, "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out/images/two_0.png").is_file()


def test_a_run_at_a_constant_rate_may_go_on_and_then_fall(
    prepared: Path, tmp_path: Path, checkpoint: list[str]
) -> None:
    """Bit for bit as if it had been told from the start: the rates of the steps so far are the same."""
    options = [*checkpoint, "--warmup", "1", "--learning-rate", "0.01"]
    falling = ["--schedule", "warmup_stable_decay"]
    train(prepared, tmp_path / "whole", *options, *falling, images=12)
    train(prepared, tmp_path / "parts", *options, images=4)
    train(prepared, tmp_path / "parts", *options, images=8)
    constant = weights(tmp_path / "parts")
    train(prepared, tmp_path / "parts", *options, *falling, images=12)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    assert not same(constant, weights(tmp_path / "parts"))
    done = invoke(prepared, tmp_path / "parts", *options, *falling, images=16)
    assert done.exit_code == 2 and "was trained with images 12, not 16" in " ".join(done.output.split())


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_what_has_begun_to_fall_is_not_continued_otherwise(
    prepared: Path, tmp_path: Path, checkpoint: list[str], schedule: str
) -> None:
    options = [*checkpoint, "--warmup", "1", "--schedule", schedule]
    train(prepared, tmp_path / "run", *options, images=4)
    done = invoke(prepared, tmp_path / "run", *options, images=8)
    assert done.exit_code == 2 and "was trained with images 4, not 8" in " ".join(done.output.split())


def test_another_option_for_the_same_run_is_refused(
    prepared: Path, tmp_path: Path, scratch: list[str]
) -> None:
    train(prepared, tmp_path / "run", *scratch, images=2)
    again = ["train", str(prepared), "-o", str(tmp_path / "run"), *scratch, "--seed", "5", "--device", "cpu"]
    done = runner.invoke(app, again)
    assert done.exit_code == 2
    assert "batch_size" in done.output or "seed" in done.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--from-scratch", "--model", "x/y"], "--model to fine-tune, or --from-scratch"),
        (["--model", "nowhere"], "no such folder"),
        (["--method", "magic"], "--method must be"),
        (["--ema", "1.5"], "--ema must be"),
        (["--mixed-precision", "fp4"], "--mixed-precision must be"),
        (["--micro-batch", "3"], "--micro-batch must be a divisor"),
        (["--method", "img2img", "--encoding", "text"], "--encoding text is an option of"),
        (["--tracker", "abacus", "--model", "x/y"], "--tracker abacus is unknown"),
        (["--mixed-precision", "fp16", "--model", "x/y"], "needs a CUDA device"),
        (["--config", "nowhere.yaml"], "there is no such file"),
    ],
)
def test_what_cannot_work_is_one_line(prepared: Path, tmp_path: Path, options: list[str], words: str) -> None:
    done = runner.invoke(
        app, ["train", str(prepared), "-o", str(tmp_path / "run"), "--device", "cpu", *options]
    )
    assert done.exit_code == 2
    assert words in done.output
    assert not (tmp_path / "run" / "model").exists()


def test_an_unknown_key_in_the_config_is_refused(prepared: Path, tmp_path: Path) -> None:
    (tmp_path / "run.yaml").write_text("imagse: 5\n")
    done = runner.invoke(
        app, ["train", str(prepared), "-o", str(tmp_path / "run"), "--config", str(tmp_path / "run.yaml")]
    )
    assert done.exit_code == 2
    assert "imagse" in done.output


def test_what_a_run_leaves(prepared: Path, tmp_path: Path, scratch: list[str]) -> None:
    run = tmp_path / "run"
    options = ["--report-every", "4", "--tracker", "tensorboard", "--keep-checkpoints", "1"]
    printed = train(prepared, run, *scratch, *options)
    assert "trained" in printed and "frozen" in printed
    shown = [line.strip("│ ").split(" │ ") for line in printed.splitlines() if line.startswith("│")]
    settings = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in shown}
    assert settings["report_every"] == ["4", "5,000"] and "learning_rate" not in settings
    assert sorted(p.name for p in (run / "checkpoints").iterdir()) == ["images-0000000008"]
    assert sorted(p.name for p in (run / "samples").iterdir()) == [
        "images-0000000004.png", "images-0000000008.png",
    ]  # fmt: skip
    with Image.open(run / "samples/images-0000000008.png") as sheet:
        assert sheet.width > 4 * 256
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [line["images"] for line in lines] == [4, 8]
    assert all(line["loss"] > 0 and line["loss_inside"] > 0 and line["loss_outside"] > 0 for line in lines)
    assert list(run.rglob("events.out.tfevents*"))
    assert yaml.safe_load((run / "origin.yaml").read_text())["versions"]["torch"] == torch.__version__


def test_a_tracker_is_told_the_losses_once(prepared: Path, tmp_path: Path, checkpoint: list[str]) -> None:
    """Also where a run was killed after its last checkpoint: what it told beyond that is taken back."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    options = [*checkpoint, "--tracker", "tensorboard", "--save-every", "2"]
    train(prepared, tmp_path / "run", *options, images=6)
    shutil.rmtree(tmp_path / "run/checkpoints/images-0000000006")
    train(prepared, tmp_path / "run", *options, images=8)
    (folder,) = {
        path.parent for path in tmp_path.rglob("events.out.tfevents*") if path.parent.name == "layoutgen"
    }
    curves = EventAccumulator(str(folder)).Reload()
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    for name in ("loss", "loss_inside", "loss_outside", "learning_rate"):
        told = [(event.step, event.value) for event in curves.Scalars(name)]
        assert told == [(line["images"], pytest.approx(line[name])) for line in lines]
    assert [line["images"] for line in lines] == [2, 4, 6, 8]


def test_both_methods_are_painted(
    prepared: Path, tmp_path: Path, checkpoint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = ["--method", "img2img", "--method", "text2img", "--report-every", "4"]
    captions = []
    sheet = snapshot.contact_sheet
    monkeypatch.setattr(
        snapshot,
        "contact_sheet",
        lambda images, texts, **rest: captions.extend(texts) or sheet(images, texts, **rest),
    )
    train(prepared, tmp_path / "run", *checkpoint, *both, images=4)
    assert [text.split(":")[0] for text in captions[::2]] == ["img2img"] * 4 + ["text2img"] * 4


def test_a_long_training_speaks_to_a_log(
    prepared: Path, tmp_path: Path, checkpoint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no terminal for a bar."""
    monkeypatch.setattr("layoutgen.cli.train_display.LOG_SECONDS", 0)
    monkeypatch.setattr("layoutgen.cli.train_display._FIRST_SECONDS", 0)
    printed = train(prepared, tmp_path / "run", *checkpoint).splitlines()
    assert printed[-1] == f"Paint with it: layoutgen sample -n 5 cats --model {tmp_path}/run"
    lines = [line for line in printed if " of 8 images: loss " in line]
    assert [line.split()[0] for line in lines] == ["2", "4", "6", "8"]
    assert all("images/s, waiting" in line and line.endswith(" left") for line in lines)
    assert train(prepared, tmp_path / "quiet", *checkpoint, "--quiet") == ""


def test_a_runs_own_config_starts_the_same_run(prepared: Path, tmp_path: Path, scratch: list[str]) -> None:
    train(prepared, tmp_path / "one", *scratch, "--method", "img2img", "--box-weight", "0.4")
    again = ["--config", str(tmp_path / "one/config.yaml"), *scratch[:2], "--device", "cpu", "--quiet"]
    done = runner.invoke(app, ["train", str(prepared), "-o", str(tmp_path / "two"), *again])
    assert done.exit_code == 0, done.output
    assert same(weights(tmp_path / "one"), weights(tmp_path / "two"))


OTHER = {
    "methods": ("img2img",),
    "encoding": "text",
    "schedule": "cosine",
    "optimizer": "adamw8bit",
    "mixed_precision": "bf16",
    "validation": "some.yaml",
    "tracker": "tensorboard",
    "batch_size": 6,
    "micro_batch": 3,
    "drop_both": 0.1,
}


SETTINGS = [field.name for field in fields(TrainConfig) if field.name in signature(command).parameters]
"""The others are options of `distill`."""


@pytest.mark.parametrize("name", SETTINGS)
def test_every_option_reaches_the_config_and_wins_over_the_file(
    name: str, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Stop(Exception):
        pass

    def stop(request: TrainingRequest, **rest: object) -> None:
        raise Stop(request.config)

    monkeypatch.setattr("layoutgen.training.run.prepare_run", stop)
    field = next(f for f in fields(TrainConfig) if f.name == name)
    value = OTHER.get(name, not field.default if isinstance(field.default, bool) else None)
    if value is None:
        value = field.default / 2 if isinstance(field.default, float) else int(field.default or 0) + 16  # type: ignore[call-overload]
    flag = "--method" if name == "methods" else f"--{name.replace('_', '-')}"
    given = [flag] if isinstance(value, bool) else [flag, value[0] if name == "methods" else str(value)]
    goes_with = {"micro_batch": ["--batch-size", "6"], "text_lr_factor": ["--train-text-encoder"]}
    others = goes_with.get(name, [])
    (tmp_path / "some.yaml").write_text("canvas: {width: 32, height: 32}\ninstances: []\n")
    monkeypatch.chdir(tmp_path)
    if name == "optimizer":
        monkeypatch.setattr("layoutgen.training.request._missing_packages", lambda config: [])
    if field.default is not None:
        stored = list(field.default) if name == "methods" else field.default
        (tmp_path / "file.yaml").write_text(yaml.safe_dump({name: stored}))
        others += ["--config", str(tmp_path / "file.yaml")]
    with pytest.raises(Stop) as caught:
        start = ["train", str(prepared), "-o", "run", "--model", "x/y"]
        runner.invoke(app, [*start, *given, *others], catch_exceptions=False)
    assert getattr(caught.value.args[0], name) == value != field.default


def test_a_dry_run_tells_and_writes_nothing(prepared: Path, tmp_path: Path, checkpoint: list[str]) -> None:
    printed = " ".join(train(prepared, tmp_path / "run", *checkpoint, "--dry-run").split())
    assert "6 images" in printed and "dog" in printed and "4 of 2 examples" in printed
    assert "activations" in printed
    assert not (tmp_path / "run").exists()


def test_a_plan_and_a_run_as_json(prepared: Path, tmp_path: Path, checkpoint: list[str]) -> None:
    planned = json.loads(train(prepared, tmp_path / "run", *checkpoint, "--dry-run", "--json"))
    assert (planned["images"], planned["plan"]["images"], planned["plan"]["step_size"]) == (0, 6, 2)
    assert planned["model"] == str(tmp_path / "run/model") and not (tmp_path / "run").exists()
    done = json.loads(train(prepared, tmp_path / "run", *checkpoint, "--json"))
    assert done["plan"] is None and done["images"] == done["settings"]["images"] > 0
    assert any(one["trained"] for one in done["components"])


def test_a_dry_run_of_a_new_model_writes_nothing_either(
    prepared: Path, tmp_path: Path, scratch: list[str]
) -> None:
    printed = train(prepared, tmp_path / "run", *scratch, "--dry-run")
    assert "activations" in printed and "fitting" not in printed
    assert not (tmp_path / "run").exists()
    train(prepared, tmp_path / "run", *scratch, images=4)
    again = " ".join(train(prepared, tmp_path / "run", *scratch, "--dry-run").split())
    assert "continues │ after 4 examples" in again


def test_the_size_of_micro_batches_changes_nothing(
    prepared: Path, tmp_path: Path, checkpoint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = [*checkpoint, "--batch-size", "4", "--learning-rate", "0.01", "--warmup", "0", "--ema", "0"]
    train(prepared, tmp_path / "whole", *options)
    train(prepared, tmp_path / "parts", *options, "--micro-batch", "1")
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    # Adam divides by the root of a square, so noise in tiny gradients may show: compare to the update's size.
    for name, value in whole.items():
        torch.testing.assert_close(value, parts[name], atol=2e-3, rtol=1e-3)


def test_a_batch_that_does_not_fit_the_memory_is_halved(
    prepared: Path, tmp_path: Path, checkpoint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from layoutgen.training.denoiser import Denoiser

    options = [*checkpoint, "--batch-size", "4"]
    train(prepared, tmp_path / "parts", *options, "--micro-batch", "1")
    forward, sizes = Denoiser.forward, []

    def small(self, step, layouts, *rest):
        sizes.append(len(layouts))
        if len(layouts) > 1:
            raise RuntimeError("CUDA out of memory. Tried to allocate 3 GiB")
        return forward(self, step, layouts, *rest)

    monkeypatch.setattr(Denoiser, "forward", small)
    train(prepared, tmp_path / "halved", *options)
    assert sizes == [4, 2, *[1] * 8]
    assert same(weights(tmp_path / "parts"), weights(tmp_path / "halved"))


def test_aspect_buckets_and_cached_latents_train(tmp_path: Path, checkpoint: list[str]) -> None:
    wide = draw_scenes(tmp_path / "wide", 5, size=(96, 48))
    options = [*checkpoint[:2], "--resolution", "64", "--aspect-buckets", "--cache-latents"]
    assert "encoding 5 images of 80 x 48" in train(wide, tmp_path / "run", *options)
    assert len(list((wide / ".latents").rglob("*.npy"))) == 2  # latents of one shape, and captions
    assert "images of" not in train(wide, tmp_path / "again", *options)
    assert same(weights(tmp_path / "run"), weights(tmp_path / "again"))


def test_aspect_buckets_of_scenes_have_the_scenes_own_shape(
    tmp_path: Path, checkpoint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scenes = endless_scenes(tmp_path)
    recipe = json.loads((scenes / "scenes.json").read_text())
    recipe["config"] |= {"width": 96, "height": 48}
    (scenes / "scenes.json").write_text(json.dumps(recipe))
    shapes = []
    latents = loss.batch_latents
    monkeypatch.setattr(
        loss, "batch_latents", lambda *a: shapes.append(tuple(a[1].images.shape[-2:])) or latents(*a)
    )
    train(scenes, tmp_path / "run", *checkpoint[:2], "--resolution", "64", "--aspect-buckets", images=4)
    assert shapes == [(48, 80), (48, 80)]


def test_scenes_are_not_cached(tmp_path: Path, checkpoint: list[str]) -> None:
    done = invoke(endless_scenes(tmp_path), tmp_path / "run", *checkpoint, "--cache-latents")
    assert done.exit_code == 2 and "--cache-latents needs a fixed set" in done.output


def test_lora_trains_the_adapters_alone(prepared: Path, tmp_path: Path, checkpoint: list[str]) -> None:
    from safetensors.torch import load_file

    train(prepared, tmp_path / "run", *checkpoint, "--method", "text2img", "--lora-rank", "2", "--ema", "0")
    saved = load_file(tmp_path / "run/checkpoints/images-0000000008/trained.safetensors")
    assert all("lora" in name or name.startswith("layout_encoder.") for name in saved)
    before = LayoutPipeline.from_pretrained(checkpoint[1]).unet.state_dict()
    after = weights(tmp_path / "run")
    changed = {name for name, value in before.items() if not torch.equal(value, after[f"unet.{name}"])}
    assert changed and all(".attn" in name for name in changed)
