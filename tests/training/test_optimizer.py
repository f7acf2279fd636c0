"""The learning rate, step by step: values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from accelerate import Accelerator

from layoutgen.training.config import TrainConfig
from layoutgen.training.optimizer import learning_rates
from tests.training.conftest import train


def rates(schedule: str, *, images: int = 400, warmup: int = 50) -> list[float]:
    """Of all steps of 4 examples, for a learning rate of 0.5."""
    config = TrainConfig(images=images, batch_size=2, learning_rate=0.5, warmup=warmup, schedule=schedule)
    rate = learning_rates(config, 4)
    return [rate(step) for step in range(-(-images // 4))]


@pytest.mark.parametrize("schedule", ["constant", "linear", "cosine", "warmup_stable_decay"])
def test_it_rises_in_even_steps_and_no_step_is_in_vain(schedule: str) -> None:
    assert rates(schedule)[:50] == pytest.approx([0.5 * step / 50 for step in range(1, 51)])
    for some in (rates(schedule), rates(schedule, warmup=0), rates(schedule, images=4, warmup=0)):
        assert all(0 < rate <= 0.5 for rate in some)


def test_constant_is_constant() -> None:
    assert rates("constant")[50:] == [0.5] * 50


def test_linear_and_cosine_fall_to_zero_after_the_last_step() -> None:
    assert rates("linear")[50:] == pytest.approx([0.5 * left / 51 for left in range(50, 0, -1)])
    linear, cosine = rates("linear"), rates("cosine")
    assert cosine[60] > linear[60] and cosine[90] < linear[90]
    assert 0 < cosine[99] < linear[99]


def test_warmup_stable_decay_falls_over_the_last_fifth() -> None:
    assert rates("warmup_stable_decay")[50:80] == [0.5] * 30
    assert rates("warmup_stable_decay")[80:] == pytest.approx([0.5 * left / 21 for left in range(20, 0, -1)])


def test_a_warmup_that_reaches_into_the_last_fifth_shortens_the_fall() -> None:
    assert rates("warmup_stable_decay", warmup=96)[94:] == pytest.approx(
        [0.5 * part for part in (95 / 96, 1, 4 / 5, 3 / 5, 2 / 5, 1 / 5)]
    )
    assert rates("warmup_stable_decay", warmup=200)[99] == pytest.approx(0.25)


def test_it_is_set_before_the_backward_pass(
    prepared: Path, tmp_path: Path, checkpoint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whose end DeepSpeed makes the optimizer's step."""
    seen = []
    backward = Accelerator.backward

    def spy(accelerator: Accelerator, loss: Any, **options: Any) -> None:
        seen.append(accelerator._optimizers[0].param_groups[0]["lr"])
        backward(accelerator, loss, **options)

    monkeypatch.setattr(Accelerator, "backward", spy)
    train(prepared, tmp_path / "run", *checkpoint, "--learning-rate", "0.5", "--warmup", "4", images=8)
    assert seen == pytest.approx([0.125, 0.25, 0.375, 0.5])
