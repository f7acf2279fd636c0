from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest
from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.errors import InvalidFile
from layoutgen.formats.prepared import read_prepared, write_prepared

IMAGES = (
    AnnotatedImage(
        1,
        "images/a.jpg",
        Layout(
            64,
            48,
            (Instance("dog", Box(-4.5, 10, 20.25, 40)), Instance("äpfel", Box(30, 20, 70, 50))),
            prompt='a dog, "apples"\u2028and more',
        ),
    ),
    AnnotatedImage(2, "images/empty.jpg", Layout(30, 20, prompt="nothing")),
    AnnotatedImage(3, "b.png", Layout(16, 80, (Instance("dog", Box(1, 2, 15, 70)),))),
)


@pytest.fixture
def folder(tmp_path: Path, picture: Callable[[int, int], Image.Image]) -> Path:
    """Prepared data with boxes that leave their image, and an image without objects."""
    (tmp_path / "images").mkdir()
    for image in IMAGES:
        picture(image.layout.width, image.layout.height).save(tmp_path / image.file_name)
    write_prepared(tmp_path, IMAGES)
    return tmp_path


def test_write_then_read(folder: Path) -> None:
    assert read_prepared(folder).images == IMAGES
    assert sorted(p.name for p in folder.iterdir()) == ["b.png", "images", "metadata.jsonl"]


def test_hugging_face_datasets_reads_it(folder: Path, tmp_path: Path) -> None:
    loaded = datasets.load_dataset(
        "imagefolder", data_dir=str(folder), split="train", cache_dir=str(tmp_path / "cache")
    )
    rows = {row["text"]: row for row in loaded}
    assert len(rows) == 3
    row = rows[IMAGES[0].layout.prompt]
    assert row["image"].size == (64, 48) == (row["width"], row["height"])
    assert row["objects"]["bbox"] == [[-4.5, 10, 24.75, 30], [30, 20, 40, 30]]
    assert row["objects"]["category"] == ["dog", "äpfel"]
    assert row["objects"]["area"] == [742.5, 1200]
    assert rows["nothing"]["objects"] == {"bbox": [], "category": [], "area": []}


def line(**changes: Any) -> dict[str, Any]:
    objects = {"bbox": [[1, 2, 3, 4]], "category": ["dog"]}
    return {"file_name": "b.png", "text": "", "width": 16, "height": 80, "objects": objects} | changes


def boxes(*bbox: Any, category: Any = ("dog",)) -> dict[str, Any]:
    return line(objects={"bbox": list(bbox), "category": list(category)})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"file_name": "b.png", "wid', "line 2: is not JSON.*cut off"),
        ("[1]", "line 2: must hold a JSON object, not a list"),
        (line(file_name="images/c.jpg"), "line 2, file_name: there is no image images/c.jpg"),
        (line(file_name="images/a.jpg"), "line 2, file_name: images/a.jpg is there twice"),
        (line(file_name="../b.png"), "line 2, file_name: ../b.png is outside the folder"),
        (line(file_name="/etc/passwd"), "line 2, file_name: /etc/passwd is outside the folder"),
        (line(file_name=5), "line 2, file_name: must be a text"),
        (line(width=0), "line 2, width: must be 1 or more"),
        (line(height=None), "line 2, height: must be a whole number"),
        (line(text=["a"]), "line 2, text: must be a text"),
        (line(objects=None), "line 2, objects: is missing"),
        (line(objects=[]), "line 2, objects: must hold bbox and category"),
        (boxes([1, 2, 3, 4], category=[]), "line 2, objects: .*same length"),
        (boxes([1, 2, 3, 4], [1, 2, -3, 4], category=["a", "b"]), r"line 2, objects.bbox\[1\]: .*inverted"),
        (boxes([1, 2, 3]), r"line 2, objects.bbox\[0\]: must be 4 finite numbers"),
        (boxes([1, 2, float("nan"), 4]), r"line 2, objects.bbox\[0\]: must be 4 finite numbers"),
        (boxes([1, 2, 3, 4], category=[7]), r"line 2, objects.category\[0\]: must be a text"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(folder: Path, content: Any, said: str) -> None:
    index = folder / "metadata.jsonl"
    first = index.read_text(encoding="utf-8").split("\n")[0]
    index.write_text(
        f"{first}\n{content if isinstance(content, str) else json.dumps(content)}\n", encoding="utf-8"
    )
    with pytest.raises(InvalidFile, match=said) as caught:
        read_prepared(folder)
    assert str(caught.value).startswith(str(index)) and "\n" not in str(caught.value)


def test_a_folder_that_is_no_prepared_data(tmp_path: Path) -> None:
    with pytest.raises(InvalidFile, match=r"holds no metadata\.jsonl"):
        read_prepared(tmp_path)
    with pytest.raises(InvalidFile, match="is no folder"):
        read_prepared(tmp_path / "none")
    (tmp_path / "metadata.jsonl").touch()
    with pytest.raises(InvalidFile, match="empty"):
        read_prepared(tmp_path)


def test_a_failed_write_leaves_the_old_index(folder: Path) -> None:
    def images() -> Any:
        yield IMAGES[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_prepared(folder, images())
    assert read_prepared(folder).images == IMAGES
    assert not list(folder.glob(".*"))
