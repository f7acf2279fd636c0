"""``layoutgen visualize`` of what has no images yet, and where its results stand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from layoutgen import Box, Instance, Layout
from layoutgen.cli import app
from layoutgen.drawing.colors import label_color
from layoutgen.formats import read_layouts
from layoutgen.formats.layout_file import layout_to_dict
from layoutgen.formats.png import write_png

LAYOUT = Layout(800, 600, (Instance("cat", Box(200, 100, 500, 400)),), "one cat")


def extent(path: Path, label: str) -> tuple[int, int, int, int]:
    """Where the colour of a label is in the picture: x0, y0, x1, y1."""
    with Image.open(path) as image:
        near = np.abs(np.asarray(image.convert("RGB"), int) - label_color(label)).sum(axis=-1) < 30
    ys, xs = np.nonzero(near)
    return xs.min(), ys.min(), xs.max() + 1, ys.max() + 1


def test_a_layout_as_json_is_the_layout(tmp_path: Path) -> None:
    path = tmp_path / "layout.json"
    path.write_text(json.dumps(layout_to_dict(LAYOUT)))
    (request,) = read_layouts(path)
    assert request.layout == LAYOUT


def test_its_boxes_are_drawn_on_a_blank_canvas(run, tmp_path: Path) -> None:
    path = tmp_path / "layout.json"
    path.write_text(json.dumps(layout_to_dict(LAYOUT)))
    done = run("visualize", path, "--json", code=0)
    drawn = tmp_path / "layout_visualized/overlays/layout.jpg"
    assert json.loads(done.stdout) == {"overlays": [str(drawn)], "contact_sheet": None}
    np.testing.assert_allclose(extent(drawn, "cat"), (200, 100, 500, 400), atol=1)
    with Image.open(drawn) as image:
        assert image.size == (800, 600) and min(image.getpixel((10, 10))) > 220


@pytest.mark.parametrize(
    "text", ["canvas: {width: 800, height: 600}\n", '{"canvas":{"width":800,"height":600}}']
)
def test_a_layout_on_standard_input_as_sample_would_arrange_it(
    text: str, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["visualize", "-", "-n", "4", "cats", "--seed", "3"], input=text)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "stdin_visualized/overlays/stdin.jpg").is_file()
    options = ["--steps", "1", "--seed", "3", "--device", "cpu", "-o", "out"]
    small = text.replace("800", "128").replace("600", "128")
    done = CliRunner().invoke(app, ["sample", "-", "-n", "1", "cat", *options], input=small)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out/images/stdin_3.png").is_file()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "standard input: nothing came (pipe a layout into it"),
        ("canvas: {width: 64", "standard input, line 1"),
        ('{"canvas": {"width": 64, "height": 0}}', "standard input, canvas.height"),
    ],
)
def test_standard_input_is_named_in_errors(text: str, said: str) -> None:
    done = CliRunner().invoke(app, ["sample", "-"], input=text)
    assert done.exit_code == 2 and said in done.stderr
    assert "read once" in CliRunner().invoke(app, ["sample", "-", "-"], input="").stderr


def test_options_of_a_layout_are_refused_for_images(refused, coco) -> None:
    photos, file = coco([("a.png", 80, 60)], [(1, "dog", [20.0, 10.0, 30.0, 40.0])])
    assert "--seed goes with a layout file" in refused("visualize", file, "--seed", 3)
    assert f"name one path, not 2: {file} {photos}; " in refused("visualize", file, photos)
    for words in ((file, photos), (photos, file)):
        assert f"annotations and their images: {file} --images {photos}" in refused("visualize", *words)
    assert "images:" not in refused("visualize", file, file)


@pytest.mark.parametrize("command", ["visualize", "gallery"])
def test_what_is_made_of_a_file_in_images_stands_beside_the_folder(
    run, picture, tmp_path: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)
    write_png(picture(800, 600), tmp_path / "images/a.png", LAYOUT, {"seed": 0})
    html = ["--html"] if command == "gallery" else []
    done = run("visualize", "images/a.png", *html, code=0)
    assert [p.name for p in (tmp_path / "images").iterdir()] == ["a.png"]
    made = "a_gallery/gallery.html" if html else "a_visualized/overlays/a.jpg"
    assert (tmp_path / made).is_file() and f": {made}" in done.stdout


def test_some_scenes_of_an_endless_recipe(run, coco, tmp_path: Path) -> None:
    mask = [[4, 4, 60, 4, 60, 50, 4, 50]]
    photos, file = coco([("a.png", 96, 96)], [])
    document = json.loads(file.read_text())
    document["annotations"] = [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 4, 56, 46], "segmentation": mask}
    ]
    file.write_text(json.dumps(document))
    Image.new("RGB", (96, 96), (40, 120, 40)).save(photos / "ground.png")
    options = ["--endless", "--canvas", 96, 96, "--size", 24, 40, "--instances", 2, 2]
    ground = tmp_path / "ground"
    ground.mkdir()
    (photos / "ground.png").rename(ground / "ground.png")
    run("prepare", "scenes", file, "--backgrounds", ground, "-o", tmp_path / "recipe", *options, code=0)
    done = run("visualize", tmp_path / "recipe", "--limit", 3, code=0)
    drawn = sorted((tmp_path / "recipe_visualized/overlays").iterdir())
    assert [path.name for path in drawn] == [f"scene_{number:06d}.jpg" for number in range(3)]
    assert len({path.read_bytes() for path in drawn}) == 3
    assert "Overlays (3 of endlessly many; --limit N draws more)" in done.stdout
    assert "contact_sheet.jpg" in done.stdout


def test_a_layout_has_no_images_and_a_folder_of_folders_neither(refused, coco, tmp_path: Path) -> None:
    layout = tmp_path / "layout.json"
    layout.write_text(json.dumps(layout_to_dict(LAYOUT)))
    assert "--html shows images, and" in refused("visualize", layout, "--html")
    assert "this looks like a layout (it has no image yet" in refused("evaluate", layout)
    assert "this looks like a layout" in refused("convert", layout, tmp_path / "out", "--to", "coco")
    for method in ("img2img", "text2img"):
        (tmp_path / "both" / method).mkdir(parents=True)
        (tmp_path / "both" / method / "annotations.json").write_text("{}")
    said = refused("evaluate", tmp_path / "both")
    assert f"holds 2 folders of annotated images, not images (name {tmp_path / 'both/img2img'}" in said


def test_a_folder_of_pictures_is_no_layout(refused, tmp_path) -> None:
    folder = tmp_path / "pictures/of"
    folder.mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "a.png")
    assert "is no layout file: it is a folder, of no data set" in refused("sample", folder)
