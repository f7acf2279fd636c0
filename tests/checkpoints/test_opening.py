"""The same model opens in whatever form it is, and paints the same picture as diffusers' own pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import CLIPTokenizer

from layoutgen import Box, Instance, Layout
from layoutgen.checkpoints.clip_vocabulary import write_clip_tokenizer
from layoutgen.checkpoints.weight_files import files_to_download
from layoutgen.errors import InvalidFile
from layoutgen.pipeline import LayoutPipeline
from tests.checkpoints.claims import FORMS

DOG = Layout(128, 128, (Instance("dog", Box(8, 8, 60, 50)),), "a dog", "blurry")


def paint(pipeline: LayoutPipeline, layout: Layout, **options: Any) -> np.ndarray:
    pipeline.set_progress_bar_config(disable=True)
    usual = {"steps": 2, "scheduler": "ddim", "zoom": 1}  # a file without metadata does not say its size
    image = pipeline(layout, generator=torch.Generator().manual_seed(0), **usual | options)[0]
    return np.array(image).astype(int)


@pytest.fixture(scope="module")
def folder_picture(forms: dict[str, Path]) -> np.ndarray:
    return paint(LayoutPipeline.from_pretrained(forms["folder"]), DOG, method="regional")


@pytest.mark.parametrize("form", list(FORMS)[1:])
def test_every_form_paints_the_same_picture(
    forms: dict[str, Path], folder_picture: np.ndarray, form: str
) -> None:
    opened = LayoutPipeline.from_pretrained(forms[form])
    assert {getattr(opened, part).dtype for part in ("unet", "vae", "text_encoder")} == {torch.float32}
    np.testing.assert_array_equal(paint(opened, DOG, method="regional"), folder_picture)


def test_the_vocabulary_is_clips(tmp_path: Path) -> None:
    """Numbers that are known of OpenAI's tokenizer."""
    write_clip_tokenizer(tmp_path, {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77})
    tokenizer = CLIPTokenizer.from_pretrained(tmp_path)
    assert len(tokenizer) == 49408
    assert tokenizer("a photo of a cat").input_ids == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert tokenizer("A Dog!").input_ids == [49406, 320, 1929, 256, 49407]


def test_a_pickle_that_is_more_than_weights_is_not_opened(tmp_path: Path) -> None:
    class Callback:
        def __reduce__(self) -> Any:
            return print, ("code ran",)

    path = tmp_path / "model.ckpt"
    torch.save({"state_dict": {}, "callbacks": Callback()}, path)
    with pytest.raises(InvalidFile, match=r"model\.ckpt: is a pickle, which can run code") as raised:
        LayoutPipeline.from_pretrained(path)
    assert "\n" not in str(raised.value)


HUB = [
    "README.md",
    "model_index.json",
    "v1-5-pruned.ckpt",
    "v1-5-pruned.safetensors",
    "scheduler/scheduler_config.json",
    "tokenizer/merges.txt",
    "safety_checker/model.safetensors",
    "text_encoder/config.json",
    "text_encoder/model.safetensors",
    "text_encoder/model.fp16.safetensors",
    "text_encoder/pytorch_model.bin",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    "unet/diffusion_flax_model.msgpack",
    "vae/config.json",
    "vae/diffusion_pytorch_model.bin",
]


def test_only_what_is_needed_is_downloaded() -> None:
    parts = ("scheduler", "tokenizer", "text_encoder", "unet", "vae")
    assert sorted(files_to_download(HUB, parts)) == sorted(
        [
            "model_index.json",
            "scheduler/scheduler_config.json",
            "tokenizer/merges.txt",
            "text_encoder/config.json",
            "text_encoder/model.safetensors",
            "unet/config.json",
            "unet/diffusion_pytorch_model.safetensors",
            "vae/config.json",
            "vae/diffusion_pytorch_model.bin",
        ]
    )


def test_shards_and_a_variant_are_downloaded_where_there_is_nothing_else() -> None:
    stem = "unet/diffusion_pytorch_model"
    shards = [f"{stem}.fp16-0000{n}-of-00002.safetensors" for n in (1, 2)]
    index = f"{stem}.safetensors.index.fp16.json"
    names = [*shards, index, "vae/diffusion_pytorch_model.safetensors"]
    assert sorted(files_to_download(names, ("unet", "vae"))) == sorted(["model_index.json", *names])
