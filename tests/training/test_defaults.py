"""The settings that nobody asks for: by the model that is trained, and what a run of earlier days meant."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from layoutgen.errors import InvalidOption
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.config import TrainConfig
from layoutgen.training.defaults import STABLE_DIFFUSION, default_settings, device_settings
from layoutgen.training.loss import sample_noise
from layoutgen.training.optimizer import parameter_groups
from layoutgen.training.request import read_request
from layoutgen.training.run_config import RunConfig
from layoutgen.training.start_info import start_info
from tests.training.conftest import invoke, same, train, weights


def usual(model: str | None, **asked: Any) -> TrainConfig:
    start = start_info(model, None)
    return TrainConfig(**{**default_settings(start, asked), **asked})


def test_a_stable_diffusion_checkpoint_is_trained_gently(toy_checkpoint: Path) -> None:
    config = usual(str(toy_checkpoint))
    assert (config.learning_rate, config.unet_lr_factor, config.warmup) == (1e-4, 0.1, 1_000)
    assert (config.schedule, config.residual_tokens) == ("cosine", True)
    assert (config.drop_caption, config.drop_layout, config.drop_both) == (0.05, 0.05, 0.1)
    with_text = usual(str(toy_checkpoint), train_text_encoder=True)
    assert with_text.text_lr_factor < with_text.unet_lr_factor
    assert usual(str(toy_checkpoint), lora_rank=4).unet_lr_factor == 1.0
    assert not usual(str(toy_checkpoint), methods=("img2img",)).residual_tokens
    assert usual(str(toy_checkpoint), images=1_600).warmup == 20  # a fifth of 100 steps


def test_the_small_model_keeps_its_own() -> None:
    config, plain = usual(None), TrainConfig()
    assert (config.learning_rate, config.schedule, config.warmup) == (3e-4, "warmup_stable_decay", 100)
    for name in ("unet_lr_factor", "text_lr_factor", "drop_caption", "drop_layout", "drop_both", "tf32"):
        assert getattr(config, name) == getattr(plain, name)
    assert not config.residual_tokens


def test_cuda_computes_in_bf16(toy_checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = start_info(str(toy_checkpoint), None)
    assert device_settings(start, "cpu") == {}
    monkeypatch.setattr("layoutgen.training.defaults.resolve_device", lambda name: "cuda")
    for generation, expected in ((8, {"mixed_precision": "bf16", "tf32": True}), (7, {})):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda g=generation: (g, 0))
        assert device_settings(start, None) == expected
        assert device_settings(start_info(None, None), None) == {}


def test_what_depends_on_the_device_does_not_win_over_what_is_asked(
    toy_checkpoint: Path, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_cuda = {"mixed_precision": "bf16", "tf32": True}
    monkeypatch.setattr("layoutgen.training.request.device_settings", lambda *a, **n: on_cuda)
    given = RunConfig(prepared, str(toy_checkpoint), settings={"mixed_precision": "no"})
    request = read_request(tmp_path / "run", given, None, None)
    assert (request.config.mixed_precision, request.config.tf32) == ("no", True)
    assert request.differing() == {"mixed_precision": "no"}


def test_tf32_is_asked_for_while_a_run_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    from layoutgen.devices import tensor_float_32

    before = torch.backends.cuda.matmul.allow_tf32
    with tensor_float_32(on=not before):
        assert torch.backends.cuda.matmul.allow_tf32 is not before
    assert torch.backends.cuda.matmul.allow_tf32 is before
    with pytest.raises(InvalidOption, match="`tf32` is of CUDA devices"):
        from layoutgen.training.request import check_device

        check_device(TrainConfig(tf32=True), "cpu")


def test_they_are_shown(toy_checkpoint: Path, prepared: Path, tmp_path: Path) -> None:
    done = invoke(prepared, tmp_path / "run", "--model", str(toy_checkpoint), "--dry-run")
    shown = [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.output.splitlines()]
    rows = {row[0]: row[1:] for row in shown if len(row) == 3}
    assert rows["unet_lr_factor"] == ["0.1", "0.1"] and rows["drop_both"] == ["0.1", "0.1"]
    assert rows["schedule"] == ["cosine", "cosine"] and rows["batch_size"] == ["2", "16"]
    assert rows["warmup"] == ["0", "0"]  # of four steps


def test_a_run_of_earlier_days_goes_on_as_it_was(
    toy_checkpoint: Path, prepared: Path, tmp_path: Path
) -> None:
    """Its file says nothing of settings that came later, and these have other defaults today."""
    later = ("residual_tokens", "unet_lr_factor", "text_lr_factor", "drop_both", "tf32")
    then = {**asdict(TrainConfig()), "resolution": 32, "learning_rate": 0.01, "warmup": 0}
    then |= {"images": 8, "batch_size": 2, "workers": 0, "report_every": 0, "save_every": 4}
    old = {key: list(v) if isinstance(v, tuple) else v for key, v in then.items() if key not in later}
    (tmp_path / "old.yaml").write_text(yaml.safe_dump(old))
    options = ["--model", str(toy_checkpoint), "--config", str(tmp_path / "old.yaml")]
    train(prepared, tmp_path / "whole", *options)
    stored = yaml.safe_load((tmp_path / "whole/config.yaml").read_text())
    assert [stored[name] for name in later] == [False, 1.0, 1.0, 0.0, False]
    train(prepared, tmp_path / "parts", *options, "--max-minutes", "1e-9")
    config = tmp_path / "parts/config.yaml"
    kept = {key: value for key, value in yaml.safe_load(config.read_text()).items() if key not in later}
    config.write_text(yaml.safe_dump(kept))
    done = invoke(prepared, tmp_path / "parts")
    assert done.exit_code == 0, done.output
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_each_part_learns_at_its_own_rate(toy_checkpoint: Path) -> None:
    pipeline = LayoutPipeline.from_pretrained(toy_checkpoint)
    named = [
        (f"{name}.{key}", value)
        for name in ("unet", "text_encoder")
        for key, value in getattr(pipeline, name).named_parameters()
    ]
    new = ("layout_encoder.mlp.0.weight", torch.nn.Parameter(torch.zeros(2)))
    adapter = ("unet.mid_block.to_q.lora_A.default.weight", torch.nn.Parameter(torch.zeros(2)))
    frozen = ("unet.other", torch.nn.Parameter(torch.zeros(2), requires_grad=False))
    everything = [*named, new, adapter, frozen]
    config = TrainConfig(unet_lr_factor=0.2, text_lr_factor=0.1, train_text_encoder=True)
    groups = parameter_groups(everything, config, reads_maps=False)
    assert [group.factor for group in groups] == [1.0, 0.2, 0.1]
    assert {id(p) for p in groups[0].parameters} == {id(new[1]), id(adapter[1])}
    assert sum(len(group.parameters) for group in groups) == len(everything) - 1
    with_maps = parameter_groups(everything, config, reads_maps=True)
    assert len(with_maps[0].parameters) == 4 and len(with_maps[1].parameters) == len(groups[1].parameters) - 2
    (one,) = parameter_groups(everything, TrainConfig(), reads_maps=False)
    assert [id(p) for p in one.parameters] == [id(p) for _, p in everything[:-1]]


def test_a_first_step_is_as_large_as_the_rate_of_its_part(
    toy_checkpoint: Path, prepared: Path, tmp_path: Path
) -> None:
    """Adam's first step is the learning rate, up to its sign."""
    options = ["--model", str(toy_checkpoint), "--learning-rate", "1e-3", "--ema", "0", "--warmup", "0"]
    options += ["--schedule", "constant", "--train-text-encoder", "--drop-both", "0", "--drop-layout", "0"]
    train(prepared, tmp_path / "run", *options, images=2)
    before = LayoutPipeline.from_pretrained(toy_checkpoint).unet.state_dict()
    after = LayoutPipeline.from_pretrained(tmp_path / "run")
    moved = {
        name: float((value - before[name]).abs().max()) for name, value in after.unet.state_dict().items()
    }
    assert max(moved.values()) == pytest.approx(1e-4, rel=0.1)
    assert float(after.layout_encoder.mlp[-1].weight.detach().abs().max()) == pytest.approx(1e-3, rel=0.1)


def test_captions_and_layouts_are_dropped_together() -> None:
    numbers = range(4_000)
    usual = {name: STABLE_DIFFUSION[name] for name in ("drop_caption", "drop_layout", "drop_both")}
    sample = sample_noise(0, numbers, (1,), num_timesteps=10, **usual)
    caption, layout = sample.caption_dropped, sample.layout_dropped
    shares = [float(rows.float().mean()) for rows in (caption & layout, caption & ~layout, layout & ~caption)]
    assert shares == pytest.approx([0.1025, 0.0475, 0.0425], abs=0.015)
    before = sample_noise(0, numbers, (1,), num_timesteps=10, drop_caption=0.05, drop_layout=0.05)
    assert torch.equal(before.noise, sample.noise) and bool((caption >= before.caption_dropped).all())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"drop_caption": 0.6, "drop_both": 0.5}, "below 1 together"),
        ({"lora_rank": 2, "unet_lr_factor": 0.1}, "`lora_rank` does not train"),
        ({"text_lr_factor": 0.1}, "no use without `train_text_encoder`"),
        ({"methods": ("img2img",), "residual_tokens": True}, "are of `methods` text2img"),
    ],
)
def test_what_would_be_ignored_is_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidOption, match=words):
        TrainConfig(**settings)
