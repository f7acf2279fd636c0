"""What is in the boxes of sample pictures: noise, or objects; and that a run says which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from layoutgen.cli.train_display import TrainingDisplay
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.training import snapshot
from layoutgen.training.visible_boxes import box_effects, visible_share
from tests.training.conftest import train

LAYOUT = Layout(96, 64, (Instance("dog", Box(8, 8, 32, 40)), Instance("dog", Box(56, 16, 88, 48))))


def noise(cell: int, seed: int = 0) -> Image.Image:
    """Independent colours of `cell` x `cell` pixels."""
    size = (64 // cell, 96 // cell, 3)
    values = np.random.default_rng(seed).integers(0, 256, size).astype(np.uint8)
    return Image.fromarray(values).resize((96, 64), Image.Resampling.NEAREST)


def drawn(*boxes: Instance) -> Image.Image:
    """Brown objects, round, on noisy green ground."""
    image = Image.blend(noise(2), Image.new("RGB", (96, 64), (60, 160, 60)), 0.6)
    for one in boxes:
        ImageDraw.Draw(image).ellipse(one.box.xyxy, fill=(150, 90, 60))
    return image


def test_noise_is_nothing_at_any_scale() -> None:
    pictures = [(noise(cell, seed), LAYOUT) for cell in (1, 2, 4, 8) for seed in range(10)]
    share = visible_share(pictures)
    assert share is not None and share < 0.1


def test_objects_stand_out_where_they_are() -> None:
    assert visible_share([(drawn(*LAYOUT.instances), LAYOUT)]) == 1.0
    assert visible_share([(drawn(LAYOUT.instances[0]), LAYOUT)]) == 0.5
    assert visible_share([(drawn(), LAYOUT)]) == 0.0
    assert visible_share([(Image.new("RGB", (96, 64), "green"), LAYOUT)]) == 0.0


def test_an_effect_is_in_standard_deviations() -> None:
    pixels = np.full((64, 96, 3), 100, dtype=np.uint8)
    pixels[::2] = 120  # standard deviation 10
    pixels[8:40, 8:32, 1] += 30
    (first, second) = box_effects(Image.fromarray(pixels), LAYOUT)
    assert first == pytest.approx(3.0, abs=0.01) and second == pytest.approx(0.0, abs=0.01)


def test_a_box_without_surroundings_says_nothing() -> None:
    whole = Layout(96, 64, (Instance("dog", Box(0, 0, 96, 64)),))
    assert visible_share([(noise(1), whole), (noise(1), Layout(96, 64))]) is None


@pytest.mark.parametrize(
    ("hopeful", "words"),
    [(False, "Pictures are still noise: 0% of the boxes"), (True, "Pictures are more than noise: 100% of")],
)
def test_a_run_says_what_its_pictures_show(
    prepared: Path,
    tmp_path: Path,
    checkpoint: list[str],
    monkeypatch: pytest.MonkeyPatch,
    hopeful: bool,
    words: str,
) -> None:
    """The pictures that a run paints of its layouts are judged, whatever the number of images is."""
    said: list[str] = []
    monkeypatch.setattr("layoutgen.cli.train_display._OUTLOOK_SECONDS", -1)
    monkeypatch.setattr(TrainingDisplay, "_say", lambda self, line, **_: said.append(line))

    def painted(image: Image.Image, layout: Layout) -> Image.Image:
        for one in layout.instances if hopeful else ():
            ImageDraw.Draw(image).rectangle(one.box.xyxy, fill="red")
        return image

    judged = snapshot.visible_share
    monkeypatch.setattr(
        snapshot,
        "visible_share",
        lambda pictures: judged([(painted(Image.new("RGB", image.size), at), at) for image, at in pictures]),
    )
    train(prepared, tmp_path / "run", *checkpoint, "--report-every", "4")
    assert len([line for line in said if line.startswith(words)]) == 1
