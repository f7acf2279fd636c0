import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from layoutgen.errors import CannotSave, InvalidOption, OutputExists
from layoutgen.io.files import replacing
from layoutgen.io.output_folder import added_file, check_output, name_inside, output_folder

NAMES = ("images", "index.json")


def write(folder: Path, files: dict[str, str], overwrite: bool = False) -> None:
    with output_folder(folder, NAMES, overwrite=overwrite, with_them=("page.html",)) as aside:
        for name, text in files.items():
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            (aside / name).write_text(text)


def content(folder: Path) -> dict[str, str]:
    """The files of `folder` but for our own list."""
    return {
        p.relative_to(folder).as_posix(): p.read_text()
        for p in folder.rglob("*")
        if p.is_file() and p.name != ".layoutgen"
    }


OLD, NEW = {"images/a": "1", "images/b": "2", "index.json": "old"}, {"images/a": "3", "index.json": "new"}


def test_a_new_folder_appears_whole(tmp_path: Path) -> None:
    write(tmp_path / "deep" / "out", OLD)
    assert content(tmp_path) == {f"deep/out/{name}": text for name, text in OLD.items()}


def test_an_empty_folder_is_filled_and_keeps_its_permissions(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir(mode=0o750)
    write(out, OLD)
    assert content(out) == OLD
    assert out.stat().st_mode & 0o777 == 0o750


def test_a_folder_can_be_written_whose_parent_cannot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    write(Path(), OLD)
    assert content(tmp_path / "out") == OLD
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("there", [True, False])
def test_nothing_is_left_of_a_run_that_fails(tmp_path: Path, error: type[BaseException], there: bool) -> None:
    if there:
        write(tmp_path / "out", OLD)
    with pytest.raises(error), output_folder(tmp_path / "out", NAMES, overwrite=True) as aside:
        (aside / "index.json").write_text("half")
        raise error
    assert content(tmp_path) == ({f"out/{name}": text for name, text in OLD.items()} if there else {})


def test_nothing_stands_there_after_a_kill(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib\nfrom layoutgen.io.output_folder import output_folder\n"
        "with output_folder(pathlib.Path(sys.argv[1]), ('images',)) as aside:\n"
        "    (aside / 'images').mkdir(); print('writing', flush=True); time.sleep(60)\n"
    )
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", code, str(tmp_path / "out")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}
    ) as run:
        assert run.stdout is not None and run.stdout.readline() == b"writing\n"
        run.send_signal(signal.SIGKILL)
    assert not (tmp_path / "out").exists()
    write(tmp_path / "out", OLD)
    assert content(tmp_path / "out") == OLD


def test_results_are_not_overwritten_silently(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    with pytest.raises(
        OutputExists, match="already holds images; choose another `output` or pass `overwrite`"
    ):
        write(tmp_path, NEW)
    assert content(tmp_path) == OLD


def test_overwriting_replaces_what_we_wrote_and_nothing_else(tmp_path: Path) -> None:
    write(tmp_path, OLD)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "images" / "mine").write_text("mine too")
    write(tmp_path, NEW, overwrite=True)
    assert content(tmp_path) == NEW | {"notes.txt": "mine", "images/mine": "mine too"}
    write(tmp_path, OLD, overwrite=True)
    assert content(tmp_path) == OLD | {"notes.txt": "mine", "images/mine": "mine too"}


@pytest.mark.parametrize("overwrite", [True, False])
def test_what_somebody_else_put_there_is_never_ours(tmp_path: Path, overwrite: bool) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "holiday").write_text("mine")
    with pytest.raises(OutputExists, match="was not written by layoutgen"):
        write(tmp_path, OLD, overwrite)
    assert content(tmp_path) == {"images/holiday": "mine"}


def test_a_foreign_file_in_the_way_stops_the_exchange_before_it_begins(tmp_path: Path) -> None:
    write(tmp_path, NEW)
    (tmp_path / "images" / "b").write_text("mine")
    with pytest.raises(OutputExists, match="images/b was not written by layoutgen"):
        write(tmp_path, OLD, overwrite=True)
    assert content(tmp_path) == NEW | {"images/b": "mine"}


