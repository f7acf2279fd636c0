"""What is only good for the model in the package is no default for anybody else's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from layoutgen.api import sample
from layoutgen.cli import app
from layoutgen.denoising.settings import SampleSettings
from layoutgen.model_info import find_model
from layoutgen.pipeline import LayoutPipeline
from tests.checkpoints.claims import FORMS

XL = {
    "model.diffusion_model.input_blocks.0.0.weight": (8, 4, 3, 3),
    "conditioner.embedders.1.model.text_projection": (2, 2),
    "first_stage_model.decoder.conv_in.weight": (2, 2),
}
LORA = {"lora_unet_x.lora_down.weight": (2, 2)}


class Planned(Exception):
    """Instead of painting."""


@pytest.fixture
def planned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """How ``layoutgen sample`` with some options would paint."""

    def paint(plan: sample.Plan, *_: object) -> None:
        raise Planned(plan)

    monkeypatch.setattr(sample, "_paint", paint)

    def run(*words: object) -> SampleSettings:
        options = ["sample", "-n", "1", "dog", "-o", tmp_path / "out", *words]
        done = CliRunner().invoke(app, list(map(str, options)))
        assert isinstance(done.exception, Planned), done.output
        (settings,) = done.exception.args[0].settings
        return settings

    return run


def weights(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    save_file({name: torch.zeros(shape) for name, shape in shapes.items()}, path)
    return path


@pytest.mark.parametrize("form", [*FORMS, "XL in one file"])
def test_every_step_is_computed_whole_unless_asked_for(
    forms: dict[str, Path], planned, tmp_path: Path, form: str
) -> None:
    model = forms[form] if form in forms else weights(tmp_path / "xl.safetensors", XL)
    lora = weights(tmp_path / "style.safetensors", LORA)
    assert planned().cache_interval == 2  # of the model in the package, where it was measured
    for added in ((), ("--lora", lora), ("--lora", f"{lora}:0.5", "--steps", 30)):
        assert planned("--model", model, *added).cache_interval == 1
        assert planned("--model", model, *added, "--cache-interval", 3).cache_interval == 3


@pytest.mark.parametrize("form", FORMS)
def test_a_pipeline_of_a_foreign_checkpoint_has_the_usual_settings(forms: dict[str, Path], form: str) -> None:
    assert LayoutPipeline.from_pretrained(forms[form]).settings == SampleSettings()


@pytest.mark.parametrize(
    ("encoder", "base", "window"),
    [
        ("conditioner.embedders.1.model.text_projection", "sdxl", 1024),
        ("cond_stage_model.model.text_projection", "sd2", 768),
        ("cond_stage_model.transformer.text_model.x", "sd1", 512),
        ("string_to_param", None, 512),
    ],
)
def test_a_pickle_says_its_base_by_the_names_in_it(
    tmp_path: Path, encoder: str, base: str | None, window: int
) -> None:
    torch.save({"state_dict": {encoder: torch.zeros(2)}}, tmp_path / "model.ckpt")
    found = find_model(str(tmp_path / "model.ckpt"))
    assert (found.base, found.window) == (base, window)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--method", "regional", "--strength", "0.5"), "--strength is for --method img2img on a checkpoint"),
        (("--method", "img2img", "--strength", "1.5"), "--strength must be above 0 and at most 1, not 1.5"),
        (("--method", "text2img", "--encoding", "box"), "no trained box tokens: pass --encoding text"),
    ],
)
def test_what_no_single_file_can_do_is_refused_before_it_is_opened(
    tmp_path: Path, planned, options: tuple[str, ...], said: str
) -> None:
    file = weights(tmp_path / "xl.safetensors", XL)  # which could not be opened
    with pytest.raises(AssertionError, match=said):
        planned("--model", file, *options)
