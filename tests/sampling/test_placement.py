"""A model that does not fit on its device as a whole computes there part by part, and says so in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from layoutgen import Box, Instance, Layout
from layoutgen.cli import app
from layoutgen.denoising.image_codec import ImageCodec
from layoutgen.denoising.multidiffusion import window_bytes
from layoutgen.devices import execution_device
from layoutgen.pipeline import LayoutPipeline
from layoutgen.sampling import placement
from layoutgen.sampling.placement import decode_in_tiles, decoded_whole, decoding_bytes, place
from tests.toy import toy_pipeline

LAYOUT = Layout(96, 64, (Instance("dog", Box(8, 8, 48, 48)),), "a dog on grass")


@pytest.fixture
def toy(tmp_path: Path) -> LayoutPipeline:
    return toy_pipeline(tmp_path, size=8)


def paint(pipeline: LayoutPipeline) -> np.ndarray:
    generator = torch.Generator().manual_seed(0)
    return np.array(pipeline(LAYOUT, method="regional", steps=2, zoom=1, generator=generator)[0])


def placed(pipeline: LayoutPipeline, free: int | None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is said when `pipeline` is put on a device with so many bytes `free`."""
    notes: list[str] = []
    monkeypatch.setattr(placement, "free_memory", lambda device: free)
    place(pipeline, "cpu", notes.append)
    return notes


def size_of(pipeline: LayoutPipeline) -> int:
    parts = (pipeline.unet, pipeline.vae, pipeline.text_encoder)
    return sum(x.numel() * x.element_size() for part in parts for x in (*part.parameters(), *part.buffers()))


def test_what_fits_is_moved_as_a_whole(toy: LayoutPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    for free in (None, 2**40):
        assert placed(toy, free, monkeypatch) == []
        assert not hasattr(toy.unet, "_hf_hook") and not toy.vae.use_tiling


def test_what_does_not_fit_is_moved_part_by_part_and_paints_the_same(
    toy: LayoutPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = paint(toy)
    needed = size_of(toy) + window_bytes(toy.backbone)
    (note,) = placed(toy, needed - 1, monkeypatch)
    assert note.startswith("the model needs 0.0 GiB") and "one after the other" in note and "\n" not in note
    for part in (toy.unet, toy.vae, toy.text_encoder):
        assert execution_device(part) == torch.device("cpu:0")  # the hook's: modules say "cpu"
    moved: list[str] = []
    for name in ("text_encoder", "unet", "vae"):
        hook = getattr(toy, name)._hf_hook
        before = hook.pre_forward
        monkeypatch.setattr(
            hook, "pre_forward", lambda *x, name=name, go=before, **k: (moved.append(name), go(*x, **k))[1]
        )
    np.testing.assert_array_equal(paint(toy), expected)
    assert list(dict.fromkeys(moved)) == ["text_encoder", "unet", "vae"]


def test_what_cannot_be_decoded_as_a_whole_is_decoded_in_tiles(
    toy: LayoutPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = size_of(toy) + max(window_bytes(toy.backbone), decoding_bytes(512, 8, torch.float32))
    (note,) = placed(toy, needed, monkeypatch)
    assert note.endswith("pictures of more than 512 px are decoded in tiles")
    assert toy.vae.use_tiling and toy.vae.tile_sample_min_size == 512 and toy.vae.tile_latent_min_size == 64


def test_no_tile_is_larger_than_what_fits(toy: LayoutPipeline) -> None:
    decode_in_tiles(toy.vae, 64)
    seen: list[torch.Size] = []
    toy.vae.decoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[-2:]))
    with torch.no_grad():
        pixels = ImageCodec(toy.backbone, toy.vae).to_pixels(torch.randn(1, 4, 12, 20))
    assert pixels.shape == (1, 3, 96, 160)
    assert len(seen) > 1 and max(max(size) for size in seen) == 8


@pytest.mark.parametrize(("free", "side"), [(2.8e9, 1024), (2.6e9, 512), (0.6e9, 256), (0, 256)])
def test_how_large_a_picture_stable_diffusions_autoencoder_decodes(free: float, side: int) -> None:
    class Vae:
        config, dtype = {"block_out_channels": (128, 256, 512, 512)}, torch.float16

    assert decoded_whole(int(free), Vae()) == side


def test_the_command_says_so_in_one_line(
    toy: LayoutPipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.save_pretrained(tmp_path / "model")
    monkeypatch.setattr(placement, "free_memory", lambda device: 1000)
    options = "-n 1 dogs --method regional --width 64 --height 64 --zoom 1 --steps 1 --device cpu"
    words = ["sample", *options.split(), "--model", tmp_path / "model", "-o", tmp_path / "out"]
    done = CliRunner().invoke(app, [str(word) for word in words], env={"COLUMNS": "500"})
    assert done.exit_code == 0, done.output
    assert len([line for line in done.output.splitlines() if "are free on cpu" in line]) == 1
