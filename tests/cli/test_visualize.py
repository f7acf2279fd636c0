import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from layoutgen import Box, Instance, Layout
from layoutgen.drawing.colors import label_color
from layoutgen.formats.png import write_png

IMAGES = [("a.png", 800, 600), ("sub/b.png", 600, 800), ("c.png", 700, 700)]
OBJECTS = [
    (1, "dog", [200.0, 100.0, 300.0, 400.0]),
    (2, "dog", [50.0, 50.0, 300.0, 300.0]),
    (3, "dog", [0.0, 0.0, 600.0, 600.0]),
]


def dog_extent(path: Path) -> tuple[int, int, int, int]:
    """Where the colour of dogs is in a JPEG: x0, y0, x1, y1."""
    with Image.open(path) as image:
        near = np.abs(np.asarray(image.convert("RGB"), int) - label_color("dog")).sum(axis=-1) < 30
    ys, xs = np.nonzero(near)
    return xs.min(), ys.min(), xs.max() + 1, ys.max() + 1


def names(folder: Path) -> list[str]:
    return sorted(
        p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file() and p.name[0] != "."
    )


def test_a_coco_json_with_its_images(run, coco, tmp_path: Path) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    Image.new("RGB", (800, 600), "white").save(photos / "a.png")
    result = run("visualize", file, "--images", photos, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert names(tmp_path / "out") == [
        "contact_sheet.jpg",
        "overlays/a.jpg",
        "overlays/c.jpg",
        "overlays/sub/b.jpg",
    ]
    np.testing.assert_allclose(
        dog_extent(tmp_path / "out" / "overlays" / "a.jpg"), (200, 100, 500, 500), atol=1
    )
    assert str(tmp_path / "out" / "overlays") in result.stdout and "contact_sheet.jpg" in result.stdout


def test_prepared_data(run, coco, tmp_path: Path) -> None:
    run("prepare", "coco", *coco(IMAGES, OBJECTS), "-o", tmp_path / "data")
    assert run("visualize", tmp_path / "data").exit_code == 0
    assert "overlays/sub/b.jpg" in names(tmp_path / "data_visualized")
    assert run("visualize", tmp_path / "data" / "metadata.jsonl", "-o", tmp_path / "two").exit_code == 0
    assert names(tmp_path / "two") == names(tmp_path / "data_visualized")


def test_a_folder_of_samples(run, coco, tmp_path: Path) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    (tmp_path / "samples").mkdir()
    photos.rename(tmp_path / "samples" / "images")
    file.rename(tmp_path / "samples" / "annotations.json")
    assert run("visualize", tmp_path / "samples", "-o", tmp_path / "out").exit_code == 0
    assert "overlays/a.jpg" in names(tmp_path / "out")
    assert run("visualize", tmp_path / "samples" / "annotations.json", "--image-id", 3).exit_code == 0
    assert names(tmp_path / "samples" / "annotations_visualized") == ["overlays/c.jpg"]


def test_one_image_with_its_layout_inside(run, picture, tmp_path: Path) -> None:
    layout = Layout(800, 600, (Instance("dog", Box(200, 100, 500, 500)),))
    write_png(picture(800, 600), tmp_path / "one.png", layout, {"seed": 1})
    result = run("visualize", tmp_path / "one.png")
    assert result.exit_code == 0, result.stderr
    assert names(tmp_path / "one_visualized") == ["overlays/one.jpg"]
    assert str(tmp_path / "one_visualized" / "overlays" / "one.jpg") in result.stdout


@pytest.mark.parametrize(("option", "sheet"), [([], False), (["--sheet"], True)])
def test_limit_and_sheet(run, coco, tmp_path: Path, option: list[str], sheet: bool) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    result = run("visualize", file, "--images", photos, "-o", tmp_path / "out", "--limit", 1, *option)
    assert names(tmp_path / "out") == ["contact_sheet.jpg"] * sheet + ["overlays/a.jpg"]
    assert "1 of 3" in result.stdout
    assert run("visualize", file, "--images", photos, "-o", tmp_path / "no", "--no-sheet", "-q").output == ""
    assert "contact_sheet.jpg" not in names(tmp_path / "no")


def test_drawings_are_not_overwritten_silently(run, refused, coco, tmp_path: Path, tree) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    command = ["visualize", file, "--images", photos]
    assert run(*command).exit_code == 0
    before = tree()
    assert "--overwrite" in refused(*command)
    assert tree() == before
    assert run(*command, "--overwrite", "--limit", 1).exit_code == 0
    assert names(tmp_path / "instances_visualized") == ["overlays/a.jpg"]


def test_what_cannot_be_drawn_is_refused(refused, coco, picture, tmp_path: Path) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    (tmp_path / "empty").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "metadata.jsonl").write_text("")
    assert "no such file or folder" in refused("visualize", tmp_path / "nowhere")
    assert "holds no annotations.json and no metadata.jsonl" in refused("visualize", tmp_path / "empty")
    assert "--images" in refused("visualize", file, "--images", tmp_path / "empty")
    assert "has no such image; it has 1, 2, 3" in refused(
        "visualize", file, "--images", photos, "--image-id", 99
    )
    assert "goes with a COCO json" in refused("visualize", tmp_path / "data", "--images", photos)
    assert "goes with a COCO json" in refused("visualize", tmp_path / "data", "--image-id", 1)
    assert str(photos / "a.png") in refused("visualize", photos / "a.png")
    (photos / "a.png").unlink()
    assert "a.png" in refused("visualize", file, "--images", photos)
    assert not [p for p in tmp_path.rglob("*") if "visualized" in p.name]


def test_a_json_in_which_the_sizes_are_wrong_is_refused(refused, coco, tmp_path: Path) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    document = json.loads(file.read_text())
    document["images"][0]["width"] = 799
    file.write_text(json.dumps(document))
    assert "has 800 x 600 pixels, but the annotations say 799 x 600" in refused(
        "visualize", file, "--images", photos
    )


def test_the_images_are_found_in_any_folder_beside_the_json(run, coco, tmp_path: Path) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    assert photos.name == "photos"
    assert run("visualize", file, "-o", tmp_path / "out").exit_code == 0
    assert "overlays/a.jpg" in names(tmp_path / "out")
