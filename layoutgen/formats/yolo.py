"""YOLO: a text file per image, a line per object, in fractions of the upright image, and ``data.yaml``.

``class cx cy width height`` (detect), ``class x1 y1 x2 y2 x3 y3 ...`` (segment). Read as Ultralytics,
Roboflow, CVAT and darknet write it: ``images/train`` beside ``labels/train``, ``train/images`` beside
``train/labels``, or the text beside its image, the names in a yaml file or in ``classes.txt`` or
``obj.names``.

Own code: labelformat and supervision read one split and one task at a time and stop at the first bad line,
and Ultralytics drops the whole image for it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Mask
from layoutgen.errors import InvalidFile
from layoutgen.formats.collector import Collector, empty_image
from layoutgen.formats.dataset_format import OUTLINES, UNUSED_LABELS, DatasetFormat
from layoutgen.formats.dialects import number, polygons_corners, whole
from layoutgen.formats.image_files import image_files, image_size
from layoutgen.formats.marked_yaml import read_marked_yaml, write_plain_yaml
from layoutgen.formats.outlines import outline_of
from layoutgen.formats.read_options import ReadOptions
from layoutgen.io.files import is_file, read_text

_SPLITS = ("train", "val", "valid", "validation", "test")
_NAME_LISTS = ("classes.txt", "obj.names", "labels.txt", "_darknet.labels", "classes.names")
_FARTHEST = 1.5  # a fraction of the image beyond which a number is none
NOT_FRACTIONS = "numbers that are no fractions of the image"
NOT_A_LINE = "line that is neither a box nor an outline"
NO_CLASS = "class without a name"


def recognises(path: Path) -> bool:
    """A yaml file with names, its folder, or a folder of labels with a list of names."""
    if path.is_file():
        return path.suffix.lower() in (".yaml", ".yml") and _says_names(path)
    if not path.is_dir():
        return False
    if _yaml_in(path) is not None:
        return True
    named = any((path / name).is_file() for name in _NAME_LISTS)
    return named and next(path.rglob("*.txt"), None) is not None


def read(path: Path, options: ReadOptions) -> tuple[AnnotatedImages, Path]:
    """All splits of the data set at `path`.

    Raises:
        InvalidFile: the classes have no names, or no image is there.
    """
    file = path if path.is_file() else _yaml_in(path)
    home = path.parent if path.is_file() else path
    content: Any = read_marked_yaml(file)[0] if file is not None else {}
    names = _names(file, content.get("names")) if file is not None else _name_list(home)
    folders = [options.images] if options.images is not None else _image_folders(home, content)
    files = list(dict.fromkeys(image for folder in folders for image in _images_of(folder)))
    if not files:
        problem, remedy = "lists no image that is there", "put the images where train and val say"
        raise InvalidFile(file or home, problem, remedy=remedy)
    root = Path(os.path.commonpath([home.resolve(), *(image.parent.resolve() for image in files)]))
    found = Collector(file or home, options, pixels=False)
    for image in files:
        size = image_size(image)
        if size is None:
            found.drop(str(image), "image that cannot be read")
            continue
        one = empty_image(len(found) + 1, image.resolve().relative_to(root).as_posix(), size)
        found.add_image(one)
        _read_labels(found, one, _label_file(image, options.images), names, pose="kpt_shape" in content)
    return found.finish(names), root


def write(data: AnnotatedImages, folder: Path) -> None:
    """Write ``labels/`` and ``data.yaml``; outlines if any object has a mask: a data set is of one task."""
    names = list(dict.fromkeys(data.categories.values())) or list(data.labels)
    numbers = {name: index for index, name in enumerate(names)}
    segment = any(any(image.masks) for image in data.images)
    for image in data.images:
        lines = [
            " ".join([str(numbers[one.label]), *(f"{value:.15g}" for value in shape)])
            for one, shape in zip(image.instances, _shapes(image, segment), strict=True)
            if shape
        ]
        target = folder / _label_name(image.file_name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    content = {"train": "images", "val": "images", "nc": len(names), "names": dict(enumerate(names))}
    write_plain_yaml(folder / "data.yaml", content)


FORMAT = DatasetFormat(
    "yolo",
    "YOLO (data.yaml)",
    recognises,
    read,
    write,
    writes=("images", "labels", "data.yaml"),
    holds=frozenset({OUTLINES, UNUSED_LABELS}),
)


def _shapes(image: AnnotatedImage, segment: bool) -> Iterator[list[float]]:
    """The numbers of each instance, fractions from 0 to 1; none of what lies outside the image."""
    width, height = image.size
    for index, instance in enumerate(image.instances):
        box, mask = instance.box.clip(width, height), image.mask_of(index)
        outline = outline_of(mask.segmentation, height, width) if mask is not None else None
        if box is None:
            yield []
        elif not segment:
            x0, y0, x1, y1 = box.xyxy
            middle = (x0 + x1) / 2 / width, (y0 + y1) / 2 / height
            yield [*middle, box.width / width, box.height / height]
        else:
            x0, y0, x1, y1 = box.xyxy
            outline = outline or [x0, y0, x1, y0, x1, y1, x0, y1]
            sides = (width, height) * (len(outline) // 2)
            yield [min(max(v / side, 0.0), 1.0) for v, side in zip(outline, sides, strict=True)]


def _read_labels(
    found: Collector, image: AnnotatedImage, file: Path, names: dict[int, str], *, pose: bool
) -> None:
    if not is_file(file):
        return  # an image without objects
    try:
        lines = read_text(file).splitlines()
    except InvalidFile as error:
        if file.stat().st_size:
            found.drop(str(file), f"label file that {error.problem}", image.id)
        return
    for index, line in enumerate(lines, start=1):
        parts = line.replace(",", " ").split()
        if parts:
            _read_line(found, image, parts[:5] if pose else parts, names, f"{file}, line {index}")


def _read_line(
    found: Collector, image: AnnotatedImage, parts: Sequence[str], names: dict[int, str], where: str
) -> None:
    kind, values = whole(parts[0]), [number(part) for part in parts[1:]]
    plain = [value for value in values if value is not None]
    if kind not in names:
        return found.drop(where, NO_CLASS, image.id)
    if len(plain) < len(values) or len(plain) < 4 or (len(plain) > 5 and len(plain) % 2):
        return found.drop(where, NOT_A_LINE, image.id)
    if max(abs(value) for value in plain) > _FARTHEST:
        return found.drop(where, NOT_FRACTIONS, image.id)
    width, height = image.size
    if len(plain) < 6:  # the fifth is how sure a model was
        cx, cy, w, h = (value * side for value, side in zip(plain, (width, height) * 2, strict=False))
        found.add(image.id, names[kind], (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), where)
        return None
    outline = [v * side for v, side in zip(plain, (width, height) * (len(plain) // 2), strict=True)]
    found.add(image.id, names[kind], polygons_corners([outline]), where, mask=Mask([outline]))
    return None


def _image_folders(home: Path, content: dict[str, Any]) -> list[Path]:
    """Where the images of all splits are, as the yaml says or as such data sets usually look."""
    base = home / str(content.get("path") or "")
    bases = [base] if base.is_dir() else []
    said = [content[split] for split in _SPLITS if content.get(split)]
    named = [str(one) for part in said for one in (part if isinstance(part, list) else [part])]
    folders = []
    for name in named:
        inside = Path(*[part for part in Path(name).parts if part not in ("..", "/")])  # Roboflow's ../train
        tries = [base / name for base in (*bases, home)] + [home / inside, home / f"images/{inside}"]
        folders += [one for one in tries if one.is_dir() or is_file(one)][:1]
    if folders:
        return folders
    return [next((one for one in (home / "images", home / "obj_train_data") if one.is_dir()), home)]


def _images_of(place: Path) -> Iterator[Path]:
    """The images in a folder, or those that a text file lists."""
    if place.is_dir():
        yield from (place / name for name in image_files(place))
    elif place.suffix == ".txt":
        for line in read_text(place).splitlines():
            yield from (one for one in (place.parent / line.strip(),) if line.strip() and is_file(one))


def _label_file(image: Path, images: Path | None) -> Path:
    """Where the labels of `image` are: in ``labels`` where it is in ``images``, or beside it."""
    parts = list(image.parts)
    steps = [index for index, part in enumerate(parts[:-1]) if part == "images"]
    if steps:
        parts[steps[-1]] = "labels"
        other = Path(*parts).with_suffix(".txt")
        if is_file(other):
            return other
    if images is not None and (images.parent / "labels").is_dir():
        return images.parent / "labels" / image.relative_to(images).with_suffix(".txt")
    return image.with_suffix(".txt")


def _label_name(file_name: str) -> Path:
    parts = Path(file_name).with_suffix(".txt").parts
    return Path("labels", *(parts[1:] if parts[0] == "images" else parts))


def _yaml_in(folder: Path) -> Path | None:
    files = [folder / "data.yaml", *sorted((*folder.glob("*.yaml"), *folder.glob("*.yml")))]
    return next((file for file in files if file.is_file() and _says_names(file)), None)


def _says_names(file: Path) -> bool:
    """Whether the file is a data set's, without reading it as YAML."""
    try:
        lines = file.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    except OSError:
        return False
    keys = {line.split(":")[0] for line in lines if ":" in line}
    return "names" in keys and not keys & {"canvas", "instances"}


def _names(file: Path, value: Any) -> dict[int, str]:
    """The classes by number, of a list or of a mapping."""
    pairs = list(value.items()) if isinstance(value, dict) else list(enumerate(value or ()))
    names = {number: str(name).strip() for key, name in pairs if (number := whole(key)) is not None}
    if not names or not all(names.values()):
        raise InvalidFile(file, "names no classes", where="names", remedy="write names: [dog, cat]")
    return names


def _name_list(folder: Path) -> dict[int, str]:
    file = next((folder / name for name in _NAME_LISTS if (folder / name).is_file()), None)
    if file is None:
        problem = "nothing says what the classes of these labels are"
        raise InvalidFile(folder, problem, remedy="write a data.yaml with names: [dog, cat]")
    lines = [line.strip() for line in read_text(file).splitlines()]
    return dict(enumerate(line for line in lines if line))
