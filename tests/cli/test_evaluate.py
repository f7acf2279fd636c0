"""Sample, then evaluate: the command as a user meets it."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.layout import Box
from layoutgen.formats.coco import read_coco
from layoutgen.formats.coco_results import write_results

LAYOUTS = Path(__file__).parents[2] / "sample_layouts"
OBJECTS = [
    (1, "dog", [10.0, 10, 40, 50]),
    (1, "dog", [100.0, 20, 40, 40]),
    (1, "cat", [30.0, 90, 50, 40]),
    (2, "cat", [5.0, 5, 60, 60]),
]


@pytest.fixture
def scene(coco, tmp_path):
    """Two images, the json that says what is in them, and results: a dog is missing, a cat is there twice."""
    photos, file = coco([("a.png", 200, 150), ("b.png", 100, 100)], OBJECTS)
    names = {one["id"]: one["name"] for one in json.loads(file.read_text())["categories"]}
    found = {
        image.id: [Detection(one.label, one.box, 0.9) for one in image.instances]
        for image in read_coco(file).images
    }
    del found[1][0]
    found[2].append(Detection("cat", Box(6, 6, 66, 66), 0.8))
    write_results(tmp_path / "results.json", found, names)
    return photos, file, tmp_path / "results.json"


def arguments(scene, *more):
    photos, file, results = scene
    return ["evaluate", "--images", photos, "--annotations", file, "--detections", results, *more]


def test_given_detections_are_scored(run, scene, tmp_path):
    result = run(*arguments(scene, "-o", tmp_path / "out"))
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    overall = report["overall"]
    assert (overall["targets"], overall["detections"], overall["matched"]) == (4, 4, 3)
    assert (overall["recall"], overall["precision"], overall["duplicates"]) == (0.75, 0.75, 1)
    assert overall["count_error"] == 1 and overall["images_all_right"] == 0
    assert "75.0%" in result.output and "errors.csv" in result.output
    assert sorted(p.name for p in (tmp_path / "out" / "overlays").iterdir()) == ["a.jpg", "b.jpg"]
    with (tmp_path / "out" / "errors.csv").open(newline="") as file:
        assert [(row["image"], row["error"]) for row in csv.DictReader(file)] == [
            ("a.png", "missed"),
            ("b.png", "duplicate"),
        ]


def test_the_json_on_stdout_is_the_report(run, scene, tmp_path):
    result = run(*arguments(scene, "-o", tmp_path / "out", "--json", "--iou", 0.95, "--threshold", 0.85))
    assert json.loads(result.stdout) == json.loads((tmp_path / "out" / "report.json").read_text())
    assert json.loads(result.stdout)["iou"] == 0.95
    assert json.loads(result.stdout)["overall"]["detections"] == 3


def test_given_detections_need_neither_torch_nor_the_images(scene, tmp_path):
    photos, file, results = scene
    shutil.rmtree(photos)
    words = ["evaluate", str(file), "--detections", str(results), "-o", str(tmp_path / "out")]
    code = (
        "import sys\nfrom layoutgen.cli import app\n"
        f"app({words!r}, standalone_mode=False)\n"
        "heavy = {'torch', 'diffusers', 'transformers', 'torchmetrics'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "report.json").is_file() and not (tmp_path / "out" / "overlays").exists()


def test_prepared_data_is_read_too(run, coco, tmp_path):
    photos, file = coco([("a.png", 200, 150), ("b.png", 100, 100)], OBJECTS)
    run("prepare", "coco", photos, file, "-o", tmp_path / "data")
    found = {1: [Detection("dog", Box(10, 10, 50, 60), 0.9)]}
    write_results(tmp_path / "results.json", found, {17: "cat", 18: "dog"})
    result = run("evaluate", tmp_path / "data", "--detections", tmp_path / "results.json", "--json")
    overall = json.loads(result.stdout)["overall"]
    assert (overall["images"], overall["targets"], overall["matched"]) == (2, 4, 1)
    assert len(list((tmp_path / "data_evaluation" / "overlays").rglob("*.jpg"))) == 2


def test_the_reference_stands_beside(run, scene, tmp_path):
    _, file, _ = scene
    perfect = {
        image.id: tuple(Detection(one.label, one.box, 1) for one in image.instances)
        for image in read_coco(file).images
    }
    names = {one["id"]: one["name"] for one in json.loads(file.read_text())["categories"]}
    write_results(tmp_path / "perfect.json", perfect, names)
    more = [
        "--reference",
        file,
        "--reference-detections",
        tmp_path / "perfect.json",
        "--protocol",
        "coco-mig",
    ]
    result = run(*arguments(scene, *more, "-o", tmp_path / "out"))
    assert result.exit_code == 0, result.output
    (line,) = (line for line in result.output.splitlines() if line.split()[:1] == ["recall"])
    assert line.split()[1:] == ["75.0%", "100.0%"]
    (line,) = (line for line in result.output.splitlines() if "instance_success" in line)
    assert line.split()[1:] == ["0.750", "1.000"]
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["reference"]["overall"]["AP"] == pytest.approx(1)
    assert report["preset"]["figures"]["image_success"] == 0.5


def test_fid_of_a_folder(run, scene, tmp_path, monkeypatch):
    from tests.features.conftest import Means

    pytest.importorskip("torchmetrics")
    monkeypatch.setattr("layoutgen.features.embedding._inception", lambda weights: Means())
    photos, _, _ = scene
    result = run(*arguments(scene, "--real", photos, "--features", "inception", "-o", tmp_path / "out"))
    assert result.exit_code == 0, result.output
    quality = json.loads((tmp_path / "out" / "report.json").read_text())["quality"]
    assert quality["fid"] == pytest.approx(0, abs=1e-6)
    assert (quality["images"], quality["real_images"]) == (2, 2)
    assert quality["features"] == "inception"


def test_a_broken_real_image_is_said_before_anything_is_searched(run, scene, tmp_path, monkeypatch):
    from tests.features.conftest import Means, write_images

    pytest.importorskip("torchmetrics")
    monkeypatch.setattr("layoutgen.features.embedding.EfficientNetEmbedding", Means)
    monkeypatch.setattr("layoutgen.api.evaluate._Run.detections", lambda *_: pytest.fail("it was searched"))
    broken = write_images(tmp_path / "real", 3, 1)[2]
    broken.write_bytes(broken.read_bytes()[:40])
    result = run(*arguments(scene, "--real", tmp_path / "real", "-o", tmp_path / "out"))
    assert result.exit_code == 2 and result.output.count("\n") == 1
    assert f"{broken}: is not an image that can be read" in result.output
    assert not (tmp_path / "out").exists()


def test_copied_images_are_told_in_the_table_the_json_and_the_page(run, scene, tmp_path, monkeypatch):
    from tests.features.conftest import Means, write_images

    pytest.importorskip("torchmetrics")
    monkeypatch.setattr("layoutgen.features.embedding.EfficientNetEmbedding", Means)
    photos, file, results = scene
    real = tmp_path / "real"
    write_images(real, 10, 1)
    for path in photos.iterdir():
        shutil.copy(path, real / path.name)
    second = tmp_path / "second"
    second.mkdir()
    shutil.copytree(photos, second / "images")
    for number, path in enumerate(sorted((second / "images").iterdir())):
        Image.new("RGB", (100, 80 + number), (250, 90 * number, 0)).save(path)
    shutil.copy(file, second / "annotations.json")
    more = ["--real", real, "--html", "--compare", second, "--compare-detections", results]
    result = run(*arguments(scene, *more, "-o", tmp_path / "out"))
    assert result.exit_code == 0, result.output
    said = "2 of 2 images are near-duplicates of real ones: a.png of a.png."
    assert said in " ".join(result.output.split()) and "near-duplicates of real images" in result.output
    quality = json.loads((tmp_path / "out" / "report.json").read_text())["quality"]
    assert quality["copies"] == [{"image": name, "of": name} for name in ("a.png", "b.png")]
    assert said in quality["remarks"] and quality["features"] == "efficientnet-lite0"
    page = (tmp_path / "out" / "gallery.html").read_text(encoding="utf-8")
    content = json.loads(page.partition('class="data">')[2].partition("</script>")[0])
    table = content["quality"]
    assert table["header"] == ["quality by efficientnet-lite0", "here", "second", "real, by halves"]
    assert ["near-duplicates of real images", "2", "0", "0"] in table["rows"]
    assert said in table["remarks"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--detector", "x/y"], "--detector has no effect with --detections"),
        (["--tile", 64], "--tile has no effect with --detections"),
        (["--device", "cpu"], "--device has no effect with --detections"),
        (["--iou", 1.5], "--iou must be above 0.1 and at most 1"),
        (["--threshold", 7], "--threshold must be between 0 and 1"),
        (["--protocol", "best"], "--protocol must be one of coco-mig, coco-position, yolo-score"),
        (["--reference", "nowhere"], "give both --detections and --reference-detections, or neither"),
        (["--reference-detections", "nowhere"], "--reference-detections goes with --reference"),
        (["--reference-images", "nowhere"], "--reference-images goes with --reference"),
        (["--inception", "nowhere"], "--inception goes with --real"),
        (["--features", "dinov2"], "--features goes with --real"),
        (
            ["--real", ".", "--features", "nothing"],
            "--features nothing: there is no such folder; give one",
        ),
        (
            ["--real", ".", "--features", "efficientnet-lite0", "--inception", "x"],
            "--inception goes with --features inception, not efficientnet-lite0",
        ),
        (["--real", "nowhere"], "there is no such folder"),
        (["samples"], "give either SAMPLES, or --annotations FILE"),
    ],
)
def test_what_cannot_work_is_one_line(run, refused, scene, tree, tmp_path, more, message):
    before = tree()
    assert message in refused(*arguments(scene, "-o", tmp_path / "out", *more))
    assert tree() == before


def test_what_is_not_there_is_one_line(refused, scene, tree, tmp_path):
    photos, file, _ = scene
    before = tree()
    assert "name a folder of samples" in refused("evaluate")
    assert "there is no such file or folder" in refused("evaluate", tmp_path / "nowhere")
    assert "holds no annotations.json and no metadata.jsonl" in refused("evaluate", photos)
    (tmp_path / "elsewhere").mkdir()
    before = tree()
    assert "a.png: there is no such image" in refused(
        "evaluate", "--annotations", file, "--images", tmp_path / "elsewhere"
    )
    assert "no such file" in refused("evaluate", file, "--detections", tmp_path / "none.json")
    assert "--overlap is smaller" in refused(
        "evaluate", "--annotations", file, "--images", photos, "--tile", 64, "--overlap", 64
    )
    assert tree() == before


def test_results_are_never_overwritten_in_silence(run, refused, scene, tmp_path):
    assert run(*arguments(scene, "-o", tmp_path / "out", "--quiet")).output == ""
    assert "already holds report.json" in refused(*arguments(scene, "-o", tmp_path / "out"))
    assert run(*arguments(scene, "-o", tmp_path / "out", "--overwrite", "--no-overlays")).exit_code == 0
    assert not (tmp_path / "out" / "overlays" / "a.jpg").exists()


def test_sample_then_evaluate_offline_with_what_ships_in_the_package(run, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    out = tmp_path / "dogs"
    done = run(
        "sample", "-n", 3, "dogs", "-n", 2, "cats", "--width", 192, "--height", 160, "--steps", 1, "-o", out
    )
    assert done.exit_code == 0, done.output
    result = run("evaluate", out, "--device", "cpu")
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "dogs_evaluation" / "report.json").read_text())
    assert report["overall"]["targets"] == 5
    assert {label: one["targets"] for label, one in report["labels"].items()} == {"cat": 2, "dog": 3}
    with Image.open(tmp_path / "dogs_evaluation" / "overlays" / "sample_0.jpg") as overlay:
        assert min(overlay.size) >= 160


def test_the_detector_that_ships_knows_cats_and_dogs_only(run, refused, coco, tmp_path):
    photos, file = coco([("a.png", 64, 64)], [(1, "zebra", [4.0, 4, 40, 40])])
    line = refused("evaluate", "--annotations", file, "--images", photos, "--device", "cpu")
    assert "the detector does not know 'zebra', only cat, dog: pass --detector" in line
    assert not (tmp_path / "instances_evaluation").exists()
