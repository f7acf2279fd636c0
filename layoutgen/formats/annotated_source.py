"""Annotated images and where their files are, found by one rule for every command.

The annotations are a COCO json, ``metadata.jsonl`` (prepared data), an image that layoutgen made, or in a
folder that holds one of them: prepared data before ``annotations.json`` (samples) before the only COCO json
there. The images of a COCO json are in the folder that the caller names, or else in ``images`` beside the
json, beside the json itself, or in any other folder there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages
from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.formats.coco import only_image, read_coco
from layoutgen.formats.png import read_png
from layoutgen.formats.prepared import INDEX, read_prepared
from layoutgen.io.images import read_photo
from layoutgen.io.large_json import read_large_json

_SAMPLES = "annotations.json"


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

    def file_of(self, image: AnnotatedImage) -> Path:
        """Where the file of `image` is; the source must have a folder."""
        assert self.folder is not None
        return self.folder / image.file_name

    def read_image(self, image: AnnotatedImage, *, any_size: bool = False) -> Image.Image:
        """`image` (RGB), oriented as it was annotated; see :func:`~layoutgen.io.images.read_photo`.

        Raises:
            InvalidFile: missing, no image, or, unless `any_size`, of another size than annotated.
        """
        return read_photo(self.file_of(image), *image.size, any_size=any_size)


def open_annotated(
    path: Path, images: Path | None = None, *, image_id: int | None = None, required: bool = True
) -> AnnotatedSource:
    """The annotated images at `path`, a file or a folder, without their masks.

    Args:
        images: the folder of the images of a COCO json; None: it is looked for.
        image_id: only this image of a COCO json.
        required: refuse a source whose images are not all there; otherwise it has no folder, unless `images`
            says where they should be.

    Raises:
        InvalidFile: nothing of the kind is there, it is broken or without images, or an image is missing.
        InvalidOption: `images` or `image_id` for what is no COCO json, or an unknown id.
    """
    file = find_annotations(path)
    for name, value in (("images", images), ("image_id", image_id)):
        if value is not None and not _is_coco(file):
            raise InvalidOption(f"`{name}` goes with a COCO json, and {path} is none")
    data = read_annotated(file)
    if not data.images:
        raise InvalidFile(file, "holds no image", where="images", remedy="give a file with images")
    if image_id is not None:
        data = only_image(file, data, image_id)
    folder = images or find_images(file, data)
    names = (image.file_name for image in data.images)
    missing = next((name for name in names if not (folder / name).is_file()), None)
    if missing is None:
        return AnnotatedSource(file, folder, data)
    if required or images is not None:
        problem = f"there is no such image, and {file} lists it"
        raise InvalidFile(folder / missing, problem, remedy="name the folder of the images with `images`")
    return AnnotatedSource(file, None, data)


def find_annotations(path: Path) -> Path:
    """The file that holds the annotations at `path`, which is that file or its folder.

    Raises:
        InvalidFile: nothing of the kind is there, or several COCO jsons are.
    """
    if not path.exists():
        raise InvalidFile(path, "there is no such file or folder", remedy="check the path")
    if not path.is_dir():
        return path
    for name in (INDEX, _SAMPLES):
        if (path / name).is_file():
            return path / name
    files = list_coco(path)
    if len(files) > 1:
        names = ", ".join(file.name for file in files)
        raise InvalidFile(path, f"holds several COCO files ({names})", remedy="name the one to use")
    if not files:
        problem = f"holds no {_SAMPLES} and no {INDEX}, nor another COCO json"
        raise InvalidFile(path, problem, remedy="give prepared data, a folder of samples, or a COCO json")
    return files[0]


def list_coco(folder: Path) -> list[Path]:
    """The COCO jsons in `folder`, by name; results, recipes and reports are json, too."""
    return [file for file in sorted(folder.glob("*.json")) if _has_annotations(file)]


def find_images(file: Path, data: AnnotatedImages) -> Path:
    """The folder of the images of `data`, which stands in `file`: where the first of them is.

    If it is nowhere, the answer is where it should be.
    """
    home = file.parent
    if not _is_coco(file) or not data.images:
        return home
    first = data.images[0].file_name
    return next((folder for folder in _folders(home) if (folder / first).is_file()), home / "images")


def _folders(home: Path) -> Iterator[Path]:
    """Where images may be; the listing of `home`, which may hold them all, only if they are nowhere else."""
    yield home / "images"
    yield home
    yield from sorted(one for one in home.iterdir() if one.is_dir())


def read_annotated(file: Path, *, masks: bool = False) -> AnnotatedImages:
    """What `file` says: a COCO json, ``metadata.jsonl``, or an image that layoutgen made.

    Raises:
        InvalidFile: it cannot be read, or says nothing of the kind.
    """
    if _is_coco(file):
        return read_coco(file, masks=masks)
    if file.name == INDEX:
        return read_prepared(file.parent)
    layout, _ = read_png(file)
    return AnnotatedImages((AnnotatedImage(1, file.name, layout),), dict(enumerate(layout.labels, start=1)))


def _is_coco(file: Path) -> bool:
    return file.suffix.lower() == ".json"


def _has_annotations(file: Path) -> bool:
    with suppress(InvalidFile):
        return "annotations" in read_large_json(file, "annotations")
    return False
