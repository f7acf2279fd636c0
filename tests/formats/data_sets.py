"""Data sets written in any format, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Mask
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.formats.annotated_source import AnnotatedSource, open_annotated
from layoutgen.formats.convert import convert
from layoutgen.formats.read_options import ReadOptions
from layoutgen.formats.registry import format_named

SIZE = (64, 48)
LABELS = ["dog", "hot dog", "ärmel", "a/b: 'c'", "toothbrush"]


def save_images(data: AnnotatedImages, folder: Path) -> AnnotatedSource:
    for image in data.images:
        path = folder / image.file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", image.size, (image.id % 256, 9, 9)).save(path)
    return AnnotatedSource(folder / "annotations.json", folder, data)


def written_as(name: str, data: AnnotatedImages, folder: Path) -> Path:
    target = format_named(name)
    source = save_images(data, folder / "from")
    assert len(list(convert(source, folder / name, target))) == len(data.images)
    return folder / name


def read(path: Path, **options: Any) -> AnnotatedImages:
    return open_annotated(path, options=ReadOptions(masks=True, **options)).data


def example() -> AnnotatedImages:
    """Three images: two objects, one object with an outline, none."""
    layout = Layout(*SIZE, (Instance("dog", Box(4, 5, 24, 23)), Instance("cat", Box(30, 5, 50, 23))))
    outlined = Layout(*SIZE, (Instance("dog", Box(10, 10, 40, 40)),))
    mask = Mask([[10.0, 10.0, 40.0, 10.0, 40.0, 40.0, 10.0, 40.0]])
    images = (
        AnnotatedImage(1, "images/a.png", layout),
        AnnotatedImage(2, "images/sub/b.png", outlined, masks=(mask,)),
        AnnotatedImage(3, "images/c.png", Layout(*SIZE)),
    )
    return AnnotatedImages(images, {1: "dog", 2: "cat"})
