"""Exports of annotation tools in formats of their own, made small by hand after their documentation."""

from __future__ import annotations

import base64
import io
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from layoutgen.errors import InvalidFile
from layoutgen.formats.annotated_source import open_annotated
from layoutgen.formats.masks import decode_segmentation
from tests.formats.exports import BOX, DOG, objects, opened, photo, reasons, write

# LabelMe


def labelme(*shapes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    plain = {"version": "5.0.1", "flags": {}, "shapes": list(shapes), "imagePath": "a.jpg", "imageData": None}
    return plain | {"imageWidth": 64, "imageHeight": 48} | changes


def png(pixels: np.ndarray) -> str:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        ({"shape_type": "rectangle", "points": [[4, 5], [24, 23]]}, BOX),
        ({"shape_type": "rectangle", "points": [[24, 23], [4, 5]]}, BOX),
        ({"shape_type": "rectangle", "points": [[4, 5], [24, 5], [24, 23], [4, 23]]}, BOX),
        ({"shape_type": "polygon", "points": [[4, 5], [24, 14], [10, 23]]}, BOX),
        ({"points": [[4, 5], [24, 14], [10, 23]]}, BOX),  # of version 3
        ({"shape_type": "circle", "points": [[20, 20], [23, 24]]}, (15, 15, 25, 25)),
    ],
)
def test_labelme_shapes(tmp_path: Path, shape: dict[str, Any], box: tuple[float, ...]) -> None:
    photo(tmp_path / "a.jpg")
    write(tmp_path / "a.json", labelme({"label": "dog"} | shape))
    assert objects(opened(tmp_path, "labelme")) == [("dog", box)]
    write(tmp_path / "a.json", labelme({"label": "dog"} | shape, imageWidth=None, imagePath="..\\x\\a.jpg"))
    assert objects(opened(tmp_path / "a.json", "labelme")) == [("dog", box)]