def test_a_list_that_was_tampered_with_reaches_nothing_outside(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    write(tmp_path / "out", OLD)
    (tmp_path / "out" / ".layoutgen").write_text(
        json.dumps(["../precious", str(tmp_path / "precious"), *OLD])
    )
    write(tmp_path / "out", NEW, overwrite=True)
    assert (tmp_path / "precious").read_text() == "mine"
    assert content(tmp_path / "out") == NEW


def test_a_list_that_was_tampered_with_reaches_nothing_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "precious").write_text("mine")
    write(tmp_path / "out", {"index.json": "old"})
    (tmp_path / "out" / "images").symlink_to(tmp_path / "home")
    (tmp_path / "out" / ".layoutgen").write_text(json.dumps(["images/precious", "index.json"]))
    with pytest.raises(OutputExists, match="images was not written by layoutgen"):
        write(tmp_path / "out", NEW, overwrite=True)
    with output_folder(tmp_path / "out", ("index.json",), overwrite=True, with_them=("images",)) as aside:
        (aside / "index.json").write_text("new")
    assert (tmp_path / "home" / "precious").read_text() == "mine"
    assert (tmp_path / "out" / "index.json").read_text() == "new"


@pytest.mark.parametrize("overwrite", [True, False])
def test_what_another_command_wrote_there_stays(tmp_path: Path, overwrite: bool) -> None:
    write(tmp_path, OLD)
    with output_folder(tmp_path, ("report.json",), overwrite=overwrite) as aside:
        (aside / "report.json").write_text("1")
    assert content(tmp_path) == OLD | {"report.json": "1"}
    write(tmp_path, NEW, overwrite=True)
    assert content(tmp_path) == NEW | {"report.json": "1"}
    with output_folder(tmp_path, ("report.json",), overwrite=True) as aside:
        (aside / "report.json").write_text("2")
    assert content(tmp_path) == NEW | {"report.json": "2"}


def test_a_link_under_a_name_of_ours_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    out = tmp_path / "out"
    out.mkdir()
    for name in (".out.lock", "..layoutgen.partial", ".index.partial.json", ".layoutgen"):
        (out / name).symlink_to(tmp_path / "precious")
    (out / ".out.new.partial").symlink_to(tmp_path / "elsewhere")
    write(out, OLD)
    with replacing(out / "index.json") as aside:
        aside.write_text("newer")
    assert (tmp_path / "precious").read_text() == "mine" and not list((tmp_path / "elsewhere").iterdir())
    assert content(out) == OLD | {"index.json": "newer"}
    assert not [path for path in out.rglob("*") if path.is_symlink()]


def test_other_files_do_not_stand_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path, OLD)
    assert content(tmp_path) == OLD | {"notes.txt": "mine"}


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(InvalidOption, match="is a file; name a folder"):
        check_output(tmp_path / "out", NAMES)
    with pytest.raises(InvalidOption, match="cannot write to `output`"):
        write(tmp_path / "out" / "deeper", OLD)


