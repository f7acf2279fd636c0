"""Annotated images of one format -> another: the images are copied, the annotations written anew."""

from __future__ import annotations

import shutil
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from PIL import ExifTags, Image

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages
from layoutgen.errors import InvalidFile
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.formats.dataset_format import DatasetFormat
from layoutgen.formats.registry import FORMATS
from layoutgen.io.disk_space import check_space
from layoutgen.io.files import is_file
from layoutgen.io.images import PHOTO_SUFFIXES, read_photo, save_photo
from layoutgen.io.output_folder import output_folder


def convert(
    source: AnnotatedSource, output: Path, target: DatasetFormat, *, overwrite: bool = False
) -> Generator[AnnotatedImage, None, None]:
    """Write `source` to `output` in the format `target`; yield each image when it is copied.

    An image whose EXIF asks to turn it is written as it was annotated, since some readers turn it and others
    do not; the others are copied byte for byte. A source without a folder has no images yet: its annotations
    alone are written. All appears at once when the last is done.

    Raises:
        InvalidFile: an image is missing, broken, or of another size than annotated.
        OutputExists: `output` holds results and `overwrite` is not set.
    """
    assert target.write is not None
    files = [source.file_of(image) for image in source.images] if source.folder is not None else []
    check_space(output, sum(file.stat().st_size for file in files if is_file(file)), "choose another folder")
    others = [name for known in FORMATS for name in known.writes]
    with output_folder(output, target.writes, overwrite=overwrite, with_them=others) as aside:
        taken: set[str] = set()
        images = []
        for image in source.images:
            images.append(write_image(source, image, aside, target, taken))
            yield images[-1]
        if not images:
            raise InvalidFile(source.path, "holds no image", remedy="give annotated images")
        target.write(replace(source.data, images=tuple(images)), aside)


def write_image(
    source: AnnotatedSource,
    image: AnnotatedImage,
    folder: Path,
    target: DatasetFormat,
    taken: set[str],
    *,
    stem: str | None = None,
) -> AnnotatedImage:
    """Copy `image` to `folder`, to where the format `target` wants it; return it with its name there.

    Args:
        taken: names that others have, in lower case; its own is added.
        stem: what it is called; None: as in the source.
    """
    name = _name(image, target, taken, stem)
    if source.folder is not None:
        _copy(source, image, folder / name)
    return replace(image, file_name=name)


def _name(image: AnnotatedImage, target: DatasetFormat, taken: set[str], called: str | None) -> str:
    """Where the image goes: one folder for all, so that no format has to know of subfolders.

    No two differ in their suffix or in case alone: some formats call the annotations of an image as it, and
    some file systems take both for one.
    """
    first = called or plain_stem(image.file_name)
    stem, number = first, 1
    while stem.casefold() in taken:
        number += 1
        stem = f"{first}-{number}"
    taken.add(stem.casefold())
    return str(PurePosixPath(target.image_folder, f"{stem}{PurePosixPath(image.file_name).suffix}"))


def plain_stem(name: str) -> str:
    """The name of a file without its suffix and folders of images, in one word."""
    parts = PurePosixPath(name).with_suffix("").parts
    return "_".join(part for part in parts if part not in ("images", "JPEGImages", "/", "..")) or "image"


def _copy(source: AnnotatedSource, image: AnnotatedImage, target: Path) -> None:
    path = source.file_of(image)
    target.parent.mkdir(parents=True, exist_ok=True)
    photo = read_photo(path, *image.size)  # says what is wrong with it
    with Image.open(path) as file:
        turned = file.getexif().get(ExifTags.Base.Orientation, 1) != 1
    if not turned:
        shutil.copyfile(path, target)
    elif target.suffix.lower() in PHOTO_SUFFIXES:
        save_photo(photo, target)
    else:
        photo.save(target)


def without_masks(data: AnnotatedImages) -> AnnotatedImages:
    """`data` with its boxes alone."""
    return replace(data, images=tuple(replace(image, masks=(), areas=()) for image in data.images))
