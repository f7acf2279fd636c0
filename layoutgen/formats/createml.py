"""CreateML: one json list of images; a box is its middle, width and height in pixels of the upright image.

``[{"image": "a.jpg", "annotations": [{"label": "dog", "coordinates": {"x", "y", "width", "height"}}]}]``, as
Apple, Roboflow and Label Studio write it. The file says no sizes: they are read from the images.

Own code: labelformat and datumaro do not read it, and supervision's reader loads every image whole.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from layoutgen.domain.annotated_image import AnnotatedImages
from layoutgen.errors import InvalidFile
from layoutgen.formats.collector import NOT_NUMBERS, Collector, empty_image, numbered
from layoutgen.formats.dataset_format import BEYOND, DatasetFormat
from layoutgen.formats.dialects import number
from layoutgen.formats.image_files import ImageFiles, image_size
from layoutgen.formats.read_options import ReadOptions
from layoutgen.io.files import read_json_list, write_json
from layoutgen.io.json_head import json_head

_FILE = "_annotations.createml.json"  # what Roboflow and supervision call it


def recognises(path: Path) -> bool:
    """Such a json, or a folder with one of the name that Roboflow gives it, in it or in its splits."""
    if path.is_dir():
        return bool(_files(path))
    head = json_head(path)
    return bool(head and head.is_list and head.has("image", "annotations") and not head.has("result"))


def read(path: Path, options: ReadOptions) -> tuple[AnnotatedImages, Path]:
    """The images of the json, or of all splits.

    Raises:
        InvalidFile: it is no json list, or no image is there.
    """
    root = options.images or (path.parent if path.is_file() else path)
    images, found, labels = ImageFiles(root), Collector(path, options), set[str]()
    for file in [path] if path.is_file() else _files(path):
        for index, entry in enumerate(read_json_list(file)):
            where = (
                f"{file.relative_to(root).as_posix()}[{index}]" if file.is_relative_to(root) else str(file)
            )
            _read_image(found, images, file, entry, where, labels)
    if not len(found):
        raise InvalidFile(path, "lists no image that is there", remedy="put the images beside the json")
    return found.finish(numbered(labels)), root


def write(data: AnnotatedImages, folder: Path) -> None:
    """Write the json beside the images."""
    content = [
        {
            "image": image.file_name,
            "annotations": [
                {
                    "label": one.label,
                    "coordinates": {
                        "x": (one.box.x0 + one.box.x1) / 2,
                        "y": (one.box.y0 + one.box.y1) / 2,
                        "width": one.box.width,
                        "height": one.box.height,
                    },
                }
                for one in image.instances
            ],
        }
        for image in data.images
    ]
    write_json(folder / _FILE, content, ensure_ascii=False)


FORMAT = DatasetFormat(
    "createml",
    "CreateML",
    recognises,
    read,
    write,
    image_folder="",
    writes=(_FILE,),
    holds=frozenset({BEYOND}),
)


def _files(folder: Path) -> list[Path]:
    files = [folder / _FILE, *sorted(folder.glob(f"*/{_FILE}"))]
    return [file for file in files if file.is_file()]


def _read_image(
    found: Collector, images: ImageFiles, file: Path, entry: Any, where: str, labels: set[str]
) -> None:
    said = entry.get("image") if isinstance(entry, dict) else None
    if isinstance(said, dict):  # some write {"image": {"filename": ...}}
        said = said.get("filename")
    inside = file.parent.relative_to(images.root) if file.is_relative_to(images.root) else Path()
    name = images.find(f"{inside.as_posix()}/{said}") if isinstance(said, str) and said else None
    size = image_size(images.root / name) if name is not None else None
    if name is None or size is None:
        return found.drop(where, "image that is missing or unreadable")
    image = empty_image(len(found) + 1, name, size)
    found.add_image(image)
    for index, one in enumerate(found.list_of(entry.get("annotations"), f"{where}.annotations", image.id)):
        place = f"{where}.annotations[{index}]"
        fields = one if isinstance(one, dict) else {}
        label, coordinates = str(fields.get("label") or "").strip(), fields.get("coordinates")
        sides = coordinates if isinstance(coordinates, dict) else {}
        x, y, w, h = (number(sides.get(key)) for key in ("x", "y", "width", "height"))
        if x is None or y is None or w is None or h is None:
            found.drop(place, NOT_NUMBERS, image.id)
            continue
        labels |= {label} - {""}
        found.add(image.id, label, (x - w / 2, y - h / 2, x + w / 2, y + h / 2), place)
    return None
