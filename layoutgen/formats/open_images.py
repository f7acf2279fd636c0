"""Open Images: a CSV of boxes in fractions of the image, and one that gives the names of its classes.

``ImageID, LabelName, XMin, XMax, YMin, YMax`` and more; ``IsGroupOf`` boxes are regions to ignore. The
names come from ``class-descriptions-boxable.csv`` (or ``oidv7-class-descriptions-boxable.csv``) beside it.
Only images that are there count: hardly anybody has all nine million. Own code: a line is a box.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from layoutgen.domain.annotated_image import AnnotatedImages
from layoutgen.errors import InvalidFile
from layoutgen.formats.collector import NO_LABEL, NOT_NUMBERS, Collector, empty_image, numbered
from layoutgen.formats.dataset_format import DatasetFormat
from layoutgen.formats.dialects import number, truth
from layoutgen.formats.image_files import beside, image_files, image_size
from layoutgen.formats.read_options import ReadOptions

_COLUMNS = {"ImageID", "LabelName", "XMin", "XMax", "YMin", "YMax"}


def recognises(path: Path) -> bool:
    """A CSV of boxes, or a folder with one."""
    return _boxes_file(path) is not None


def read(path: Path, options: ReadOptions) -> tuple[AnnotatedImages, Path]:
    """The images that are there.

    Raises:
        InvalidFile: none is.
    """
    file = _boxes_file(path)
    assert file is not None
    root = options.images or beside(file.parent, [])
    by_stem = {Path(name).stem: name for name in image_files(root)}
    names, found, numbers = (
        _class_names(file.parent),
        Collector(file, options, pixels=False),
        dict[str, int](),
    )
    for index, row in enumerate(_rows(file), start=2):
        where, key = f"line {index}", str(row.get("ImageID") or "")
        if key not in by_stem:
            found.drop(where, "image that is not there")
            continue
        if key not in numbers:
            size = image_size(root / by_stem[key])
            if size is None:
                found.drop(where, "image that cannot be read")
                continue
            numbers[key] = len(numbers) + 1
            found.add_image(empty_image(numbers[key], by_stem[key], size))
        _read_row(found, numbers[key], row, names, where)
    if not len(found):
        raise InvalidFile(file, f"none of its images is in {root}", remedy="name the folder of the images")
    return found.finish(numbered(set(names.values()))), root


FORMAT = DatasetFormat("open-images", "Open Images (CSV)", recognises, read)


def _rows(file: Path) -> Iterator[dict[str, str]]:
    with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        yield from csv.DictReader(lines)


def _boxes_file(path: Path) -> Path | None:
    files = [path] if path.is_file() else sorted(path.glob("*.csv"))
    return next((file for file in files if file.suffix.lower() == ".csv" and _has_columns(file)), None)


def _has_columns(file: Path) -> bool:
    with file.open(encoding="utf-8-sig", errors="replace") as lines:
        return set(lines.readline().strip().split(",")) >= _COLUMNS


def _class_names(folder: Path) -> dict[str, str]:
    """The names of the classes by their codes, such as /m/0bt9lr; without a file, codes are names."""
    names: dict[str, str] = {}
    for file in sorted(folder.glob("*class-descriptions*.csv")):
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            names |= {row[0]: row[1].strip() for row in csv.reader(lines) if len(row) >= 2}
    return {code: name for code, name in names.items() if code != "LabelName" and name}


def _read_row(
    found: Collector, image_id: int, row: dict[str, str], names: dict[str, str], where: str
) -> None:
    code = str(row.get("LabelName") or "").strip()
    if not code:
        return found.drop(where, NO_LABEL, image_id)
    label = names.setdefault(code, code)
    x0, y0, x1, y1 = (number(row.get(side)) for side in ("XMin", "YMin", "XMax", "YMax"))
    if x0 is None or y0 is None or x1 is None or y1 is None:
        return found.drop(where, NOT_NUMBERS, image_id)
    width, height = found.image(image_id).size
    corners = x0 * width, y0 * height, x1 * width, y1 * height
    found.add(image_id, label, corners, where, ignored=truth(row.get("IsGroupOf")) is True)
    return None
