"""Several images of a layout, several methods, and what `--json` says of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from layoutgen.api.sample_images import Series
from layoutgen.errors import InvalidOption
from layoutgen.formats.png import read_png
from layoutgen.methods.registry import parse_methods

SMALL = ("--width", 128, "--height", 128, "--steps", 1, "--device", "cpu")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(
    ("words", "methods"),
    [
        ([], ()),
        (["text2img"], ("text2img",)),
        (["both"], ("img2img", "text2img")),
        (["text2img,regional"], ("text2img", "regional")),
        (["regional", "both", "text2img"], ("regional", "img2img", "text2img")),
    ],
)
def test_methods_are_named_in_three_ways(words: list[str], methods: tuple[str, ...]) -> None:
    assert parse_methods(words) == methods


@pytest.mark.parametrize(
    ("options", "series"),
    [
        ((None, None, "seed"), Series()),
        (("7", 3, "seed"), Series(7, 3)),
        (("0-15", None, "seed"), Series(0, 16)),
        (("4 - 6", 3, "layout"), Series(4, 3, True)),
        ((None, 4, "layout"), Series(None, 4, True)),
    ],
)
def test_seeds_may_be_a_range(options: tuple[str | None, int | None, str], series: Series) -> None:
    assert Series.of(*options) == series


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("x", None, "seed"), "such as 0-15, not x"),
        (("-1", None, "seed"), "from 0"),
        (("5-2", None, "seed"), "write 2-5"),
        (("0-3", 3, "seed"), "leave `num_images` out"),
        ((None, None, "layout"), "for several images"),
        ((None, 3, "colour"), "seed or layout"),
    ],
)
def test_a_series_that_makes_no_sense(options: tuple[str | None, int | None, str], said: str) -> None:
    with pytest.raises(InvalidOption, match=said):
        Series.of(*options)


def test_a_range_of_seeds_by_both_methods_as_json(run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run("sample", "-n", 2, "dogs", "--seed", "3-5", "--method", "both", "--json", "-o", out, *SMALL)
    said = json.loads(done.stdout)
    expected = [
        str(out / method / "images" / f"sample_{seed}.png")
        for method in ("img2img", "text2img")
        for seed in (3, 4, 5)
    ]
    assert [one["image"] for one in said["images"]] == expected
    assert [(one["seed"], one["objects"]) for one in said["images"]] == [(3, 2), (4, 2), (5, 2)] * 2
    assert said["annotations"] == [str(out / m / "annotations.json") for m in ("img2img", "text2img")]
    files = [*(one["overlay"] for one in said["images"]), *expected, *said["grids"]]
    assert len(said["grids"]) == 2 and all(Path(file).is_file() for file in files)
    for path in map(Path, expected):
        stored = read_png(path)[1]
        assert (stored["method"], stored["seed"]) == (path.parts[-3], int(path.stem[-1]))
    with Image.open(said["grids"][0]) as grid:  # three in a row of two, each of 320 px
        assert grid.width > 2 * 320 and grid.height > 2 * 320
    # One of them made again is the same file, though the others are not asked for.
    again = tmp_path / "again"
    run("sample", expected[1], expected[5], "-o", tmp_path / "no", code=2)
    run("sample", expected[4], expected[5], "--device", "cpu", "-o", again)
    assert sorted(p.read_bytes() for p in (again / "images").iterdir()) == sorted(
        Path(one).read_bytes() for one in expected[4:]
    )


def test_new_layouts_for_each_image(run, tmp_path: Path) -> None:
    run("sample", "-n", 2, "dogs", "--num-images", 3, "--vary", "layout", "-o", tmp_path / "a", *SMALL)
    assert names(tmp_path / "a/images") == ["sample_0.png", "sample_1.png", "sample_2.png"]
    first, second, third = (read_png(path)[0] for path in sorted((tmp_path / "a/images").iterdir()))
    assert len({first, second, third}) == 3
    assert all(len(one.instances) == 2 for one in (first, second, third))
    run("sample", "-n", 2, "dogs", "--seed", 1, "-o", tmp_path / "b", *SMALL)
    assert read_png(tmp_path / "b/images/sample_1.png")[0] == second
    assert (tmp_path / "a/grid.jpg").is_file() and not (tmp_path / "b/grid.jpg").exists()


def test_what_cannot_vary_is_refused(refused, tmp_path: Path) -> None:
    layout = tmp_path / "fixed.yaml"
    layout.write_text("canvas: {width: 64, height: 64}\ninstances:\n  - {label: dog, xyxy: [4, 4, 40, 50]}\n")
    said = refused("sample", layout, "--num-images", 2, "--vary", "layout", "-o", tmp_path / "out")
    assert "--vary layout: every box of fixed stands where its file says" in said
    assert not (tmp_path / "out").exists()


def test_a_negative_prompt_arrives_or_is_refused(run, refused, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("sample", "-n", 1, "dog", "--negative-prompt", "sand", "-o", out, *SMALL)
    stored = read_png(out / "images/sample_0.png")[0]
    assert (stored.prompt, stored.negative_prompt) == ("a dog on green ground", "sand")
    options = ("--negative-prompt", "sand", "--guidance", 1, "-o", tmp_path / "no", *SMALL)
    assert "no effect at a --guidance of 1" in refused("sample", "-n", 1, "dog", *options)


@pytest.mark.parametrize("option", [("--negative-prompt", "sand"), ("--background-guidance", 3)])
def test_what_only_guidance_reads_is_refused_without_guided_steps(
    refused, tmp_path: Path, option: tuple[object, ...]
) -> None:
    options = (*option, "--guidance-interval", 0.5, 0.5, "-o", tmp_path / "no", *SMALL)
    said = refused("sample", "-n", 1, "dog", *options)
    assert f"{option[0]} has no effect at a --guidance-interval of 0.5 0.5, which has no steps: widen" in said
