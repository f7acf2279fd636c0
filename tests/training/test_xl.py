"""Stable Diffusion XL is trained as v1 and v2 are: on a narrow model of its real configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from layoutgen import Box, Instance, Layout
from layoutgen.additions import Additions
from layoutgen.cli import app
from layoutgen.data.dataset import collate, open_dataset
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.loss import batch_loss
from layoutgen.training.start_info import start_info
from tests.checkpoints.test_additions import ours_of, theirs_of
from tests.original_layout import write_single_file
from tests.real_shapes import real_shaped
from tests.training.conftest import draw_scenes, invoke, same, train, weights

DOGS = Layout(128, 128, (Instance("dog", Box(8, 8, 60, 50)),), "a dog", "blurry")


@pytest.fixture(scope="module")
def xl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of diffusers; nobody changes it."""
    folder = tmp_path_factory.mktemp("xl") / "xl"
    real_shaped("sdxl", shallow=True).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_scenes(tmp_path_factory.mktemp("scenes") / "data", 6, size=(160, 144))


def judge_of(xl: Path) -> Any:
    """diffusers' own pipeline."""
    judge = StableDiffusionXLPipeline.from_pretrained(xl, add_watermarker=False)
    judge.set_progress_bar_config(disable=True)
    return judge


def test_a_run_goes_on_bit_for_bit_and_paints(xl: Path, scenes: Path, tmp_path: Path) -> None:
    options = ["--model", str(xl), "--train-text-encoder", "--learning-rate", "0.01"]
    train(scenes, tmp_path / "whole", *options, images=4)
    train(scenes, tmp_path / "parts", *options, "--max-minutes", "1e-9", images=4)
    train(scenes, tmp_path / "parts", images=4)
    whole, before = weights(tmp_path / "whole"), LayoutPipeline.from_pretrained(xl)
    assert same(whole, weights(tmp_path / "parts"))
    for name in ("unet", "text_encoder", "text_encoder_2"):  # all of them learnt
        state = getattr(before, name).state_dict()
        assert any(not torch.equal(value, whole[f"{name}.{key}"]) for key, value in state.items()), name
    (tmp_path / "one.yaml").write_text(
        "canvas: {width: 128, height: 128}\nprompt: a dog\n"
        "instances:\n  - {label: dog, xyxy: [2, 2, 90, 90]}\n"
    )
    command = f"sample {tmp_path / 'one.yaml'} --model {tmp_path / 'whole'} --steps 1 --zoom 1 --dtype fp32"
    done = CliRunner().invoke(app, [*command.split(), "-o", str(tmp_path / "out")], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    (image,) = (tmp_path / "out/images").iterdir()
    assert json.loads(Image.open(image).text["layoutgen"])["settings"]["method"] == "text2img"


@pytest.mark.parametrize(
    "options",
    [
        "--method img2img --cache-latents",
        "--method text2img --encoding text --train-text-encoder --gradient-checkpointing",
    ],
)
def test_other_ways_to_train_it(xl: Path, scenes: Path, tmp_path: Path, options: str) -> None:
    train(scenes, tmp_path / "run", "--model", str(xl), *options.split(), images=2)
    pipeline = LayoutPipeline.from_pretrained(tmp_path / "run")
    image = pipeline(DOGS, steps=1, zoom=1, generator=torch.Generator().manual_seed(0))[0]
    assert np.array(image).std() > 0 and pipeline.layout_encoder.config.labels is None


def test_it_is_trained_at_its_own_resolution(xl: Path, tmp_path: Path) -> None:
    """1,024 px where the file says nothing, as single files do not; a folder says it."""
    assert start_info(str(xl), None).window == 128  # narrow
    file = write_single_file(real_shaped("sdxl"), tmp_path / "xl.safetensors")
    info = start_info(str(file), None)
    assert (info.window, info.base) == (1024, "sdxl")


class Spy(torch.nn.Module):
    """A U-Net that notes what it is called with."""

    def __init__(self, unet: torch.nn.Module) -> None:
        super().__init__()
        self.unet, self.calls = unet, []

    def forward(self, *given: Any, **named: Any) -> Any:
        self.calls.append(named)
        return self.unet(*given, **named)


@torch.no_grad()
def test_each_caption_is_encoded_once_and_each_array_read_when_it_is_needed(
    xl: Path, scenes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from layoutgen.training.cached_inputs import ArrayCache, _Known, cache_captions

    pipeline, dataset = LayoutPipeline.from_pretrained(xl), open_dataset(scenes, resolution=128, seed=0)
    calls: list[str] = []
    for name in ("text_encoder", "text_encoder_2"):
        encoder = getattr(pipeline, name)
        encoder.register_forward_pre_hook(lambda *_, name=name: calls.append(name))
    captions = sorted({"", *(source.layout.prompt for source in dataset.sources)})
    assert len(captions) <= 8  # one batch
    cached = cache_captions(pipeline, dataset, ArrayCache(tmp_path))
    assert calls == ["text_encoder", "text_encoder_2"]
    assert len(list(tmp_path.rglob("*.npy"))) == 2
    expected = pipeline.backbone.encode_prompts(captions)
    calls.clear()
    read: list[int] = []
    plain = _Known._read
    monkeypatch.setattr(_Known, "_read", lambda self, columns: read.append(1) or plain(self, columns))
    backbone = pipeline.backbone
    backbone.use_text_encoders(cached)
    found = backbone.encode_prompts(captions)
    close = {"rtol": 2e-3, "atol": 2e-3}  # half precision
    torch.testing.assert_close(found.embeddings, expected.embeddings, **close)
    torch.testing.assert_close(found.pooled, expected.pooled, **close)
    assert calls == []
    # States of both encoders, each row by itself, and the vectors of the second one.
    assert len(read) == 3 * len(captions)


@pytest.mark.parametrize("cached", [False, True])
def test_it_is_told_what_diffusers_recipe_tells(xl: Path, scenes: Path, tmp_path: Path, cached: bool) -> None:
    """Original size, place of the crop, its size; both encoders' states; zeros for a dropped caption."""
    from accelerate import Accelerator

    from layoutgen.training.cached_inputs import ArrayCache, cache_captions
    from layoutgen.training.config import TrainConfig
    from layoutgen.training.denoiser import Denoiser

    pipeline = LayoutPipeline.from_pretrained(xl)
    dataset = open_dataset(scenes, resolution=128, seed=0)
    method = pipeline.method("text2img", "text")
    if cached:
        method.backbone.use_text_encoders(cache_captions(pipeline, dataset, ArrayCache(tmp_path)))
        pipeline.text_encoder_2.forward = None  # known captions are not encoded again
        dataset = open_dataset(scenes, resolution=128, seed=0)
    denoiser = Denoiser(pipeline, [method])
    denoiser.unet = spy = Spy(pipeline.unet)
    examples = [dataset[number] for number in range(3)]
    if cached:
        examples = [e._replace(layout=Layout(128, 128, (), e.layout.prompt)) for e in examples]
    batch = collate(examples)
    texts, judge = [layout.prompt for layout in batch.layouts], judge_of(xl)
    with torch.no_grad():
        states, _, pooled, _ = judge.encode_prompt(texts, do_classifier_free_guidance=False)
    for number in range(3):
        source, mirrored = dataset.source_of(number)
        x, y, width, _ = dataset.crop_box(source, number)
        left = 160 - x - width if mirrored else x
        expected = [144, 160, round(y * 128 / width), round(left * 128 / width), 128, 128]
        assert batch.sizes[number].tolist() == expected
    drop_all = {"drop_caption": 0.999, "drop_layout": 0.0}
    for dropped, config in ((False, TrainConfig(drop_caption=0)), (True, TrainConfig(**drop_all))):
        with torch.no_grad(), denoiser.attached():
            batch_loss(method.backbone, denoiser, 0, batch, config, Accelerator(cpu=True))
        added = spy.calls[-1]["added_cond_kwargs"]
        assert torch.equal(added["time_ids"], batch.sizes.float())
        prompt = spy.calls[-1]["encoder_hidden_states"][:, :77]
        close = {"rtol": 2e-3, "atol": 2e-3} if cached else {"rtol": 1e-4, "atol": 1e-5}
        torch.testing.assert_close(prompt, states * (not dropped), **close)
        torch.testing.assert_close(added["text_embeds"], pooled * (not dropped), **close)


def ours(xl: Path, prompt: str = "a dog", **added: Any) -> np.ndarray:
    pipeline = LayoutPipeline.from_pretrained(xl)
    pipeline.add(Additions(**added))
    return ours_of(pipeline, prompt)


def test_a_trained_lora_works_in_diffusers_and_in_kohyas_keys(xl: Path, scenes: Path, tmp_path: Path) -> None:
    options = "--method text2img --lora-rank 2 --ema 0 --learning-rate 0.05 --warmup 0 --schedule constant"
    train(scenes, tmp_path / "run", "--model", str(xl), *options.split(), images=6)
    lora = tmp_path / "run/lora.safetensors"
    judge = judge_of(xl)
    before = theirs_of(judge)
    judge.load_lora_weights(str(lora))
    expected = theirs_of(judge)
    assert np.abs(expected - before).mean() > 2
    assert np.abs(ours(xl, lora=(str(lora),)) - expected).max() <= 1
    kohya = {}
    for name, value in load_file(lora).items():
        layer, kind = name.removeprefix("unet.").removesuffix(".weight").rsplit(".", 1)
        key = f"lora_unet_{layer.replace('.', '_')}"
        kohya[f"{key}.{'lora_down' if kind == 'lora_A' else 'lora_up'}.weight"] = value
        kohya[f"{key}.alpha"] = torch.tensor(2.0)
    save_file(kohya, tmp_path / "kohya.safetensors")
    assert np.abs(ours(xl, lora=(str(tmp_path / "kohya.safetensors"),)) - expected).max() <= 1


@pytest.mark.parametrize("skip", [1, 3])
def test_clip_skip_is_that_of_diffusers(xl: Path, skip: int) -> None:
    """Which counts from the layer that XL reads, and of the prompt alone: ours is of both prompts."""
    judge = judge_of(xl)
    with torch.no_grad():
        (states, _, pooled, _), (negative, _, negative_pooled, _) = (
            judge.encode_prompt(text, do_classifier_free_guidance=False, clip_skip=skip - 1)
            for text in ("a dog", "blurry")
        )
    embeddings = {
        "prompt_embeds": states,
        "pooled_prompt_embeds": pooled,
        "negative_prompt_embeds": negative,
        "negative_pooled_prompt_embeds": negative_pooled,
    }
    np.testing.assert_array_equal(ours(xl, clip_skip=skip), theirs_of(judge, **embeddings))


def test_a_textual_inversion_has_vectors_of_both_encoders(xl: Path, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(2)
    vectors = {
        "clip_l": torch.randn(2, 64, generator=generator),
        "clip_g": torch.randn(2, 128, generator=generator),
    }
    save_file(vectors, tmp_path / "mydog.safetensors")
    judge = judge_of(xl)
    for key, encoder, tokenizer in (
        ("clip_l", judge.text_encoder, judge.tokenizer), ("clip_g", judge.text_encoder_2, judge.tokenizer_2)
    ):  # fmt: skip
        judge.load_textual_inversion(vectors[key], token="mydog", text_encoder=encoder, tokenizer=tokenizer)
    expected = theirs_of(judge, "a mydog")
    got = ours(xl, "a mydog", embedding=(str(tmp_path / "mydog.safetensors"),))
    np.testing.assert_array_equal(got, expected)
    assert np.abs(ours(xl, "a mydog") - got).mean() > 1


def test_what_is_for_another_base_is_one_line(
    xl: Path, scenes: Path, toy_checkpoint: Path, tmp_path: Path
) -> None:
    save_file({"emb_params": torch.ones(2, 64)}, tmp_path / "v1.safetensors")
    save_file({"clip_l": torch.ones(2, 64), "clip_g": torch.ones(2, 128)}, tmp_path / "xl.safetensors")
    for model, file, words in (
        (xl, "v1", "v1 or v2, and this is XL"),
        (toy_checkpoint, "xl", "XL, and this is v1 or v2"),
    ):
        pipeline = LayoutPipeline.from_pretrained(model)
        with pytest.raises(Exception, match=words) as raised:
            pipeline.add(Additions(embedding=(str(tmp_path / f"{file}.safetensors"),)))
        assert "\n" not in str(raised.value)
    done = CliRunner().invoke(app, ["distill", str(xl), str(scenes), "-o", str(tmp_path / "few")])
    assert done.exit_code == 2 and "XL cannot be distilled here" in done.output
    assert not (tmp_path / "few").exists()
    done = invoke(scenes, tmp_path / "run", "--model", str(xl), "--resolution", "100")
    assert done.exit_code == 2 and "must be a multiple of 32 for this model" in done.output
