"""What a download leaves where a file of weights should be: a pointer to it, or a page about it."""

from __future__ import annotations

from pathlib import Path

from layoutgen.errors import InvalidFile

_POINTER = b"version https://git-lfs"
_PAGES = (b"<!doctype", b"<html", b"<head")


def check_stand_in(path: Path) -> None:
    """Refuse the file at `path`, which is no file of weights, if it stands for another one.

    Raises:
        InvalidFile: says what it is, and how to get the file itself.
    """
    with path.open("rb") as file:
        head = file.read(256).lstrip()
    if head.startswith(_POINTER):
        remedy = "run `git lfs pull`, or download the file itself"
        raise InvalidFile(path, "is a pointer of Git LFS, not the file that it points to", remedy=remedy)
    if head.lower().startswith(_PAGES):
        remedy = "download the file itself: a hub's links to files have /resolve/, those to pages /blob/"
        raise InvalidFile(path, "is a web page, no file of weights", remedy=remedy)