def test_labelme_groups_are_one_object_and_masks_are_read(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    parts = [
        {"label": "dog", "group_id": 1, "points": [[4, 5], [9, 5], [9, 9]], "shape_type": "polygon"},
        {"label": "dog", "group_id": 1, "points": [[20, 20], [24, 20], [24, 23]], "shape_type": "polygon"},
    ]
    mask = {"label": "cat", "points": [[30, 10], [33, 12]], "shape_type": "mask"}
    write(tmp_path / "a.json", labelme(*parts, mask | {"mask": png(np.ones((3, 4), bool))}))
    data = opened(tmp_path, "labelme")
    dog, cat = data.images[0].instances
    assert dog.box.xyxy == BOX and len(data.images[0].masks[0].segmentation) == 2
    pixels = decode_segmentation(data.images[0].masks[1].segmentation, 48, 64)
    assert pixels.sum() == 12 and pixels[10:13, 30:34].all() and cat.label == "cat"


# Label Studio


def task(*results: dict[str, Any], **changes: Any) -> dict[str, Any]:
    plain = {"id": 1, "data": {"image": "/data/upload/1/1f2e3d4c-a.jpg"}}
    return plain | {"annotations": [{"id": 1, "result": list(results)}]} | changes


def result(value: dict[str, Any], kind: str = "rectanglelabels", **changes: Any) -> dict[str, Any]:
    size = {"original_width": 64, "original_height": 48, "type": kind}
    return size | {"value": value | {kind: ["dog"]}} | changes


PERCENT = {"x": 6.25, "y": 100 * 5 / 48, "width": 31.25, "height": 37.5}


@pytest.mark.parametrize(
    "image",
    [
        "/data/upload/1/1f2e3d4c-a.jpg",
        "/data/local-files/?d=images/a.jpg",
        "http://localhost:8080/data/upload/1/1f2e3d4c-a.jpg",
        "s3://bucket/photos/a.jpg",
        "a.jpg",
        "data\\upload\\a.jpg",
        "/data/local-files/?d=images%5Ca.jpg",
    ],
)
def test_label_studio_images(tmp_path: Path, image: str) -> None:
    photo(tmp_path / "images" / "a.jpg")
    file = write(tmp_path / "export.json", [task(result(PERCENT), data={"image": image})])
    assert objects(opened(file, "label-studio")) == DOG


@pytest.mark.parametrize(
    ("one", "box"),
    [
        (result(PERCENT), BOX),
        (result(PERCENT | {"rotation": 0}), BOX),
        (
            result({"points": [[6.25, 10.4166667], [37.5, 10.4166667], [20, 47.9166667]]}, "polygonlabels"),
            BOX,
        ),
        (result({"x": 50, "y": 50, "radiusX": 25, "radiusY": 25}, "ellipselabels"), (16, 12, 48, 36)),
        (result({"x": 50, "y": 50, "width": 25, "height": 25, "rotation": 90}), (20, 24, 32, 40)),
    ],
)
def test_label_studio_shapes(tmp_path: Path, one: dict[str, Any], box: tuple[float, ...]) -> None:
    photo(tmp_path / "images" / "a.jpg")
    file = write(tmp_path / "export.json", [task(one)])
    assert objects(opened(file, "label-studio")) == [("dog", box)]


def test_label_studio_min_and_several_annotations(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "a.jpg")
    shape = PERCENT | {"rectanglelabels": ["dog"], "original_width": 64, "original_height": 48}
    short = {"image": "/data/upload/1/a.jpg", "id": 1, "label": [shape], "annotator": 1, "annotation_id": 3}
    assert objects(opened(write(tmp_path / "min.json", [short]), "label-studio")) == DOG
    other = result(PERCENT | {"width": 5})
    given = [{"result": [other]}, {"result": [other], "was_cancelled": True}]
    given.append({"result": [result(PERCENT)], "ground_truth": True})
    data = opened(write(tmp_path / "full.json", [task(annotations=given)]), "label-studio")
    assert objects(data) == DOG and reasons(data) == ["another annotation of the same task"]


# The others


def test_createml_of_roboflow(tmp_path: Path) -> None:
    photo(tmp_path / "train" / "a.jpg")
    coordinates = {"x": 14, "y": 14, "width": 20, "height": 18}
    content = [
        {"image": "a.jpg", "annotations": [{"label": "dog", "coordinates": coordinates}]},
        {"image": "gone.jpg", "annotations": []},
    ]
    write(tmp_path / "train" / "_annotations.createml.json", content)
    data = opened(tmp_path, "createml")
    assert objects(data) == DOG and reasons(data) == ["image that is missing or unreadable"]


def test_open_images(tmp_path: Path) -> None:
    photo(tmp_path / "train" / "0001.jpg")
    write(tmp_path / "class-descriptions-boxable.csv", "/m/0bt9lr,dog\n/m/01yrx,cat\n")
    head = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf"
    rows = [
        f"0001,xclick,/m/0bt9lr,1,{4 / 64},{24 / 64},{5 / 48},{23 / 48},0,0,0",
        "0001,xclick,/m/01yrx,1,0,0.5,0,0.5,0,0,1",
        "gone,xclick,/m/01yrx,1,0,0.5,0,0.5,0,0,0",
        "0001,xclick,/m/01yrx,1,0,wide,0,0.5,0,0,0",
    ]
    write(tmp_path / "train-annotations-bbox.csv", "\n".join([head, *rows]))
    data = opened(tmp_path, "open-images")
    assert objects(data) == DOG and [one.label for one in data.images[0].ignored] == ["cat"]
    assert reasons(data) == ["image that is not there", "box without four finite numbers"]


def test_visdrone(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "0001.jpg")
    lines = [
        "4,5,20,18,1,4,0,0",
        "0,0,30,30,0,0,0,0",
        "1,1,9,9,0,5,0,0",
        "1,2,3,4,1,77,0,0",
        "1,2,x,4,1,1,0,0",
    ]
    write(tmp_path / "annotations" / "0001.txt", "\n".join(lines) + "\n")
    data = opened(tmp_path, "visdrone")
    assert objects(data) == [("car", BOX)]
    assert [one.label for one in data.images[0].ignored] == ["ignored region", "van"]
    assert reasons(data) == ["unknown category", "box without four finite numbers"]


def test_cvat(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "a.jpg")
    runs = "5, 3, 2"  # 2 x 5 pixels, of which three are set
    xml = f"""<?xml version="1.0"?><annotations><version>1.1</version><meta/>
    <image id="0" name="a.jpg" width="64" height="48">
      <box label="dog" xtl="4.0" ytl="5.0" xbr="24.0" ybr="23.0" occluded="0"/>
      <polygon label="dog" points="4,5;24,14;10,23"/>
      <mask label="cat" rle="{runs}" left="30" top="10" width="5" height="2"/>
      <points label="dog" points="1,2"/><box label="dog" xtl="a" ytl="1" xbr="2" ybr="3"/>
      <tag label="outdoor"/></image></annotations>"""
    write(tmp_path / "annotations.xml", xml)
    for path in (tmp_path, tmp_path / "annotations.xml"):
        data = opened(path, "cvat")
        assert objects(data) == [*DOG, *DOG, ("cat", (30, 10, 35, 12))]
        assert decode_segmentation(data.images[0].masks[2].segmentation, 48, 64).sum() == 3
        assert sorted(reasons(data)) == ["box without four finite numbers", *["shape that is no object"] * 2]
    write(tmp_path / "annotations.xml", "<annotations><track/></annotations>")
    with pytest.raises(InvalidFile, match=r"tracks of a video .export CVAT for images"):
        open_annotated(tmp_path)


@pytest.mark.parametrize("project", [True, False])
def test_via(tmp_path: Path, project: bool) -> None:
    photo(tmp_path / "images" / "a.jpg")
    shapes = [
        {"name": "rect", "x": 4, "y": 5, "width": 20, "height": 18},
        {"name": "polygon", "all_points_x": [4, 24, 10], "all_points_y": [5, 14, 23]},
        {"name": "circle", "cx": 20, "cy": 20, "r": 5},
        {"name": "point", "cx": 3, "cy": 3},
    ]
    attributes: list[dict[str, Any]] = [
        {"type": "dog"},
        {"type": {"dog": True}},
        {"type": "cat"},
        {"type": "dog"},
    ]
    regions = [
        {"shape_attributes": s, "region_attributes": a} for s, a in zip(shapes, attributes, strict=True)
    ]
    regions.append({"shape_attributes": shapes[0], "region_attributes": {}})
    files = {"a.jpg99": {"filename": "a.jpg", "size": 99, "regions": regions, "file_attributes": {}}}
    file = write(
        tmp_path / "via.json", {"_via_settings": {}, "_via_img_metadata": files} if project else files
    )
    data = opened(file, "via")
    assert objects(data) == [*DOG, *DOG, ("cat", (15, 15, 25, 25))]
    assert reasons(data) == ["box without four finite numbers", "no label"]


def test_supervisely(tmp_path: Path) -> None:
    photo(tmp_path / "ds0" / "img" / "a.jpg")
    write(tmp_path / "meta.json", {"classes": []})
    bitmap = base64.b64encode(zlib.compress(base64.b64decode(png(np.ones((3, 4), bool))))).decode()
    points = {"exterior": [[4, 5], [24, 23]], "interior": []}
    shapes = [
        {"classTitle": "dog", "geometryType": "rectangle", "points": points},
        {
            "classTitle": "dog",
            "geometryType": "polygon",
            "points": {"exterior": [[4, 5], [24, 14], [10, 23]]},
        },
        {"classTitle": "cat", "geometryType": "bitmap", "bitmap": {"data": bitmap, "origin": [30, 10]}},
        {"classTitle": "dog", "geometryType": "point", "points": {"exterior": [[1, 2]]}},
        {"geometryType": "rectangle", "points": points},
    ]
    content = {"size": {"height": 48, "width": 64}, "objects": shapes}
    write(tmp_path / "ds0" / "ann" / "a.jpg.json", content)
    data = opened(tmp_path, "supervisely")
    assert objects(data) == [*DOG, *DOG, ("cat", (30, 10, 34, 13))]
    assert decode_segmentation(data.images[0].masks[2].segmentation, 48, 64).sum() == 12
    assert reasons(data) == ["box without four finite numbers", "no label"]


def test_fiftyone(tmp_path: Path) -> None:
    photo(tmp_path / "data" / "a.jpg")
    box = [4 / 64, 5 / 48, 20 / 64, 18 / 48]
    found = [{"label": 1, "bounding_box": box}, {"label": "dog", "bounding_box": None}]
    write(tmp_path / "labels.json", {"classes": ["cat", "dog"], "labels": {"a": found}})
    data = opened(tmp_path, "fiftyone")
    assert objects(data) == DOG and reasons(data) == ["box without four finite numbers"]
    (tmp_path / "labels.json").unlink()
    detections = {"_cls": "Detections", "detections": [{"label": "dog", "bounding_box": box}]}
    write(tmp_path / "samples.json", {"samples": [{"filepath": "data/a.jpg", "ground_truth": detections}]})
    assert objects(opened(tmp_path, "fiftyone")) == DOG


def test_a_bitmap_of_supervisely_that_is_gigabytes_is_dropped(tmp_path: Path) -> None:
    photo(tmp_path / "ds0" / "img" / "a.jpg")
    write(tmp_path / "meta.json", {"classes": []})
    packed = base64.b64encode(zlib.compress(b"\0" * 70_000_000)).decode()
    shape = {"classTitle": "cat", "geometryType": "bitmap", "bitmap": {"data": packed, "origin": [30, 10]}}
    write(tmp_path / "ds0" / "ann" / "a.jpg.json", {"size": {"height": 48, "width": 64}, "objects": [shape]})
    assert reasons(opened(tmp_path, "supervisely")) == ["bitmap that cannot be read"]


def test_a_bitmap_of_supervisely_at_infinity_is_dropped(tmp_path: Path) -> None:
    photo(tmp_path / "ds0" / "img" / "a.jpg")
    write(tmp_path / "meta.json", {"classes": []})
    data = io.BytesIO()
    Image.new("L", (4, 4), 255).save(data, "PNG")
    packed = base64.b64encode(zlib.compress(data.getvalue())).decode()
    bitmap = {"data": packed, "origin": [float("inf"), 10]}
    shape = {"classTitle": "cat", "geometryType": "bitmap", "bitmap": bitmap}
    write(tmp_path / "ds0" / "ann" / "a.jpg.json", {"size": {"height": 48, "width": 64}, "objects": [shape]})
    assert reasons(opened(tmp_path, "supervisely")) == ["bitmap that cannot be read"]
