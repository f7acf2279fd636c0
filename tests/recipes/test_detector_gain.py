"""The recipe that asks whether painted images help a detector: images, detectors, cells, table."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImage, Detection
from layoutgen.domain.layout import Box, Instance, Layout

RECIPE = Path(__file__).parents[2] / "recipes/detector_gain"
MODULES = ("gain_scenes", "gain_detectors", "run")


@pytest.fixture(scope="module")
def recipe() -> Iterator[Any]:
    """The modules of the recipe, as its script finds them."""
    pytest.importorskip("efficientnet_lite_pytorch")
    sys.path.insert(0, str(RECIPE))
    yield argparse.Namespace(**{name: importlib.import_module(name) for name in MODULES})
    sys.path.remove(str(RECIPE))
    for name in MODULES:
        sys.modules.pop(name, None)


def test_mosaics_show_each_animal_whole_at_its_place(recipe, coco) -> None:
    names = [(f"{n}.png", 300, 200) for n in range(4)]
    _, file = coco(names, [(n + 1, "dog", [40.0 + 20 * n, 50.0, 100.0, 120.0]) for n in range(4)])
    (found,) = recipe.gain_scenes.mosaics(file)
    assert found.image.size == (192, 192) and len(found.layout.instances) == 4
    # A square of 200 px around the middle of the box, at most to the border, is reduced to 96 px.
    left = max(0, 40 + 50 - 100)
    wanted = np.array([40 - left, 50, 140 - left, 170]) * 96 / 200
    np.testing.assert_allclose(found.layout.instances[0].box.xyxy, wanted, atol=0.01)
    last = found.layout.instances[3].box
    assert last.x0 > 96 and last.y0 > 96
    # Red tells the place in the photo: from 0 to 200 px in the first cell, from 30 to 230 in the third.
    red = np.asarray(found.image)[..., 0].astype(int)
    assert abs(red[48, 90] - 190 * 255 / 300) < 5 and abs(red[140, 5] - red[48, 5] - 30 * 255 / 300) < 3


def test_the_layouts_that_are_painted_can_be_shifted(recipe, coco, tmp_path, monkeypatch) -> None:
    _, file = coco([("1.png", 192, 192)], [(1, "dog", [40.0, 50.0, 40.0, 60.0])])
    scenes, asked = recipe.gain_scenes, {}

    def copy(folder: Path) -> None:
        list(scenes.convert(scenes.open_annotated(file), folder, scenes.format_named("huggingface")))

    copy(tmp_path / "real_500")
    monkeypatch.setattr(
        scenes.layoutgen, "augment", lambda _, folder, **how: (copy(folder), asked.update(how))
    )
    monkeypatch.setattr(sys, "argv", ["run.py", "data", str(tmp_path), "--objects", "2", "--size", "0.75"])
    images = recipe.run.Images(recipe.run._arguments())
    monkeypatch.setattr(images, "_real", lambda: None)
    images._painted(checked=True)
    assert (asked["objects"], asked["size"], asked["check"]) == (2, 0.75, True)


@pytest.mark.parametrize("name", ["layoutgen", pytest.param("rt-detr", marks=pytest.mark.slow)])
def test_a_detector_learns_one_image_by_heart(recipe, name: str) -> None:
    """From features in which the places are: features, targets and boxes must be read right."""
    detectors = recipe.gain_detectors
    layout = Layout(
        192, 192, (Instance("dog", Box(20, 30, 80, 110)), Instance("cat", Box(110, 96, 174, 166)))
    )
    features = []
    for channels, stride in ((40, 8), (112, 16), (320, 32)):
        level = torch.zeros(1, 1, channels, 192 // stride, 192 // stride)
        for number, one in enumerate(layout.instances, start=1):
            x0, y0, x1, y1 = (round(value / stride) for value in one.box.xyxy)
            level[..., number::3, y0:y1, x0:x1] = 1.0
        features.append(torch.cat([level, level.flip(-1)]).half())
    data = detectors.Embedded(tuple(features), (layout,))
    model = detectors.train(name, data, views=240, batch=2, rate=2e-3, seed=0)
    found = detectors.detect(model, data)[0]
    best = sorted(found, key=lambda one: -one.score)[:2]
    assert {one.label for one in best} == {"cat", "dog"}
    for one in best:
        target = next(i.box for i in layout.instances if i.label == one.label)
        assert one.box.iou(target) > 0.5


def test_the_backbone_sees_images_straight_and_mirrored(recipe) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (192, 192, 3)).astype(np.uint8))
    one = recipe.gain_scenes.Example(image, Layout(192, 192))
    turned = recipe.gain_scenes.Example(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), Layout(192, 192))
    data = recipe.gain_detectors.embedded([one, turned], recipe.run.EfficientNetLite0())
    assert [tuple(level.shape) for level in data.features] == [
        (2, 2, 40, 24, 24), (2, 2, 112, 12, 12), (2, 2, 320, 6, 6)
    ]  # fmt: skip
    for level in data.features:
        torch.testing.assert_close(level[1, 0], level[0, 1])
    assert len(data.first(1)) == 1 and len(data.plus(data.first(1))) == 3


def test_recall_counts_the_ten_surest_one_to_one(recipe) -> None:
    boxes = [Box(10 * k, 0, 10 * k + 8, 20) for k in range(12)]
    target = AnnotatedImage(0, "0", Layout(192, 192, tuple(Instance("dog", box) for box in boxes)))
    seen = tuple(Detection("dog", box, 0.9 - 0.01 * k) for k, box in enumerate(boxes))
    assert recipe.run._recall([target], {0: seen}) == pytest.approx(10 / 12)
    assert recipe.run._recall([target], {0: seen[:1] * 5}) == pytest.approx(1 / 12)


def test_the_cells_that_are_there_are_not_filled_again_and_the_table_has_their_spread(
    recipe, tmp_path, monkeypatch, capsys
) -> None:
    run, filled = recipe.run, []

    class NoImages:
        def __init__(self, chosen: Any) -> None:
            pass

    def measure(cell: Any, images: Any, chosen: Any) -> dict[str, float]:
        if len(filled) == 5:
            raise KeyboardInterrupt
        filled.append(cell.name)
        value = 0.1 * cell.seed + (0.5 if cell.painted else 0.3)
        return {"scenes_ap50": value, "scenes_recall": 0.5, "photos_ap50": 0.2, "photos_recall": 0.25}

    monkeypatch.setattr(run, "Images", NoImages)
    monkeypatch.setattr(run, "_measure", measure)
    monkeypatch.setattr(sys, "argv", ["run.py", "data", str(tmp_path), "--real", "20", "--painted", "8"])
    with pytest.raises(KeyboardInterrupt):
        run.main()
    first, filled[:] = list(filled), []
    assert first[0] == "layoutgen_20_real_0_painted_seed_0" and len(list((tmp_path / "cells").iterdir())) == 5
    for _ in range(3):  # five at a time
        filled.clear()
        try:
            run.main()
        except KeyboardInterrupt:
            assert first[-1] not in filled
    assert len(list((tmp_path / "cells").iterdir())) == 2 * 3 * 3
    table = (tmp_path / "table.md").read_text()
    assert "| layoutgen | 20 | 8 | 3 | 60.0 ± 10.0 | 50.0 ± 0.0 | 20.0 ± 0.0 | 25.0 ± 0.0 |" in table
    assert "| rt-detr | 20 | 0 | 3 | 40.0 ± 10.0 |" in table
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--objects", "2"])
    with pytest.raises(SystemExit, match="of other options"):
        run.main()
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert len(rows) == 6 and rows[0]["scenes_ap50_deviation"] == pytest.approx(0.1)
