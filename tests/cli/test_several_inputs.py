"""`sample` and `evaluate` take any format, several inputs, and files with bad entries."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.layout import Box
from layoutgen.formats.coco_results import write_results

IMAGES = [("a.png", 192, 160), ("b.png", 192, 160)]
OBJECTS = [(1, "dog", [20.0, 20.0, 60.0, 80.0]), (2, "cat", [90.0, 40.0, 50.0, 70.0])]
STEPS = ["--steps", 1, "-q"]


def painted(out: Path) -> list[tuple[str, str]]:
    document = json.loads((out / "annotations.json").read_text())
    names = {one["id"]: one["name"] for one in document["categories"]}
    files = {one["id"]: one["file_name"] for one in document["images"]}
    return [(files[one["image_id"]], names[one["category_id"]]) for one in document["annotations"]]


def test_sample_paints_several_files_of_any_format(run, coco, tmp_path: Path) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    assert run("convert", photos, file, tmp_path / "yolo", "--to", "yolo", "-q").exit_code == 0
    (tmp_path / "one.yaml").write_text(
        "canvas: {width: 192, height: 160}\ninstances: [{label: dog, xyxy: [040, 040, 0100, 0100]}]"
    )
    out = tmp_path / "out"
    done = run("sample", tmp_path / "one.yaml", tmp_path / "yolo", file, "-o", out, *STEPS)
    assert done.exit_code == 0, done.stderr
    assert sorted(Path(name).stem.rpartition("_")[0] for name, _ in painted(out)) == [
        *("instances_0001", "instances_0002", "one", "yolo_0001", "yolo_0002")
    ]
    document = json.loads((out / "annotations.json").read_text())
    assert [40, 40, 60, 60] in [one["bbox"] for one in document["annotations"]]


def test_sample_drops_bad_entries_and_says_so(run, refused, coco, tmp_path: Path) -> None:
    _, file = coco(
        IMAGES, [*OBJECTS, (2, "cat", [5.0, 5.0, 0.0, 9.0]), (1, "dog", [150.0, 20.0, 90.0, 50.0])]
    )
    done = run("sample", file, "-o", tmp_path / "out", "--steps", 1)
    assert "dropped: 1 x no area inside the image: annotations[2].bbox" in done.stdout
    assert "mended: 1 x box cut to the image: image id 1" in done.stdout
    assert "annotations[2].bbox: no area" in refused("sample", file, "-o", tmp_path / "strict", "--strict")


@pytest.mark.parametrize("label", ["Dog", "DOG", "dogs", "Dogs", "dog "])
def test_a_label_in_other_words_is_taken_or_gets_a_hint(run, tmp_path: Path, label: str) -> None:
    text = f"canvas: {{width: 192, height: 192}}\ninstances: [{{label: {label!r}, xyxy: [40, 40, 100, 100]}}]"
    (tmp_path / "l.yaml").write_text(text)
    result = run("sample", tmp_path / "l.yaml", "-o", tmp_path / "out", *STEPS)
    assert result.exit_code == 0 or "did you mean 'dog'?" in result.stderr


@pytest.mark.parametrize("written", ["1:10", "yes", "0x", "12 13", "2026-01-01"])
def test_a_coordinate_that_is_no_number_is_refused(refused, tmp_path: Path, written: str) -> None:
    text = f"canvas: {{width: 192, height: 192}}\ninstances: [{{label: dog, xyxy: [10, 10, {written}, 100]}}]"
    (tmp_path / "l.yaml").write_text(text)
    line = refused("sample", tmp_path / "l.yaml", "-o", tmp_path / "out")
    assert "line 2, instances[0].xyxy: must be 4 finite numbers" in line and written in line


def perfect(tmp_path: Path) -> Path:
    found = {
        1: (Detection("dog", Box(20, 20, 80, 100), 0.9),),
        2: (Detection("cat", Box(90, 40, 140, 110), 0.8),),
    }
    write_results(tmp_path / "results.json", found, {1: "cat", 2: "dog"})
    return tmp_path / "results.json"


def test_evaluate_counts_bad_entries_of_both_files(run, refused, coco, tmp_path: Path) -> None:
    photos, file = coco(IMAGES, [*OBJECTS, (7, "cat", [5.0, 5.0, 9.0, 9.0])])
    results = perfect(tmp_path)
    entries = json.loads(results.read_text())
    entries.insert(0, {"image_id": 1, "category_id": 2, "bbox": [1, 2, None, 4], "score": 0.5})
    results.write_text(json.dumps(entries))
    arguments = ["evaluate", "--annotations", file, "--images", photos, "--detections", results, "-o"]
    done = run(*arguments, tmp_path / "e", "--json")
    report = json.loads(done.stdout)["overall"]
    assert (report["targets"], report["matched"], report["recall"]) == (2, 2, 1.0)
    assert "dropped: 1 x annotation of an image that is not listed: annotations[2].image_id" in done.stderr
    assert "results.json: dropped: 1 x box without four finite numbers: [0].bbox" in done.stderr
    assert "annotations[2].image_id" in refused(*arguments, tmp_path / "s", "--strict")


def test_evaluate_merges_several_inputs(run, refused, coco, tmp_path: Path) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    photos.rename(tmp_path / "images")
    run("convert", file, tmp_path / "voc", "--to", "voc", "-q")
    done = run("evaluate", file, tmp_path / "voc", "-o", tmp_path / "e", "--json", "--no-overlays")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["overall"]["images"] == 4
    line = refused(
        "evaluate", file, tmp_path / "voc", "--detections", perfect(tmp_path), "-o", tmp_path / "x"
    )
    assert "--detections goes with one file of annotations" in line


@pytest.mark.parametrize("orientation", [2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("annotated", ["stored", "upright"])
def test_every_command_orients_a_photo_alike(
    run, coco, tmp_path: Path, picture, orientation: int, annotated: str
) -> None:
    """The same pixels come out of prepare and convert as of the same photo without a tag."""
    stored = picture(48, 32)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    lying = orientation >= 5 and annotated == "upright"
    width, height = (32, 48) if lying else (48, 32)
    photos, file = coco([("a.png", width, height)], [(1, "dog", [2.0, 3.0, 20.0, 18.0])])
    stored.save(photos / "a.png", exif=exif)
    plain = stored
    if lying:
        turns = {
            5: Image.Transpose.TRANSPOSE,
            6: Image.Transpose.ROTATE_270,
            7: Image.Transpose.TRANSVERSE,
            8: Image.Transpose.ROTATE_90,
        }
        plain = stored.transpose(turns[orientation])
    assert run("prepare", "coco", photos, file, "-o", tmp_path / "p", "-q").exit_code == 0
    assert run("convert", photos, file, tmp_path / "c", "--to", "coco", "-q").exit_code == 0
    for path in (tmp_path / "p" / "images" / "a.png", tmp_path / "c" / "images" / "a.png"):
        with Image.open(path) as image:
            assert image.getexif().get(ExifTags.Base.Orientation, 1) == 1
            np.testing.assert_array_equal(np.asarray(image), np.asarray(plain))
