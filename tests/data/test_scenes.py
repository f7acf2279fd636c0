from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch.utils.data import DataLoader

from layoutgen import Box, Instance, Layout
from layoutgen.data.scene_pasting import Cutout
from layoutgen.data.scene_recipe import SceneRecipe
from layoutgen.data.scenes import SceneComposer, SceneConfig, ground_name
from layoutgen.errors import InvalidFile, InvalidOption

RED, GREEN = (255, 0, 0), (0, 200, 0)


def disc(label: str, color: tuple[int, int, int], width: int, height: int) -> Cutout:
    y, x = np.mgrid[:height, :width]
    inside = ((x + 0.5) / width * 2 - 1) ** 2 + ((y + 0.5) / height * 2 - 1) ** 2 <= 1
    pixels = np.zeros((height, width, 4), np.uint8)
    pixels[..., :3], pixels[..., 3] = color, inside * 255
    return Cutout(label, Image.fromarray(pixels))


def composer(**options: object) -> SceneComposer:
    config = SceneConfig(
        **{"width": 200, "height": 160, "instances": (3, 9), "size": (16, 40), "shadow": 0, **options}
    )
    cutouts = [disc("dog", RED, 50, 80), disc("dog", RED, 90, 40)]
    return SceneComposer(cutouts, [Image.new("RGB", (64, 64), GREEN)], config)


def test_a_scene_depends_on_seed_and_index_alone() -> None:
    first, again = composer(), composer()
    again.compose(0)  # the order does not matter
    one, same = first.compose(7), again.compose(7)
    assert one.image.tobytes() == same.image.tobytes()
    assert one.layout == same.layout
    assert composer(seed=1).compose(7).image.tobytes() != one.image.tobytes()


@pytest.mark.parametrize("index", range(8))
def test_boxes_hold_exactly_what_is_visible(index: int) -> None:
    scene = composer(overlap=0.5).compose(index)
    red = np.array(scene.image)[..., 0].astype(int) > 128
    for instance in scene.layout.instances:
        x0, y0, x1, y1 = map(int, instance.box.xyxy)
        part = red[y0:y1, x0:x1]
        assert part.any(axis=0)[[0, -1]].all()
        assert part.any(axis=1)[[0, -1]].all()
        red_outside = red.copy()
    for instance in scene.layout.instances:
        x0, y0, x1, y1 = map(int, instance.box.xyxy)
        red_outside[y0:y1, x0:x1] = False
    assert not red_outside.any()


def test_nothing_overlaps_unless_asked_for() -> None:
    for index in range(10):
        boxes = [i.box for i in composer(instances=(30, 30)).compose(index).layout.instances]
        assert len(boxes) >= 10
        assert all(a.intersection(b) == 0 for k, a in enumerate(boxes) for b in boxes[:k])


def test_the_number_of_objects_is_in_range_and_the_caption_says_it() -> None:
    counts = {len(composer().compose(index).layout.instances) for index in range(60)}
    assert counts == set(range(3, 10))
    scene = composer(instances=(5, 5)).compose(0)
    assert scene.layout.prompt == "5 dogs on green ground"


def test_a_layout_is_filled_with_cutouts_of_its_labels_and_the_nearest_shape() -> None:
    wide = [disc("dog", (200, 40, 40), 60, 30)] * 24
    tall = [disc("dog", (40, 40, 200), 30, 60)] * 24
    asked = (Instance("dog", Box(8, 16, 48, 36)), Instance("dog", Box(80, 16, 96, 50)))
    filler = SceneComposer(wide + tall, [Image.new("RGB", (100, 100), (90, 160, 80))], SceneConfig(shadow=0))
    scene = filler.fill(Layout(128, 64, asked), 3)
    assert scene.image.size == (128, 64) and scene.layout.prompt == "2 dogs on green ground"
    for found, instance in zip(scene.layout.instances, asked, strict=True):
        np.testing.assert_allclose(found.box.xyxy, instance.box.xyxy, atol=1)
    pixels = np.asarray(scene.image).astype(int)
    assert pixels[26, 28, 0] > 150 > pixels[26, 28, 2] and pixels[33, 88, 2] > 150 > pixels[33, 88, 0]
    assert filler.fill(Layout(128, 64, asked), 3).image.tobytes() == scene.image.tobytes()
    with pytest.raises(InvalidOption, match="no cut-outs of 'cat'"):
        filler.fill(Layout(64, 64, (Instance("cat", Box(8, 8, 24, 24)),)), 0)


def test_sizes_are_in_range() -> None:
    sides = [
        max(i.box.width, i.box.height) for k in range(20) for i in composer().compose(k).layout.instances
    ]
    assert 12 <= min(sides) < 20
    assert 36 < max(sides) <= 41


