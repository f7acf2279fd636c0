"""Small valid inputs of every kind that is read, and the commands that read them."""

from __future__ import annotations

import base64
import json
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.formats.png import write_png
from layoutgen.formats.prepared import write_prepared
from tests.formats.data_sets import example, written_as
from tests.formats.exports import photo, write

SHAPE = (
    "{window: 32, patch_size: 4, latent_channels: 6, autoencoder_images: 4, autoencoder_steps: 1, text_dim: 32,"
    " text_layers: 1, channels: [16, 32], frequencies: 3}\n"
)


@dataclass(frozen=True)
class Input:
    """A kind of input.

    Attributes:
        make: writes it into a folder.
        files: patterns of the files in it that are changed.
        commands: command lines that read it; ``IN`` is the folder, ``OUT`` what does not exist yet.
        heavy: whether a model is loaded, which takes a hundred times as long.
    """

    name: str
    make: Callable[[Path], object]
    files: tuple[str, ...]
    commands: tuple[str, ...]
    heavy: bool = False


def _of_format(name: str) -> Callable[[Path], object]:
    return lambda folder: written_as(name, example(), folder)


def _layout(folder: Path) -> None:
    write(
        folder / "layout.yaml",
        "canvas: {width: 128, height: 96}\nprompt: dogs on grass  # a comment\nnegative_prompt: blur\nseed: 3\n"
        "instances:\n  - {label: dog, xyxy: [4, 6, 40, 50]}\n  - {label: cat, xywh: [60, 8, 30, 30]}\n"
        "  - {label: dog, count: 2, size: [10, 20], aspect: [0.6, 1.0], arrange: scatter}\n",
    )


def _layout_in_fractions(folder: Path) -> None:
    write(
        folder / "layout.yaml",
        "canvas:\n  width: 128\n  height: 96\nunits: fraction\ninstances:\n- label: cat\n  xyxy: [0.1, 0.1, 0.5, 0.5]\n"
        "- label: dog\n  count: 3\n  size: 0.2\n  arrange: grid\n",
    )


def coco(folder: Path) -> None:
    """Photos, instances with outlines and run lengths, captions, and results."""
    photo(folder / "images" / "a.png")
    photo(folder / "images" / "b.jpg")
    outline = [[4, 5, 24, 5, 24, 23, 4, 23]]
    runs = {"counts": [48 * 10, 20, 48 * 54 - 20], "size": [48, 64]}
    document = {
        "info": {"description": "x"},
        "images": [
            {"id": 1, "file_name": "a.png", "width": 64, "height": 48, "prompt": "a dog"},
            {"id": 2, "file_name": "b.jpg", "width": 64, "height": 48},
        ],
        "categories": [{"id": 1, "name": "dog", "supercategory": "animal"}, {"id": 2, "name": "cat"}],
        "annotations": [
            {
                "id": 1,
                "image_id": 1,
                "category_id": 1,
                "bbox": [4, 5, 20, 18],
                "area": 360,
                "segmentation": outline,
            },
            {
                "id": 2,
                "image_id": 2,
                "category_id": 2,
                "bbox": [10, 1, 9, 9],
                "iscrowd": 1,
                "segmentation": runs,
            },
            {"id": 3, "image_id": 2, "category_id": 1, "bbox": [30, 10, 9.5, 9.5], "mask_score": 0.9},
        ],
    }
    write(folder / "instances.json", document)
    captions = [{"id": 1, "image_id": 1, "caption": "a dog"}, {"id": 2, "image_id": 2, "caption": "two"}]
    write(folder / "captions.json", {"images": document["images"], "annotations": captions})
    results = [
        {"image_id": 1, "category_id": 1, "bbox": [4, 5, 20, 18], "score": 0.9},
        {"image_id": 2, "category_id": 1, "segmentation": runs, "score": 0.4},
    ]
    write(folder / "results.json", results)


def _open_images(folder: Path) -> None:
    photo(folder / "train" / "0001.jpg")
    write(folder / "class-descriptions-boxable.csv", "/m/0bt9lr,dog\n/m/01yrx,cat\n")
    head = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf"
    rows = ["0001,xclick,/m/0bt9lr,1,0.1,0.4,0.1,0.5,0,0,0", "0001,xclick,/m/01yrx,1,0,0.5,0,0.5,0,0,1"]
    write(folder / "train-annotations-bbox.csv", "\n".join([head, *rows]))


