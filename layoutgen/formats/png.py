"""An image with its layout and all settings inside, so that it can be made again."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages
from layoutgen.domain.layout import Layout
from layoutgen.errors import InvalidFile
from layoutgen.formats.dataset_format import DatasetFormat
from layoutgen.formats.layout_file import layout_to_dict, request_from_dict
from layoutgen.formats.read_options import ReadOptions
from layoutgen.io.files import parse_json_object, read_bytes, replacing

_KEY = "layoutgen"
_FORMAT = 1
_REMEDY = "give a PNG that `layoutgen sample` wrote, or a layout file"


def write_png(image: Image.Image, path: Path, layout: Layout, settings: Mapping[str, Any]) -> None:
    """Write `image` as a PNG that holds `layout` and `settings`, which JSON must be able to express."""
    content = {"format": _FORMAT, "layout": layout_to_dict(layout), "settings": dict(settings)}
    info = PngInfo()
    info.add_text(_KEY, json.dumps(content, allow_nan=False))
    with replacing(path) as temporary:
        image.save(temporary, "PNG", pnginfo=info)


def read_png(path: Path) -> tuple[Layout, dict[str, Any]]:
    """The layout and the settings inside the PNG at `path`.

    Raises:
        InvalidFile: missing, no image, cut off, or not written by :func:`write_png`.
    """
    path = Path(path)
    text = _text(path)
    content = parse_json_object(path, text, where=f"text {_KEY!r}")
    if content.get("format") != _FORMAT:
        problem = f"holds data of format {content.get('format')!r}; this version reads {_FORMAT}"
        raise InvalidFile(path, problem, remedy="upgrade layoutgen")
    settings = content.get("settings")
    if not isinstance(settings, dict) or type(settings.get("seed", 0)) is not int:
        raise InvalidFile(path, "its settings are damaged", remedy=_REMEDY)
    # Windows of larger layouts have boxes that reach beyond their canvas.
    return request_from_dict(content.get("layout"), path=path, inside=False).layout, settings


def recognises(path: Path) -> bool:
    """A PNG file; only reading it tells whether it holds a layout."""
    return path.is_file() and path.suffix.lower() == ".png"


def read(path: Path, options: ReadOptions) -> tuple[AnnotatedImages, Path]:
    """The image and its layout.

    Raises:
        InvalidFile: it holds none.
    """
    layout, _ = read_png(path)
    image = AnnotatedImage(1, path.name, layout)
    return AnnotatedImages((image,), dict(enumerate(layout.labels, start=1))), path.parent


FORMAT = DatasetFormat("png", "an image that layoutgen made", recognises, read)


def _text(path: Path) -> str:
    read_bytes(path)  # for the errors of a file that is not there
    try:
        with Image.open(path) as image:
            image.load()
            text = image.info.get(_KEY) if image.format == "PNG" else None
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError):
        raise InvalidFile(path, "is not an image, or is cut off", remedy=_REMEDY) from None
    if not isinstance(text, str):
        raise InvalidFile(path, "holds no layout", remedy=_REMEDY)
    return text
