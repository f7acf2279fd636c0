"""What certainly cannot be painted is refused by names and numbers alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from layoutgen.denoising.settings import SampleSettings
from layoutgen.domain.layout import Layout
from layoutgen.errors import DoesNotFit, InvalidOption
from layoutgen.model_info import LayoutTraining, ModelInfo, find_model
from layoutgen.preflight import memory
from layoutgen.preflight.memory import check_memory, free_bytes
from layoutgen.preflight.options import check_device_names, check_settings


def test_a_canvas_that_does_not_fit_is_refused_with_its_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "free_bytes", lambda: 14 * 2**30)
    small, large = Layout(512, 512), Layout(100_000, 50_000)
    check_memory([small], lambda layout: 1)
    with pytest.raises(DoesNotFit) as error:
        check_memory([small, large], lambda layout: 1)
    assert str(error.value) == (
        "a canvas of 100,000 x 50,000 px takes about 652 GiB of memory, and 14.0 GiB are free: "
        "use one of at most 14,592 x 7,296 px"
    )
    check_memory([Layout(14_592, 7_296)], lambda layout: 1)
    with pytest.raises(DoesNotFit, match="painted 4 times as large"):
        check_memory([Layout(14_000, 8_000), Layout(8_000, 4_000)], lambda one: 4 if one.width < 9_000 else 1)


def test_a_container_has_less_memory_than_its_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_LIMITS", tmp_path)
    machine = free_bytes()
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    assert free_bytes() == 600_000 < machine
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes() > 600_000


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"method": "magic"}, "`method` must be one of img2img, text2img, regional, .*not magic"),
        ({"method": "regional"}, "knows layouts by img2img, text2img only"),
        ({"method": "text2img", "encoding": "text"}, "knows `encoding` box only"),
        ({"encoding": "box"}, "`encoding` is an option of `method` text2img"),
        ({"strength": 0.5}, "`strength` is for `method` img2img on a checkpoint without layout training"),
    ],
)
def test_settings_that_the_model_cannot_do(settings: dict[str, object], said: str) -> None:
    with pytest.raises(InvalidOption, match=said):
        check_settings([SampleSettings(), SampleSettings(**settings)], find_model(None))  # type: ignore[arg-type]


def test_settings_that_another_model_can_do() -> None:
    plain = ModelInfo("sd", training=LayoutTraining())
    for one in (SampleSettings(method="img2img", strength=0.5), SampleSettings(method="text2img")):
        check_settings([one], plain)
    check_settings([SampleSettings(method="text2img", encoding="box")], ModelInfo("a/b"))  # who knows?
    with pytest.raises(InvalidOption, match="must be one of"):
        check_settings([SampleSettings(method="magic")], ModelInfo("a/b"))


@pytest.mark.parametrize("device", [None, "cpu", "cuda", "cuda:1", "mps"])
def test_devices_that_there_are(device: str | None) -> None:
    check_device_names(device, "auto")


@pytest.mark.parametrize(("device", "dtype"), [("cdua", None), ("cuda:", None), ("cpu", "fp8")])
def test_devices_and_number_formats_that_there_are_not(device: str, dtype: str | None) -> None:
    with pytest.raises(InvalidOption, match="must be"):
        check_device_names(device, dtype)
