"""Which file an annotation means: names as other tools write them, against the files that are there."""

from __future__ import annotations

import os
import posixpath
import struct
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from PIL import ExifTags, Image

from layoutgen.io.files import is_file

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm", ".avif"}
)
"""The suffixes, in lower case, of files that are images."""
USUAL_FOLDERS = ("imgs", "img", "image", "data", "JPEGImages", "photos", "pictures")
"""Where tools put images, beside their annotations; any other folder there comes after these."""
_OF_ANNOTATIONS = ("annotations", "annotation", "ann", "labels")  # folders that stand beside those of images
_LYING = (5, 6, 7, 8)  # EXIF orientations that exchange width and height
_LONGEST = 200  # letters of a name that every file system takes
_DEPTH = 5  # folders below the root that are searched for a name


class ImageFiles:
    """The image files below `root`, found by the names that annotations give them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._by_name: dict[str, list[str]] | None = None

    def find(self, name: str) -> str | None:
        """The file that `name` means, relative to the root with forward slashes; None if there is none.

        As it stands first; then with backslashes and percent signs read; then any file whose path ends as
        `name` does, letters composed and in either case, if there is one that agrees best.
        """
        for spelling in dict.fromkeys((name, name.replace("\\", "/"), unquote(name).replace("\\", "/"))):
            inside = _inside(spelling)
            if inside is not None and self._is_file(inside):
                return inside
        return self._agreeing_best(unquote(name).replace("\\", "/"))

    def _is_file(self, name: str) -> bool:
        return is_file(self.root / name)

    def _agreeing_best(self, name: str) -> str | None:
        wanted = _parts(name)
        if not wanted:
            return None
        found = [(_agreement(wanted, _parts(path)), path) for path in self._index().get(wanted[-1], ())]
        best = max((score for score, _ in found), default=0)
        first = [path for score, path in found if score == best]
        return first[0] if len(first) == 1 else None

    def _index(self) -> dict[str, list[str]]:
        if self._by_name is None:
            self._by_name = defaultdict(list)
            for path in image_files(self.root):
                self._by_name[_parts(path)[-1]].append(path)
        return self._by_name


def image_files(root: Path) -> Iterator[str]:
    """The image files below `root`, relative to it with forward slashes, in order."""
    for folder, folders, names in os.walk(root):
        inside = Path(folder).relative_to(root)
        hidden = len(inside.parts) >= _DEPTH
        folders[:] = [] if hidden else sorted(one for one in folders if not one.startswith("."))
        for name in sorted(names):
            if posixpath.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith("."):
                yield (inside / name).as_posix()


def beside(home: Path, names: Sequence[str]) -> Path:
    """The folder for annotations in `home` in which the first of the images `names` is found.

    ``images`` comes first, then `home` itself, then its other folders, the usual ones before the rest. If it
    is nowhere there, but deeper, the answer is `home`; if it is nowhere at all, where it should be.
    """
    folders = [home / "images", home, *(home / name for name in USUAL_FOLDERS)]
    with suppress(OSError):
        folders += sorted(one for one in home.iterdir() if one.is_dir() and one not in folders)
    first = _inside(names[0].replace("\\", "/")) if names else None
    for folder in folders if first is not None else ():
        if is_file(folder / str(first)):
            return folder
    if names and ImageFiles(home).find(names[0]) is not None:
        return home
    if names and home.name.lower() in _OF_ANNOTATIONS:  # as in COCO itself, beside train2017
        return beside(home.parent, names)
    return next((folder for folder in folders if folder.is_dir()), home)


def relative_name(name: str) -> str:
    """`name`, of a file that was not found, as a path from the folder: not absolute, no step too long."""
    steps = (part.replace("\0", "_")[:_LONGEST] for part in name.replace("\\", "/").split("/"))
    return "/".join(part for part in steps if part not in ("", ".")) or "unnamed"


def image_size(path: Path) -> tuple[int, int] | None:
    """Width and height of the image at `path`, turned upright; None if it cannot be read."""
    try:
        with Image.open(path) as image:
            lies = image.getexif().get(ExifTags.Base.Orientation, 1) in _LYING
            return (image.height, image.width) if lies else image.size
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError):
        return None


def _inside(name: str) -> str | None:
    """`name` without ``.`` and ``..``; None if it leads out of the folder or names none."""
    path = posixpath.normpath(name)
    if not name or path in (".", "..") or path.startswith(("../", "/")) or "\0" in path:
        return None
    return path


def _parts(name: str) -> tuple[str, ...]:
    """The steps of a path for comparison: composed letters in one case, without ``.`` and ``..``."""
    plain = unicodedata.normalize("NFC", name).casefold()
    return tuple(part for part in plain.split("/") if part not in ("", ".", ".."))


def _agreement(one: Sequence[str], other: Sequence[str]) -> int:
    """How many steps of two paths agree, from the last."""
    pairs = zip(reversed(one), reversed(other), strict=False)
    return next((n for n, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
