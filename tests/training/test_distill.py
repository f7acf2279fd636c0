"""`layoutgen distill`: a few-step painter against a judge, at toy size."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, LCMScheduler
from PIL import Image
from transformers import ResNetBackbone, ResNetConfig
from typer.testing import CliRunner, Result

from layoutgen import Box, Instance, Layout
from layoutgen.additions import Additions
from layoutgen.cli import app
from layoutgen.features.networks import load_features
from layoutgen.methods.img2img import Img2Img
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.few_steps import FewSteps, Start, few_step_sampling
from layoutgen.training.teacher import Teacher
from tests.checkpoints.test_additions import kohya_lora
from tests.toy import toy_pipeline
from tests.training.conftest import invoke, same, train, weights


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A saved toy backbone of transformers."""
    torch.manual_seed(0)
    config = ResNetConfig(embedding_size=8, hidden_sizes=[8, 12, 16], depths=[1, 1, 1], layer_type="basic")
    folder = tmp_path_factory.mktemp("backbone")
    ResNetBackbone(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def model(prepared: Path, scratch: list[str], tmp_path: Path) -> Path:
    """A small model that was trained by both methods."""
    train(prepared, tmp_path / "model", *scratch, "--method", "text2img", "--method", "img2img", images=4)
    return tmp_path / "model"


def distill(model: Path, data: Path, run: Path, *options: str, images: int = 8) -> Result:
    usual = f"distill {model} {data} -o {run} --images {images} --batch-size 2 --workers 0 --save-every 4"
    usual += " --report-every 0 --device cpu --resolution 32"
    return CliRunner().invoke(app, [*usual.split(), *options], catch_exceptions=False)


def test_a_model_says_that_it_paints_in_few_steps(
    model: Path, prepared: Path, backbone: str, tmp_path: Path
) -> None:
    done = distill(model, prepared, tmp_path / "few", "--steps", "3", "--features", backbone)
    assert done.exit_code == 0, done.output
    painter = LayoutPipeline.from_pretrained(tmp_path / "few")
    assert isinstance(painter.scheduler, LCMScheduler)
    assert painter.scheduler.config.prediction_type == "v_prediction"
    assert (painter.settings.steps, painter.settings.guidance) == (3, 1.0)
    assert not same(weights(model), weights(tmp_path / "few"))
    sampled = CliRunner().invoke(
        app,
        f"sample -n 1 dog --model {tmp_path / 'few'} --width 64 --height 64 -o {tmp_path / 'out'}".split(),
    )
    assert sampled.exit_code == 0, sampled.output
    (image,) = (tmp_path / "out" / "images").iterdir()
    settings = json.loads(Image.open(image).text["layoutgen"])["settings"]
    assert (settings["steps"], settings["guidance"], settings["scheduler"]) == (3, 1.0, "model")
    (line, *_) = (tmp_path / "few" / "metrics.jsonl").read_text().splitlines()
    logged = json.loads(line)
    assert logged["judge_loss"] > 0 and 0 <= logged["judge_right"] <= 1 and logged["loss_inside"] > 0


def test_a_stopped_distillation_goes_on_as_if_it_had_not(
    model: Path, prepared: Path, backbone: str, tmp_path: Path
) -> None:
    options = ("--features", backbone, "--method", "img2img", "--method", "text2img")
    for run, lengths in (("whole", [8]), ("parts", [4, 8])):
        for images in lengths:
            done = distill(model, prepared, tmp_path / run, *options, images=images)
            assert done.exit_code == 0, done.output
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


def test_options_of_the_judge_and_the_teacher_arrive(
    model: Path, prepared: Path, backbone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    guidances = []
    of = Teacher.of

    def spy(*arguments: Any) -> Teacher:
        guidances.append(arguments[-1])
        return of(*arguments)

    monkeypatch.setattr(Teacher, "of", spy)
    options = ("--features", backbone, "--judge-learning-rate", "0.007", "--teacher-guidance", "2.5")
    assert distill(model, prepared, tmp_path / "few", *options, images=4).exit_code == 0
    assert guidances == [2.5]
    (checkpoint,) = (tmp_path / "few" / "checkpoints").iterdir()
    state = torch.load(checkpoint / "custom_checkpoint_0.pkl", weights_only=True)
    assert state["optimizer"]["param_groups"][0]["lr"] == 0.007


def test_micro_batches_and_adapters(model: Path, prepared: Path, backbone: str, tmp_path: Path) -> None:
    options = ("--features", backbone, "--lora-rank", "2", "--micro-batch", "1", "--teacher-weight", "0")
    done = distill(model, prepared, tmp_path / "lora", *options, images=4)
    assert done.exit_code == 0, done.output
    before, after = weights(model), weights(tmp_path / "lora")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert any(".to_q." in name for name in changed)
    assert not any("resnets" in name for name in changed)  # only the attention was adapted
    (line, *_) = (tmp_path / "lora" / "metrics.jsonl").read_text().splitlines()
    logged = json.loads(line)  # without a teacher there is nothing to be near to
    assert logged["loss"] > 0 and logged["loss_inside"] is None and logged["loss_outside"] is None


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--features", "./nowhere"], "--features ./nowhere cannot be loaded"),
        (["--teacher-weight", "0", "--teacher-guidance", "3"], "--teacher-guidance has no use"),
        (["--real-weight", "-1"], "--real-weight must be 0 or more"),
        (["--border-weight", "nan"], "--border-weight must be a finite number"),
        (["--steps", "0"], "--steps must be 1 or more"),
        (["--steps", "51"], "--steps must be at most 50"),
        (["--judge-learning-rate", "0"], "--judge-learning-rate must be above 0"),
    ],
)
def test_what_cannot_work_is_said(
    options: list[str], said: str, toy_checkpoint: Path, prepared: Path, tmp_path: Path
) -> None:
    done = distill(toy_checkpoint, prepared, tmp_path / "few", *options)
    assert done.exit_code == 2 and said in " ".join(done.output.split())


