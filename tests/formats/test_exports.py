"""Exports as other tools write them, made small by hand after their documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import ExifTags, Image

from layoutgen.errors import InvalidFile
from layoutgen.formats.annotated_source import open_annotated
from tests.formats.exports import BOX, DOG, SIZE, objects, opened, photo, reasons, write

# COCO as others write it


def coco(**changes: Any) -> dict[str, Any]:
    plain = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [4, 5, 20, 18]}],
        "categories": [{"id": 1, "name": "dog"}],
    }
    return plain | changes


@pytest.mark.parametrize(
    ("json_name", "image_name", "file_name"),
    [
        ("_annotations.coco.json", "a.jpg", "a.jpg"),  # Roboflow, one split
        ("train/_annotations.coco.json", "train/a.jpg", "a.jpg"),  # Roboflow
        ("annotations/instances_default.json", "images/default/a.jpg", "a.jpg"),  # CVAT, Datumaro
        ("result.json", "images/1f2e3d4c-a.jpg", "images\\1f2e3d4c-a.jpg"),  # Label Studio
        ("labels.json", "data/a.jpg", "a.jpg"),  # FiftyOne
        ("annotations.json", "JPEGImages/a.jpg", "JPEGImages/a.jpg"),  # labelme2coco
        ("annotations.json", "batch_1/a.jpg", "batch_1/a.jpg"),  # TACO
        ("via_export_coco.json", "a.jpg", "a.jpg"),  # VIA
    ],
)
def test_coco_of_other_tools(tmp_path: Path, json_name: str, image_name: str, file_name: str) -> None:
    photo(tmp_path / image_name)
    images = [{"id": 1, "file_name": file_name, "width": 64, "height": 48}]
    write(tmp_path / json_name, coco(images=images))
    assert objects(opened(tmp_path, "coco")) == DOG


def test_a_document_as_via_writes_it(tmp_path: Path) -> None:
    photo(tmp_path / "a.jpg")
    one = {"id": "0", "image_id": "1", "category_id": "1", "bbox": [4, 5, 20, 18], "area": "360"}
    one |= {"segmentation": [4, 5, 24, 5, 24, 23, 4, 23], "iscrowd": 0}
    images = [{"id": "1", "file_name": "a.jpg", "width": 64, "height": 48, "license": 0}]
    file = write(
        tmp_path / "v.json", coco(images=images, annotations=[one], categories=[{"id": 1, "name": "dog"}])
    )
    data = opened(file, "coco")
    assert objects(data) == DOG and data.images[0].masks[0] is not None


def test_lvis_names_its_images_by_address(tmp_path: Path) -> None:
    photo(tmp_path / "train2017" / "000000000009.jpg")
    address = "http://images.cocodataset.org/train2017/000000000009.jpg"
    images = [{"id": 9, "coco_url": address, "width": 64, "height": 48, "neg_category_ids": [3]}]
    one = {"id": 1, "image_id": 9, "category_id": 1, "bbox": [4, 5, 20, 18], "area": 9.5}
    categories = [{"id": 1, "name": "cab_(taxi)", "frequency": "c"}]
    write(tmp_path / "lvis_v1_train.json", coco(images=images, annotations=[one], categories=categories))
    assert objects(opened(tmp_path, "coco")) == [("cab_(taxi)", BOX)]


def test_the_splits_of_roboflow_are_merged(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        photo(tmp_path / split / "a.jpg")
        write(tmp_path / split / "_annotations.coco.json", coco())
    data = opened(tmp_path, "coco")
    assert objects(data) == DOG * 2
    assert [(image.id, image.file_name) for image in data.images] == [(1, "train/a.jpg"), (2, "valid/a.jpg")]


# YOLO


@pytest.mark.parametrize(
    ("yaml", "image", "label"),
    [
        ("train: images/train\nnames: [dog]", "images/train/a.jpg", "labels/train/a.txt"),
        ("path: .\ntrain: images\nnames: {0: dog}", "images/a.jpg", "labels/a.txt"),
        ("train: ../train/images\nnc: 1\nnames: ['dog']", "train/images/a.jpg", "train/labels/a.txt"),
        ("path: ../gone\ntrain: images\nnames:\n  0: dog", "images/a.jpg", "labels/a.txt"),
        ("train: train.txt\nnames: [dog]", "images/a.jpg", "labels/a.txt"),
        ("train: [images]\nval: images\ntest:\nnames: [dog]", "images/a.jpg", "labels/a.txt"),
        ("names: [dog]\nroboflow: {workspace: x}", "images/a.jpg", "labels/a.txt"),
        ("train: .\nnames: [dog]", "a.jpg", "a.txt"),
    ],
)
def test_yolo_of_other_tools(tmp_path: Path, yaml: str, image: str, label: str) -> None:
    photo(tmp_path / image)
    write(tmp_path / "train.txt", f"./{image}\n./gone.jpg\n")
    write(tmp_path / label, "0 0.21875 0.2916666667 0.3125 0.375\n\n")
    write(tmp_path / "data.yaml", yaml)
    for path in (tmp_path, tmp_path / "data.yaml"):
        data = opened(path, "yolo")
        assert objects(data) == DOG and data.dropped == ()


@pytest.mark.parametrize("names", ["classes.txt", "obj.names", "_darknet.labels"])
def test_yolo_with_a_list_of_names(tmp_path: Path, names: str) -> None:
    photo(tmp_path / "images" / "a.jpg")
    write(tmp_path / "labels" / "a.txt", "1 0.21875 0.2916666667 0.3125 0.375 0.9")  # with a score
    write(tmp_path / names, "cat\ndog\n")
    data = opened(tmp_path, "yolo")
    assert objects(data) == DOG and data.labels == ("cat", "dog")


def test_yolo_outlines_turned_boxes_and_key_points(tmp_path: Path) -> None:
    for name in "abc":
        photo(tmp_path / "images" / f"{name}.jpg")
    corners = " ".join(f"{x / 64} {y / 48}" for x, y in ((4, 5), (24, 5), (24, 23), (4, 23)))
    write(tmp_path / "labels" / "a.txt", f"0 {corners}")
    write(tmp_path / "labels" / "b.txt", "")
    write(tmp_path / "data.yaml", "train: images\nnames: [dog]")
    data = opened(tmp_path, "yolo")
    assert objects(data) == DOG
    assert data.images[0].masks[0].segmentation == [pytest.approx([4, 5, 24, 5, 24, 23, 4, 23])]
    write(tmp_path / "data.yaml", "train: images\nkpt_shape: [2, 3]\nnames: [dog]")
    write(tmp_path / "labels" / "a.txt", "0 0.21875 0.2916666667 0.3125 0.375 0.1 0.1 2 0.2 0.2 2")
    assert objects(opened(tmp_path, "yolo")) == DOG


def test_yolo_means_the_upright_photo(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    photo(tmp_path / "images" / "a.jpg", (48, 64), exif=exif)
    write(tmp_path / "labels" / "a.txt", "0 0.21875 0.2916666667 0.3125 0.375")
    write(tmp_path / "data.yaml", "train: images\nnames: [dog]")
    source = open_annotated(tmp_path)
    assert objects(source.data) == DOG and source.images[0].size == SIZE
    assert source.read_image(source.images[0]).size == SIZE


def test_yolo_without_names_is_refused(tmp_path: Path) -> None:
    photo(tmp_path / "images" / "a.jpg")
    write(tmp_path / "labels" / "a.txt", "0 .5 .5 .1 .1")
    with pytest.raises(InvalidFile, match=r"YOLO without the names of its classes.*write a data.yaml"):
        open_annotated(tmp_path)


# Pascal VOC


def voc(source: str = "", size: str = "<width>64</width><height>48</height>", **changes: str) -> str:
    sides = {"xmin": "4", "ymin": "5", "xmax": "24", "ymax": "23"} | changes
    box = "".join(f"<{key}>{value}</{key}>" for key, value in sides.items())
    return (
        f"<annotation><filename>a.jpg</filename><source>{source}</source><size>{size}</size>"
        f"<object><name>dog</name><bndbox>{box}</bndbox></object></annotation>"
    )


@pytest.mark.parametrize(
    ("xml", "box"),
    [
        (voc(), BOX),  # labelImg
        (voc("<database>roboflow.com</database>"), BOX),
        (voc("<database>The VOC2007 Database</database>"), (3, 4, 24, 23)),
        (voc("<annotation>PASCAL VOC2012</annotation>"), (3, 4, 24, 23)),
        (voc(xmin="4.5", xmax="24.25"), (4.5, 5, 24.25, 23)),  # CVAT
        (voc(size=""), BOX),
        (voc(size="<width>0</width><height>0</height>"), BOX),
        (voc(xmin="24", xmax="4"), BOX),
    ],
)
@pytest.mark.parametrize(
    "folders", [("Annotations", "JPEGImages"), ("", ""), ("train", "train"), ("xml", "img")]
)
def test_voc_of_other_tools(
    tmp_path: Path, xml: str, box: tuple[float, ...], folders: tuple[str, str]
) -> None:
    photo(tmp_path / folders[1] / "a.jpg")
    write(tmp_path / folders[0] / "a.xml", xml)
    assert objects(opened(tmp_path, "voc")) == [("dog", box)]


@pytest.mark.parametrize(
    "content", ["", "<annotation>", "<svg/>", "no xml", "<annotation><object/></annotation>"]
)
def test_a_broken_xml_costs_that_file_only(tmp_path: Path, content: str) -> None:
    photo(tmp_path / "a.jpg")
    write(tmp_path / "a.xml", voc())
    write(tmp_path / "b.xml", content)
    data = opened(tmp_path, "voc")
    assert objects(data) == DOG and reasons(data) == ["XML file that is not an annotation"]
