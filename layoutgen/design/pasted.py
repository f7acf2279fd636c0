"""Text that somebody pastes: a layout file, COCO, or a bare list of COCO annotations."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from layoutgen.domain.labels import COCO_CATEGORIES
from layoutgen.domain.layout import Layout
from layoutgen.domain.requests import arrange_request
from layoutgen.errors import InvalidFile, LayoutgenError
from layoutgen.formats import read_layouts
from layoutgen.formats.read_options import ReadOptions

_MOST = 200  # layouts of a text, so that a page can list them


def read_pasted(text: str, canvas: tuple[int, int]) -> tuple[Layout, ...]:
    """The layouts that `text` holds: YAML, a COCO json, or only its list of annotations.

    Args:
        canvas: width and height for what does not say its own.

    Raises:
        InvalidFile: it holds none; says what is wrong, and where.
    """
    if not text.strip():
        raise InvalidFile("the pasted text", "is empty", remedy="copy a layout or COCO annotations first")
    content = _json(text)
    if content is not None and "canvas" not in content:  # a layout file may be written as JSON
        return _read(json.dumps(_coco(content, canvas)), ".json")
    return _read(text, ".yaml")


def _read(text: str, suffix: str) -> tuple[Layout, ...]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"pasted{suffix}"
        path.write_text(text, encoding="utf-8")
        try:
            return tuple(map(arrange_request, read_layouts(path, options=ReadOptions(strict=True))[:_MOST]))
        except LayoutgenError as error:
            raise InvalidFile("the pasted text", _without(str(error), path)) from error


def _without(message: str, path: Path) -> str:
    """The message without the name of a file that the user never saw."""
    return message.replace(f"{path}, ", "").replace(f"{path}: ", "").replace(str(path), "it")


def _json(text: str) -> Any | None:
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content if isinstance(content, (dict, list)) else None


def _coco(content: Any, canvas: tuple[int, int]) -> Any:
    """A whole COCO document; a list of annotations gets the image and the categories that it speaks of."""
    if isinstance(content, dict) and "bbox" in content:
        content = [content]
    if isinstance(content, dict):
        return content
    entries = [entry for entry in content if isinstance(entry, dict)]
    numbers = {n for entry in entries if isinstance(n := entry.get("category_id"), int)}
    images = {n for entry in entries if isinstance(n := entry.get("image_id", 1), int)}
    return {
        "images": [
            {"id": number, "file_name": f"{number}.png", "width": canvas[0], "height": canvas[1]}
            for number in sorted(images or {1})
        ],
        "categories": [
            {"id": number, "name": COCO_CATEGORIES.get(number, f"category {number}")}
            for number in sorted(numbers)
        ],
        "annotations": [
            {"id": place, "image_id": 1} | entry if isinstance(entry, dict) else entry
            for place, entry in enumerate(content, start=1)
        ],
    }
