"""Annotated images and where their files are, found by one rule for every command.

The annotations are a file or a folder of any format that :mod:`~layoutgen.formats.registry` knows. Of a
folder that holds several, prepared data (``metadata.jsonl``) come before samples (``annotations.json``),
and these before any other. The images of a json are in the folder that the caller names, or else in
``images`` beside the json, beside the json itself, or in any other folder there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Defect
from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.formats.coco import find_json, list_splits, only_image
from layoutgen.formats.coco_writing import categories_of
from layoutgen.formats.read_options import ReadOptions
from layoutgen.formats.registry import find_format
from layoutgen.io.files import is_file
from layoutgen.io.images import read_photo

_WHOLE = ("png", "huggingface")  # formats whose images are where they say, and have no ids


@dataclass(frozen=True, slots=True)
class AnnotatedSource:
    """Annotated images and the files that they are.

    Attributes:
        path: the file that holds the annotations.
        folder: what the file names of the images are relative to; None where the images are not there.
        data: what `path` says.
    """

    path: Path
    folder: Path | None
    data: AnnotatedImages

    @property
    def images(self) -> tuple[AnnotatedImage, ...]:
        """The images, in the order of the file."""
        return self.data.images

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of all categories, sorted: also of those that no image asks for."""
        return self.data.labels

    def with_data(self, data: AnnotatedImages) -> AnnotatedSource:
        """The same source with other `data`."""
        return replace(self, data=data)

    def without_images(self) -> AnnotatedSource:
        """The same source where the images are not there."""
        return replace(self, folder=None)

    def file_of(self, image: AnnotatedImage) -> Path:
        """Where the file of `image` is; the source must have a folder."""
        assert self.folder is not None
        return self.folder / image.file_name

    def check_files(self, remedy: str) -> None:
        """Refuse a source of which an image is not where it should be.

        Raises:
            InvalidFile: names the first, and the `remedy`.
        """
        missing = self.first_missing()
        if missing is not None:
            raise InvalidFile(missing, f"there is no such image, and {self.path} lists it", remedy=remedy)

    def first_missing(self) -> Path | None:
        """The first of the files that is not there; None: all are."""
        return next((file for file in map(self.file_of, self.images) if not is_file(file)), None)

    def read_image(self, image: AnnotatedImage, *, any_size: bool = False) -> Image.Image:
        """`image` (RGB), oriented as it was annotated; see :func:`~layoutgen.io.images.read_photo`.

        Raises:
            InvalidFile: missing, no image, or, unless `any_size`, of another size than annotated.
        """
        return read_photo(self.file_of(image), *image.size, any_size=any_size)


def open_annotated(
    path: Path,
    images: Path | None = None,
    *,
    image_id: int | None = None,
    required: bool = True,
    options: ReadOptions | None = None,
) -> AnnotatedSource:
    """The annotated images at `path`, a file or a folder of any known format.

    Args:
        images: the folder of the images; None: it is looked for.
        image_id: only this image.
        required: refuse a source whose images are not all there; otherwise it has no folder, unless `images`
            says where they should be.
        options: how to read it; by default without masks.

    Raises:
        InvalidFile: nothing of the kind is there, it is broken or without images, or an image is missing.
        InvalidOption: `images` or `image_id` for what has its images with it, or an unknown id.
    """
    kind = find_format(path)
    for name, value in (("images", images), ("image_id", image_id)):
        if value is not None and kind.name in _WHOLE:
            raise InvalidOption(f"`{name}` goes with a COCO json, and {path} is none")
    source = read_annotated(path, replace(options or ReadOptions(), images=images))
    file, data = source.path, source.data
    if not data.images:
        raise InvalidFile(file, "holds no image", where="images", remedy="give a file with images")
    if image_id is not None:
        data = only_image(file, data, image_id)
        source = replace(source, data=data)
    if required or images is not None:
        source.check_files("name the folder of the images with `images`")
        return source
    return source if source.first_missing() is None else source.without_images()


def read_annotated(path: Path, options: ReadOptions) -> AnnotatedSource:
    """The annotated images at `path`; whether they are where the source says is not looked at.

    Raises:
        InvalidFile: nothing of the kind is there, or it is broken.
    """
    kind, file = find_format(path), path
    if kind.name == "coco" and path.is_dir():
        splits = list_splits(path)
        if splits and options.images is None:
            return merged([read_annotated(split, options) for split in splits])
        file = find_json(path)
    data, folder = kind.read(file, options)
    return AnnotatedSource(file, folder, data)


def merged(sources: Sequence[AnnotatedSource]) -> AnnotatedSource:
    """All `sources` as one: images and categories are numbered anew, unless there is only one source."""
    if len(sources) == 1:
        return sources[0]
    folders = [source.folder.resolve() for source in sources if source.folder is not None]
    root = Path(os.path.commonpath(folders)) if len(folders) == len(sources) else None
    images: list[AnnotatedImage] = []
    defects: dict[str, list[Defect]] = {"dropped": [], "mended": []}
    for source in sources:
        numbers = {one.id: n for n, one in enumerate(source.images, start=len(images) + 1)}
        inside = source.folder.resolve().relative_to(root) if root and source.folder else Path()
        images += [
            replace(one, id=numbers[one.id], file_name=(inside / one.file_name).as_posix())
            for one in source.images
        ]
        for kind, found in defects.items():
            found += [
                replace(
                    one,
                    where=f"{source.path}, {one.where}",
                    image_id=None if one.image_id is None else numbers.get(one.image_id),
                )
                for one in getattr(source.data, kind)
            ]
    labels = {label for source in sources for label in source.labels}
    categories = categories_of(labels)
    data = AnnotatedImages(tuple(images), categories, tuple(defects["dropped"]), tuple(defects["mended"]))
    return AnnotatedSource(sources[0].path, root, data)
