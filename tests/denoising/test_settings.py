"""Settings are checked wherever they come from: options, a PNG of a stranger, or a model."""

from __future__ import annotations

from typing import Any

import pytest

from layoutgen.denoising.settings import SampleSettings, settings_of
from layoutgen.errors import InvalidOption


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("steps", [1], r"`steps` must be a whole number, not \[1\]"),
        ("steps", True, "a whole number"),
        ("steps", 2.5, "a whole number"),
        ("guidance", "5", "a number"),
        ("guidance", float("nan"), "a number"),
        ("guidance", None, "a number"),
        ("guidance_interval", 3, "two numbers"),
        ("guidance_interval", [0, "x"], "two numbers"),
        ("guidance_interval", [0, 0.5, 1], "two numbers"),
        ("scheduler", {}, "a text"),
        ("method", 3, "a text"),
        ("karras", "yes", "true or false"),
        ("coarse_above", float("inf"), "a number"),
        ("seed", 10.0, "a whole number"),
        ("zoom", [], "a whole number"),
    ],
)
def test_a_setting_of_another_type(name: str, value: Any, said: str) -> None:
    with pytest.raises(InvalidOption, match=said):
        SampleSettings(**{name: value})


def test_a_model_that_asks_for_nonsense() -> None:
    with pytest.raises(InvalidOption, match="`steps` must be a whole number"):
        settings_of({"steps": "12"})


def test_numbers_of_json_are_settings() -> None:
    settings = SampleSettings(guidance=5, guidance_interval=[0, 1], coarse_above=64)  # type: ignore[arg-type]
    assert settings.guidance_interval == (0, 1) and settings.method is None
