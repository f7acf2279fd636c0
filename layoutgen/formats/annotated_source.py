"""What should be in which images: a COCO instances json and the folder of its images, or prepared data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from layoutgen.domain.layout import Layout
from layoutgen.errors import InvalidFile
from layoutgen.formats.coco import CocoAnnotation, CocoImage, read_instances
from layoutgen.formats.coco_writing import category_ids
from layoutgen.formats.prepared import read_prepared
from layoutgen.io.images import read_photo


@dataclass(frozen=True, slots=True)
class Truth:
    """Images and what should be in them; `folder` is None where the images themselves are not needed."""

    annotations: Path
    folder: Path | None
    images: tuple[CocoImage, ...]
    categories: dict[int, str]

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of all categories, sorted: also of those that no image asks for."""
        return tuple(sorted(set(self.categories.values())))

    def path(self, image: CocoImage) -> Path:
        """Where the file of `image` is."""
        assert self.folder is not None
        return self.folder / image.file_name

    def picture(self, image: CocoImage) -> Image.Image:
        """The image (RGB). Models paint squares for layouts of other shapes: it may have another size.

        Raises:
            InvalidFile: missing, or no image.
        """
        upright = read_photo(self.path(image))
        if upright.size == (image.width, image.height):
            return upright
        try:
            return read_photo(self.path(image), image.width, image.height)  # annotated as it is stored
        except InvalidFile:
            return upright


def open_truth(path: Path, images: Path | None = None, *, pictures: bool | None = True) -> Truth:
    """What `path` says: a COCO instances json, a folder of samples, or prepared data (``metadata.jsonl``).

    Args:
        images: the folder of the images; None: ``images`` beside the json, or the folder of the json itself.
        pictures: whether the images themselves are needed; None: they are welcome.

    Raises:
        InvalidFile: nothing of the kind is there, it is broken, or an image is missing.
    """
    if not path.exists():
        raise InvalidFile(path, "there is no such file or folder", remedy="check the path")
    if path.is_dir() and (path / "metadata.jsonl").is_file() and images is None:
        return _prepared(path)
    if path.is_dir():
        file = path / "annotations.json"
        if not file.is_file():
            remedy = (
                "give what `layoutgen sample` or `prepare` wrote, or --images DIR with --annotations FILE"
            )
            raise InvalidFile(path, "holds no annotations.json and no metadata.jsonl", remedy=remedy)
        path = file
    entries, categories = read_instances(path, masks=False)
    if not entries:
        raise InvalidFile(path, "holds no image", where="images", remedy="give a file with images")
    folder = None
    if pictures is not False:
        folder = _folder(path, images, entries, required=bool(pictures) or images is not None)
    return Truth(path, folder, entries, categories)


def _prepared(folder: Path) -> Truth:
    entries = read_prepared(folder)
    numbers = category_ids({label for entry in entries for label in entry.layout.labels})
    images = tuple(
        CocoImage(number, one.file_name, one.layout.width, one.layout.height, _annotations(one.layout))
        for number, one in enumerate(entries, start=1)
    )
    return Truth(
        folder / "metadata.jsonl", folder, images, {number: label for label, number in numbers.items()}
    )


def _annotations(layout: Layout) -> tuple[CocoAnnotation, ...]:
    instances = enumerate(layout.clip().instances, start=1)
    return tuple(CocoAnnotation(k, i.label, i.box, i.box.area, False, None) for k, i in instances)


def _folder(
    path: Path, images: Path | None, entries: tuple[CocoImage, ...], *, required: bool
) -> Path | None:
    """The folder that holds the images of all `entries`; None if they are not there and not `required`."""
    folders = [images] if images is not None else [path.parent / "images", path.parent]
    folder = next((one for one in folders if (one / entries[0].file_name).is_file()), folders[0])
    missing = next((e.file_name for e in entries if not (folder / e.file_name).is_file()), None)
    if missing is None:
        return folder
    if not required:
        return None
    problem = f"there is no image {missing}, which {path} lists"
    raise InvalidFile(folder, problem, remedy="name the folder of the images with --images DIR")
