"""Scenes for whoever has boxes only: masks are kept, or made from the boxes, and judged by a sheet."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from layoutgen.formats.masks import decode_segmentation

BOXES = [(20, 15, 60, 55), (70, 40, 110, 80)]


@pytest.fixture
def discs(tmp_path: Path) -> Path:
    """A COCO json of boxes alone, and its photo: a dark disc in each box, on a light ground."""
    drawn = Image.new("RGB", (130, 100), (200, 210, 190))
    for box in BOXES:
        ImageDraw.Draw(drawn).ellipse((box[0], box[1], box[2] - 1, box[3] - 1), fill=(90, 50, 20))
    noise = np.random.default_rng(0).normal(0, 6, (100, 130, 3))
    (tmp_path / "images").mkdir()
    pixels = (np.asarray(drawn) + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "images" / "a.png")
    document = {
        "images": [{"id": 1, "file_name": "a.png", "width": 130, "height": 100}],
        "annotations": [
            {"image_id": 1, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0]} for x0, y0, x1, y1 in BOXES
        ],
        "categories": [{"id": 1, "name": "dog"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(document))
    return tmp_path / "coco.json"


@pytest.fixture
def scenes(run, tmp_path: Path):
    """Runs `prepare scenes` on a plain ground."""
    (tmp_path / "grounds").mkdir()
    Image.new("RGB", (256, 256), "green").save(tmp_path / "grounds" / "g.png")

    def compose(*arguments: object) -> Any:
        return run("prepare", "scenes", *arguments, "--backgrounds", tmp_path / "grounds")

    return compose


def objects(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "metadata.jsonl").read_text().splitlines()[0])["objects"]


def test_boxes_become_scenes_by_grabcut(run, scenes, discs: Path, tmp_path: Path) -> None:
    pytest.importorskip("cv2", reason="the extra 'masks' is not installed")
    data = tmp_path / "data"
    result = run("prepare", "coco", discs, "-o", data, "--masks", "grabcut")
    assert result.exit_code == 0, result.stderr
    assert "of these, with a mask" in result.stdout and "none with a mask" not in result.stdout
    assert f"Cut-outs to judge the masks by, worst first: {data / 'masks.jpg'}" in result.stdout
    found = objects(data)
    for mask, score, box in zip(found["segmentation"], found["mask_score"], BOXES, strict=True):
        pixels = decode_segmentation(mask, 100, 130)
        assert 0.8 < score <= 1 and pixels.sum() == pytest.approx(np.pi * 20**2, rel=0.06)
        assert not pixels[: box[1]].any() and not pixels[:, : box[0]].any()
    with Image.open(data / "masks.jpg") as sheet:
        assert sheet.width > 2 * 128
    done = scenes(data, "-o", tmp_path / "scenes", "--count", 2, "--canvas", 128, 128)
    assert "2 scenes with" in done.stdout


def test_masks_are_kept_and_scaled_with_their_images(run, scenes, coco, tmp_path: Path) -> None:
    photos, file = coco(
        [("a.png", 200, 100)], [(1, "dog", [20.0, 10.0, 60.0, 40.0]), (1, "cat", [100, 10, 50, 40])]
    )
    document = json.loads(file.read_text())
    document["annotations"][0] |= {"segmentation": [[20, 10, 80, 10, 80, 50, 20, 50]], "mask_score": 0.75}
    file.write_text(json.dumps(document))
    run("prepare", "coco", photos, file, "-o", tmp_path / "whole", "-q")
    run("prepare", "coco", photos, file, "-o", tmp_path / "half", "--size", 50, "-q")
    for folder, size, factor in (("whole", (100, 200), 1), ("half", (50, 100), 2)):
        found = objects(tmp_path / folder)
        assert found["segmentation"][1] is None and found["mask_score"][0] == 0.75
        pixels = decode_segmentation(found["segmentation"][0], *size)
        expected = np.zeros(size, bool)
        expected[10 // factor : 50 // factor, 20 // factor : 80 // factor] = True
        assert (pixels != expected).mean() < 0.005
    again = run("prepare", "coco", tmp_path / "whole", "-o", tmp_path / "again", "--category", "dog", "-q")
    assert again.exit_code == 0
    assert objects(tmp_path / "again")["segmentation"] == objects(tmp_path / "whole")["segmentation"][:1]
    done = scenes(tmp_path / "whole", "-o", tmp_path / "scenes", "--count", 1)
    assert "1 scenes with" in done.stdout, done.stderr


def test_masks_by_a_model_that_is_none(refused, discs: Path, tmp_path: Path, tree) -> None:
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "config.json").write_text('{"model_type": "bert"}')
    before = tree()
    line = refused("prepare", "coco", discs, "-o", tmp_path / "out", "--masks", tmp_path / "bert")
    assert "no SAM or SAM 2 checkpoint" in line and "grabcut" in line
    assert tree() == before


def test_why_nothing_can_be_cut_out(refused, coco, tmp_path: Path) -> None:
    photos, file = coco(
        [("a.png", 200, 100)],
        [
            (1, "dog", [0.0, 0.0, 60.0, 40.0]),
            (1, "dog", [80.0, 40.0, 9.0, 9.0]),
            (1, "cat", [90.0, 9.0, 40.0, 40.0]),
        ],
    )
    photos.rename(tmp_path / "images")
    document = json.loads(file.read_text())
    for entry in document["annotations"][:2]:
        x, y, w, h = entry["bbox"]
        entry["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]
    file.write_text(json.dumps(document))
    line = refused("prepare", "scenes", file, "-o", tmp_path / "out")
    assert (
        "3 boxes, none to cut out: 1 cut by the border of its image, 1 smaller than 32 px, 1 without a mask"
        in line
    )


@pytest.mark.parametrize(
    "bad", [{"size": [9, 9], "counts": [81]}, {"size": [100, 200], "counts": "~~~"}, [[1, 2]], 7]
)
def test_an_unreadable_mask_costs_that_object_only(run, scenes, coco, tmp_path: Path, bad: Any) -> None:
    photos, file = coco(
        [("a.png", 200, 100)], [(1, "dog", [20.0, 10.0, 60.0, 40.0]), (1, "dog", [100.0, 10.0, 60.0, 40.0])]
    )
    photos.rename(tmp_path / "images")
    document = json.loads(file.read_text())
    document["annotations"][0]["segmentation"] = [[20, 10, 80, 10, 80, 50, 20, 50]]
    document["annotations"][1]["segmentation"] = bad
    file.write_text(json.dumps(document))
    result = scenes(file, "-o", tmp_path / "scenes", "--count", 1)
    assert result.exit_code == 0, result.stderr
    assert run("prepare", "coco", file, "-o", tmp_path / "data").exit_code == 0
    assert [mask is None for mask in objects(tmp_path / "data")["segmentation"]] == [False, True]


def test_why_there_is_no_ground(refused, coco, tmp_path: Path) -> None:
    photos, file = coco([("a.png", 200, 100)], [(1, "dog", [20.0, 10.0, 100.0, 60.0])])
    photos.rename(tmp_path / "images")
    document = json.loads(file.read_text())
    document["annotations"][0]["segmentation"] = [[20, 10, 120, 10, 120, 70, 20, 70]]
    file.write_text(json.dumps(document))
    line = refused("prepare", "scenes", file, "-o", tmp_path / "out")
    assert "1 photo, none with a calm square of 80 px that no box touches (give photos without" in line
    assert "--backgrounds" in line
    (tmp_path / "grounds").mkdir()
    line = refused("prepare", "scenes", file, "-o", tmp_path / "out", "--backgrounds", tmp_path / "grounds")
    assert "holds no photo" in line
    Image.new("RGB", (256, 256), "green").save(tmp_path / "grounds" / "g.png")
    arguments = ["--backgrounds", tmp_path / "grounds", "--aspect", 5, 6]
    line = refused("prepare", "scenes", file, "-o", tmp_path / "out", *arguments)
    assert "1 cut-outs, none of a width / height from 5 to 6: widen --aspect" in line


def test_one_source_without_ground_is_no_error_where_another_has_some(scenes, coco, tmp_path: Path) -> None:
    photos, file = coco([("a.png", 200, 100)], [(1, "dog", [20.0, 10.0, 100.0, 60.0])])
    photos.rename(tmp_path / "images")
    document = json.loads(file.read_text())
    document["annotations"][0]["segmentation"] = [[20, 10, 120, 10, 120, 70, 20, 70]]
    file.write_text(json.dumps(document))
    grounds = tmp_path / "meadows"
    grounds.mkdir()
    Image.new("RGB", (120, 120), (90, 160, 80)).save(grounds / "grass.png")
    where = ("--backgrounds", file, "--backgrounds", grounds, "--count", 1)
    result = scenes(file, "-o", tmp_path / "scenes", *where)
    assert result.exit_code == 0, result.stderr
