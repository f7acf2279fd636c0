"""Class numbers and shapes of Hugging Face's imagefolder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from layoutgen.errors import InvalidFile
from layoutgen.formats.annotated_source import open_annotated
from tests.formats.exports import DOG, objects, opened, photo, write

FEATURES = {
    "features": {"objects": {"feature": {"category": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}}
}
README = """---
dataset_info:
  features:
  - name: objects
    sequence:
    - name: category
      dtype:
        class_label:
          names:
            '0': cat
            '1': dog
---
A data set.
"""


@pytest.mark.parametrize(
    ("file", "content"),
    [("dataset_info.json", FEATURES), ("README.md", README), ("classes.txt", "cat\ndog\n")],
)
@pytest.mark.parametrize("folder", ["", "train"])
def test_hugging_face_class_numbers(tmp_path: Path, file: str, content: Any, folder: str) -> None:
    photo(tmp_path / folder / "a.jpg")
    objects_ = {"bbox": [[4, 5, 20, 18]], "categories": [1]}
    write(tmp_path / folder / "metadata.jsonl", {"file_name": "a.jpg", "objects": objects_})
    with pytest.raises(InvalidFile, match=r"class 1 has no name .write classes.txt"):
        open_annotated(tmp_path)
    write(tmp_path / file, content)
    assert objects(opened(tmp_path, "huggingface")) == DOG


@pytest.mark.parametrize(
    "objects_",
    [
        [{"bbox": [4, 5, 20, 18], "category": "dog"}],
        {"bbox": [[4, 5, 20, 18]], "label": ["dog"]},
        {"bboxes": [[4, 5, 20, 18]], "labels": ["dog"], "id": [3]},
    ],
)
def test_hugging_face_objects_in_other_shapes(tmp_path: Path, objects_: Any) -> None:
    photo(tmp_path / "a.jpg")
    write(tmp_path / "metadata.jsonl", {"file_name": "a.jpg", "objects": objects_})
    assert objects(opened(tmp_path, "huggingface")) == DOG


def saved(tmp_path: Path, kind: str) -> Path:
    """A data set with two images inside, as `datasets` saves it."""
    datasets = pytest.importorskip("datasets")
    category = datasets.ClassLabel(names=["cat", "dog"])
    objects_ = {"bbox": datasets.Sequence(datasets.Sequence(datasets.Value("float32"), 4))}
    objects_ |= {"category": datasets.Sequence(category)}
    features = {"picture": datasets.Image(), "objects": objects_, "caption": datasets.Value("string")}
    rows = {
        "picture": [
            {"bytes": photo(tmp_path / name).read_bytes(), "path": None} for name in ("a.png", "b.jpg")
        ],
        "objects": [{"bbox": [[4, 5, 20, 18]], "category": [1]}, {"bbox": [], "category": []}],
        "caption": ["a dog", ""],
    }
    table = datasets.Dataset.from_dict(rows, features=datasets.Features(features))
    if kind == "parquet":
        (tmp_path / "out" / "data").mkdir(parents=True)
        table.to_parquet(str(tmp_path / "out" / "data" / "train-00000-of-00001.parquet"))
    elif kind == "splits":
        datasets.DatasetDict({"train": table}).save_to_disk(str(tmp_path / "out"))
    else:
        table.save_to_disk(str(tmp_path / "out"))
    return tmp_path / "out"


@pytest.mark.parametrize("kind", ["saved", "splits", "parquet"])
@pytest.mark.filterwarnings("ignore")
def test_images_inside_a_data_set(tmp_path: Path, kind: str) -> None:
    data = opened(saved(tmp_path, kind), "datasets")
    assert objects(data) == DOG and data.labels == ("cat", "dog") and data.dropped == ()
    assert [(image.file_name, image.layout.prompt) for image in data.images] == [
        ("train/000000.png", "a dog"),
        ("train/000001.jpg", ""),
    ]


@pytest.mark.filterwarnings("ignore")
def test_a_data_set_that_is_none(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_dict({"text": ["x"]}).save_to_disk(str(tmp_path / "out"))
    with pytest.raises(InvalidFile, match=r"has no column of images .it has text"):
        open_annotated(tmp_path / "out")
    write(tmp_path / "a.parquet", "no parquet")
    with pytest.raises(InvalidFile, match="cannot be read"):
        open_annotated(tmp_path / "a.parquet")
