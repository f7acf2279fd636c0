"""The page as a file: what is in it, and that nothing else gets in."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from pathlib import Path

import pytest
from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Detection
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidFile, InvalidLayout, InvalidOption
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.formats.png import write_png
from layoutgen.gallery.page import EMBEDDED, relative_url, script_json, write_page
from layoutgen.gallery.records import Gallery, GalleryBox, GalleryImage
from layoutgen.gallery.sources import beside, check_pairs, command_for
from layoutgen.gallery.thumbnails import thumbnail
from layoutgen.gallery.training_runs import is_training_run, read_training_run

HOSTILE = "</script><script>alert(1)</script><!--\u2028\x00\"'&"


def box(label, corners, outcome=None, found=None, iou=None):
    return GalleryBox(Instance(label, Box(*corners)), outcome, found, iou)


def page(gallery, path):
    assert list(write_page(gallery, path)) == [*range(1, len(gallery.images) + 1)]
    return path.read_text(encoding="utf-8")


def data(text):
    return json.loads(re.search(r'<script type="application/json" class="data">(.*?)</script>', text)[1])


def test_a_page_says_all_that_is_known_of_a_box(picture, tmp_path):
    picture(40, 30).save(tmp_path / "a.png")
    seen = Detection("cat", Box(2, 3, 11.25, 20), 0.875)
    boxes = (box("dog", (1, 2, 11, 22), "mislabelled", seen, 0.71234), box("dog", (5, 5, 9, 9), "missed"))
    image = GalleryImage("a.png", tmp_path / "a.png", 40, 30, boxes, "a dog", "layoutgen sample a.png")
    content = data(page(Gallery("Dogs", "dogs", (image,)), tmp_path / "page.html"))
    assert [label["name"] for label in content["labels"]] == ["cat", "dog"]
    (entry,) = content["images"]
    assert entry["size"] == [40, 30] and entry["url"] == entry["file"] == "./a.png"
    assert (entry["prompt"], entry["command"]) == ("a dog", "layoutgen sample a.png")
    outcomes = content["outcomes"]
    assert entry["boxes"] == [
        [1, 1, 2, 11, 22, outcomes.index("mislabelled"), 0.7123, 0.875, 0, 2, 3, 11.25, 20],
        [1, 5, 5, 9, 9, outcomes.index("missed")],
    ]


def test_texts_from_files_cannot_leave_their_place(picture, tmp_path):
    name = 'a"#?%<b>.png'
    picture(40, 30).save(tmp_path / name)
    image = GalleryImage(name, tmp_path / name, 40, 30, (box(HOSTILE, (1, 2, 11, 22)),), HOSTILE, HOSTILE)
    text = page(Gallery(HOSTILE, HOSTILE, (image,), compared=HOSTILE), tmp_path / "page.html")
    content = data(text)
    assert content["labels"][0]["name"] == content["images"][0]["prompt"] == content["title"] == HOSTILE
    assert content["images"][0]["url"] == "./a%22%23%3F%25%3Cb%3E.png"
    assert text.count("<script") == 3 and "alert(1)</script>" not in text
    assert "<title>&lt;/script&gt;" in text


def test_only_the_known_program_runs(tmp_path):
    text = page(Gallery("Nothing", "nothing"), tmp_path / "page.html")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)[1]
    program = re.search(r"<script>(.*)</script>\n</body>", text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy and "http" not in policy


def test_json_in_a_script_element():
    text = script_json({"a": "</script><!-- & \u2029", "b": [1, None]})
    assert not set("<>&\u2029") & set(text)
    assert json.loads(text) == {"a": "</script><!-- & \u2029", "b": [1, None]}


def test_addresses_lead_from_the_page_to_the_files(tmp_path):
    assert relative_url(tmp_path / "data" / "a b.png", tmp_path / "data_gallery") == "./../data/a%20b.png"
    assert relative_url(tmp_path / "x", tmp_path) == "./x"
    assert relative_url(tmp_path / "javascript:alert(1)", tmp_path) == "./javascript%3Aalert%281%29"


def test_thumbnails_are_small_and_of_the_layouts_shape(picture, tmp_path):
    picture(800, 400).save(tmp_path / "a.jpg", quality=95)
    small = thumbnail(GalleryImage("a.jpg", tmp_path / "a.jpg", 800, 400))
    assert small.large is None
    with Image.open(io.BytesIO(small.small)) as image:
        assert (image.format, image.size) == ("JPEG", (256, 128))
        red, green, _ = image.convert("RGB").getpixel((192, 32))
    assert abs(red - 191) < 4 and abs(green - 64) < 4  # red grows with x, green with y


def test_a_photo_that_browsers_would_turn_is_copied_as_it_was_annotated(picture, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    picture(800, 400).save(tmp_path / "a.jpg", exif=exif)
    stored = thumbnail(GalleryImage("a.jpg", tmp_path / "a.jpg", 800, 400))
    turned = thumbnail(GalleryImage("a.jpg", tmp_path / "a.jpg", 400, 800))
    assert turned.large is None and stored.large is not None
    with Image.open(io.BytesIO(stored.large)) as image:
        assert image.size == (800, 400)
    with Image.open(io.BytesIO(turned.small)) as image:
        assert image.size == (128, 256)


def test_a_format_that_browsers_do_not_show_is_copied(picture, tmp_path):
    picture(80, 40).save(tmp_path / "a.tiff")
    image = GalleryImage("a.tiff", tmp_path / "a.tiff", 80, 40)
    (entry,) = data(page(Gallery("Tiff", "tiff", (image,)), tmp_path / "page.html"))["images"]
    assert entry["url"].startswith("data:image/jpeg;base64,") and entry["file"] == "./a.tiff"


def test_very_many_images_are_shown_from_their_files(tmp_path):
    image = GalleryImage("a.png", tmp_path / "a.png", 8, 8)  # is not even read
    assert list(write_page(Gallery("Many", "many", (image,) * (EMBEDDED + 1)), tmp_path / "page.html")) == [
        EMBEDDED + 1
    ]
    content = data((tmp_path / "page.html").read_text())
    assert content["thumbnails"] == 0 and len(content["images"]) == EMBEDDED + 1


def test_a_missing_image_leaves_no_page(tmp_path):
    image = GalleryImage("a.png", tmp_path / "a.png", 8, 8)
    with pytest.raises(InvalidFile, match="there is no such file"):
        list(write_page(Gallery("None", "none", (image,)), tmp_path / "page.html"))
    assert list(tmp_path.iterdir()) == []


def test_what_became_of_a_box_has_a_known_name():
    with pytest.raises(InvalidLayout, match=r"outcome must be one of matched, .*, not 'vanished'"):
        box("dog", (1, 2, 3, 4), "vanished")


def test_images_of_two_runs_are_paired_by_name_or_by_name_without_suffix():
    here = [GalleryImage(name, None, 8, 8) for name in ("a.png", "b.png", "c.png")]
    there = [GalleryImage(name, None, 9, 9) for name in ("b.jpg", "a.png", "d.png")]
    assert [one.other and one.other.name for one in beside(here, there)] == ["a.png", "b.jpg", None]


def test_two_runs_without_a_pair_are_refused():
    def source(*names):
        images = tuple(AnnotatedImage(k, name, Layout(8, 8)) for k, name in enumerate(names))
        return AnnotatedSource(Path("run2/annotations.json"), None, AnnotatedImages(images))

    check_pairs(source("a.png"), source("images/a.jpg", "b.png"))
    with pytest.raises(InvalidOption, match=r"nothing to compare.* such as a\.png; it has x\.png, y\.png"):
        check_pairs(source("a.png"), source("x.png", "y.png"))


def test_the_command_that_makes_an_image_again(picture, tmp_path):
    path = tmp_path / "it's one.png"
    write_png(picture(8, 8), path, Layout(8, 8), {"seed": 1})
    assert command_for(path) == f"layoutgen sample '{tmp_path}/it'\"'\"'s one.png' -o again"
    picture(8, 8).save(tmp_path / "other.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    for name in ("other.png", "broken.png", "none.png"):
        assert command_for(tmp_path / name) == ""
    assert command_for(None) == ""


@pytest.fixture
def run(picture, tmp_path) -> Path:
    folder = tmp_path / "run"
    (folder / "samples").mkdir(parents=True)
    (folder / "config.yaml").write_text("images: 20\n")
    lines = ['{"images": 10, "loss": 0.5, "loss_inside": null, "note": "x"}', '{"images": 20, "loss": 0.25}']
    (folder / "metrics.jsonl").write_text("\n".join(lines) + '\n{"images": 30, "lo')
    for number in (20, 10):
        picture(32, 16).save(folder / "samples" / f"images-{number:010d}.png")
    picture(8, 8).save(folder / "samples" / "notes.png")
    return folder


def test_a_training_run_may_still_be_writing(run):
    assert is_training_run(run) and not is_training_run(run.parent)
    history = read_training_run(run)
    assert history.name == "run"
    assert history.metrics == (
        {"images": 10, "loss": 0.5, "loss_inside": None},
        {"images": 20, "loss": 0.25},
    )
    assert [(number, path.name) for number, path in history.sheets] == [
        (10, "images-0000000010.png"),
        (20, "images-0000000020.png"),
    ]


def test_metrics_without_images_are_refused(run):
    (run / "metrics.jsonl").write_text('{"loss": 1}\n')
    with pytest.raises(InvalidFile, match="a line has no number of images"):
        read_training_run(run)
