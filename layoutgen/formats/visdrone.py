"""VisDrone-DET: ``annotations/NAME.txt`` for ``images/NAME.jpg``, a line per object, in pixels.

``left,top,width,height,score,category,truncation,occlusion``. Category 0 is a region where nobody counted;
so is what has a score of 0. Own code: a line is eight numbers.
"""

from __future__ import annotations

from pathlib import Path

from layoutgen.domain.annotated_image import AnnotatedImages
from layoutgen.errors import InvalidFile
from layoutgen.formats.collector import NOT_NUMBERS, Collector, empty_image
from layoutgen.formats.dataset_format import DatasetFormat
from layoutgen.formats.dialects import number
from layoutgen.formats.image_files import ImageFiles, image_files, image_size
from layoutgen.formats.read_options import ReadOptions

_NAMES = "pedestrian people bicycle car van truck tricycle awning-tricycle bus motor others"
CATEGORIES = dict(enumerate(_NAMES.split(), start=1))
_IGNORED = "ignored region"


def recognises(path: Path) -> bool:
    """A folder with ``annotations`` whose text files hold lines of eight numbers."""
    if not (path / "annotations").is_dir():
        return False
    file = next((path / "annotations").glob("*.txt"), None)
    if file is None:
        return False
    line = file.read_text(encoding="utf-8", errors="replace").split("\n")[0].strip().strip(",")
    return len(line.split(",")) == 8 and all(number(part) is not None for part in line.split(","))


def read(path: Path, options: ReadOptions) -> tuple[AnnotatedImages, Path]:
    """The images that have a text file.

    Raises:
        InvalidFile: none is there.
    """
    root = options.images or (path / "images" if (path / "images").is_dir() else path)
    images, found = ImageFiles(root), Collector(path, options)
    names = {Path(name).stem: name for name in image_files(root)}
    for file in sorted((path / "annotations").glob("*.txt")):
        name = names.get(file.stem)
        size = image_size(images.root / name) if name is not None else None
        if name is None or size is None:
            found.drop(file.name, "image that is missing or unreadable")
            continue
        image_id = len(found) + 1
        found.add_image(empty_image(image_id, name, size))
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
        for index, line in enumerate(lines, start=1):
            if line.strip():
                _read_line(found, image_id, line, f"{file.name}, line {index}")
    if not len(found):
        raise InvalidFile(path, "holds no image of the annotations", remedy="put them into images/")
    return found.finish(dict(CATEGORIES)), root


FORMAT = DatasetFormat("visdrone", "VisDrone-DET", recognises, read)


def _read_line(found: Collector, image_id: int, line: str, where: str) -> None:
    values = [number(part) for part in line.strip().strip(",").split(",")[:6]]
    plain = [value for value in values if value is not None]
    if len(plain) < 6:
        return found.drop(where, NOT_NUMBERS, image_id)
    x, y, width, height, score, kind = plain
    if int(kind) != 0 and int(kind) not in CATEGORIES:
        return found.drop(where, "unknown category", image_id)
    label, ignored = CATEGORIES.get(int(kind), _IGNORED), kind == 0 or score == 0
    found.add(image_id, label, (x, y, x + width, y + height), where, ignored=ignored)
    return None
