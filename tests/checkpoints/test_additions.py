"""What is added to a checkpoint changes it as in diffusers, or as its definition says."""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from layoutgen import Layout
from layoutgen.additions import Additions
from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.pipeline import LayoutPipeline
from tests.checkpoints.conftest import in_half_precision
from tests.original_layout import original_vae, write_single_file
from tests.real_shapes import real_shaped


def theirs_of(pipeline: Any, prompt: str = "a dog", **changes: Any) -> np.ndarray:
    texts = {"prompt": prompt, "negative_prompt": "blurry"} if "prompt_embeds" not in changes else {}
    image = pipeline(
        **texts,
        **changes,
        width=128,
        height=128,
        num_inference_steps=2,
        guidance_scale=5.0,
        generator=torch.Generator().manual_seed(0),
    )
    return np.array(image.images[0]).astype(int)


_PARTS = set(inspect.signature(LayoutPipeline.__init__).parameters)


@pytest.fixture(scope="module")
def xl() -> Any:
    """diffusers' own pipeline of Stable Diffusion XL."""
    return in_half_precision("sdxl")


def ours_of(pipeline: LayoutPipeline, prompt: str = "a dog") -> np.ndarray:
    """What ours paints, as :func:`theirs_of`."""
    pipeline.set_progress_bar_config(disable=True)
    image = pipeline(
        Layout(128, 128, (), prompt, "blurry"),
        method="regional",
        scheduler="model",
        steps=2,
        guidance=5.0,
        generator=torch.Generator().manual_seed(0),
    )[0]
    return np.array(image).astype(int)


@pytest.fixture
def ours(theirs: Any, forms: dict[str, Path]) -> Any:
    """Paints with the checkpoint and what is added."""

    def paint(prompt: str = "a dog", **added: Any) -> np.ndarray:
        pipeline = LayoutPipeline.from_pretrained(forms["folder"])
        pipeline.add(Additions(**added))
        return ours_of(pipeline, prompt)

    return paint


def kohya_lora(pipeline: Any, path: Path, name_of: Callable[[str], str] = str) -> str:
    """A LoRA as kohya writes it: of the attention of the U-Net, and of the text encoders.

    `name_of` names the U-Net's layers.
    """
    second = getattr(pipeline, "text_encoder_2", None)
    first = {"lora_te" if second is None else "lora_te1": pipeline.text_encoder}
    encoders = first | ({} if second is None else {"lora_te2": second})
    unet, text = (
        ("to_q", "to_k", "to_v", "to_out.0"),
        ("q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"),
    )
    parts = {"lora_unet": (pipeline.unet, unet)} | {key: (one, text) for key, one in encoders.items()}
    generator = torch.Generator().manual_seed(1)
    weights = {}
    for prefix, (network, ends) in parts.items():
        for name, layer in network.named_modules():
            if name.endswith(ends):
                inside = f"text_model.{name.removeprefix('text_model.')}"
                full = name_of(name) if prefix == "lora_unet" else inside
                key = f"{prefix}_{full.replace('.', '_')}"
                down, up = (4, layer.in_features), (layer.out_features, 4)
                weights[f"{key}.lora_down.weight"] = 0.3 * torch.randn(down, generator=generator)
                weights[f"{key}.lora_up.weight"] = 0.3 * torch.randn(up, generator=generator)
                weights[f"{key}.alpha"] = torch.tensor(2.0)
    save_file(weights, path)
    return str(path)


def original_name(name: str) -> str:
    """A layer of XL's U-Net as Stability's code calls it, and with that kohya's."""
    places = {
        r"^mid_block\.attentions\.0": lambda _: "middle_block.1",
        r"^down_blocks\.(\d)\.attentions\.(\d)": lambda m: f"input_blocks.{3 * int(m[1]) + 1 + int(m[2])}.1",
        r"^up_blocks\.(\d)\.attentions\.(\d)": lambda m: f"output_blocks.{3 * int(m[1]) + int(m[2])}.1",
    }
    for diffusers, original in places.items():
        name = re.sub(diffusers, original, name)
    return name


@pytest.mark.parametrize("name_of", [original_name, pytest.param(str, marks=pytest.mark.slow)])
def test_a_kohya_lora_of_xl_changes_the_picture_as_in_diffusers(
    xl: Any, tmp_path: Path, name_of: Callable[[str], str]
) -> None:
    judge = copy.deepcopy(xl)
    file = kohya_lora(judge, tmp_path / "style.safetensors", name_of)
    assert ("input_blocks_4_1" in str(load_file(file).keys())) == (name_of is original_name)
    pipeline = LayoutPipeline(
        **{name: part for name, part in copy.deepcopy(xl).components.items() if name in _PARTS}
    )
    plain = theirs_of(judge)
    np.testing.assert_array_equal(ours_of(pipeline), plain)
    judge.load_lora_weights(file, adapter_name="style")
    judge.set_adapters(["style"], [0.7])
    expected = theirs_of(judge)
    pipeline.add(Additions(lora=(f"{file}:0.7",)))
    got = ours_of(pipeline)
    assert np.abs(expected - plain).mean() > 2
    assert np.abs(got - expected).max() <= 1


