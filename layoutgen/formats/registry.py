"""All formats of annotated images, in the order in which a file or folder is held against them.

A format is one module, with ``FORMAT``; to add one, write it and name it here.
"""

from __future__ import annotations

from pathlib import Path

from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.formats import (
    coco,
    createml,
    cvat,
    fiftyone,
    huggingface,
    huggingface_datasets,
    label_studio,
    labelme,
    open_images,
    pascal_voc,
    png,
    supervisely,
    via,
    visdrone,
    yolo,
)
from layoutgen.formats.dataset_format import DatasetFormat
from layoutgen.formats.strangers import stranger

FORMATS: tuple[DatasetFormat, ...] = (
    png.FORMAT,
    huggingface.FORMAT,
    huggingface_datasets.FORMAT,
    yolo.FORMAT,
    cvat.FORMAT,
    supervisely.FORMAT,
    fiftyone.FORMAT,
    label_studio.FORMAT,
    createml.FORMAT,
    via.FORMAT,
    visdrone.FORMAT,
    open_images.FORMAT,
    pascal_voc.FORMAT,
    coco.FORMAT,
    labelme.FORMAT,
)
WRITABLE = tuple(one.name for one in FORMATS if one.write is not None)


def find_format(path: Path) -> DatasetFormat:
    """The format of the file or folder at `path`.

    Raises:
        InvalidFile: there is nothing, or nothing that is known; says what it looks like.
    """
    if not path.exists():
        raise InvalidFile(path, "there is no such file or folder", remedy="check the path")
    found = recognised(path)
    if found is not None:
        return found
    said = stranger(path) or _holds_folders(path) or _images_of_samples(path)
    if said is None and path.suffix.lower() == ".json":
        return coco.FORMAT  # whose reader says what is wrong, and where
    problem, remedy = said or (
        f"holds no {coco.SAMPLES} and no {huggingface.INDEX}, nor annotations of another known format"
        if path.is_dir()
        else "is no format of annotated images that is known",
        f"known are {', '.join(one.title for one in FORMATS)}",
    )
    raise InvalidFile(path, problem, remedy=remedy)


def _images_of_samples(path: Path) -> tuple[str, str] | None:
    """What to say of the folder of the images beside their annotations; None if it is none."""
    above = path.resolve().parent
    if not path.is_dir() or not (above / coco.SAMPLES).is_file():
        return None
    return f"holds images only, whose annotations are in {coco.SAMPLES} beside it", f"name {path.parent}"


def _holds_folders(path: Path) -> tuple[str, str] | None:
    """What to say of a folder of folders, such as that of several methods; None if it is none."""
    indices = (coco.SAMPLES, huggingface.INDEX)
    inside = sorted(path.glob("*")) if path.is_dir() else []
    names = [one.name for one in inside if any((one / index).is_file() for index in indices)]
    if not names:
        return None
    return (
        f"holds {len(names):,} folders of annotated images, not images",
        f"name {path / names[0]}, or another",
    )


def recognised(path: Path) -> DatasetFormat | None:
    """The format of the file or folder at `path`, which is there; None if it is none that is known."""
    if (path / coco.SAMPLES).is_file() and not (path / huggingface.INDEX).is_file():
        return coco.FORMAT  # what we write ourselves needs no guess
    return next((one for one in FORMATS if one.recognises(path)), None)


def format_named(name: str) -> DatasetFormat:
    """The format called `name`, which can be written.

    Raises:
        InvalidOption: there is none.
    """
    found = next((one for one in FORMATS if one.name == name and one.write is not None), None)
    if found is None:
        raise InvalidOption(f"{name} is no format that can be written; there are {', '.join(WRITABLE)}")
    return found
