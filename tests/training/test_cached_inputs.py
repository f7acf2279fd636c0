"""Cached latents: what the autoencoder would say now, and never what it said of something else."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL
from PIL import Image
from torch.testing import assert_close

from layoutgen.backbones.clip_text import embed_prompts
from layoutgen.data.dataset import LayoutDataset, open_dataset
from layoutgen.errors import CannotSave
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.cached_inputs import ArrayCache, cache_captions, cache_latents
from tests.toy import toy_pipeline
from tests.training.conftest import draw_scenes, same, train, weights


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return draw_scenes(tmp_path / "data", 5)


@pytest.fixture
def toy(tmp_path: Path) -> LayoutPipeline:
    return toy_pipeline(tmp_path, size=4)


def cache(data: Path) -> ArrayCache:
    return ArrayCache(data / ".latents")


def opened(data: Path, resolution: int = 32) -> LayoutDataset:
    return open_dataset(data, resolution=resolution, seed=0, fixed_crops=True)


@torch.no_grad()
def test_they_are_the_latents_of_the_same_examples(data: Path, toy: LayoutPipeline) -> None:
    dataset = opened(data)
    cached = cache_latents(toy, dataset, cache(data))
    for number in (0, 3, 8, 21):
        pixels, layout, *_ = dataset[number]
        expected = toy.vae.encode(pixels[None], return_dict=False)[0].mode() * toy.vae.config.scaling_factor
        assert_close(cached[number].image, expected[0], atol=2e-3, rtol=2e-3)  # stored in half precision
        assert cached[number].layout == layout


def files(data: Path) -> int:
    return len(list((data / ".latents").rglob("*.npy")))


def test_what_changes_the_latents_is_encoded_anew(data: Path, toy: LayoutPipeline) -> None:
    def encode(resolution: int = 32) -> int:
        cache_latents(toy, opened(data, resolution), cache(data))
        return files(data)

    assert encode() == 1
    assert encode() == 1
    assert encode(resolution=16) == 2
    Image.new("RGB", (48, 48), (1, 2, 3)).save(data / "2.png")
    assert encode() == 3
    with torch.no_grad():
        next(toy.vae.parameters()).add_(0.1)
    assert encode() == 4
    assert encode() == 4


@torch.no_grad()
def test_captions_too(data: Path, toy: LayoutPipeline) -> None:
    dataset = opened(data)
    (cached,) = cache_captions(toy, dataset, cache(data))
    captions = ["", "2 things", "never seen"]
    expected = embed_prompts(toy.tokenizer, toy.text_encoder, captions).embeddings
    found = embed_prompts(toy.tokenizer, cached, captions).embeddings  # one is unknown: the encoder is asked
    assert_close(found, expected)
    found = embed_prompts(toy.tokenizer, cached, captions[:2]).embeddings
    assert_close(found, expected[:2], atol=2e-3, rtol=2e-3)
    with torch.no_grad():
        next(toy.text_encoder.parameters()).add_(0.1)
    cache_captions(toy, dataset, cache(data))
    assert files(data) == 2


def test_a_full_disk_leaves_no_cache(
    data: Path, toy: LayoutPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(file: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(CannotSave, match=r"No space left on device; make room, or leave out `cache_latents`"):
        cache_latents(toy, opened(data), cache(data))
    assert [p for p in (data / ".latents").rglob("*") if p.is_file()] == []


def test_a_run_encodes_nothing_twice(
    data: Path, tmp_path: Path, checkpoint: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[torch.Tensor] = []
    encode = AutoencoderKL.encode

    def spy(vae: AutoencoderKL, pictures: torch.Tensor, **options: bool) -> object:
        encoded.append(pictures)
        return encode(vae, pictures, **options)

    monkeypatch.setattr(AutoencoderKL, "encode", spy)
    options = [*checkpoint, "--method", "img2img", "--cache-latents"]
    printed = train(data, tmp_path / "one", *options)
    assert "encoding 5 images" in printed
    assert len(encoded) > 5
    encoded.clear()
    printed = train(data, tmp_path / "two", *options)
    assert "encoding 5" not in printed
    assert all(picture.std(dim=(0, 2, 3)).max() == 0 for picture in encoded)  # colours of the class map only
    assert same(weights(tmp_path / "one"), weights(tmp_path / "two"))


def test_captions_of_a_trained_text_encoder_are_not_kept(
    data: Path, tmp_path: Path, checkpoint: list[str]
) -> None:
    printed = train(data, tmp_path / "run", *checkpoint, "--cache-latents", "--train-text-encoder")
    assert "captions are encoded at every step: the text encoder is trained" in printed
    assert files(data) == 1
