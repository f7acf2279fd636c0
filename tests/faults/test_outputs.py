"""Where results go: links, files, pipes, what is the user's own. Nothing is lost.

No test names a real device: a fault would replace it for the whole machine.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from layoutgen.cli import app
from layoutgen.data.health_page import MARK
from tests.faults.commands import WRITERS
from tests.fuzz.running import one_command

COMMANDS = {writer.name: writer.arguments for writer in WRITERS} | {
    "evaluate": "evaluate IN/coco.json --detections IN/results.json -o OUT --no-overlays --json",
    "prepare coco, masks": "prepare coco IN/images IN/coco.json -o OUT --masks grabcut --quiet",
    "distill": "distill IN/painter IN/data -o OUT --images 2 --resolution 32 --device cpu --quiet",
    "inspect --html": "inspect IN/images IN/coco.json --html -o OUT --quiet",
}
FOLDERS = [name for name in COMMANDS if name != "inspect --html"]
QUICK = ("convert", "endless scenes", "visualize --html", "evaluate", "prepare coco")  # to their end

Place = Callable[[Path], Path]


def invoke(name: str, inputs: Path, out: Path, *more: str) -> Result:
    words = [word.replace("IN", str(inputs)).replace("OUT", str(out)) for word in COMMANDS[name].split()]
    with one_command():
        return CliRunner().invoke(app, [*words, *more], catch_exceptions=False)


def a_link_to_itself(home: Path) -> Path:
    (home / "out").symlink_to(home / "out")
    return home / "out"


def a_pipe(home: Path) -> Path:
    os.mkfifo(home / "out")
    return home / "out"


def below_a_file(home: Path) -> Path:
    (home / "file").write_text("mine")
    return home / "file" / "out"


def a_link_to_a_file(home: Path) -> Path:
    (home / "file").write_text("mine")
    (home / "out").symlink_to(home / "file")
    return home / "out"


def a_long_name(home: Path) -> Path:
    return home / ("x" * 300)


def read_only(home: Path) -> Path:
    return Path("/sys/kernel/out")  # also for root


NO_FOLDERS: dict[Place, str] = {
    a_link_to_itself: "Too many levels of symbolic links; name another folder",
    a_pipe: "is a file; name a folder",
    a_link_to_a_file: "is a file; name a folder",
    below_a_file: "file is a file; name another folder",
    a_long_name: "File name too long; name another folder",
}
if sys.platform == "linux":
    NO_FOLDERS[read_only] = "ake it writable"


def _content(path: Path) -> object:
    if path.is_symlink():
        return path.readlink()
    return path.read_bytes() if path.is_file() else "other"


def stock(folder: Path) -> dict[str, object]:
    """All that is in `folder`: contents of files, ends of links, kinds of the rest."""
    return {str(path): _content(path) for path in folder.rglob("*")}


@pytest.mark.parametrize("name", FOLDERS)
def test_what_can_be_no_folder_is_refused_in_one_line(inputs: Path, tmp_path: Path, name: str) -> None:
    for place, said in NO_FOLDERS.items():
        if (name, place) == ("distill", read_only):
            continue  # it looks at the labels of the data before it writes, and this painter knows none
        home = tmp_path / place.__name__
        home.mkdir()
        out = place(home)
        before = stock(home)
        done = invoke(name, inputs, out)
        assert done.exit_code == 2, f"{place.__name__}: {done.output}"
        assert said in done.stderr and done.stderr.count("\n") == 1, f"{place.__name__}: {done.stderr}"
        assert stock(home) == before, place.__name__


@pytest.mark.parametrize("name", FOLDERS)
def test_what_somebody_else_put_there_is_left_alone(inputs: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    results = ("images", "overlays", "report.json", "metadata.jsonl", "scenes.json", "gallery.html")
    for entry in (*results, "notes.txt"):
        (out / entry).write_text("mine")
    before = stock(tmp_path)
    done = invoke(name, inputs, out)
    assert done.exit_code == 2, done.output
    assert done.stderr.count("\n") == 1
    assert f"choose another {'OUT' if name == 'convert' else '--output'}" in done.stderr
    assert stock(tmp_path) == before


@pytest.mark.parametrize("name", QUICK)
def test_links_to_folders_and_folders_in_the_input(inputs: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "full")
    (tmp_path / "dangling").symlink_to(tmp_path / "new")
    before = stock(inputs)
    for out in (tmp_path / "link", tmp_path / "dangling", inputs / "images" / "deep" / "out"):
        assert invoke(name, inputs, out).exit_code == 0, out
    written = [path.name for path in (inputs / "images" / "deep" / "out").iterdir()]
    for folder, more in (("full", ["notes.txt"]), ("new", [])):
        assert sorted(p.name for p in (tmp_path / folder).iterdir()) == sorted([*written, *more])
    assert (tmp_path / "link").is_symlink() and (tmp_path / "dangling").is_symlink()
    assert (tmp_path / "full" / "notes.txt").read_text() == "mine"
    shutil.rmtree(inputs / "images" / "deep")
    assert stock(inputs) == before


def test_a_page_replaces_a_page_and_nothing_else(inputs: Path, tmp_path: Path) -> None:
    before = stock(inputs)
    (tmp_path / "pipe").mkdir()
    pipe = a_pipe(tmp_path / "pipe")
    for out, said in (
        (inputs / "coco.json", "was not written by layoutgen for this; name another file"),
        (inputs / "images" / "1.png", "was not written by layoutgen for this; name another file"),
        (inputs, "is a folder; name a file"),
        (pipe, "is a device, a pipe or a socket; name a file"),
        (a_link_to_itself(tmp_path), "Too many levels of symbolic links; name another file"),
        (a_long_name(tmp_path), "File name too long; name another file"),
    ):
        done = invoke("inspect --html", inputs, out)
        assert done.exit_code == 2 and f"--output {out}" in done.stderr and said in done.stderr, done.output
        assert done.stderr.count("\n") == 1
    assert stock(inputs) == before and pipe.is_fifo()
    page, link = tmp_path / "deep" / "page.html", tmp_path / "link.html"
    link.symlink_to(page)
    for out in (page, page, link):  # an earlier page of ours is written over, also behind a link
        assert invoke("inspect --html", inputs, out).exit_code == 0
        assert MARK in page.read_text() and link.is_symlink()


def test_a_data_set_can_be_written_over_by_what_is_made_of_it(inputs: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert invoke("convert", inputs, out).exit_code == 0
    images = {path.name: path.read_bytes() for path in (out / "images").iterdir()}
    with one_command():
        done = CliRunner().invoke(app, ["convert", str(out), str(out), "--to", "coco", "--overwrite"])
    assert done.exit_code == 0, done.output
    assert {path.name: path.read_bytes() for path in (out / "images").iterdir()} == images
    assert not (out / "labels").exists() and not (out / "data.yaml").exists()


def test_a_run_folder_does_not_lead_elsewhere(inputs: Path, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    for name in (".lock", "metrics.jsonl", "config.yaml", "origin.yaml"):
        out = tmp_path / name
        out.mkdir()
        (out / name).symlink_to(precious)
        done = invoke("train", inputs, out)
        assert done.exit_code == 2 and done.stderr.count("\n") == 1, done.output
        assert f"{out / name}: is a link, and a run writes to it (put the file itself there" in done.stderr
        assert precious.read_text() == "mine"