def test_only_cutouts_of_the_asked_shape_are_used_and_they_are_stretched_no_further_than_asked() -> None:
    def shapes(**options: object) -> list[float]:
        boxes = [i.box for k in range(20) for i in composer(**options).compose(k).layout.instances]
        return [box.width / box.height for box in boxes if max(box.width, box.height) > 24]

    assert max(shapes(aspect=(0.5, 1.0))) < 1 < min(shapes(aspect=(1.0, 3.0)))
    kept, stretched = shapes(aspect=(0.5, 1.0)), shapes(aspect=(0.5, 1.0), stretch=0.5)
    assert max(kept) - min(kept) < 0.1 < max(stretched) - min(stretched)
    assert 0.625 / 1.6 < min(stretched) < 0.625 / 1.3 and 0.625 * 1.3 < max(stretched) < 0.625 * 1.6


def test_objects_lie_on_the_grid() -> None:
    boxes = [i.box for k in range(20) for i in composer(grid=8).compose(k).layout.instances]
    # A disc is cut at half its opacity, so that its visible edge may lie a pixel inside.
    assert all(
        abs(one - other) <= 1 for box in boxes for one, other in zip(box.xyxy, box.snap(8).xyxy, strict=True)
    )
    assert {box.snap(8).x0 % 16 for box in boxes} == {0, 8}


def test_rare_labels_are_as_frequent_as_others_if_asked_for() -> None:
    cutouts = [disc("dog", RED, 50, 80)] * 9 + [disc("cat", RED, 50, 80)]

    def cats(**options: object) -> float:
        config = SceneConfig(200, 160, (3, 9), (16, 40), **options)
        scenes = SceneComposer(cutouts, [Image.new("RGB", (64, 64), GREEN)], config)
        labels = [i.label for k in range(60) for i in scenes.compose(k).layout.instances]
        return labels.count("cat") / len(labels)

    assert cats() < 0.2 < 0.4 < cats(even_labels=True) < 0.6


def test_no_cutout_of_the_asked_shape_is_said() -> None:
    with pytest.raises(InvalidOption, match=r"\d cut-outs, none of a width / height from"):
        composer(aspect=(4.0, 5.0))


def test_an_object_that_another_covers_loses_its_box() -> None:
    scene = composer(width=40, height=40, instances=(2, 2), size=(40, 40), overlap=1.0).compose(0)
    canvas = Box(0, 0, 40, 40)
    assert sum(i.box.intersection(canvas) for i in scene.layout.instances) > 0
    assert len(scene.layout.instances) <= 2


@pytest.mark.parametrize(
    ("color", "name"),
    [
        ((40, 160, 50), "green"),
        ((250, 250, 250), "white"),
        ((120, 120, 122), "grey"),
        ((30, 60, 200), "blue"),
    ],
)
def test_ground_names(color: tuple[int, int, int], name: str) -> None:
    assert ground_name(Image.new("RGB", (9, 9), color)) == name


@pytest.mark.parametrize(
    "options",
    [
        {"instances": (5, 2)},
        {"size": (50, 20)},
        {"size": (16, 500)},
        {"overlap": 2},
        {"width": 1},
        {"aspect": (2.0, 1.0)},
        {"stretch": 1.5},
        {"grid": 0},
        {"grid": 64},
    ],
)
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(InvalidOption):
        composer(**options)


def test_without_cutouts_there_is_nothing_to_compose() -> None:
    with pytest.raises(InvalidOption, match="no cut-outs"):
        SceneComposer([], [Image.new("RGB", (9, 9))], SceneConfig())


@pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")  # on a machine of one core
def test_worker_processes_compose_the_same() -> None:
    class Scenes:
        def __init__(self) -> None:
            self.composer = composer()

        def __len__(self) -> int:
            return 6

        def __getitem__(self, index: int) -> bytes:
            return self.composer.compose(index).image.tobytes()

    loaded = DataLoader(Scenes(), batch_size=None, num_workers=2, multiprocessing_context="fork")
    assert list(loaded) == [composer().compose(index).image.tobytes() for index in range(6)]


@pytest.mark.parametrize("size", [[24.0], [[24.0, 30.0], 40.0], [], "large"])
def test_a_recipe_with_a_range_that_is_none_is_refused(tmp_path: Path, size: Any) -> None:
    recipe = {"cutouts": [], "backgrounds": [], "labels": [], "config": {"size": size}}
    (tmp_path / "scenes.json").write_text(json.dumps(recipe))
    with pytest.raises(InvalidFile, match="is not a scene recipe"):
        SceneRecipe.read(tmp_path / "scenes.json")
