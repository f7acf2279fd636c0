"""What a newcomer types a little wrong is understood, or answered with what to type."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("words", "meant"), [("5 dogs", "-n 5 dogs"), ("dogs", "-n 100 dogs"), ("7", "-n 7 dogs")]
)
def test_a_number_without_its_option(refused, words: str, meant: str) -> None:
    assert f"to ask for objects write {meant}\n" in refused("sample", *words.split())


def test_annotations_before_their_images(run, coco, tmp_path: Path) -> None:
    photos, file = coco([("a.png", 96, 96)], [(1, "dog", [10.0, 20.0, 50.0, 40.0])])
    for name, words in (("one", (photos, file)), ("other", (file, photos))):
        assert run("prepare", "coco", *words, "-o", tmp_path / name).exit_code == 0
    index = [(tmp_path / name / "metadata.jsonl").read_text() for name in ("one", "other")]
    assert index[0] == index[1] and "a.png" in index[0]


def test_the_images_of_samples_are_not_their_folder(refused, coco, tmp_path: Path) -> None:
    photos, file = coco([("a.png", 96, 96)], [(1, "dog", [10.0, 20.0, 50.0, 40.0])])
    photos.rename(tmp_path / "images")
    file.rename(tmp_path / "annotations.json")
    for command in ("evaluate", "visualize", "inspect"):
        line = refused(command, tmp_path / "images")
        assert "whose annotations are in annotations.json beside it" in line
        assert f"(name {tmp_path})" in line.replace("\n", " ")


def test_scenes_that_cannot_be_are_refused_by_the_names_of_their_options(
    refused, coco, run, tmp_path: Path
) -> None:
    photos, file = coco([("a.png", 96, 96)], [(1, "dog", [10.0, 20.0, 50.0, 40.0])])
    run("prepare", "coco", photos, file, "-o", tmp_path / "data", code=0)
    options = "--canvas 128 96 --size 200 300 --instances 5 2 --aspect 2 1 --grid 400"
    line = refused("prepare", "scenes", tmp_path / "data", "-o", tmp_path / "scenes", *options.split())
    assert "--instances must be a smaller number of 0 or more, then a larger one, not 5 2" in line
    assert "--size must be the shortest and the longest, from 4 px to the canvas' shorter side, 96" in line
    assert "--aspect must be" in line and "--grid must be between 1 and the largest size, 300" in line


def test_one_of_a_thing_is_not_in_the_plural(run, coco) -> None:
    _, file = coco([("a.png", 96, 96)], [(1, "dog", [10.0, 20.0, 50.0, 40.0])])
    assert "1 image, 1 object, 2 labels\n" in run("inspect", file, code=0).stdout


def test_layouts_of_the_folder_above_are_painted_into_a_folder_of_their_own(
    run, coco, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, file = coco([("a.png", 80, 60)], [(1, "dog", [4, 4, 40, 40])])
    (tmp_path / "data").mkdir()
    file.rename(tmp_path / "data/annotations.json")
    inside = tmp_path / "data/sub"
    inside.mkdir()
    monkeypatch.chdir(inside)
    run("sample", "..", "--steps", 1, "-q", code=0)
    assert [path.name for path in inside.iterdir()] == ["out"]
    assert (inside / "out/data/images/data_0.png").is_file()
