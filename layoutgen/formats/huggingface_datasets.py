"""Hugging Face ``datasets`` with the images inside: what ``save_to_disk`` writes, or the hub's parquet files.

The images are unpacked into a folder that goes when the program ends. The library itself reads them (the
extra ``huggingface``); objects and class names are read as those of an imagefolder.
"""

from __future__ import annotations

import atexit
import io
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from layoutgen.domain.annotated_image import AnnotatedImages
from layoutgen.errors import InvalidFile
from layoutgen.formats.class_names import find_names
from layoutgen.formats.collector import Collector, numbered
from layoutgen.formats.dataset_format import DatasetFormat
from layoutgen.formats.huggingface import image_of, read_objects
from layoutgen.formats.image_files import ImageFiles
from layoutgen.formats.read_options import ReadOptions

_BOXES = {"bbox", "bboxes", "boxes", "box"}
_TEXTS = ("text", "caption", "prompt")


def recognises(path: Path) -> bool:
    """A folder that ``save_to_disk`` wrote, or one of parquet files, or one such file."""
    if path.is_file():
        return path.suffix == ".parquet"
    saved = (path / "dataset_info.json").is_file() and next(path.glob("*.arrow"), None) is not None
    return saved or (path / "dataset_dict.json").is_file() or bool(_parquet(path))


def read(path: Path, options: ReadOptions) -> tuple[AnnotatedImages, Path]:
    """The images of all splits.

    Raises:
        InvalidFile: the library is not installed, or no column holds images, or boxes.
    """
    root = Path(tempfile.mkdtemp(prefix="layoutgen-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    found, labels, names = Collector(path, options), set[str](), dict[int, str]()
    files = ImageFiles(root)
    for split, table in _splits(path, root):
        picture, objects = _columns(path, table.features)
        names = find_names(table.features.to_dict()) or names
        for index, row in enumerate(table):
            where = f"{split}, row {index}"
            name = _unpack(row[picture], root, f"{split}/{index:06d}")
            if name is None:
                found.drop(where, "image that cannot be read")
                continue
            text = {key: row[key] for key in _TEXTS if isinstance(row.get(key), str)}
            image = image_of({"file_name": name} | text, files, root, len(found) + 1)
            assert image is not None
            found.add_image(image)
            labels |= read_objects(found, image, row[objects], names, where)
    return found.finish(numbered(set(names.values()) | labels)), root


FORMAT = DatasetFormat("datasets", "Hugging Face datasets (arrow, parquet)", recognises, read)


def _parquet(folder: Path) -> list[Path]:
    return sorted((*folder.glob("*.parquet"), *folder.glob("data/*.parquet")))


def _splits(path: Path, cache: Path) -> Iterator[tuple[str, Any]]:
    """Each split and its table, images undecoded."""
    try:
        import datasets
    except ImportError:
        remedy = 'pip install -c constraints.txt ".[huggingface]"'
        raise InvalidFile(path, "needs the library `datasets`", remedy=remedy) from None
    datasets.disable_progress_bars()
    try:
        if path.is_dir() and not _parquet(path):
            loaded = datasets.load_from_disk(str(path))
        else:
            files = [str(file) for file in (_parquet(path) if path.is_dir() else [path])]
            loaded = datasets.Dataset.from_parquet(files, cache_dir=str(cache / "cache"))
    except Exception as error:  # pyarrow and datasets have dozens of their own
        problem = f"cannot be read: {' '.join(str(error).split())[:200]}"
        raise InvalidFile(path, problem, remedy="save it again") from None
    tables = loaded if isinstance(loaded, Mapping) else {"train": loaded}
    for split, table in tables.items():
        for name, feature in table.features.items():
            if isinstance(feature, datasets.Image):
                table = table.cast_column(name, datasets.Image(decode=False))
        yield str(split), table


def _columns(path: Path, features: Mapping[str, Any]) -> tuple[str, str]:
    """The column of images, and that of objects."""
    picture = next((name for name, one in features.items() if type(one).__name__ == "Image"), None)
    objects = next((name for name, one in features.items() if _has_boxes(one)), None)
    if picture is None or objects is None:
        missing = "images" if picture is None else "objects with bbox and category"
        raise InvalidFile(path, f"has no column of {missing}", remedy=f"it has {', '.join(features)}")
    return picture, objects


def _has_boxes(feature: Any) -> bool:
    inner = getattr(feature, "feature", feature)  # of a list
    inner = inner[0] if isinstance(inner, list) and inner else inner
    return isinstance(inner, Mapping) and bool(_BOXES & set(inner))


def _unpack(value: Any, root: Path, stem: str) -> str | None:
    """Write the image as it is stored; its name."""
    content = (value or {}).get("bytes")  # a path, which may be anywhere, is not followed
    if content is None:
        return None
    try:
        with Image.open(io.BytesIO(content)) as image:
            suffix = {"JPEG": ".jpg"}.get(str(image.format), f".{str(image.format).lower()}")
    except (OSError, ValueError, SyntaxError):
        return None
    target = root / f"{stem}{suffix}"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return f"{stem}{suffix}"
