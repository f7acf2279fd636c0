"""Each option changes what it is named after: the values that the libraries and the objective are given."""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, fields
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from typer.main import get_command

from layoutgen.cli import app
from layoutgen.cli.distill import distill
from layoutgen.cli.train import train as command
from layoutgen.training.config import TrainConfig
from tests.training.conftest import invoke, weights

Calls = list[tuple[tuple[Any, ...], dict[str, Any]]]


def last(argument: int | str) -> Callable[[Calls], Any]:
    """An argument of the last call, by its place or name."""
    return lambda calls: every(argument)(calls)[-1]


def every(argument: int | str) -> Callable[[Calls], Any]:
    """An argument of all calls."""
    return lambda calls: [
        named[argument] if isinstance(argument, str) else given[argument] for given, named in calls
    ]


def method(calls: Calls) -> Any:
    """The first of the methods that a Denoiser is made of."""
    return last(1)(calls)[0]


def trained_text_encoder(calls: Calls) -> bool:
    """Of the Denoiser that is trained."""
    return all(p.requires_grad for p in last(1)(calls).text_encoder.parameters())


@dataclass(frozen=True)
class Arrival:
    """With `options`, the calls of ``module:name`` hold `value`; options of a `group` are given together."""

    options: str
    place: str
    seen: Callable[[Calls], Any]
    value: Any
    group: int = 0
    stub: bool = False  # the call is noted, and does nothing


