"""`layoutgen inspect`: what is in a data set, and what is probably wrong with it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from layoutgen.data.health import ImageCheck, examine
from layoutgen.domain.size_prior import SizePrior
from layoutgen.formats.annotated_source import open_annotated, read_annotated
from layoutgen.formats.read_options import ReadOptions

IMAGES = [("a.png", 200, 100), ("b.png", 100, 300), ("c.png", 60, 40)]
OBJECTS = [
    (1, "dog", [10.0, 20.0, 50.0, 40.0]),
    (1, "dog", [10.0, 20.0, 50.0, 40.0]),
    (1, "dog", [12.0, 22.0, 50.0, 40.0]),
    (1, "Dogs", [100.0, 20.0, 8.0, 8.0]),
    (2, "cat", [0.0, 0.0, 100.0, 300.0]),
    (2, "cat", [5.0, 5.0, 1.0, 60.0]),
    (2, "cat", [5.0, 5.0, 90.0, 5.0]),
    (2, "cat", [90.0, 5.0, 30.0, 30.0]),
]
PRIOR = SizePrior(smallest=16, largest=70, aspect=(0.5, 2.0))


def test_the_figures(coco) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    health = examine(open_annotated(file, photos), PRIOR)
    assert (health.images, health.empty, health.objects, health.masks, health.crowds) == (3, 1, 8, 0, 0)
    assert [(one.label, one.objects, one.images, one.median) for one in health.labels] == [
        ("cat", 4, 1, 75.0),
        ("dog", 3, 1, 50.0),
        ("Dogs", 1, 1, 8.0),
    ]
    assert (health.too_small, health.too_large, health.other_shape, health.clipped) == (1, 2, 3, 1)
    assert health.overlapping == 3
    assert health.twins == ("a.png, dog 1 and 2",)
    assert health.unusual == {
        "as large as the image": ("b.png, cat 1",),
        "thinner than 2 px": ("b.png, cat 2",),
        "more than 10 times as long as wide": ("b.png, cat 3",),
    }
    assert health.similar_labels == (("Dogs", "dog"),)


def test_broken_and_equal_images(coco) -> None:
    photos, file = coco([*IMAGES, ("d.png", 60, 40), ("e.png", 60, 40), ("f.png", 60, 40)], OBJECTS)
    (photos / "d.png").write_bytes((photos / "c.png").read_bytes())
    (photos / "a.png").write_bytes((photos / "a.png").read_bytes()[:90])
    (photos / "b.png").write_bytes((photos / "f.png").read_bytes() + b" ")
    (photos / "e.png").unlink()
    check = ImageCheck(read_annotated(file, ReadOptions(images=photos)))
    assert [image.file_name for image in check.run()] == [f"{name}.png" for name in "abcdef"]
    assert [(one.where, one.reason) for one in check.broken] == [
        ("a.png", "unreadable"),
        ("b.png", "of another size than annotated"),
        ("e.png", "file missing"),
    ]
    assert check.same_images == (("c.png", "d.png", "f.png"),)


def test_it_says_what_it_finds(run, coco) -> None:
    photos, file = coco(IMAGES, [*OBJECTS, (9, "cat", [1.0, 2.0, 3.0, 4.0])])
    result = run("inspect", photos, file)
    assert result.exit_code == 0, result.stderr
    for line in (
        "3 images, 8 objects, 3 labels",
        "8 boxes, none with a mask: `prepare coco --masks grabcut` makes them",
        "1 images without objects",
        "1 objects annotated twice: a.png, dog 1 and 2",
        "1 labels that are probably one: Dogs = dog",
        "1 boxes thinner than 2 px: b.png, cat 2",
        "1 dropped: annotation of an image that is not listed: annotations[8].image_id",
    ):
        assert line in result.stdout
    assert re.search(r"cat +4 +1 +0 +75 ", result.stdout)
    assert "image that is not listed" in run("inspect", photos, file, "--strict").stderr


def test_the_page_stands_alone_and_escapes_labels(run, coco, tmp_path: Path) -> None:
    photos, file = coco(IMAGES, [*OBJECTS, (3, "<script>alert(1)</script>", [1.0, 2.0, 20.0, 20.0])])
    result = run("inspect", photos, file, "--html")
    page = tmp_path / "instances_health.html"
    assert f"Page: {page}" in result.stdout
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text and "&lt;script&gt;" in text
    assert not re.search(r"(?:src|href)=", text)
    plots = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(plots) == 2
    for plot in plots:
        ElementTree.fromstring(plot)
    bars = ElementTree.fromstring(plots[0]).findall(".//{http://www.w3.org/2000/svg}title")
    assert sum(int(bar.text.rpartition(": ")[2]) for bar in bars) == 9
    assert run("inspect", photos, file, "--html", "-o", tmp_path / "own.html", "-q").output == ""
    assert (tmp_path / "own.html").is_file()


def test_an_empty_data_set_has_a_page_too(run, coco, tmp_path: Path) -> None:
    photos, file = coco(IMAGES[:1], [])
    assert run("inspect", photos, file, "--html").exit_code == 0
    assert "There is no box." in (tmp_path / "instances_health.html").read_text()


def test_other_formats_and_several_inputs(run, coco, tmp_path: Path) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    run("convert", photos, file, tmp_path / "yolo", "--to", "yolo", "-q")
    result = run("inspect", tmp_path / "yolo", photos, file)
    assert "6 images, 16 objects, 3 labels" in result.stdout
    assert "image files with the same bytes" in result.stdout


def test_torch_is_not_needed(coco) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    program = f"""
import sys, json
from layoutgen.cli import app
app(["inspect", {str(photos)!r}, {str(file)!r}, "-q"], standalone_mode=False)
print(json.dumps([name for name in ("torch", "transformers", "diffusers") if name in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [], done.stderr


@pytest.mark.parametrize("what", ["nowhere", "photos"])
def test_what_is_no_data_set_is_one_line(refused, coco, tmp_path: Path, what: str) -> None:
    coco(IMAGES, OBJECTS)
    assert "there is no such file" in (line := refused("inspect", tmp_path / what)) or "holds no" in line
