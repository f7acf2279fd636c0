"""What we write is read by the formats' own consumers; the large ones are skipped where they are absent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Mask
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.formats.convert import convert, without_masks
from layoutgen.formats.masks import decode_segmentation, encode_mask
from layoutgen.formats.registry import format_named

pytestmark = pytest.mark.filterwarnings("ignore")  # of the judges
SIZES = {"a.png": (64, 48), "b.png": (40, 80)}
DOG, CAT, BIRD = Box(4, 5, 24, 23), Box(30, 10, 60, 40), Box(3, 9, 21, 33)
OUTLINE = Mask([[4.0, 5.0, 24.0, 5.0, 24.0, 23.0, 4.0, 23.0]])


def data() -> AnnotatedImages:
    pixels = np.zeros((48, 64), bool)
    pixels[10:40, 30:60] = True
    first = Layout(64, 48, (Instance("dog", DOG), Instance("cat", CAT)), "a dog and a cat")
    second = Layout(40, 80, (Instance("bird", BIRD),))
    bird = Mask([[3.0, 9.0, 21.0, 9.0, 21.0, 33.0, 3.0, 33.0]])
    images = (
        AnnotatedImage(1, "a.png", first, masks=(OUTLINE, Mask(encode_mask(pixels)))),
        AnnotatedImage(2, "b.png", second, masks=(bird,)),
    )
    return AnnotatedImages(images, {1: "dog", 2: "cat", 3: "bird"})


def written(name: str, folder: Path, *, masks: bool = True) -> Path:
    for image, size in SIZES.items():
        (folder / "from").mkdir(exist_ok=True)
        Image.new("RGB", size, "grey").save(folder / "from" / image)
    found = data() if masks else without_masks(data())
    source = AnnotatedSource(folder / "x.json", folder / "from", found)
    assert len(list(convert(source, folder / "out", format_named(name)))) == 2
    return folder / "out"


def boxes_of(detections: Any) -> list[list[float]]:
    return sorted(np.round(detections.xyxy, 3).tolist())


def test_pycocotools_reads_coco_with_its_masks(tmp_path: Path) -> None:
    from pycocotools.coco import COCO

    coco = COCO(written("coco", tmp_path) / "annotations.json")
    assert [one["bbox"] for one in coco.loadAnns(coco.getAnnIds())] == [
        [4, 5, 20, 18],
        [30, 10, 30, 30],
        [3, 9, 18, 24],
    ]
    assert {one["name"]: one["id"] for one in coco.loadCats(coco.getCatIds())} == {
        "dog": 1,
        "cat": 2,
        "bird": 3,
    }
    for number, (box, image) in enumerate(((DOG, 0), (CAT, 0), (BIRD, 1)), start=1):
        pixels = coco.annToMask(coco.loadAnns(number)[0])
        assert pixels.sum() == box.area and pixels.shape == list(SIZES.values())[image][::-1]


def test_datasets_reads_the_imagefolder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    folder = written("huggingface", tmp_path)
    loaded = datasets.load_dataset("imagefolder", data_dir=str(folder), cache_dir=str(tmp_path / "cache"))
    rows = list(loaded["train"])
    assert [row["image"].size for row in rows] == list(SIZES.values())
    assert rows[0]["text"] == "a dog and a cat"
    assert rows[0]["objects"]["bbox"] == [[4, 5, 20, 18], [30, 10, 30, 30]]
    assert rows[0]["objects"]["category"] == ["dog", "cat"]
    pixels = [decode_segmentation(one, 48, 64).sum() for one in rows[0]["objects"]["segmentation"]]
    assert pixels == [DOG.area, CAT.area]


LABELME = {
    "version": str,
    "flags": dict,
    "shapes": list,
    "imagePath": str,
    "imageData": (str, type(None)),
    "imageHeight": int,
    "imageWidth": int,
}
SHAPE = {"label": str, "points": list, "group_id": (int, type(None)), "shape_type": str, "flags": dict}


def test_labelme_files_have_its_fields(tmp_path: Path) -> None:
    """The keys and types that labelme's own `LabelFile.load` asks for (version 5)."""
    folder = written("labelme", tmp_path)
    for name, size in SIZES.items():
        content = json.loads((folder / name).with_suffix(".json").read_text())
        assert {key: isinstance(content[key], kind) for key, kind in LABELME.items()} == dict.fromkeys(
            LABELME, True
        )
        assert (content["imageWidth"], content["imageHeight"]) == size
        assert (folder / content["imagePath"]).is_file()
        for shape in content["shapes"]:
            assert all(isinstance(shape[key], kind) for key, kind in SHAPE.items())
            assert shape["shape_type"] in ("polygon", "rectangle", "mask")
            assert all(len(point) == 2 for point in shape["points"])


