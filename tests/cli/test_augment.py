"""`layoutgen augment`: painted and real images in one set, what each is, and the same command going on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from layoutgen.api import augment_inputs, augment_painting
from layoutgen.domain.annotated_image import Detection
from layoutgen.formats import read_layouts
from layoutgen.formats.annotated_source import open_annotated
from layoutgen.formats.coco import write_coco
from layoutgen.io.output_folder import output_folder

IMAGES = [("a.png", 64, 48), ("sub/b.png", 48, 64), ("c.png", 64, 64)]
OBJECTS = [
    (1, "dog", [4.0, 5.0, 20.0, 30.0]),
    (1, "cat", [30.0, 5.0, 20.0, 28.0]),
    (2, "dog", [10.0, 10.0, 30.0, 40.0]),
    (3, "dog", [8.0, 8.0, 24.0, 40.0]),
    (3, "zebra", [40.0, 8.0, 20.0, 20.0]),
]


class Painter:
    """Paints grey images in the place of `sample`, and is killed before a round where a test says so."""

    def __init__(self) -> None:
        self.painted: list[tuple[int, int]] = []  # seed, images
        self.dies_in: int | None = None

    def __call__(self, layouts: Path, *, output: Path, seed: int, **_: Any) -> None:
        if self.dies_in == len(self.painted):
            raise KeyboardInterrupt
        requests = read_layouts(layouts)
        self.painted.append((seed, len(requests)))
        with output_folder(output, ("images", "annotations.json")) as aside:
            (aside / "images").mkdir()
            for number, one in enumerate(requests, start=1):
                size = (one.layout.width, one.layout.height)
                Image.new("RGB", size, (seed * 10, 0, 0)).save(aside / f"images/{number:04d}.png")
            rows = [(f"{number:04d}.png", one.layout) for number, one in enumerate(requests, start=1)]
            write_coco(aside / "annotations.json", rows)


class Looker:
    """A detector that finds all of an image of an even number, and in round 2 (red 10) the first object."""

    threshold, labels, max_detections = 0.5, ("cat", "dog"), None

    def detect(self, source: Any) -> Any:
        for image in source.images:
            red = int(np.array(source.read_image(image))[0, 0, 0])
            seen = image.instances if image.id % 2 == 0 else image.instances[: red // 10]
            yield image.id, tuple(Detection(one.label, one.box, 0.9) for one in seen)


@pytest.fixture
def painter(monkeypatch: pytest.MonkeyPatch) -> Painter:
    """Stands for painting and looking, which other tests have for themselves."""
    fake = Painter()

    class Evaluator(augment_painting.Evaluator):
        def _loaded(self) -> Any:
            return Looker()

        def check_labels(self, source: Any) -> None:
            assert set(source.labels) <= set(Looker.labels)

        def detect(self, source: Any) -> Any:
            return Looker().detect(source)

    monkeypatch.setattr(augment_painting, "sample", fake)
    monkeypatch.setattr(augment_painting, "Evaluator", Evaluator)
    return fake


@pytest.fixture
def data(coco: Callable[..., tuple[Path, Path]]) -> tuple[Path, Path]:
    return coco(IMAGES, OBJECTS)


def origins(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "origins.jsonl").read_text().splitlines()]


def test_the_set_holds_real_and_painted_images_and_says_which_is_which(run, data, tmp_path, painter) -> None:
    out = tmp_path / "out"
    arguments = ["augment", *data, "-o", out, "--factor", 3, "--seed", 0]
    result = json.loads(run(*arguments, "--json", "-q", code=0).stdout)
    assert (result["real"], result["layouts"], result["unknown"]) == (3, 6, ["zebra"])
    # Layouts 2, 4, 6 are complete at once; 1, 3, 5 are painted twice more, and then miss all but two objects.
    assert painter.painted[:2] == [(0, 6), (1, 3)]
    outcome = result["outcome"]
    assert outcome["asked"] - outcome["dropped_objects"] == outcome["objects"]
    lines = origins(out)
    assert [one["origin"] for one in lines] == ["real"] * 3 + ["painted"] * outcome["images"]
    assert lines[1] == {"file_name": "images/real_sub_b.png", "origin": "real", "source": "sub/b.png"}
    written = open_annotated(out)
    assert [one.file_name for one in written.images] == [one["file_name"] for one in lines]
    assert {one.label for image in written.images[3:] for one in image.instances} <= {"cat", "dog"}
    assert "zebra" in written.images[2].labels  # real annotations stay whole
    for image, line in zip(written.images[3:], lines[3:], strict=True):
        assert len(image.instances) == line["asked"] - line["dropped"]
        assert line["round"] == 0 if line["layout"] % 2 == 0 else line["round"] > 0
        assert (
            line["seed"] == line["round"] and line["file_name"] == f"images/painted_{line['layout']:06d}.png"
        )
    assert sorted(one.name for one in out.iterdir() if one.name[0] != ".") == [
        "annotations.json", "images", "origins.jsonl"
    ]  # fmt: skip
    assert not list(tmp_path.glob("*.partial"))


def test_a_killed_run_goes_on_and_ends_with_the_same_files(run, data, tmp_path, painter, tree) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    options = ["--count", 4, "--missing", "keep", "-q"]
    run("augment", *data, "-o", whole, *options, code=0)
    first = list(painter.painted)
    painter.painted.clear()
    painter.dies_in = 1
    run("augment", *data, "-o", broken, *options, code=130)
    assert not broken.exists() and len(list(tmp_path.glob("broken.*.partial"))) == 1
    painter.dies_in = None
    run("augment", *data, "-o", broken, *options, code=0)
    assert painter.painted == first  # the first round was not painted again
    files = {path: content for path, content in tree().items() if "/whole/" in path}
    assert files and all(
        Path(path.replace("/whole/", "/broken/")).read_bytes() == files[path] for path in files
    )
    assert not list(tmp_path.glob("*.partial"))


def test_painted_images_alone_in_another_format(run, data, tmp_path, painter) -> None:
    photos, file = data
    for path in photos.rglob("*.png"):
        path.unlink()
    out = tmp_path / "out"
    options = ["--painted-only", "--to", "yolo", "--count", 4, "--no-check"]
    said = run("augment", file, "-o", out, *options, code=0).stdout
    assert said.startswith("0 real and 4 painted images (") and painter.painted == [(0, 4)]
    assert sorted(one.name for one in (out / "images").iterdir()) == [
        f"painted_{number:06d}.png" for number in range(1, 5)
    ]
    found = open_annotated(out)
    assert sum(len(one.instances) for one in found.images) == sum(one["asked"] for one in origins(out))


def test_nothing_is_written_by_a_dry_run_or_a_refusal(run, refused, data, tmp_path, painter, tree) -> None:
    out, before = tmp_path / "out", tree()
    said = run("augment", *data, "-o", out, "--factor", 3, "--dry-run", code=0)
    assert said.stdout.startswith("6 images to paint beside 3 real ones, about")
    assert "the model does not know zebra: no such objects are painted" in said.stderr
    for options, line in (
        (["--factor", 1], "--factor must be above 1"),
        (["--factor", 2, "--count", 3], "either --factor or --count"),
        (["--missing", "some"], "--missing must be one of objects, images, keep"),
        (["--batch-size", 0], "--batch-size must be auto or a number of windows from 1"),
        (["--category", "zebra"], "--category zebra: the model does not know it"),
        (["--category", "dgo"], "--category dgo: no annotation has this category; did you mean 'dog'?"),
        (["--no-check", "--detector", "x/y"], "--detector has no effect"),
        (["--no-check", "--rounds", 2], "--rounds has no effect without --check"),
        (["--no-check", "--missing", "objects"], "--missing has no effect without --check"),
        (["--to", "pdf"], "pdf is no format that can be written"),
    ):
        assert line in refused("augment", *data, "-o", out, *options)
    line = refused(
        "augment", *data, "-o", out, "--factor", 1, "--missing", "some", "--to", "pdf", "--size", 0
    )
    for said in ("--factor must", "--missing must", "pdf is no format", "--size must"):
        assert said in line  # all of it at once
    (data[0] / "c.png").unlink()
    assert "there is no such image" in refused("augment", *data, "-o", out)
    assert painter.painted == [] and {k: v for k, v in before.items() if "c.png" not in k} == tree()


def test_what_the_detector_does_not_know_is_refused_before_anything_is_painted(
    run, refused, data, tmp_path, painter, monkeypatch
) -> None:
    monkeypatch.setattr(augment_inputs, "labels_of_detector", lambda name: ("cat",))
    line = refused("augment", *data, "-o", tmp_path / "out", "--dry-run", "-q")
    assert "the detector does not know 'dog'" in line and painter.painted == []
    run("augment", *data, "-o", tmp_path / "out", "--no-check", "--dry-run", "-q", code=0)


def test_what_is_there_is_not_overwritten(run, refused, data, tmp_path, painter) -> None:
    out = tmp_path / "out"
    run("augment", *data, "-o", out, "--count", 2, "-q", code=0)
    assert "--overwrite" in refused("augment", *data, "-o", out, "--count", 2)
    run("augment", *data, "-o", out, "--count", 1, "--missing", "keep", "--overwrite", "-q", code=0)
    assert [one["origin"] for one in origins(out)] == ["real"] * 3 + ["painted"]


def test_the_model_in_the_package_paints_and_its_detector_looks(run, coco, tmp_path) -> None:
    photos, file = coco([("a.png", 64, 64)], [(1, "dog", [8.0, 8.0, 32.0, 48.0])])
    out = tmp_path / "out"
    result = json.loads(
        run(
            "augment", photos, file, "-o", out, "--steps", 1, "--rounds", 0, "--missing", "keep", "--json"
        ).stdout
    )
    assert result["outcome"]["rounds"] == [{"images": 1, "objects": 1, "found": result["outcome"]["found"]}]
    with Image.open(out / "images/painted_000001.png") as painted:
        assert painted.size == (64, 64) and np.array(painted).std() > 1