def _visdrone(folder: Path) -> None:
    photo(folder / "images" / "0001.jpg")
    write(folder / "annotations" / "0001.txt", "4,5,20,18,1,4,0,0\n0,0,30,30,0,0,0,0\n1,1,9,9,0,5,0,0\n")


def _cvat(folder: Path) -> None:
    photo(folder / "images" / "a.jpg")
    write(
        folder / "annotations.xml",
        '<?xml version="1.0"?><annotations><version>1.1</version><meta/><image id="0" name="a.jpg" width="64" '
        'height="48"><box label="dog" xtl="4.0" ytl="5.0" xbr="24.0" ybr="23.0" occluded="0"/>'
        '<polygon label="dog" points="4,5;24,14;10,23"/>'
        '<mask label="cat" rle="5, 3, 2" left="30" top="10" width="5" height="2"/></image></annotations>',
    )


def _via(folder: Path) -> None:
    photo(folder / "images" / "a.jpg")
    shapes = [
        {"name": "rect", "x": 4, "y": 5, "width": 20, "height": 18},
        {"name": "polygon", "all_points_x": [4, 24, 10], "all_points_y": [5, 14, 23]},
        {"name": "circle", "cx": 20, "cy": 20, "r": 5},
    ]
    regions = [{"shape_attributes": shape, "region_attributes": {"type": "dog"}} for shape in shapes]
    write(
        folder / "via.json",
        {"a.jpg99": {"filename": "a.jpg", "size": 99, "regions": regions, "file_attributes": {}}},
    )


def _supervisely(folder: Path) -> None:
    photo(folder / "ds0" / "img" / "a.jpg")
    write(folder / "meta.json", {"classes": []})
    Image.fromarray(np.ones((3, 4), bool)).save(folder / "x.png")
    data = base64.b64encode(zlib.compress((folder / "x.png").read_bytes())).decode()
    (folder / "x.png").unlink()
    points = {"exterior": [[4, 5], [24, 23]], "interior": []}
    shapes = [
        {"classTitle": "dog", "geometryType": "rectangle", "points": points},
        {"classTitle": "cat", "geometryType": "bitmap", "bitmap": {"data": data, "origin": [30, 10]}},
    ]
    write(folder / "ds0" / "ann" / "a.jpg.json", {"size": {"height": 48, "width": 64}, "objects": shapes})


def _fiftyone(folder: Path) -> None:
    photo(folder / "data" / "a.jpg")
    found = [{"label": 1, "bounding_box": [0.1, 0.1, 0.3, 0.4]}]
    write(folder / "labels.json", {"classes": ["cat", "dog"], "labels": {"a": found}})


def _label_studio(folder: Path) -> None:
    photo(folder / "images" / "a.jpg")
    box = {"x": 6.25, "y": 10.4, "width": 31.25, "height": 37.5, "rotation": 10, "rectanglelabels": ["dog"]}
    corners = {"points": [[6, 10], [37, 10], [20, 47]], "polygonlabels": ["cat"]}
    brush = {"format": "rle", "rle": [0, 0, 1, 2, 3, 255, 7], "brushlabels": ["dog"]}
    results = [
        {"original_width": 64, "original_height": 48, "type": kind, "value": value}
        for kind, value in (("rectanglelabels", box), ("polygonlabels", corners), ("brushlabels", brush))
    ]
    write(
        folder / "export.json",
        [{"id": 1, "data": {"image": "a.jpg"}, "annotations": [{"id": 1, "result": results}]}],
    )


def prepared(folder: Path, count: int = 3) -> None:
    """Prepared data of 48 x 48 pixels."""
    from layoutgen.domain.annotated_image import AnnotatedImage

    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number in range(count):
        Image.new("RGB", (48, 48), (90 + number, 120, 120)).save(folder / f"{number}.png")
        layout = Layout(48, 48, (Instance("dog", Box(4 + number, 5, 30, 40)),), "a dog")
        entries.append(AnnotatedImage(number, f"{number}.png", layout))
    write_prepared(folder, entries)


