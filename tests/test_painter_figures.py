"""The script that measures the embedded model: its figures on planted cases, and a whole run at toy size."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from layoutgen.domain.annotated_image import AnnotatedImage, Detection
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.evaluation.evaluator import Evaluator, EvaluatorOptions
from layoutgen.features.neighbours import diversity, nearest, thumbnails
from layoutgen.formats.annotated_source import open_annotated
from layoutgen.formats.prepared import write_prepared
from layoutgen.sampling.jobs import Job
from tests.benchmarks.likeness import Likeness
from tests.benchmarks.painter_figures import main
from tests.benchmarks.painter_scenes import paint
from tests.benchmarks.painter_scores import score


def noise(count, seed, middle=0.0):
    return middle + torch.randn(count, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def likeness(made):
    return Likeness(made, noise(1000, 1), torch.arange(1000) % 2 == 0, noise(300, 2))


def test_copies_are_found_and_new_ones_are_not():
    training = likeness(noise(1, 0)).training
    copies = likeness(training[:50] + 1e-4).copying()
    assert copies.too_near == 1 and copies.ratio < 0.01
    assert copies.which.tolist() == list(range(50))
    new = likeness(noise(200, 3)).copying()
    assert new.too_near < 0.05 and new.ratio == pytest.approx(1, abs=0.15)


def test_distances_of_sets_and_their_diversity():
    near, far = likeness(noise(80, 3)), likeness(noise(80, 3, middle=3.0))
    floor = near.distances()["held-out, other held-out animals"]
    assert (floor.images, floor.real_images) == (80, 80)  # as many of each set
    assert near.distances()["painted, held-out"].fid < 2 * floor.fid
    assert far.distances()["painted, held-out"].fid == pytest.approx(45, rel=0.2)  # 5 x 3 squared
    scaled = replace(far, made=far.made * 7 + 1, real=far.real * 7 + 1, training=far.training * 7 + 1)
    torch.testing.assert_close(scaled.standardised().made, far.standardised().made)
    assert diversity(torch.tensor([[0.0, 0], [3, 4], [3, 4]])) == pytest.approx(10 / 3)


def test_nearest_neighbours_in_pixels_are_told_in_grey_levels():
    greys = [Image.new("RGB", (40, 50), (level,) * 3) for level in (10, 100, 130)]
    distance, which = nearest(thumbnails(greys[:2]), thumbnails(greys[1:]))
    torch.testing.assert_close(distance, torch.tensor([90.0, 0.0], dtype=torch.float64), atol=1e-3, rtol=0)
    assert which.tolist() == [0, 0]


class Seen(Evaluator):
    """A detector that sees what it is told, in each picture."""

    def __init__(self, found):
        super().__init__(EvaluatorOptions(results=True))
        self.found = found

    def detect(self, truth):
        return zip((image.id for image in truth.images), self.found, strict=True)


def test_success_asks_for_the_label_and_what_is_found_does_not(tmp_path):
    boxes = [Box(10, 10, 40, 50), Box(60, 10, 90, 50)]
    layout = Layout(100, 100, tuple(Instance("dog", box) for box in boxes))
    names = ["0000.png", "0001.png"]
    for name in names:
        Image.new("RGB", (100, 100)).save(tmp_path / name)
    write_prepared(tmp_path, [AnnotatedImage(k, name, layout) for k, name in enumerate(names)])
    dog, cat, twice = (
        Detection("dog", boxes[0], 0.9),
        Detection("cat", boxes[1], 0.9),
        Detection("dog", boxes[0].shift(1, 0), 0.8),
    )
    row = score(Seen([(dog, cat), (dog, twice)]), open_annotated(tmp_path), "painted", 2)
    assert (row.boxes, row.pictures) == (4, 2)
    assert (row.success.mean, row.success.deviation, row.success.lowest) == (0.5, 0.0, 0.5)
    assert row.precision.mean == 0.5 and row.mean_iou.mean == 1
    assert (row.found.mean, row.found.lowest) == (0.75, 0.5)


@pytest.fixture
def photos(tmp_path):
    """Drawn photos of dogs, each an ellipse with its outline, and of grounds: training and held-out ones."""
    rng = np.random.default_rng(0)
    for kind in ("pets", "coco"):
        folder = tmp_path / kind
        folder.mkdir()
        for part in ("train", "heldout"):
            images, annotations = [], []
            for number in range(1, 7):
                photo = Image.new("RGB", (120, 120), tuple(map(int, rng.integers(60, 200, 3))))
                if kind == "pets":
                    photo_box = (40, 30, 66 + 4 * number, 90)
                    color = tuple(map(int, rng.integers(0, 255, 3)))
                    ImageDraw.Draw(photo).ellipse(photo_box, fill=color)
                    annotations.append(annotation(number, *photo_box))
                name = f"{part}_{number}.png"
                photo.save(folder / name)
                images.append({"id": number, "file_name": name, "width": 120, "height": 120})
            content = {
                "images": images,
                "annotations": annotations,
                "categories": [{"id": 18, "name": "dog"}],
            }
            (folder / f"instances_{part}.json").write_text(json.dumps(content))
    return tmp_path


def annotation(number, x0, y0, x1, y1):
    polygon = [x0, y0 + 20, x0 + 10, y0, x1 - 10, y0, x1, y0 + 20, x1, y1, x0, y1]
    box = {"bbox": [x0, y0, x1 - x0, y1 - y0], "segmentation": [polygon], "area": 1, "iscrowd": 0}
    return {"id": number, "image_id": number, "category_id": 18} | box


@pytest.mark.parametrize(
    ("options", "error"),
    [(["--seeds", "1"], "at least 2"), (["--seeds", "2", "--instances", "1"], "too few crops")],
)
def test_what_cannot_be_compared_is_refused_at_once(options, error, capsys):
    with pytest.raises(SystemExit):
        main(["nowhere", "-o", "nowhere", *options])
    assert error in capsys.readouterr().err


def test_a_run_is_continued_and_says_all(photos, tmp_path, capsys):
    output = tmp_path / "out"
    command = [str(photos), "-o", str(output), "--seeds", "2", "--canvas", "64", "--crops", "30"]
    command += ["--instances", "1", "2", "--device", "cpu", "--steps"]
    main([*command, "1"])
    told = capsys.readouterr().out
    assert "6 held-out cut-outs of dog" in told and "success = recall" in told
    figures = json.loads((output / "figures.json").read_text())
    assert [(row["kind"], row["asked"], row["boxes"]) for row in figures["scores"]] == [
        ("painted", 1, 2),
        ("real", 1, 2),
        ("painted", 2, 4),
        ("real", 2, figures["scores"][3]["boxes"]),
    ]
    assert set(figures["likeness"]) == {"crops", "distances", "diversity", "nearest training crop"}
    assert {"boxes.png", "closest.png", "closest_pixels.png"} <= {p.name for p in output.iterdir()}
    painted = sorted(output.glob("painted/*/images/*.png"))
    assert len(painted) == 4
    painted[0].unlink()
    before = {path: path.stat().st_mtime_ns for path in painted[1:]}
    main([*command, "1"])
    assert painted[0].is_file() and {path: path.stat().st_mtime_ns for path in painted[1:]} == before
    main([*command, "2"])  # another setting: all are painted again
    assert all(path.stat().st_mtime_ns != before[path] for path in painted[1:])


def test_settings_reach_the_painter(tmp_path):
    """All that :meth:`LayoutPipeline.__call__` knows; how a pipeline was loaded is only written down."""
    given = {}

    def pipeline(layout, *, generator, **options):
        given.update(options)
        return [Image.new("RGB", (layout.width, layout.height))]

    how = {"method": "sprites", "encoding": None, "steps": 3, "verify": True}
    options = how | {"dtype": "float32", "weights": "0"}
    assert len(list(paint(pipeline, [Job("dogs", Layout(8, 8), 0)], options, tmp_path))) == 1
    assert given == how