@pytest.mark.parametrize("masks", [False, True])
def test_supervision_reads_yolo(tmp_path: Path, masks: bool) -> None:
    sv = pytest.importorskip("supervision", reason="supervision is large")
    folder = written("yolo", tmp_path, masks=masks)
    loaded = sv.DetectionDataset.from_yolo(
        str(folder / "images"), str(folder / "labels"), str(folder / "data.yaml"), force_masks=masks
    )
    assert loaded.classes == ["dog", "cat", "bird"]
    found = {Path(path).name: detections for path, _, detections in loaded}
    assert boxes_of(found["a.png"]) == [[4, 5, 24, 23], [30, 10, 60, 40]]
    assert boxes_of(found["b.png"]) == [[3, 9, 21, 33]]
    if masks:
        dog = decode_segmentation(OUTLINE.segmentation, 48, 64)
        assert (found["a.png"].mask[0] & dog).sum() / (found["a.png"].mask[0] | dog).sum() > 0.9


def test_supervision_reads_pascal_voc(tmp_path: Path) -> None:
    sv = pytest.importorskip("supervision", reason="supervision is large")
    folder = written("voc", tmp_path)
    loaded = sv.DetectionDataset.from_pascal_voc(str(folder / "JPEGImages"), str(folder / "Annotations"))
    found = {Path(path).name: detections for path, _, detections in loaded}
    assert boxes_of(found["a.png"]) == [[4, 5, 24, 23], [30, 10, 60, 40]]
    assert boxes_of(found["b.png"]) == [[3, 9, 21, 33]]


def test_supervision_reads_createml_and_labelme(tmp_path: Path) -> None:
    sv = pytest.importorskip("supervision", reason="supervision is large")
    readers = {"createml": "from_createml", "labelme": "from_labelme"}
    for name, reader in readers.items():
        if not hasattr(sv.DetectionDataset, reader):
            continue
        (tmp_path / name).mkdir()
        folder = written(name, tmp_path / name, masks=False)
        file = folder / "_annotations.createml.json" if name == "createml" else folder
        loaded = getattr(sv.DetectionDataset, reader)(str(folder), str(file))
        found = {Path(path).name: detections for path, _, detections in loaded}
        assert boxes_of(found["a.png"]) == [[4, 5, 24, 23], [30, 10, 60, 40]]


@pytest.mark.parametrize("task", ["detect", "segment"])
def test_ultralytics_reads_yolo(tmp_path: Path, task: str) -> None:
    pytest.importorskip("ultralytics", reason="ultralytics is large", exc_type=ImportError)
    from ultralytics.data.dataset import YOLODataset
    from ultralytics.data.utils import check_det_dataset

    folder = written("yolo", tmp_path, masks=task == "segment")
    said = check_det_dataset(str(folder / "data.yaml"), autodownload=False)
    assert said["names"] == {0: "dog", 1: "cat", 2: "bird"}
    loaded = YOLODataset(img_path=said["train"], data=said, task=task, augment=False, imgsz=64)
    labels = {Path(one["im_file"]).name: one for one in loaded.labels}
    x, y, w, h = labels["b.png"]["bboxes"][0] * np.array([40, 80, 40, 80])
    assert [x - w / 2, y - h / 2, x + w / 2, y + h / 2] == pytest.approx([3, 9, 21, 33], abs=1e-3)
    assert labels["a.png"]["cls"].ravel().tolist() == [0, 1]
    assert len(labels["a.png"]["segments"]) == (2 if task == "segment" else 0)


@pytest.mark.parametrize("name", ["yolo", "coco"])
def test_labelformat_reads_what_we_write(tmp_path: Path, name: str) -> None:
    pytest.importorskip("labelformat", reason="labelformat is not installed")
    from labelformat.formats import COCOObjectDetectionInput, YOLOv8ObjectDetectionInput

    folder = written(name, tmp_path, masks=False)
    if name == "coco":
        loaded = COCOObjectDetectionInput(folder / "annotations.json")
    else:
        loaded = YOLOv8ObjectDetectionInput(folder / "data.yaml", "train")
    found = {Path(one.image.filename).name: one.objects for one in loaded.get_labels()}
    box = found["b.png"][0].box
    assert [box.xmin, box.ymin, box.xmax, box.ymax] == pytest.approx([3, 9, 21, 33])
    assert [one.category.name for one in found["a.png"]] == ["dog", "cat"]


def test_label_studio_tasks_are_what_its_importer_asks_for(tmp_path: Path) -> None:
    tasks = json.loads((written("label-studio", tmp_path) / "label_studio.json").read_text())
    assert [set(task) for task in tasks] == [{"id", "data", "annotations"}] * 2
    for task in tasks:
        for result in task["annotations"][0]["result"]:
            assert {
                "id",
                "type",
                "from_name",
                "to_name",
                "original_width",
                "original_height",
                "value",
            } <= set(result)
            numbers = np.array(result["value"].get("points") or [[result["value"][k] for k in "xy"]])
            assert numbers.min() >= 0 and numbers.max() <= 100
            assert result["type"] in result["value"]