def _png(folder: Path) -> None:
    layout = Layout(64, 48, (Instance("dog", Box(4, 5, 24, 23)),), "a dog")
    settings: dict[str, Any] = {
        "seed": 3,
        "steps": 2,
        "guidance": 2.0,
        "scheduler": "ddim",
        "method": "img2img",
    }
    write_png(Image.new("RGB", (64, 48), "grey"), folder / "painted_3.png", layout, settings)


def _photos(folder: Path) -> None:
    coco(folder)
    document = json.loads((folder / "instances.json").read_text())
    document["images"] = [
        {"id": number, "file_name": name, "width": 64, "height": 48}
        for number, name in enumerate(("a.png", "b.jpg", "c.tif", "d.gif", "e.webp", "f.png", "g.png"), 1)
    ]
    write(folder / "instances.json", document)
    grey = Image.new("RGB", (64, 48), "grey")
    grey.convert("CMYK").save(folder / "images" / "c.tif")
    grey.convert("P").save(folder / "images" / "d.gif", save_all=True, append_images=[grey.convert("P")])
    grey.save(folder / "images" / "e.webp")
    Image.new("I;16", (64, 48)).save(folder / "images" / "f.png")
    palette = grey.convert("P")
    palette.info["transparency"] = 0
    palette.save(folder / "images" / "g.png")


def _training(folder: Path) -> None:
    prepared(folder / "data")
    write(folder / "shape.yaml", SHAPE)
    write(
        folder / "run.yaml",
        "methods: [img2img]\nimages: 4\nbatch_size: 2\nresolution: 32\nlearning_rate: 1e-3\nseed: 1\nworkers: 0\n"
        "train_text_encoder: true\nreport_every: 0\nmixed_precision: 'no'\nsave_every: 2\nema: 0.9\n",
    )


