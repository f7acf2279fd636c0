"""The page itself: program, styles, data and thumbnails in one file.

Nothing in it comes from a file unescaped: the data is JSON in which no ``<`` is left, the program shows
texts as texts, and the browser is told to run the program with its known hash and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import quote

from layoutgen.drawing.colors import label_colors
from layoutgen.errors import CannotSave
from layoutgen.gallery.records import OUTCOMES, Gallery, GalleryBox, GalleryImage, TrainingHistory
from layoutgen.gallery.thumbnails import data_url, thumbnails
from layoutgen.io.files import replacing

EMBEDDED = 4000
"""Galleries of more images carry no thumbnails: the page shows the files themselves."""
_CHUNK = 50  # thumbnails that are unpacked together
_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; img-src 'self' data: blob: file:; "


def write_page(gallery: Gallery, path: Path, home: Path | None = None) -> Iterator[int]:
    """Write the page of `gallery` to `path`, which appears when it is whole; yields the images done.

    The page links to the image files by their places relative to `home`, the folder it will be in; None:
    that of `path`.

    Raises:
        InvalidFile: an image cannot be read.
        CannotSave: the disk is full, or `path` may not be written.
    """
    embed = len(gallery.images) <= EMBEDDED
    try:
        with replacing(path) as aside, aside.open("w", encoding="utf-8", newline="\n") as file:
            yield from _write(file, gallery, (home or path.parent).resolve(), embed=embed)
    except OSError as error:
        raise CannotSave(f"{path} cannot be written: {error.strerror}; choose another folder") from error


def _write(file: TextIO, gallery: Gallery, folder: Path, *, embed: bool) -> Iterator[int]:
    """Head and data first, so that the page can begin to show; thumbnails in chunks after it."""
    program, style = _static("gallery.js"), _static("gallery.css")
    policy = f"{_POLICY}script-src {_hash(program)}; style-src {_hash(style)}"
    file.write(
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="referrer" content="no-referrer">\n<meta name="color-scheme" content="light dark">\n'
        f"<title>{escape(gallery.title)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'<div id="app"><noscript>This page needs JavaScript, which is inside it.</noscript></div>\n'
    )
    chunk: list[str] = []
    large: dict[int, str] = {}
    for number, small in enumerate(thumbnails(gallery.images) if embed else ()):
        chunk.append(data_url(small.small) if small is not None else "")
        if small is not None and small.large is not None:
            large[number] = data_url(small.large)
        if len(chunk) == _CHUNK:
            file.write(_block("text/plain", "thumbnails", "\n".join(chunk)))
            chunk = []
        yield number + 1
    if chunk:
        file.write(_block("text/plain", "thumbnails", "\n".join(chunk)))
    content = _content(gallery, folder, large) | {"thumbnails": _CHUNK if embed else 0}
    file.write(_block("application/json", "data", script_json(content)))
    file.write(f"<script>{program}</script>\n</body>\n</html>\n")
    if not embed:
        yield len(gallery.images)


def script_json(content: Any) -> str:
    """`content` as JSON that may stand inside a script element whatever texts are in it."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))  # ASCII only: no U+2028
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def relative_url(path: Path, folder: Path) -> str:
    """The URL of the file at `path` in a page in `folder`; absolute where there is no relative way."""
    whole = Path(os.path.abspath(path))  # noqa: PTH100 (links are followed by the browser, not by us)
    try:
        relative = os.path.relpath(whole, folder)
    except ValueError:  # another drive
        return whole.as_uri()
    return quote(os.fsencode(f"./{Path(relative).as_posix()}"))


def _content(gallery: Gallery, folder: Path, large: Mapping[int, str]) -> dict[str, Any]:
    pairs = [*gallery.images, *(image.other for image in gallery.images if image.other is not None)]
    labels = sorted(
        {box.instance.label for one in pairs for box in one.boxes}
        | {box.found.label for one in pairs for box in one.boxes if box.found is not None}
    )
    numbers = {label: number for number, label in enumerate(labels)}
    colors = label_colors(labels)
    images = []
    for number, image in enumerate(gallery.images):
        entry = _image(image, numbers, folder)
        if number in large:
            entry["url"] = large[number]
        if image.other is not None:
            entry["other"] = _image(image.other, numbers, folder)
        images.append(entry)
    return {
        "title": gallery.title,
        "source": gallery.source,
        "compared": gallery.compared,
        "labels": [{"name": label, "color": _css(colors[label])} for label in labels],
        "outcomes": OUTCOMES,
        "figures": gallery.figures,
        "otherFigures": gallery.other_figures,
        "quality": None if gallery.quality is None else asdict(gallery.quality),
        "images": images,
        "histories": [_history(history, folder) for history in gallery.histories],
    }


def _image(image: GalleryImage, labels: Mapping[str, int], folder: Path) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "name": image.name,
        "size": [image.width, image.height],
        "boxes": [_box(box, labels) for box in image.boxes],
    }
    if image.path is not None:
        entry["url"] = entry["file"] = relative_url(image.path, folder)
    return entry | {key: text for key in ("prompt", "command") if (text := getattr(image, key))}


def _box(box: GalleryBox, labels: Mapping[str, int]) -> list[Any]:
    """Label, corners, outcome (-1: none), IoU, and what was seen: score, label, corners."""
    corners = [_short(value) for value in box.instance.box.xyxy]
    outcome = -1 if box.outcome is None else OUTCOMES.index(box.outcome)
    entry = [labels[box.instance.label], *corners, outcome]
    if box.found is None:
        return entry
    seen = [_short(value) for value in box.found.box.xyxy]
    iou = None if box.iou is None else round(box.iou, 4)
    return [*entry, iou, round(box.found.score, 4), labels[box.found.label], *seen]


def _history(history: TrainingHistory, folder: Path) -> dict[str, Any]:
    return {
        "name": history.name,
        "metrics": [dict(line) for line in history.metrics],
        "sheets": [
            {"images": number, "url": relative_url(path, folder), "name": path.name}
            for number, path in history.sheets
        ],
    }


def _short(value: float) -> float:
    rounded = round(value, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def _css(color: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*color)


def _block(kind: str, name: str, text: str) -> str:
    return f'<script type="{kind}" class="{name}">{text}</script>\n'


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _static(name: str) -> str:
    """A built file, see ``web/``."""
    return (files("layoutgen.gallery") / "static" / name).read_text(encoding="utf-8")
