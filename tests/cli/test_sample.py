"""The newcomer's command, with the model that ships in the package."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from typer.testing import CliRunner

from layoutgen import Box, Instance, Layout
from layoutgen.assets import MODEL
from layoutgen.cli import app
from layoutgen.domain.requests import arrange_request
from layoutgen.formats import read_layouts
from layoutgen.formats.png import read_png
from layoutgen.model_info import ModelInfo, find_model
from tests.toy import toy_pipeline

runner = CliRunner()
ROOT = Path(__file__).parents[2]
LAYOUTS = ROOT / "sample_layouts"


def sample(*words: object, code: int = 0) -> str:
    done = runner.invoke(app, ["sample", *map(str, words)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def test_100_dogs_are_painted_annotated_and_can_be_made_again(tmp_path: Path) -> None:
    sample(
        LAYOUTS / "100_dogs.yaml", "-n", 100, "dogs", "-o", tmp_path / "a", "--steps", 2, "--device", "cpu"
    )
    image = tmp_path / "a/images/100_dogs_0.png"
    with Image.open(image) as opened:
        assert opened.size == (512, 512)
    coco = COCO(tmp_path / "a/annotations.json")
    assert len(coco.getAnnIds(catIds=coco.getCatIds(["dog"]))) == 100
    assert len(list((tmp_path / "a/overlays").iterdir())) == 1
    sample(image, "-o", tmp_path / "b", "--device", "cpu")
    assert (tmp_path / "b/images/100_dogs_0.png").read_bytes() == image.read_bytes()


def test_without_a_layout_file(tmp_path: Path) -> None:
    options = ["--width", 256, "--height", 192, "--steps", 1, "--device", "cpu", "-o", tmp_path / "out"]
    sample("-n", 3, "dogs", "-n", 2, "cats", *options)
    layout = read_layouts(tmp_path / "out/images/sample_0.png")[0].layout
    assert (layout.width, layout.height) == (256, 192)
    assert sorted(i.label for i in layout.instances) == ["cat", "cat", "dog", "dog", "dog"]


def test_several_images_of_several_methods_have_their_own_seeds(tmp_path: Path) -> None:
    for method in ("img2img", "text2img"):
        out = tmp_path / method
        options = ["--width", 128, "--height", 128, "--steps", 1, "--num-images", 2, "--seed", 5, "-o", out]
        sample("-n", 1, "dog", "--method", method, "--device", "cpu", *options)
        assert (pixels(out / "images/sample_5.png") != pixels(out / "images/sample_6.png")).any()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--method", "regional"], "knows layouts by img2img, text2img only"),
        (["--method", "text2img", "--encoding", "text"], "knows --encoding box only"),
    ],
)
def test_what_the_small_model_never_learnt_is_refused(tmp_path: Path, options: list[str], said: str) -> None:
    said_instead = sample("-n", 1, "dog", *options, "-o", tmp_path / "out", code=2)
    assert said in " ".join(said_instead.split())
    assert not (tmp_path / "out").exists()


def test_options_of_speed_arrive_and_are_found_in_the_image(tmp_path: Path) -> None:
    options = ["--scheduler", "euler", "--steps", 4, "--guidance-interval", 0.25, 0.75]
    options += ["--cache-interval", 3, "--batch-size", 2, "--background-guidance", 2, "--coarse-above", 40]
    canvas = ["--width", 128, "--height", 128, "--device", "cpu", "--dtype", "fp32"]
    sample("-n", 1, "dog", *canvas, *options, "-o", tmp_path / "a")
    image = tmp_path / "a/images/sample_0.png"
    stored = read_png(image)[1]
    names = ("scheduler", "guidance_interval", "cache_interval", "dtype")
    assert [stored[name] for name in names] == ["euler", [0.25, 0.75], 3, "float32"]
    assert (stored["background_guidance"], stored["coarse_above"]) == (2, 40)
    sample(image, "--device", "cpu", "--dtype", "fp32", "-o", tmp_path / "b")
    assert (tmp_path / "b/images/sample_0.png").read_bytes() == image.read_bytes()


def test_a_layout_without_a_prompt_gets_one_in_the_words_of_the_model(tmp_path: Path) -> None:
    layout = Layout(64, 64, (Instance("dog", Box(4, 4, 20, 30)), Instance("cat", Box(30, 4, 50, 30))))
    ours, theirs = find_model(None), ModelInfo("some/checkpoint")
    assert ours.prompt_for(layout) == "a dog and a cat on green ground"
    assert theirs.prompt_for(layout) == "a photo of a dog and a cat"
    assert theirs.prompt_for(Layout(64, 64)) == "a photo"
    checkpoint = toy_pipeline(tmp_path, size=4)
    checkpoint.save_pretrained(tmp_path / "sd")
    canvas = ("--width", 32, "--height", 32, "--steps", 1, "--device", "cpu")
    sample("-n", 2, "dogs", *canvas, "--model", tmp_path / "sd", "-o", tmp_path / "out")
    assert read_png(tmp_path / "out/images/sample_0.png")[0].prompt == "a photo of 2 dogs"


def test_results_are_never_overwritten_in_silence(tmp_path: Path) -> None:
    options = [
        "-n",
        1,
        "dog",
        "--width",
        64,
        "--height",
        64,
        "--steps",
        1,
        "--device",
        "cpu",
        "-o",
        tmp_path / "out",
    ]
    sample(*options)
    before = (tmp_path / "out/images/sample_0.png").read_bytes()
    assert "--overwrite" in sample(*options, "--seed", 1, code=2)
    assert (tmp_path / "out/images/sample_0.png").read_bytes() == before
    sample(*options, "--seed", 1, "--overwrite")
    assert not (tmp_path / "out/images/sample_0.png").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-n", "3", "zebras"], "has not learnt 'zebra', only cat, dog"),
        (["-n", "5000", "dogs", "--width", "512", "--height", "512"], "canvas"),
        (["-n", "3"], "labels"),
        (["dogs"], "-n 100 dogs"),
        (["-n", "dogs"], "-n takes a number first, not 'dogs': write it as in -n 100 dogs"),
        (["-n", "-5", "dogs"], "-n takes a whole number of objects from 1, not -5"),
        (["-n", "3", "puppies"], "has not learnt 'puppy' (did you mean 'dog'?)"),
        (["-n", "3", "big", "dogs"], "how big they are is said in a layout file"),
        (["-n", "3", "dogs", "cats"], "did you mean 'dog' and 'cat'? ask for each with a number of its own"),
        (["-n", "3", "St. Bernard"], "has not learnt 'St. Bernard'"),
        ([], "name a layout file"),
        (["nowhere.yaml"], "no such file"),
        (["-n", "1", "dog", "--method", "magic"], "--method must be one of"),
        (["-n", "1", "dog", "--method", "img2img", "--encoding", "box"], "--encoding"),
        (["-n", "1", "dog", "--strength", "0.5"], "--strength"),
        (["-n", "1", "dog", "--steps", "0"], "--steps must be"),
        (["-n", "1", "dog", "--scheduler", "magic"], "--scheduler must be one of ddim, dpm++"),
        (["-n", "1", "dog", "--guidance-interval", "0.8", "0.2"], "--guidance-interval must be"),
        (["-n", "1", "dog", "--cache-interval", "0"], "--cache-interval must be at least 1"),
        (["-n", "1", "dog", "--batch-size", "0"], "--batch-size must be auto or a number"),
        (["-n", "1", "dog", "--dtype", "fp8"], "--dtype must be one of auto, fp32"),
        (["-n", "1", "dog", "--device", "cuda"], "no CUDA device"),
        (["-n", "1", "dog", "--device", "cpu", "--dtype", "fp16"], "fp16 needs a CUDA device"),
        (["-n", "1", "dog", "--model", "nowhere"], "no such folder"),
        (["-n", "1", "dog", "--image-id", "3"], "--image-id"),
    ],
)
def test_what_cannot_work_is_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.chdir(tmp_path)
    output = sample(*words, code=2)
    assert message in output
    assert len(output.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("canvas: {width: 64, height: 64", "line"),
        ("", "empty"),
        ("canvas: {width: 64, height: 64}\ninstances:\n  - {label: dog, xyxy: [4, 4, 90, 40]}\n", "outside"),
        ("canvas: {width: 64, height: 64}\ninstances:\n  - {label: dog, xyxy: [40, 4, 9, 40]}\n", "inverted"),
        ("canvas: {width: 64, height: 64}\ninstances:\n  - {label: dog, xyxy: [.nan, 4, 9, 40]}\n", "line 3"),
        ("canvas: {width: 64, height: 64}\ninstance: []\n", "instances"),
    ],
)
def test_a_bad_layout_file_is_one_line(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    output = sample(tmp_path / "bad.yaml", "-o", tmp_path / "out", code=2)
    assert message in output
    assert "bad.yaml" in output
    assert not (tmp_path / "out").exists()


def test_a_picture_that_is_not_ours_is_one_line(tmp_path: Path) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "plain.png")
    (tmp_path / "noise.png").write_bytes(b"not an image")
    assert "holds no layout" in sample(tmp_path / "plain.png", code=2)
    assert "not an image" in sample(tmp_path / "noise.png", code=2)


@pytest.mark.parametrize("path", sorted(p.name for p in LAYOUTS.iterdir() if p.suffix == ".yaml"))
def test_the_embedded_model_can_draw_the_sample_layouts(path: str) -> None:
    info = find_model(None)
    (request,) = read_layouts(LAYOUTS / path)
    layout = arrange_request(request, size_prior=info.size_prior)
    assert info.labels is not None
    assert set(layout.labels) <= set(info.labels)
    assert max(max(i.box.width, i.box.height) for i in layout.instances) <= info.size_prior.largest


def test_without_a_size_boxes_are_as_the_model_draws_them_well(tmp_path: Path) -> None:
    sample("-n", 3, "dogs", "--steps", 1, "--device", "cpu", "-o", tmp_path)
    layout = read_layouts(tmp_path / "images/sample_0.png")[0].layout
    largest = find_model(None).size_prior.largest
    assert largest == 112
    # Three have room: they are as large as the model draws well, not specks.
    assert all(i.box.width < i.box.height <= largest + 8 for i in layout.instances)
    assert min(i.box.height for i in layout.instances) > 70


def test_a_model_whose_parts_disagree_is_one_line(tmp_path: Path) -> None:
    mixed = Path(shutil.copytree(MODEL, tmp_path / "mixed"))
    config = mixed / "layout_encoder/config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"map_channels": 64}))
    told = sample("-n", 3, "dogs", "--model", mixed, code=2)
    assert "says that the U-Net reads 64 channels of a layout, but it reads 35" in told


def test_the_embedded_model_is_small_and_keeps_its_places() -> None:
    """diffusers writes module paths of our components into model_index.json: they may not move."""
    size = sum(file.stat().st_size for file in MODEL.rglob("*") if file.is_file())
    assert size < 40e6
    index = json.loads((MODEL / "model_index.json").read_text())
    assert index["_class_name"] == "LayoutPipeline" or index["_class_name"][-1] == "LayoutPipeline"
    assert index["vae"] == ["layoutgen.autoencoder", "PatchAutoencoder"]
    assert index["layout_encoder"] == ["layoutgen.conditioning.encoder", "LayoutEncoder"]


def test_what_will_not_be_good_is_said_before_and_refused_strictly(tmp_path: Path) -> None:
    file = tmp_path / "far.yaml"
    file.write_text(
        "canvas: {width: 128, height: 128}\nprompt: a dog on the beach\n"
        "instances:\n  - {label: Dog, xyxy: [0, 0, 96, 40]}\n"
    )
    options = [file, "-o", tmp_path / "out", "--device", "cpu", "--steps", 1]
    line = sample(*options, "--strict", code=2)
    assert "refused, as --strict is given: 1 box of another shape" in line and "read the, beach" in line
    assert len(line.splitlines()) == 1 and not (tmp_path / "out").exists()
    first, second, *_ = sample(*options).splitlines()
    assert first.startswith("layoutgen: note: 1 box of another shape than the model has seen")
    assert second.startswith("layoutgen: note: the model has never read the, beach")
    assert "note" not in sample(*options, "--overwrite", "--quiet")


def test_a_canvas_larger_than_the_memory_is_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    line = sample("-n", 3, "dogs", "--width", 10**6, "--height", 10**6, "-o", tmp_path / "out", code=2)
    assert "a canvas of 1,000,000 x 1,000,000 px takes about 130,385 GiB of memory" in line
