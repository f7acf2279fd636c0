"""Each option changes what it is named after: the values that the libraries and the objective are given."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.conftest import invoke

LOOP = "layoutgen.training.loop"
ARRIVALS = {
    "learning rate": (["--learning-rate", "0.003"], "torch.optim:AdamW", "lr", 0.003),
    "ema": (["--ema", "0.7"], f"{LOOP}:EMAModel", "decay", 0.7),
    "drop caption": (["--drop-caption", "0.4"], f"{LOOP}:draw", "drop_caption", 0.4),
    "drop layout": (["--drop-layout", "0.6"], f"{LOOP}:draw", "drop_layout", 0.6),
    "seed": (["--seed", "7"], f"{LOOP}:draw", 0, 7),
    "seed of the data": (["--seed", "7"], "layoutgen.training.run:open_dataset", "seed", 7),
    "min snr": (["--min-snr", "2"], f"{LOOP}:snr_weights", 2, 2.0),
    "box weight": (["--box-weight", "0.3"], f"{LOOP}:area_weights", 3, 0.3),
    "workers": (["--workers", "1"], f"{LOOP}:DataLoader", "num_workers", 1),
    "keep": (["--keep-checkpoints", "5"], f"{LOOP}:Checkpoints", "keep", 5),
    "resolution": (["--resolution", "16"], "layoutgen.training.run:open_dataset", "resolution", 16),
    "buckets": (["--aspect-buckets"], "layoutgen.training.run:open_dataset", "multiple", 16),
    "cache": (["--cache-latents"], "layoutgen.training.run:open_dataset", "fixed_crops", True),
    "rank": (["--lora-rank", "3"], "layoutgen.training.denoiser:add_adapters", 1, 3),
    "tracker": (
        ["--tracker", "tensorboard"],
        "layoutgen.training.run:Accelerator",
        "log_with",
        "tensorboard",
    ),
    "precision": (
        ["--mixed-precision", "bf16"],
        "layoutgen.training.run:Accelerator",
        "mixed_precision",
        "bf16",
    ),
}


@pytest.mark.parametrize("case", ARRIVALS)
def test_it_arrives(
    case: str, prepared: Path, tmp_path: Path, checkpoint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options, place, argument, value = ARRIVALS[case]
    seen = spy(monkeypatch, place)
    done = invoke(prepared, tmp_path / "run", *checkpoint, *options, images=2)
    assert done.exit_code == 0, done.output
    assert [named[argument] if isinstance(argument, str) else given[argument] for given, named in seen][
        -1
    ] == value


def spy(monkeypatch: pytest.MonkeyPatch, place: str) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Notes the arguments of each call of ``module:name``, which still does its work."""
    module, name = place.split(":")
    owner, calls = importlib.import_module(module), []
    real = getattr(owner, name)

    def noting(*given: Any, **named: Any) -> Any:
        calls.append((given, named))
        return real(*given, **named)

    monkeypatch.setattr(owner, name, noting)
    return calls


def test_gradient_checkpointing_and_compiling_are_switched_on(
    prepared: Path, tmp_path: Path, checkpoint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffusers import UNet2DConditionModel

    called = []
    monkeypatch.setattr(
        UNet2DConditionModel, "enable_gradient_checkpointing", lambda self: called.append("checkpointing")
    )
    monkeypatch.setattr(UNet2DConditionModel, "compile", lambda self, **named: called.append("compile"))
    options = ["--gradient-checkpointing", "--compile"]
    assert invoke(prepared, tmp_path / "run", *checkpoint, *options, images=2).exit_code == 0
    assert called == ["checkpointing", "compile"]


@pytest.mark.slow
def test_a_compiled_unet_learns_the_same(prepared: Path, tmp_path: Path, checkpoint: list[str]) -> None:
    from tests.training.conftest import weights

    for name, options in (("plain", []), ("compiled", ["--compile"])):
        done = invoke(prepared, tmp_path / name, *checkpoint, *options, "--ema", "0", images=4)
        assert done.exit_code == 0, done.output
    plain, compiled = weights(tmp_path / "plain"), weights(tmp_path / "compiled")
    for name, value in plain.items():
        torch.testing.assert_close(value, compiled[name], atol=1e-4, rtol=1e-3)


def test_eight_bit_adam_is_refused_where_it_is_not_installed(
    prepared: Path, tmp_path: Path, checkpoint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name in ("bitsandbytes", "peft") else find(name)
    )
    for options in (["--optimizer", "adamw8bit"], ["--lora-rank", "2"]):
        done = invoke(prepared, tmp_path / "run", *checkpoint, *options)
        assert done.exit_code == 2 and "pip install" in done.output
