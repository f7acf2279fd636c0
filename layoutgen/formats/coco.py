"""COCO json: instances, captions and masks; bbox is ``[x, y, width, height]`` in pixels only in here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages
from layoutgen.errors import InvalidFile, InvalidLayout, InvalidOption
from layoutgen.formats.coco_reading import CocoReader
from layoutgen.formats.coco_writing import write_annotated, write_coco
from layoutgen.formats.collector import NO_AREA
from layoutgen.formats.dataset_format import EVERYTHING, DatasetFormat
from layoutgen.formats.entries import Entries
from layoutgen.formats.image_files import ImageFiles, beside
from layoutgen.formats.masks import decode_segmentation
from layoutgen.formats.read_options import ReadOptions
from layoutgen.io.files import read_json
from layoutgen.io.json_head import json_head

__all__ = ["NO_AREA", "decode_mask", "only_image", "read_captions", "read_coco", "write_coco"]

SAMPLES = "annotations.json"
"""What every producer of samples calls its annotations."""
_SPLIT = "_annotations.coco.json"


def read_coco(path: Path, *, masks: bool = True, options: ReadOptions | None = None) -> AnnotatedImages:
    """The images of an instances json, in file order, also those without annotations.

    Boxes are as the file has them: they may reach beyond the image. Crowds are the regions to ignore. Without
    `masks`, which are most of a large file, no instance has one. Names of images are as the file has them.

    Raises:
        InvalidFile: it is no such json; with `options` that are strict, also for the first bad entry.
    """
    return CocoReader(Path(path), options or ReadOptions(masks=masks)).read()


def recognises(path: Path) -> bool:
    """An instances json, or a folder that holds some."""
    return bool(list_coco(path)) if path.is_dir() else _is_coco(path)


def read(path: Path, options: ReadOptions) -> tuple[AnnotatedImages, Path]:
    """The json at `path`, or in that folder, and the folder of its images.

    Raises:
        InvalidFile: it is broken, or several jsons are there.
    """
    file = find_json(path) if path.is_dir() else path
    reader = CocoReader(file, options)
    names = reader.names()
    reader.files = ImageFiles(options.images or beside(file.parent, names))
    return reader.read(), reader.files.root


def write(data: AnnotatedImages, folder: Path) -> None:
    """Write ``annotations.json``."""
    write_annotated(folder / SAMPLES, data)


FORMAT = DatasetFormat(
    "coco", "COCO (instances json)", recognises, read, write, writes=("images", SAMPLES), holds=EVERYTHING
)


def find_json(folder: Path) -> Path:
    """The COCO json in `folder`.

    Raises:
        InvalidFile: there is none, or more than one.
    """
    files = list_coco(folder)
    if len(files) > 1:
        names = ", ".join(file.relative_to(folder).as_posix() for file in files)
        raise InvalidFile(folder, f"holds several COCO files ({names})", remedy="name the one to use")
    if not files:
        raise InvalidFile(folder, "holds no COCO json", remedy="name the file")
    return files[0]


def list_splits(folder: Path) -> list[Path]:
    """The jsons of the splits of `folder`, as Roboflow exports them, if it has more than one."""
    files = list_coco(folder)
    return files if len(files) > 1 and all(file.name == _SPLIT for file in files) else []


def list_coco(folder: Path) -> list[Path]:
    """The COCO jsons in `folder`: that of samples, else all in it, else where COCO and Roboflow put them.

    Results, recipes and reports are json, too.
    """
    if (folder / SAMPLES).is_file():
        return [folder / SAMPLES]
    for pattern in (
        "*.json",
        "annotations/instances*.json",
        "annotations/*.json",
        f"*/{_SPLIT}",
    ):
        files = [file for file in sorted(folder.glob(pattern)) if _is_coco(file)]
        if files:
            return files
    return []


def _is_coco(file: Path) -> bool:
    head = json_head(file)
    others = {"shapes", "caption", "videos", "segments_info"}  # LabelMe, captions, video, panoptic
    if head is None or head.is_list or head.names & others:
        return False
    return head.has("annotations") or head.has("images", "file_name")


def only_image(path: Path, data: AnnotatedImages, image_id: int) -> AnnotatedImages:
    """`data`, which stands in `path`, with the image `image_id` alone.

    Raises:
        InvalidOption: there is none.
    """
    images = tuple(image for image in data.images if image.id == image_id)
    if not images:
        some = ", ".join(str(image.id) for image in data.images[:8])
        raise InvalidOption(f"`image_id` {image_id}: {path} has no such image; it has {some}")
    return replace(data, images=images, dropped=tuple(d for d in data.dropped if d.image_id == image_id))


def read_captions(path: Path) -> dict[int, tuple[str, ...]]:
    """The captions of a COCO captions json by image id, white space tidied.

    Raises:
        InvalidFile: names the entry, the field and what to do.
    """
    path = Path(path)
    file = Entries(path, read_json(path))
    captions: dict[int, tuple[str, ...]] = {}
    for where, entry in file.each("annotations"):
        image = file.whole(entry, where, "image_id")
        caption = file.text(entry, where, "caption", remedy="is this a captions json?")
        captions[image] = (*captions.get(image, ()), " ".join(caption.split()))
    return captions


def decode_mask(image: AnnotatedImage, index: int) -> npt.NDArray[np.bool_]:
    """The mask of instance number `index` of `image`, ``(H, W)`` bool.

    Raises:
        InvalidLayout: it has no mask, or none that fits the image.
    """
    mask, (width, height) = image.mask_of(index), image.size
    try:
        return decode_segmentation(None if mask is None else mask.segmentation, height, width)
    except ValueError as error:
        label = image.instances[index].label
        raise InvalidLayout(f"{image.file_name}, instances[{index}] ({label}): {error}") from error