def test_a_kohya_lora_changes_the_picture_as_in_diffusers(theirs: Any, ours: Any, tmp_path: Path) -> None:
    file = kohya_lora(theirs, tmp_path / "style.safetensors")
    plain = theirs_of(theirs)
    np.testing.assert_array_equal(ours(), plain)
    theirs.load_lora_weights(file, adapter_name="style")
    theirs.set_adapters(["style"], [0.7])
    expected = theirs_of(theirs)
    theirs.unload_lora_weights()
    assert np.abs(expected - plain).mean() > 2
    assert np.abs(ours(lora=(f"{file}:0.7",)) - expected).max() <= 1
    halves = (f"{file}:0.3", f"{file}:0.4")  # several add up
    assert np.abs(ours(lora=halves) - expected).max() <= 1


def test_a_textual_inversion_of_several_vectors_is_a_word(ours: Any, tmp_path: Path) -> None:
    vectors = torch.randn(3, 64, generator=torch.Generator().manual_seed(2))
    save_file({"emb_params": vectors}, tmp_path / "mydog.safetensors")
    judge = real_shaped("sd1").to(torch.float16).to(torch.float32)
    judge.load_textual_inversion(str(tmp_path / "mydog.safetensors"), token="mydog")
    expected = theirs_of(judge, "a mydog")
    added = str(tmp_path / "mydog.safetensors")
    np.testing.assert_array_equal(ours("a mydog", embedding=(added,)), expected)
    assert np.abs(ours("a mydog") - expected).mean() > 1


def test_clip_skip_reads_an_earlier_layer_for_both_prompts(theirs: Any, ours: Any) -> None:
    def embedded(text: str) -> torch.Tensor:
        ids = theirs.tokenizer(text, padding="max_length", return_tensors="pt").input_ids
        encoder = getattr(theirs.text_encoder, "text_model", theirs.text_encoder)
        with torch.no_grad():
            states = theirs.text_encoder(ids, output_hidden_states=True).hidden_states
            return encoder.final_layer_norm(states[-2])

    embeddings = {"prompt_embeds": embedded("a dog"), "negative_prompt_embeds": embedded("blurry")}
    np.testing.assert_array_equal(ours(clip_skip=2), theirs_of(theirs, **embeddings))


@pytest.mark.parametrize("form", ["original", "original, inside a checkpoint", "diffusers' file", "folder"])
def test_another_autoencoder(theirs: Any, ours: Any, tmp_path: Path, form: str) -> None:
    own, other = theirs.vae, real_shaped("sd1").vae
    with torch.no_grad():
        other.decoder.conv_out.bias.add_(0.5)
    prefix = "first_stage_model." if "inside" in form else ""
    weights = {
        f"{prefix}{name}": value.clone().contiguous()
        for name, value in (original_vae(other) if "original" in form else other.state_dict()).items()
    }
    place = tmp_path / "vae.safetensors"
    if form == "folder":
        place = tmp_path / "vae"
        other.save_pretrained(place)
    else:
        save_file(weights, place)
    theirs.vae = other
    expected = theirs_of(theirs)
    theirs.vae = own
    np.testing.assert_array_equal(ours(vae=str(place)), expected)


@pytest.mark.parametrize("form", ["a whole checkpoint", "a model's folder"])
def test_an_autoencoder_of_another_base_is_refused(ours: Any, xl: Any, tmp_path: Path, form: str) -> None:
    other = tmp_path / "xl.safetensors"
    if form == "a model's folder":
        other = tmp_path / "xl"
        xl.vae.save_pretrained(other / "vae")
    else:
        write_single_file(xl, other)
    with pytest.raises(
        InvalidOption, match=r"xl\S* is of another base model: it scales latents by 0.13025, "
    ):
        ours(vae=str(other))


def test_what_does_not_belong_to_the_model_is_one_line(forms: dict[str, Path], tmp_path: Path) -> None:
    pipeline = LayoutPipeline.from_pretrained(forms["folder"])
    alien = {
        "unet.down_blocks.0.attentions.0.transformer_blocks.9.attn1.to_q.lora_A.weight": torch.ones(2, 32),
        "unet.down_blocks.0.attentions.0.transformer_blocks.9.attn1.to_q.lora_B.weight": torch.ones(32, 2),
    }
    save_file(alien, tmp_path / "xl.safetensors")
    save_file({"emb_params": torch.ones(2, 99)}, tmp_path / "wide.safetensors")
    torch.save({"string_to_param": {"*": torch.ones(2, 64)}}, tmp_path / "twice.pt")
    save_file({"a": torch.ones(2), "b": torch.ones(3)}, tmp_path / "other.safetensors")
    refused = {
        "is for another base model": {"lora": (str(tmp_path / "xl.safetensors"),)},
        "its vectors have 99 numbers, and this one's 64": {
            "embedding": (str(tmp_path / "wide.safetensors"),)
        },
        "goes by 'twice', which the model knows already": {"embedding": (str(tmp_path / "twice.pt"),) * 2},
        "is a textual inversion embedding": {"lora": (str(tmp_path / "wide.safetensors"),)},
        "is a model of an unknown kind": {"vae": str(tmp_path / "other.safetensors")},
        "there is no such file": {"lora": ("gone.safetensors:0.5",)},
        "must be from 1 to 12": {"clip_skip": 12},
    }
    for problem, added in refused.items():
        with pytest.raises((InvalidOption, InvalidFile)) as raised:
            pipeline.add(Additions(**added))
            if "clip_skip" in added:
                Additions(clip_skip=13)
        assert problem in str(raised.value) and "\n" not in str(raised.value)
