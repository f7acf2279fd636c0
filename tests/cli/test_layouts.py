"""`layoutgen layouts`: what it writes, who reads it, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from layoutgen.formats import read_layouts
from layoutgen.formats.coco import write_coco
from layoutgen.formats.yolo import FORMAT as YOLO
from layoutgen.layout_model.distances import distances
from layoutgen.layout_model.wire import read_model
from tests.layout_model.synthetic import pairs


@pytest.fixture
def source(tmp_path: Path) -> Path:
    file = tmp_path / "data.json"
    write_coco(file, [(f"{number}.png", layout) for number, layout in enumerate(pairs(60))])
    return file


def test_the_same_command_writes_the_same_bytes_and_the_file_is_enough_for_more(
    run, source, tmp_path
) -> None:
    first, again, more = (tmp_path / f"{name}.json" for name in ("first", "again", "more"))
    said = run("layouts", source, "-o", first, "-n", 40, "--seed", 3, code=0).stdout
    objects = sum(len(one.layout.instances) for one in read_layouts(first))
    assert said == f"40 layouts with {objects} objects of 3 labels: {first}\n"
    run("layouts", source, "-o", again, "-n", 40, "--seed", 3, "-q", code=0)
    assert first.read_bytes() == again.read_bytes()
    source.unlink()
    run("layouts", first, "-o", more, "-n", 40, "--seed", 3, code=0)
    assert more.read_bytes() == first.read_bytes()
    content = json.loads(more.read_text())
    assert content["info"]["drawn"] == {"count": 40, "seed": 3, "objects": 1.0, "size": 1.0, "balance": 0.0}
    assert len(content["images"]) == 40 and content["images"][0]["file_name"] == "layout_000001.png"


def test_distances_to_other_layouts_are_shown_beside_chance(run, source, tmp_path) -> None:
    other = tmp_path / "other.json"
    write_coco(other, [(f"{number}.png", layout) for number, layout in enumerate(pairs(60, seed=7))])
    out = tmp_path / "out.json"
    arguments = ["layouts", source, "-n", 60, "--compare", other, "-o", out]
    found = json.loads(run(*arguments, "--json", code=0).stdout)["distances"]
    assert list(found) == ["drawn", "real boxes anywhere", "all by chance", "the data itself"]
    drawn = [one.layout for one in read_layouts(out)]
    wanted = distances(drawn, [one.layout for one in read_layouts(other)])
    for name, distance in wanted.features.items():
        assert found["drawn"]["features"][name]["ks"] == pytest.approx(distance.ks)
    assert found["drawn"]["features"]["centre y (of canvas)"]["ks"] < 0.2
    assert found["all by chance"]["labels"] > 0.2 > found["drawn"]["labels"]
    table = run(*arguments, "--overwrite", code=0).stdout
    assert f"Distances to {other}:" in table and "real boxes anywhere" in table
    without = json.loads(run("layouts", out, "-o", out, "--overwrite", "--compare", other, "--json").stdout)
    assert "the data itself" not in without["distances"]


def test_layouts_are_drawn_and_converted_without_images(run, refused, source, tmp_path) -> None:
    file = tmp_path / "layouts.json"
    run("layouts", source, "-o", file, "-n", 12, "-q", code=0)
    run("visualize", file, "-o", tmp_path / "drawn", "-q", code=0)
    first = read_layouts(file)[0].layout
    with Image.open(tmp_path / "drawn/overlays/layout_000001.jpg") as drawn:
        assert drawn.width * first.height == drawn.height * first.width
    assert len(list((tmp_path / "drawn/overlays").iterdir())) == 12
    said = run("convert", file, tmp_path / "yolo", "--to", "yolo", code=0).stdout
    assert f"objects as {YOLO.title}" in said
    lines = (tmp_path / "yolo/labels/layout_000001.txt").read_text().splitlines()
    assert len(lines) == len(first.instances)
    assert not (tmp_path / "yolo/images").exists()
    assert "holds layouts without images" in refused("convert", source, file, tmp_path / "x", "--to", "yolo")
    assert "has none yet" in refused("visualize", file, "--html")


def test_only_the_categories_that_are_named_are_drawn(run, refused, source, tmp_path) -> None:
    file = tmp_path / "cats.json"
    run("layouts", source, "-o", file, "-n", 10, "--category", "cat", "-q", code=0)
    assert set(read_model(file).wide) == {"cat"}
    assert {one.label for request in read_layouts(file) for one in request.layout.instances} == {"cat"}
    line = refused("layouts", source, "-o", tmp_path / "x.json", "--category", "cta")
    assert "--category cta: no annotation has this category; did you mean 'cat'?" in line
    again = ("layouts", file, "-o", tmp_path / "x.json")
    assert "holds a model of all" in refused(*again, "--category", "cat")
    for option in (("--strict",), ("--units", "fraction")):
        assert f"{option[0]} is of data, and {file} holds a model: leave it out" in refused(*again, *option)
    run(*again, "--strict", "--compare", source, "-n", 2, "-q", code=0)  # it is of these


def test_nothing_is_overwritten_and_what_makes_no_sense_is_refused(run, refused, source, tmp_path) -> None:
    file = tmp_path / "layouts.json"
    run("layouts", source, "-o", file, "-n", 3, "-q", code=0)
    before = file.read_bytes()
    assert "pass --overwrite" in refused("layouts", source, "-o", file)
    assert "was not written by layoutgen for this" in refused("layouts", file, "-o", source, "--overwrite")
    assert "must be a json file" in refused("layouts", source, "-o", tmp_path / "layouts")
    assert "--objects must be from 0.01" in refused(
        "layouts", source, "-o", tmp_path / "x.json", "--objects", 0
    )
    assert "--balance must be from 0 to 1" in refused(
        "layouts", source, "-o", tmp_path / "x.json", "--balance", 2
    )
    empty = tmp_path / "empty.json"
    write_coco(empty, [])
    assert "there is nothing to draw layouts like" in refused("layouts", empty, "-o", tmp_path / "x.json")
    assert file.read_bytes() == before and not (tmp_path / "x.json").exists()


@pytest.mark.parametrize("name", ["pets", pytest.param("coco", marks=pytest.mark.slow)])
def test_layouts_like_real_data_are_nearer_to_held_out_ones_than_chance(run, data, tmp_path, name) -> None:
    train, held_out = (data / name / f"instances_{part}.json" for part in ("train", "heldout"))
    arguments = ["layouts", train, "-o", tmp_path / "out.json", "--compare", held_out, "--json"]
    found = json.loads(run(*arguments, code=0).stdout)["distances"]
    means = {key: sum(f["ks"] for f in one["features"].values()) for key, one in found.items()}
    assert means["drawn"] < min(means["real boxes anywhere"], means["all by chance"])
    assert means["drawn"] < 2.5 * means["the data itself"]