def test_a_foreign_checkpoint_and_what_is_added_to_it(
    toy_checkpoint: Path, prepared: Path, backbone: str, tmp_path: Path
) -> None:
    """What cannot be distilled is one line before anything loads; the rest is part of the new model."""
    done = distill(toy_checkpoint, prepared, tmp_path / "few", "--vae", "gone.bin")
    said = " ".join(done.output.split())
    assert done.exit_code == 2 and "reads no layouts yet" in said and "check the path of --vae" in said
    assert "Starts from" not in said and not (tmp_path / "few").exists()
    trained = tmp_path / "trained"
    train(prepared, trained, "--model", str(toy_checkpoint), "--resolution", "32", images=2)
    pipeline = LayoutPipeline.from_pretrained(trained)
    lora = kohya_lora(pipeline, tmp_path / "style.safetensors")
    with torch.no_grad():
        pipeline.vae.decoder.conv_out.bias.add_(0.5)
    pipeline.vae.save_pretrained(tmp_path / "vae")
    added = ["--lora", lora, "--vae", str(tmp_path / "vae"), "--clip-skip", "2"]
    options = ["--features", backbone, "--learning-rate", "1e-9", *added]
    done = distill(trained, prepared, tmp_path / "few", *options, images=2)
    assert done.exit_code == 0, done.output
    painter = LayoutPipeline.from_pretrained(tmp_path / "few")
    assert painter.text_encoder.config.num_hidden_layers == 1  # of 2
    assert torch.equal(painter.vae.decoder.conv_out.bias, pipeline.vae.decoder.conv_out.bias)
    pipeline.add(Additions(lora=(lora,)))
    for name, value in pipeline.unet.state_dict().items():
        torch.testing.assert_close(painter.unet.state_dict()[name], value, rtol=0, atol=1e-6)