_ROOM = "layoutgen.training"
LOOP, RUN, LOSS, OPTIMIZER = (f"{_ROOM}.{name}" for name in ("loop", "run", "loss", "optimizer"))
ARRIVALS = {
    "methods": Arrival("--method img2img", f"{RUN}:Denoiser", lambda c: method(c).info.name, "img2img"),
    "images": Arrival("--images 6", f"{LOSS}:sample_noise", last(1), (4, 5)),
    "resolution": Arrival("--resolution 16", f"{RUN}:open_dataset", last("resolution"), 16),
    "aspect_buckets": Arrival("--aspect-buckets", f"{RUN}:open_dataset", last("multiple"), 16),
    "learning_rate": Arrival("--learning-rate 0.003", "torch.optim:AdamW", last("lr"), 0.003),
    "unet_lr_factor": Arrival(
        "--unet-lr-factor 0.3", f"{LOOP}:parameter_groups", lambda c: last(1)(c).unet_lr_factor, 0.3
    ),
    "text_lr_factor": Arrival(
        "--text-lr-factor 0.4", f"{LOOP}:parameter_groups", lambda c: last(1)(c).text_lr_factor, 0.4, 1
    ),
    "residual_tokens": Arrival("--plain-tokens", f"{RUN}:extend_inputs", last("residual_tokens"), False, 2),
    "tf32": Arrival("--no-tf32", f"{RUN}:tensor_float_32", last("on"), False),
    "warmup": Arrival("--warmup 7", f"{OPTIMIZER}:get_scheduler", last("num_warmup_steps"), 7),
    "schedule": Arrival("--schedule cosine", f"{OPTIMIZER}:get_scheduler", last(0), "cosine"),
    "ema": Arrival("--ema 0.7", f"{LOOP}:EMAModel", last("decay"), 0.7),
    "drop_caption": Arrival("--drop-caption 0.4", f"{LOSS}:sample_noise", last("drop_caption"), 0.4),
    "drop_layout": Arrival("--drop-layout 0.6", f"{LOSS}:sample_noise", last("drop_layout"), 0.6),
    "drop_both": Arrival("--drop-both 0.25", f"{LOSS}:sample_noise", last("drop_both"), 0.25),
    "min_snr": Arrival("--min-snr 2", f"{LOSS}:snr_weights", last(2), 2.0),
    "box_weight": Arrival("--box-weight 0.3", f"{LOSS}:area_weights", last(3), 0.3),
    "cache_latents": Arrival("--cache-latents", f"{RUN}:open_dataset", last("fixed_crops"), True),
    "save_every": Arrival("--save-every 2", f"{LOOP}:Checkpoints.save", every(1), [2, 4, 6]),
    "keep_checkpoints": Arrival("--keep-checkpoints 5", f"{LOOP}:Checkpoints", last("keep"), 5),
    "report_every": Arrival("--report-every 3", f"{LOOP}:Snapshots._paint", every(2), [4, 6]),
    "validation": Arrival("--validation one.yaml", f"{RUN}:read_layouts", last(0), Path("one.yaml")),
    "tracker": Arrival("--tracker tensorboard", f"{RUN}:Accelerator", last("log_with"), "tensorboard"),
    "workers": Arrival("--workers 1", f"{LOOP}:DataLoader", last("num_workers"), 1),
    "seed": Arrival("--seed 7", f"{LOSS}:sample_noise", last(0), 7),
    "seed of the data": Arrival("", f"{RUN}:open_dataset", last("seed"), 7),
    "max_minutes": Arrival("--max-minutes 2", f"{RUN}:train", last("max_seconds"), 120.0),
    "device": Arrival("--device cpu", f"{RUN}:Accelerator", last("cpu"), True),
    "encoding": Arrival("--encoding text", f"{RUN}:Denoiser", lambda c: method(c).encoding, "text", 1),
    "micro_batch": Arrival("--micro-batch 1", f"{LOSS}:sample_noise", every(1), [(0,), (1,), (2,), (3,)], 1),
    "optimizer": Arrival("--optimizer adamw8bit", "bitsandbytes.optim:AdamW8bit", last("lr"), 1e-4, 2),
    "train_text_encoder": Arrival("--train-text-encoder", f"{RUN}:train", trained_text_encoder, True, 1),
    "lora_rank": Arrival("--lora-rank 3", "layoutgen.training.denoiser:add_adapters", last(1), 3, 1),
    "mixed_precision": Arrival(
        "--mixed-precision bf16", f"{RUN}:Accelerator", last("mixed_precision"), "bf16", 1
    ),
    "batch_size": Arrival("--batch-size 3", f"{LOSS}:sample_noise", every(1), [(0, 1, 2), (3, 4, 5)], 2),
    "gradient_checkpointing": Arrival(
        "--gradient-checkpointing", "diffusers:UNet2DConditionModel.enable_gradient_checkpointing", len, 1, 2
    ),
    "compile": Arrival("--compile", "diffusers:UNet2DConditionModel.compile", len, 1, 2, stub=True),
}
ELSEWHERE = {
    "data", "output", "model", "from_scratch", "config", "dry_run", "as_json", "quiet", "context",
}  # fmt: skip
"""Arguments of the command that are no values: other tests use them."""
DISTILLATION = {
    "few_steps", "features", "judge_learning_rate", "teacher_weight", "teacher_guidance", "real_weight",
    "border_weight",
}  # fmt: skip
"""Options of `distill` alone: test_distill.py uses them."""
DENOISING = {"drop_caption", "drop_layout", "drop_both", "min_snr", "box_weight", "cache_latents"}
"""Options of `train` that mean nothing in a distillation."""
ADDED = {"vae", "lora", "embedding", "clip_skip"}
"""Files that are added to a checkpoint: tests/checkpoints has them."""


def test_no_option_is_forgotten() -> None:
    arguments = set(inspect.signature(command).parameters)
    assert {field.name for field in fields(TrainConfig)} - DISTILLATION <= arguments
    of_distill = set(inspect.signature(distill).parameters)
    assert of_distill - DISTILLATION <= arguments
    assert of_distill >= ADDED
    assert arguments - of_distill == DENOISING | {"residual_tokens", "from_scratch", "dry_run"}
    assert arguments - ELSEWHERE - ADDED == set(ARRIVALS) - {"seed of the data"}


def test_the_help_shows_the_defaults_of_the_config() -> None:
    commands: Any = [get_command(app).commands[name] for name in ("distill", "train")]  # type: ignore[attr-defined]
    options = {option.name: option for one in commands for option in one.params}
    for field in fields(TrainConfig):
        shown, default = options[field.name].show_default, field.default
        if field.name == "few_steps":  # without a few steps it would be no distillation
            default = 4
        if default is None:
            assert shown in ("none", "the first of DATA")
        elif isinstance(default, bool):
            assert shown == ("on" if default else "off")
        else:
            assert type(default)([shown] if isinstance(default, tuple) else shown) == default