def _recipe(folder: Path) -> None:
    photo(folder / "dogs" / "dog.png")
    photo(folder / "grounds" / "grey.png")
    one = {
        "id": 1,
        "image_id": 1,
        "category_id": 1,
        "bbox": [4, 5, 20, 18],
        "segmentation": [[4, 5, 24, 5, 24, 23, 4, 23]],
    }
    document = {
        "images": [{"id": 1, "file_name": "dog.png", "width": 64, "height": 48}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [one],
    }
    write(folder / "dogs" / "instances.json", document)
    write(folder / "shape.yaml", SHAPE)
    looks = {
        "width": 48, "height": 48, "instances": [1, 3], "size": [12, 20], "overlap": 0.0, "shadow": 0.35,
        "aspect": [0.1, 10.0], "stretch": 0.0, "grid": 1, "seed": 0, "even_labels": False,
    }  # fmt: skip
    sources = {
        "cutouts": [{"images": str(folder / "dogs"), "annotations": str(folder / "dogs" / "instances.json")}],
        "backgrounds": [{"images": str(folder / "grounds"), "annotations": None}],
    }
    write(folder / "scenes.json", sources | {"labels": ["dog"], "config": looks})


def _painter(folder: Path) -> None:
    from tests.toy import toy_pipeline

    toy_pipeline(folder / "toy", size=8).save_pretrained(folder / "model")
    _layout(folder)


def _trained(folder: Path) -> None:
    """A run of `train` with its model, checkpoint, settings and metrics."""
    from typer.testing import CliRunner

    from layoutgen.cli import app

    _training(folder)
    done = CliRunner().invoke(
        app, TRAIN.replace("IN", str(folder)).replace("OUT", str(folder / "run")).split()
    )
    assert done.exit_code == 0, done.output
    _layout(folder)


def _detector(folder: Path) -> None:
    from layoutgen.assets import DETECTOR

    shutil.copytree(DETECTOR, folder / "detector")
    (folder / "detector" / "README.md").unlink()
    prepared(folder / "data", 1)


TRAIN = "train IN/data -o OUT --config IN/run.yaml --from-scratch IN/shape.yaml --device cpu --quiet"
_READ = (
    "inspect IN",
    "convert IN OUT --to coco --quiet",
    "convert IN OUT --to yolo --units fraction",
    "convert IN OUT --to voc --boxes-only --strict",
    "prepare coco IN -o OUT --skip-missing",
    "visualize IN -o OUT",
    "visualize IN -o OUT --html",
)
_SAMPLE = ("sample IN/layout.yaml -o OUT", "sample IN/layout.yaml -n 4 dogs -o OUT --prompt x")
_COCO = (
    *(command.replace("IN", "IN/images IN/instances.json", 1) for command in _READ[:5]),
    "visualize IN/instances.json --image-id 2 -o OUT",
    "sample IN/instances.json -o OUT",
    "prepare scenes IN/instances.json -o OUT --count 1 --canvas 128 128 --size 40 50",
)
_PAINT = "sample IN/layout.yaml --model IN/MODEL --method img2img --steps 1 --device cpu --dtype fp32 -o OUT"

INPUTS = (
    Input("layout", _layout, ("layout.yaml",), _SAMPLE),
    Input("layout in fractions", _layout_in_fractions, ("layout.yaml",), _SAMPLE),
    Input("COCO", coco, ("instances.json",), _COCO),
    Input(
        "COCO results", coco, ("results.json",),
        ("evaluate IN/instances.json --detections IN/results.json -o OUT --no-overlays",
         "evaluate IN/instances.json --detections IN/results.json -o OUT --json --protocol coco-mig"),
    ),
    Input("COCO captions", coco, ("captions.json",),
          ("prepare coco IN/images IN/instances.json --captions IN/captions.json -o OUT",)),
    *(
        Input(name, _of_format(name), (f"{name}/*.json*", f"{name}/*.yaml", f"{name}/**/*.txt", f"{name}/**/*.xml",
                                       f"{name}/**/*.json"), tuple(c.replace("IN", f"IN/{name}", 1) for c in _READ))
        for name in ("yolo", "voc", "labelme", "huggingface", "createml")
    ),
    Input("Label Studio", _label_studio, ("export.json",), _READ),
    Input("Open Images", _open_images, ("*.csv",), _READ),
    Input("VisDrone", _visdrone, ("annotations/*.txt",), _READ),
    Input("CVAT", _cvat, ("annotations.xml",), _READ),
    Input("VIA", _via, ("via.json",), tuple(c.replace("IN", "IN/via.json", 1) for c in _READ)),
    Input("Supervisely", _supervisely, ("meta.json", "ds0/ann/*.json"), _READ),
    Input("FiftyOne", _fiftyone, ("labels.json",), _READ),
    Input("prepared data", prepared, ("metadata.jsonl",), (*_READ, "evaluate IN --detections IN/metadata.jsonl -o OUT")),
    Input("painted PNG", _png, ("painted_3.png",),
          ("sample IN/painted_3.png -o OUT", "visualize IN/painted_3.png -o OUT", "inspect IN/painted_3.png")),
    Input("photos", _photos, ("images/*",),
          ("inspect IN/images IN/instances.json", "prepare coco IN/images IN/instances.json -o OUT --skip-missing",
           "visualize IN/instances.json --images IN/images -o OUT --html", "visualize IN/instances.json -o OUT",
           "convert IN/images IN/instances.json OUT --to huggingface", "prepare scenes IN/instances.json -o OUT --count 1")),
    Input("run configuration", _training, ("run.yaml", "shape.yaml", "data/metadata.jsonl"), (f"{TRAIN} --dry-run",), heavy=True),
    Input("scene recipe", _recipe, ("scenes.json", "dogs/instances.json"),
          ("train IN -o OUT --from-scratch IN/shape.yaml --train-text-encoder --resolution 32 --method img2img --images 2"
           " --batch-size 1 --workers 0 --device cpu --report-every 0 --dry-run",), heavy=True),
    Input("painter", _painter, ("model/*.json", "model/*/*.json", "model/*/*.txt", "model/*/*.safetensors"),
          (_PAINT.replace("MODEL", "model"),), heavy=True),
    Input("trained model", _trained, ("run/model/*.json", "run/model/*/*"), (_PAINT.replace("MODEL", "run"),), heavy=True),
    Input("run folder", _trained, ("run/*.yaml", "run/checkpoints/*/*", "run/metrics.jsonl", "run/start/*.yaml"),
          (TRAIN.replace("OUT", "IN/run") + " --images 6", "visualize IN/run --html -o OUT"), heavy=True),
    Input("detector", _detector, ("detector/*",), ("evaluate IN/data --detector IN/detector -o OUT --device cpu",), heavy=True),
)  # fmt: skip