def test_settings_of_the_other_objective_are_refused(
    toy_checkpoint: Path, prepared: Path, checkpoint: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "options.yaml"
    file.write_text("min_snr: 3.0")
    done = distill(toy_checkpoint, prepared, tmp_path / "few", "--config", str(file))
    assert done.exit_code == 2 and "has no use in a distillation" in " ".join(done.output.split())
    file.write_text("teacher_weight: 2.0")
    done = invoke(prepared, tmp_path / "run", *checkpoint, "--config", str(file))
    assert done.exit_code == 2 and "is for distillations" in " ".join(done.output.split())


@pytest.mark.parametrize("on_real", [False, True])
def test_steps_are_those_of_sampling(on_real: bool) -> None:
    """With a denoiser that always foresees the same picture, every step has that picture and new noise."""
    schedule = LCMScheduler.from_config(DDIMScheduler(prediction_type="sample").config)
    schedule.set_timesteps(4)
    picture, real = torch.full((2, 3, 4, 5), 0.5), torch.full((2, 3, 4, 5), -2.0)
    generators = [torch.Generator().manual_seed(seed) for seed in (3, 4)]
    asked: list[int] = []

    def predict(noisy: torch.Tensor, timesteps: torch.Tensor) -> torch.Tensor:
        asked.append(int(timesteps[0]))
        return picture

    few = FewSteps(schedule, 4, generators)
    noisy, timestep = few.noisy(real, Start(2, on_real), predict)
    assert asked == ([] if on_real else schedule.timesteps[:2].tolist())
    signal = schedule.alphas_cumprod[timestep]
    noise = (noisy - signal.sqrt() * (real if on_real else picture)) / (1 - signal).sqrt()
    # The same draws, the first for the start, and one after each of the earlier steps.
    again = [torch.Generator().manual_seed(seed) for seed in (3, 4)]
    for _ in range(1 if on_real else 3):
        drawn = torch.stack([torch.randn(3, 4, 5, generator=one) for one in again])
    torch.testing.assert_close(noise, drawn, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(few.clean(picture, timestep, noisy), picture, atol=1e-4, rtol=1e-4)


def test_starts_are_drawn_evenly() -> None:
    starts = [Start.draw(0, number, 4) for number in range(400)]
    counts = [sum(one.step == step for one in starts) for step in range(4)]
    assert min(counts) > 70 and 160 < sum(one.on_real for one in starts) < 240
    assert starts[7] == Start.draw(0, 7, 4)


def test_sampling_of_a_few_step_model_keeps_what_does_not_depend_on_guidance() -> None:
    usual = {"steps": 12, "guidance": 5.0, "background_guidance": 2.0, "coarse_above": 64.0}
    few = {"coarse_above": 64.0, "scheduler": "model", "steps": 4, "guidance": 1.0, "cache_interval": 1}
    assert few_step_sampling(usual, 4) == few
    assert "coarse_above" not in few_step_sampling(None, 2)


@pytest.mark.parametrize("weight", ["--real-weight", "--border-weight"])
def test_weights_of_further_losses_arrive(
    weight: str, model: Path, prepared: Path, backbone: str, tmp_path: Path
) -> None:
    """The same steps lose more, by as much as the weight says."""
    usual = f"--features {backbone} --teacher-weight 0 --learning-rate 1e-12 --method img2img".split()
    losses = []
    for value in ("0", "1", "3"):
        run = tmp_path / value
        done = distill(model, prepared, run, *usual, weight, value, images=16)
        assert done.exit_code == 0, done.output
        lines = (run / "metrics.jsonl").read_text().splitlines()
        losses.append(sum(json.loads(line)["loss"] for line in lines))
    assert losses[1] - losses[0] > 0.01
    assert losses[2] - losses[0] == pytest.approx(3 * (losses[1] - losses[0]), rel=0.01)


def test_earlier_steps_are_told_once(
    model: Path, prepared: Path, backbone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many steps lead to the one that is trained, a layout is encoded for them once, and for it."""
    told = list[int]()
    encode = Img2Img.encode

    def spy(self: Img2Img, layouts: Any) -> Any:
        told.append(len(layouts))
        return encode(self, layouts)

    monkeypatch.setattr(Img2Img, "encode", spy)
    monkeypatch.setattr(Start, "draw", staticmethod(lambda *arguments: Start(3, False)))
    options = ("--features", backbone, "--teacher-weight", "0", "--method", "img2img")
    assert distill(model, prepared, tmp_path / "few", *options, images=4).exit_code == 0
    assert told == [2] * 4


def test_a_teacher_is_a_frozen_copy_of_the_guided_model(tmp_path: Path) -> None:
    pipeline = toy_pipeline(tmp_path, size=4)
    layout = Layout(32, 32, (Instance("dog", Box(4, 4, 20, 24)),), "a dog")
    method = pipeline.method("text2img", "text")
    teacher = Teacher.of(pipeline, [method], guidance=3.0)
    clean, noise = torch.randn(1, 4, 4, 4), torch.randn(1, 4, 4, 4)
    before, signal = teacher.foresee(0, [layout], clean, noise, 0.0)
    with torch.no_grad():
        for parameter in pipeline.unet.parameters():
            parameter.add_(1.0)
    after, _ = teacher.foresee(0, [layout], clean, noise, 0.0)
    torch.testing.assert_close(before, after)
    assert 0.9 < signal < 1 and not any(p.requires_grad for p in teacher.pipeline.unet.parameters())
    torch.testing.assert_close(
        before, clean, atol=1.0, rtol=0
    )  # at 2 % of the noise schedule little is unknown


def test_backbones_of_transformers_see_images(backbone: str) -> None:
    network = load_features(backbone)
    assert network.channels == (8, 12, 16)
    image = torch.rand(2, 3, 32, 48, requires_grad=True)
    features = network(image)
    assert [tuple(one.shape) for one in features] == [(2, 8, 8, 12), (2, 12, 4, 6), (2, 16, 2, 3)]
    sum(one.square().sum() for one in features).backward()
    assert image.grad is not None and image.grad.abs().sum() > 0
    assert all(p.grad is None for p in network.parameters())


def test_networks_of_timm_see_images_as_they_were_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    class Network(torch.nn.Module):
        feature_info = SimpleNamespace(channels=lambda: [3, 3])

        def forward(self, pixels: torch.Tensor) -> list[torch.Tensor]:
            return [pixels, pixels[..., ::2, ::2]]

    asked: dict[str, Any] = {}
    timm: Any = ModuleType("timm")
    timm.create_model = lambda name, **options: asked.update(options, name=name) or Network()
    timm.data = SimpleNamespace(
        resolve_model_data_config=lambda network: {"mean": (0.5, 0.4, 0.3), "std": (0.5, 0.2, 0.1)}
    )
    monkeypatch.setitem(sys.modules, "timm", timm)
    network = load_features("timm/some_net")
    assert asked == {"name": "some_net", "pretrained": True, "features_only": True}
    white = network(torch.ones(1, 3, 4, 4))
    torch.testing.assert_close(white[0][0, :, 0, 0], torch.tensor([1.0, 3.0, 7.0]))
    assert network.channels == (3, 3) and white[1].shape == (1, 3, 2, 2)
