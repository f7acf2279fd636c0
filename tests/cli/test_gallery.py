"""`visualize --html` and `evaluate --html`: which page, where, and what is refused."""

from __future__ import annotations

import json
import re

import pytest

from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.formats.coco import read_coco
from layoutgen.formats.coco_results import write_results
from layoutgen.formats.png import write_png

IMAGES = [("a.png", 80, 60), ("sub/b.png", 60, 80)]
OBJECTS = [(1, "dog", [4.0, 5, 20, 30]), (1, "cat", [40.0, 5, 20, 30]), (2, "dog", [10.0, 10, 30, 30])]


def data(path):
    text = path.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script type="application/json" class="data">(.*?)</script>', text)[1])


def samples(coco, picture, folder):
    """A folder as `sample` leaves it."""
    photos, file = coco(IMAGES, OBJECTS)
    folder.mkdir()
    photos.rename(folder / "images")
    file.rename(folder / "annotations.json")
    layout = Layout(80, 60, (Instance("dog", Box(4, 5, 24, 35)),))
    write_png(picture(80, 60), folder / "images" / "a.png", layout, {"seed": 1})
    return folder


def test_a_page_of_samples(run, coco, picture, tmp_path):
    folder = samples(coco, picture, tmp_path / "dogs")
    result = run("visualize", folder, "--html")
    page = tmp_path / "dogs_gallery" / "gallery.html"
    assert result.exit_code == 0 and f"Page for the browser (2 images): {page}" in result.stdout
    content = data(page)
    assert (content["title"], content["source"]) == ("dogs", str(folder))
    assert [one["url"] for one in content["images"]] == [
        "./../dogs/images/a.png",
        "./../dogs/images/sub/b.png",
    ]
    assert content["images"][0]["command"] == f"layoutgen sample {folder}/images/a.png -o again"
    assert "command" not in content["images"][1]  # nobody knows how that was made
    assert [one["name"] for one in content["labels"]] == ["cat", "dog"]
    assert content["images"][1]["boxes"] == [[1, 10, 10, 40, 40, -1]]
    assert sorted(p.name for p in page.parent.iterdir() if p.name[0] != ".") == ["gallery.html"]


def test_a_page_is_not_overwritten_silently(run, refused, coco, picture, tmp_path):
    folder = samples(coco, picture, tmp_path / "dogs")
    assert run("visualize", folder, "--html", "-q").output == ""
    assert "already holds gallery.html" in refused("visualize", folder, "--html")
    assert run("visualize", folder, "--html", "--overwrite", "--limit", 1).exit_code == 0
    assert len(data(tmp_path / "dogs_gallery" / "gallery.html")["images"]) == 1


def test_two_runs_are_paired(run, refused, coco, picture, tmp_path):
    one = samples(coco, picture, tmp_path / "one")
    two = samples(coco, picture, tmp_path / "two")
    assert run("visualize", one, "--html", "--compare", two).exit_code == 0
    content = data(tmp_path / "one_gallery" / "gallery.html")
    assert content["compared"] == "two"
    assert [image["other"]["url"] for image in content["images"]] == [
        "./../two/images/a.png",
        "./../two/images/sub/b.png",
    ]
    assert "--compare goes with --html" in refused("visualize", one, "--compare", two)
    assert "--sheet does not" in refused("visualize", one, "--html", "--sheet")


def test_training_runs(run, refused, picture, coco, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name / "samples").mkdir(parents=True)
        (tmp_path / name / "config.yaml").write_text("images: 5\n")
        (tmp_path / name / "metrics.jsonl").write_text('{"images": 5, "loss": 0.5}\n')
        picture(16, 8).save(tmp_path / name / "samples" / "images-0000000005.png")
    result = run("visualize", tmp_path / "one", "--html", "--compare", tmp_path / "two")
    assert result.exit_code == 0, result.stderr
    content = data(tmp_path / "one_gallery" / "gallery.html")
    assert [one["name"] for one in content["histories"]] == ["one", "two"]
    assert content["histories"][0]["metrics"] == [{"images": 5, "loss": 0.5}]
    assert content["histories"][1]["sheets"][0]["url"] == "./../two/samples/images-0000000005.png"
    folder = samples(coco, picture, tmp_path / "dogs")
    message = refused("visualize", tmp_path / "one", "--html", "--compare", folder, "-o", tmp_path / "x")
    assert "is no training run" in message


@pytest.fixture
def results(tmp_path):
    """Writes results in which the first dog of a json is missing, and another one is off its place."""

    def write(file):
        document = json.loads(file.read_text())
        names = {one["id"]: one["name"] for one in document["categories"]}
        found = {
            1: [Detection("cat", Box(40, 5, 60, 35), 0.9)],
            2: [Detection("dog", Box(25, 10, 55, 40), 0.8)],
        }
        assert {image.id for image in read_coco(file).images} == {1, 2}
        write_results(tmp_path / "results.json", found, names)
        return tmp_path / "results.json"

    return write


def test_an_evaluation_says_what_became_of_each_box(run, coco, picture, tmp_path, results):
    folder = samples(coco, picture, tmp_path / "dogs")
    found = results(folder / "annotations.json")
    result = run("evaluate", folder, "--detections", found, "--html")
    assert result.exit_code == 0, result.output
    page = tmp_path / "dogs_evaluation" / "gallery.html"
    assert str(page) in result.stdout
    content = data(page)
    outcomes = content["outcomes"]
    boxes = [(box[0], outcomes[box[5]]) for image in content["images"] for box in image["boxes"]]
    assert boxes == [(1, "missed"), (0, "matched"), (1, "misplaced")]
    assert content["images"][1]["boxes"][0][6:] == [0.3333, 0.8, 1, 25, 10, 55, 40]
    report = json.loads((page.parent / "report.json").read_text())
    assert content["figures"]["recall"] == report["overall"]["recall"] == 1 / 3
    assert run("evaluate", folder, "--detections", found, "--overwrite").exit_code == 0
    assert not page.exists()  # it would say what the new report does not


def test_an_evaluation_beside_another(run, refused, coco, picture, tmp_path, results):
    one, two = samples(coco, picture, tmp_path / "one"), samples(coco, picture, tmp_path / "two")
    found = results(one / "annotations.json")
    (tmp_path / "nothing.json").write_text("[]")
    words = ["evaluate", one, "--detections", found, "--compare", two]
    both = [*words, "--compare-detections", tmp_path / "nothing.json"]
    assert run(*both, "--html").exit_code == 0
    content = data(tmp_path / "one_evaluation" / "gallery.html")
    assert content["otherFigures"]["recall"] == 0 and content["compared"] == "two"
    missed = content["outcomes"].index("missed")
    assert {box[5] for image in content["images"] for box in image["other"]["boxes"]} == {missed}
    again = ["-o", tmp_path / "again"]
    assert "--compare goes with --html" in refused(*both, *again)
    assert "--compare-detections, or neither" in refused(*words, "--html", *again)
    assert "--compare-detections goes with --compare" in refused(
        "evaluate", one, "--detections", found, "--compare-detections", found, "--html", *again
    )