@pytest.mark.parametrize("group", [0, 1, 2])
def test_they_arrive(
    group: int, prepared: Path, tmp_path: Path, checkpoint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "one.yaml").write_text("canvas: {width: 32, height: 32}\ninstances: []\n")
    monkeypatch.chdir(tmp_path)
    if group == 2:
        pretend_bitsandbytes(monkeypatch)
    arrivals = {case: arrival for case, arrival in ARRIVALS.items() if arrival.group == group}
    stubs = {arrival.place: arrival.stub for arrival in arrivals.values()}
    calls = {place: spy(monkeypatch, place, stub=stub) for place, stub in stubs.items()}
    options = " ".join(arrival.options for arrival in arrivals.values()).split()
    done = invoke(prepared, tmp_path / "run", *checkpoint, *options, images=4)
    assert done.exit_code == 0, done.output
    arrived = {case: arrival.seen(calls[arrival.place]) for case, arrival in arrivals.items()}
    assert arrived == {case: arrival.value for case, arrival in arrivals.items()}


def spy(monkeypatch: pytest.MonkeyPatch, place: str, *, stub: bool) -> Calls:
    """Notes the arguments of each call of ``module:name``, which does its work unless it is a `stub`."""
    module, name = place.split(":")
    *owners, function = name.split(".")
    owner: Any = importlib.import_module(module)
    for part in owners:
        owner = getattr(owner, part)
    real = getattr(owner, function)
    calls: Calls = []

    def noting(*given: Any, **named: Any) -> Any:
        calls.append((given, named))
        return None if stub else real(*given, **named)

    if isinstance(real, type):  # stays a class, for those who ask for methods or instances of it
        noting = type(real.__name__, (real,), {"__init__": noted_init(real, calls)})
    monkeypatch.setattr(owner, function, noting)
    return calls


def noted_init(real: type, calls: Calls) -> Callable[..., None]:
    def init(self: Any, *given: Any, **named: Any) -> None:
        calls.append((given, named))
        real.__init__(self, *given, **named)

    return init


def pretend_bitsandbytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its AdamW8bit takes what AdamW takes; here it is AdamW."""
    package, part = ModuleType("bitsandbytes"), ModuleType("bitsandbytes.optim")
    package.__spec__ = ModuleSpec("bitsandbytes", None)
    package.optim = part  # type: ignore[attr-defined]
    part.AdamW8bit = type("AdamW8bit", (torch.optim.AdamW,), {})  # type: ignore[attr-defined]
    for module in (package, part):
        monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # what torch tells itself while it compiles
@pytest.mark.parametrize(
    "with_it",
    [
        ["--method", "text2img"],
        ["--method", "img2img", "--method", "text2img"],
        ["--method", "text2img", "--gradient-checkpointing", "--train-text-encoder"],
        ["--method", "img2img", "--lora-rank", "2"],
        ["--method", "text2img", "--encoding", "text", "--micro-batch", "1", "--report-every", "4"],
    ],
)
def test_a_compiled_unet_learns_the_same(
    prepared: Path, tmp_path: Path, checkpoint: list[str], with_it: list[str]
) -> None:
    torch.compiler.reset()  # what other tests compiled makes shapes symbolic that one training keeps
    for name, options in (("plain", []), ("compiled", ["--compile"])):
        done = invoke(prepared, tmp_path / name, *checkpoint, *options, *with_it, "--ema", "0", images=4)
        assert done.exit_code == 0, done.output
    plain, compiled = weights(tmp_path / "plain"), weights(tmp_path / "compiled")
    for name, value in plain.items():
        torch.testing.assert_close(value, compiled[name], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("options", [["--optimizer", "adamw8bit"], ["--lora-rank", "2"]])
def test_what_needs_a_package_says_so_where_it_is_not_installed(
    prepared: Path,
    tmp_path: Path,
    checkpoint: list[str],
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name in ("bitsandbytes", "peft") else find(name)
    )
    done = invoke(prepared, tmp_path / "run", *checkpoint, *options)
    assert done.exit_code == 2 and "pip install" in done.output
