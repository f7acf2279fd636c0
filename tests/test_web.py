"""The pages in the package are built from the sources in web/, by `npm ci && npm run build` there."""

import hashlib
import json
import re
from pathlib import Path

import pytest

import layoutgen

WEB = Path(__file__).parent.parent / "web"
PACKAGE = Path(layoutgen.__file__).parent
BUILT = {"gallery": {"gallery.js", "gallery.css"}, "design": {"design.js", "design.css", "index.html"}}


def fingerprint(page):
    """As web/build.mjs computes it: names and contents, in the order of the names."""
    files = [path for folder in ("shared", page) for path in (WEB / folder).rglob("*") if path.is_file()]
    files += [WEB / "build.mjs", WEB / "package-lock.json"]
    digest = hashlib.sha256()
    for name, path in sorted((path.relative_to(WEB).as_posix(), path) for path in files):
        digest.update(f"{name}\n".encode() + path.read_bytes() + b"\n")
    return digest.hexdigest()


@pytest.mark.parametrize("page", BUILT)
def test_the_built_files_are_there_and_of_these_sources(page):
    static = PACKAGE / page / "static"
    assert {path.name for path in static.iterdir()} == BUILT[page] | {"LICENSES.txt", "sources.sha256"}
    built = (static / "sources.sha256").read_text().strip()
    assert built == fingerprint(page), "run `npm ci && npm run build` in web/"


@pytest.mark.parametrize("page", BUILT)
def test_nothing_is_taken_from_a_network(page):
    for path in (PACKAGE / page / "static").iterdir():
        if path.suffix in (".js", ".css", ".html"):
            text = path.read_text(encoding="utf-8")
            # Names of namespaces, and the homes of libraries in their comments, are never fetched.
            addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"'`)]*", text))
            fetched = re.findall(r"@import|url\((?!data:|#)", text) if path.suffix == ".css" else []
            known = (
                "http://www.w3.org/",
                "https://konvajs.org",
                "http://konvajs.org",
                "https://github.com/konvajs",
            )
            assert not {one for one in addresses if not one.startswith(known)}
            assert not fetched


def test_a_page_may_hold_the_program(page="gallery"):
    program = (PACKAGE / page / "static" / f"{page}.js").read_text(encoding="utf-8")
    assert program.isascii() and "</script" not in program.lower() and "<!--" not in program


def test_the_licences_of_what_is_inside_go_along():
    lock = json.loads((WEB / "package-lock.json").read_text())["packages"]
    for page, names in {"gallery": {"preact", "@preact/signals"}, "design": {"preact", "konva"}}.items():
        text = (PACKAGE / page / "static" / "LICENSES.txt").read_text(encoding="utf-8")
        for name in names:
            assert f"{name} {lock[f'node_modules/{name}']['version']}\n" in text
        assert text.count("Permission is hereby granted") >= len(names)


def test_the_lock_file_names_no_registry():
    lock = json.loads((WEB / "package-lock.json").read_text())["packages"]
    assert all("resolved" not in package for package in lock.values())
    assert all("integrity" in package for name, package in lock.items() if name)