def test_a_file_is_added_and_belongs_to_the_results(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write(out, OLD)
    with pytest.raises(ValueError, match="broken"), added_file(out, "page.html") as aside:
        aside.write_text("half")
        raise ValueError("broken")
    assert content(out) == OLD
    with added_file(out, "page.html") as aside:
        aside.write_text("page")
    assert content(out) == OLD | {"page.html": "page"}
    with pytest.raises(OutputExists, match=r"already holds page\.html"):
        check_output(out, ["page.html"])
    write(out, NEW, overwrite=True)
    assert content(out) == NEW  # it is of the results that are gone


def killed(folder: Path, code: str) -> None:
    """Runs `code` in a process of its own until it prints, and kills it; `out` is `folder`."""
    start = (
        "import sys, os, time, pathlib\nfrom layoutgen.io.output_folder import *\n"
        "out = pathlib.Path(sys.argv[1])\n"
        "def stop(): print('now', flush=True); time.sleep(60)\n"
    )
    command = [sys.executable, "-c", start + code, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as run:
        assert run.stdout is not None and run.stdout.readline() == b"now\n"
        run.send_signal(signal.SIGKILL)


BUILDING = (
    "with output_folder(out, ('images', 'index.json')) as aside:\n"
    "    (aside / 'index.json').write_text('x'); stop()"
)


@pytest.mark.parametrize("there", [True, False])
def test_what_a_killed_command_left_is_gone_after_the_next(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "out").mkdir()
    killed(tmp_path / "out", BUILDING)
    write(tmp_path / "out", OLD)
    assert content(tmp_path) == {f"out/{name}": text for name, text in OLD.items()}
    assert {p.name for p in [*tmp_path.iterdir(), *(tmp_path / "out").iterdir()]} == {
        "out", "images", "index.json", ".layoutgen",
    }  # fmt: skip


def test_a_kill_in_the_middle_of_the_exchange_is_finished_by_the_same_command(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    exchange = (
        "import layoutgen.io.output_folder as module\nreal, calls = pathlib.Path.replace, []\n"
        "def replace(self, other):\n    calls.append(other)\n    if len(calls) == 3: stop()\n"
        "    return real(self, other)\n"
        "pathlib.Path.replace = replace\n"
        "with output_folder(out, ('images', 'index.json')) as aside:\n    (aside / 'images').mkdir()\n"
        "    [(aside / 'images' / n).write_text(n) for n in 'abc']\n"
        "    (aside / 'index.json').write_text('new')\n"
    )
    killed(tmp_path / "out", exchange)
    assert {"images"} < {p.name for p in (tmp_path / "out").iterdir()}
    (tmp_path / "out" / "mine").write_text("mine")
    write(tmp_path / "out", OLD)
    assert content(tmp_path / "out") == OLD | {"mine": "mine"}


def test_two_processes_do_not_write_to_one_folder(tmp_path: Path) -> None:
    code = "with output_folder(out, ('images',)): stop()"
    start = "import sys, time, pathlib\nfrom layoutgen.io.output_folder import *\n"
    start += f"out = pathlib.Path({str(tmp_path / 'out')!r})\n"
    start += "def stop(): print('now', flush=True); time.sleep(60)\n"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", start + code], stdout=subprocess.PIPE, env=environment
    ) as run:
        assert run.stdout is not None and run.stdout.readline() == b"now\n"
        with pytest.raises(
            InvalidOption, match=r"another process is writing to `output` .*: wait for it, or choose"
        ):
            write(tmp_path / "out", OLD)
        run.kill()
    write(tmp_path / "out", OLD)
    assert content(tmp_path / "out") == OLD


def test_an_error_leaves_no_folder_that_it_made(tmp_path: Path) -> None:
    with pytest.raises(KeyError), output_folder(tmp_path / "a" / "b" / "out", NAMES):
        raise KeyError
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_full_disk_is_said_in_one_line(tmp_path: Path, number: int) -> None:
    said = f"`output` {tmp_path / 'out'} cannot be written: .*: make room, and give the same command again"
    with pytest.raises(CannotSave, match=said), output_folder(tmp_path / "out", NAMES):
        raise OSError(number, os.strerror(number))
    assert list(tmp_path.iterdir()) == []


def test_an_input_that_fails_is_not_called_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), output_folder(tmp_path / "out", NAMES):
        raise PermissionError(errno.EACCES, "Permission denied", "/elsewhere/photo.png")


def test_names_that_differ_by_case_are_two_files(tmp_path: Path) -> None:
    taken: set[str] = set()
    names = [name_inside("images", name, ".png", taken) for name in ("A.png", "a.png", "a.jpg", "../A.png")]
    assert names == ["images/A.png", "images/a-2.png", "images/a-3.png", "images/A-4.png"]
