"""Helpers of the tests of other tools' exports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImages
from layoutgen.formats.annotated_source import open_annotated
from layoutgen.formats.read_options import ReadOptions
from layoutgen.formats.registry import find_format

SIZE = (64, 48)
BOX = (4.0, 5.0, 24.0, 23.0)
DOG = [("dog", BOX)]


def photo(path: Path, size: tuple[int, int] = SIZE, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "grey").save(path, **options)
    return path


def write(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def opened(path: Path, name: str) -> AnnotatedImages:
    assert find_format(path).name == name
    source = open_annotated(path, options=ReadOptions(masks=True))
    assert all(source.file_of(image).is_file() for image in source.images)
    return source.data


def objects(data: AnnotatedImages) -> list[Any]:
    return [(one.label, pytest.approx(one.box.xyxy)) for image in data.images for one in image.instances]


def reasons(data: AnnotatedImages) -> list[str]:
    return [one.reason for one in data.dropped]
