"""The method sprites: many boxes by painting few objects, at a cost that does not depend on the boxes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from layoutgen import Box, Instance, Layout
from layoutgen.assets import MODEL
from layoutgen.cli import app
from layoutgen.denoising.evaluations import counting, plain_windows
from layoutgen.denoising.settings import SampleSettings
from layoutgen.errors import InvalidOption
from layoutgen.formats.png import read_png
from layoutgen.pipeline import LayoutPipeline
from layoutgen.sprites.images import ImagePainter
from layoutgen.sprites.inspection import Inspector
from tests.detection.test_inference import SquareDetector
from tests.toy import toy_pipeline

QUICK = {"steps": 2, "scheduler": "ddim", "cache_interval": 1, "method": "sprites", "variety": 3}


@pytest.fixture
def toy(tmp_path: Path) -> LayoutPipeline:
    return toy_pipeline(tmp_path, size=8)  # windows of 64 px, objects of 32


def crowd(count: int, side: float = 8.0, width: int = 160, height: int = 128) -> Layout:
    columns = int(width // (side + 2))
    boxes = [
        Box(x, y, x + side, y + side)
        for x, y in (((side + 2) * (k % columns), (side + 2) * (k // columns)) for k in range(count))
    ]
    return Layout(width, height, tuple(Instance("dog", box) for box in boxes), f"{count} dogs on grass")


def paint(pipeline: LayoutPipeline, layout: Layout, seed: int = 0, **options: object) -> Image.Image:
    generator = torch.Generator().manual_seed(seed)
    return pipeline(layout, generator=generator, **QUICK | options)[0]


def test_the_work_depends_on_canvas_and_variety_not_on_the_number_of_boxes(toy: LayoutPipeline) -> None:
    work = []
    for count in (12, 120):
        with counting(toy.backbone) as counter:
            paint(toy, crowd(count))
        work.append(counter.windows)
    assert work[1] <= 1.3 * work[0]
    layout, settings = crowd(120), SampleSettings(steps=2)
    plain = plain_windows(toy.backbone, layout, settings)
    assert plain == 3 * 3 * 2 * 2  # windows, steps, and both halves of guidance
    background, harmonised = plain, plain_windows(toy.backbone, layout.resize(320, 256), settings) / 2
    objects = 3 * 2 * 2
    assert background + objects + harmonised <= work[1] <= background + 2 * objects + harmonised


def test_a_picture_follows_its_seed_and_has_the_size_of_its_layout(toy: LayoutPipeline) -> None:
    one, again, other = (np.array(paint(toy, crowd(9), seed)) for seed in (0, 0, 1))
    assert one.shape == (128, 160, 3)
    assert (one == again).all()
    assert (one != other).any()


def test_images_painted_together_are_those_painted_alone(toy: LayoutPipeline) -> None:
    layouts = [crowd(9), crowd(20)]
    generators = [torch.Generator().manual_seed(seed) for seed in (3, 4)]
    together = toy(layouts, generator=generators, **QUICK)
    for image, layout, seed in zip(together, layouts, (3, 4), strict=True):
        assert (np.array(image) == np.array(paint(toy, layout, seed))).all()


def test_steps_count_up_and_show_what_there_is(toy: LayoutPipeline) -> None:
    method = toy.method("sprites")
    settings = SampleSettings(steps=2, variety=2)
    *steps, images = toy.paint([crowd(4), crowd(5)], method, settings=settings)
    numbers = [step.number for step in steps]
    assert numbers == sorted(numbers)
    assert numbers[-1] <= steps[-1].total == 200
    assert [one.size for one in steps[0].preview()] == [one.size for one in images] == [(160, 128)] * 2


def test_without_boxes_it_is_the_background(toy: LayoutPipeline) -> None:
    assert paint(toy, Layout(128, 64, prompt="grass")).size == (128, 64)


def test_what_only_sprites_read_is_refused_elsewhere(toy: LayoutPipeline) -> None:
    for option in ({"variety": 3}, {"verify": True}):
        with pytest.raises(InvalidOption, match=f"`{next(iter(option))}` has no effect without"):
            toy(crowd(3), method="regional", steps=1, **option)
    with pytest.raises(InvalidOption, match="`detector` looks only with `verify`"):
        SampleSettings(detector="mine")
    with pytest.raises(InvalidOption, match="`encoding` is an option"):
        toy.method("sprites", "box")


def test_objects_are_cut_out_with_the_attention_to_their_label(
    toy: LayoutPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[tuple[int, int], np.ndarray]] = []

    def cut(label: str, picture: Image.Image, background: Image.Image, box: Box, heard: np.ndarray) -> None:
        seen.append((picture.size, heard))

    monkeypatch.setattr("layoutgen.sprites.objects.cut_out", cut)
    paint(toy, crowd(3))
    assert len(seen) == 2 * 3  # refused, and painted once more
    for (width, height), heard in seen:
        assert heard.shape == (height, width)
        assert heard.min() > 0 and heard.max() < 1


def test_what_is_harmonised_is_told_no_box_larger_than_the_model_draws(
    toy: LayoutPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Layout] = []
    refine = ImagePainter.refine

    def noted(painter: ImagePainter, picture: Image.Image, layout: Layout, *rest: Any) -> Any:
        told.append(layout)
        return refine(painter, picture, layout, *rest)

    monkeypatch.setattr(ImagePainter, "refine", noted)
    small, large = Box(4, 4, 20, 20), Box(40, 8, 80, 60)
    layout = Layout(96, 64, (Instance("dog", small), Instance("dog", large)), "2 dogs")
    for largest in (32.0, 0.0):
        paint(toy, layout, coarse_above=largest, variety=1)
    assert [one.box for one in told[0].instances] == [small]
    assert [one.box for one in told[1].instances] == [small, large]


class PickyDetector(SquareDetector):
    """Sees every second red rectangle."""

    def detect(self, images, labels, score_threshold):
        return [found[::2] for found in super().detect(images, labels, score_threshold)]


def test_an_inspector_says_which_boxes_lack_their_object() -> None:
    layout = Layout(120, 60, tuple(Instance("dog", Box(x, 10, x + 20, 30)) for x in (10, 50, 90)))
    picture = Image.new("RGB", (120, 60))
    for one in layout.instances:
        picture.paste((255, 0, 0), tuple(map(int, one.box.xyxy)))
    assert Inspector(SquareDetector()).missed(picture, layout) == ()
    assert Inspector(PickyDetector()).missed(picture, layout) == (1,)
    alone = picture.crop((0, 0, 40, 60))
    assert Inspector(SquareDetector()).accepts(alone, "dog", Box(10, 10, 30, 30), 20)
    assert not Inspector(SquareDetector()).accepts(alone, "person", Box(10, 10, 30, 30), 20)
    assert not Inspector(SquareDetector()).accepts(picture, "dog", Box(10, 10, 30, 30), 20)  # two more


class TwiceDetector(SquareDetector):
    """Sees the last red rectangle twice, and something where nothing was asked for."""

    def detect(self, images, labels, score_threshold):
        found = []
        for seen in super().detect(images, labels, score_threshold):
            last = seen[-1]
            part = Box(last.box.x0 + 9, last.box.y0 + 9, last.box.x1 + 4, last.box.y1 + 4)
            found.append([*seen, replace(last, box=part), replace(last, box=Box(1, 50, 9, 58))])
        return found


def test_a_box_in_which_two_are_seen_lacks_its_one_object() -> None:
    layout = Layout(120, 60, tuple(Instance("dog", Box(x, 10, x + 20, 30)) for x in (10, 50, 90)))
    picture = Image.new("RGB", (120, 60))
    for one in layout.instances:
        picture.paste((255, 0, 0), tuple(map(int, one.box.xyxy)))
    assert Inspector(TwiceDetector()).missed(picture, layout) == (2,)


class FewFound:
    """Misses the first box in some looks: the first two are at what is pasted, the others at the end."""

    def __init__(self, missing: set[int]) -> None:
        self.missing, self.pictures = missing, list[Image.Image]()

    def accepts(self, *_: object) -> bool:
        return True

    def missed(self, picture: Image.Image, layout: Layout) -> tuple[int, ...]:
        assert picture.size == (layout.width, layout.height)
        self.pictures.append(picture.copy())
        return (0,) if len(self.pictures) in self.missing else ()


def test_what_is_missed_is_pasted_again_and_the_rest_stays(
    toy: LayoutPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = crowd(6, 16, 128, 128)
    monkeypatch.setattr("layoutgen.detection.loading.load_detector", lambda *_: None)
    pictures, work, looks = [], [], []
    for missing in (set[int](), {1}, {1, 3}):
        looking = FewFound(missing)
        monkeypatch.setattr("layoutgen.pipeline.Inspector", lambda detector, looking=looking: looking)
        with counting(toy.backbone) as counter:
            pictures.append(np.array(paint(toy, layout, verify=True)).astype(int))
        work.append(counter.windows)
        looks.append(looking.pictures)
    assert [len(seen) for seen in looks] == [2, 3, 4]
    assert work[1] == work[0]  # what is pasted is looked at before anything is harmonised
    assert work[2] - work[1] == 2  # one window around the box, guided, in the one step that harmonises
    before, after = (np.array(picture).astype(int) for picture in looks[1][:2])
    for once, again in ((before, after), (pictures[1], pictures[2])):
        changed = np.abs(once - again).max(axis=2) > 0
        assert changed[4:12, 4:12].any()  # in the first box
        assert not changed[:, 30:].any()
        assert not changed[30:].any()


def test_the_small_model_by_the_command(tmp_path: Path) -> None:
    out, options = tmp_path / "out", ["--width", 64, "--height", 64, "--steps", 4, "--device", "cpu"]
    words = ["-n", 4, "dogs", "--method", "sprites", "--verify", "--variety", 2, *options, "-o", out]
    done = CliRunner().invoke(app, ["sample", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "windows through the U-Net, as" in done.output
    assert "times the work" not in done.output
    stored = read_png(out / "images/sample_0.png")[1]
    assert (stored["method"], stored["variety"], stored["verify"], stored["encoding"]) == (
        "sprites",
        2,
        True,
        None,
    )
    again = [out / "images/sample_0.png", "-o", tmp_path / "again", "--device", "cpu"]
    assert CliRunner().invoke(app, ["sample", *map(str, again)]).exit_code == 0
    first, second = (path / "images/sample_0.png" for path in (out, tmp_path / "again"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.slow
def test_a_thousand_dogs_cost_what_a_hundred_cost() -> None:
    """With the model in the package: measured, not bounded."""
    pipeline = LayoutPipeline.from_pretrained(MODEL)
    pipeline.set_progress_bar_config(disable=True)
    work = []
    for count in (100, 1000):
        with counting(pipeline.backbone) as counter:
            paint(pipeline, crowd(count, 16, 704, 704), steps=12, variety=48)
        work.append(counter.windows)
    assert work[1] <= 1.3 * work[0]
    assert work[1] <= 4 * plain_windows(pipeline.backbone, crowd(1, 16, 704, 704), pipeline.settings)
