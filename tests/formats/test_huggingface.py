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
