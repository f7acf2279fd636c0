"""Nobody takes what is printed (`layoutgen ... | head -1`, a full disk): no traceback, results as ever."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

import pytest

from layoutgen.cli import app, console
from tests.fuzz.running import one_command

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("words", ["--help", "sample --help", "doctor"])
def test_nobody_reads_what_is_printed(words: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "layoutgen", *words.split()],
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")  # as click ends at a broken pipe


_SCENES = "--backgrounds photos -o out --endless --canvas 64 48 --size 12 20"
COMMANDS = {
    "--help": "--help",
    "--version": "--version",
    "train --help": "train --help",
    "inspect": "inspect photos instances.json",
    "inspect --json": "inspect photos instances.json --json",
    "inspect --html": "inspect photos instances.json --html -o out/page.html",
    "convert": "convert photos instances.json out --to yolo",
    "convert --json": "convert photos instances.json out --to yolo --json",
    "evaluate": "evaluate instances.json --detections results.json -o out --no-overlays",
    "evaluate --json": "evaluate instances.json --detections results.json -o out --no-overlays --json",
    "visualize": "visualize instances.json --images photos -o out",
    "visualize --json": "visualize instances.json --images photos -o out --json",
    "visualize --html": "visualize instances.json --images photos -o out --html",
    "prepare coco": "prepare coco photos instances.json -o out",
    "prepare scenes": f"prepare scenes instances.json {_SCENES}",
}


def _broken_pipe() -> TextIO:
    reading, writing = os.pipe()
    os.close(reading)
    return os.fdopen(writing, "w")


def _full_and_unbuffered() -> TextIO:
    return io.TextIOWrapper(Path("/dev/full").open("wb", buffering=0), write_through=True)


def _full() -> TextIO:
    return Path("/dev/full").open("w")


@pytest.fixture
def ended(coco, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The exit code of a command whose stdout, and perhaps stderr, is what `stdout` and `stderr` make."""
    outline = [[4, 5, 40, 5, 40, 40, 4, 40]]
    _, file = coco([("a.png", 64, 48)], [(1, "dog", [4, 5, 36, 35])])
    document = json.loads(file.read_text())
    document["annotations"][0]["segmentation"] = outline
    file.write_text(json.dumps(document))
    found = [{"image_id": 1, "category_id": 1, "bbox": [4, 5, 36, 35], "score": 0.9}]
    (tmp_path / "results.json").write_text(json.dumps(found))
    monkeypatch.chdir(tmp_path)

    def invoke(words: str, stdout: Callable[[], TextIO] | None, stderr: Callable[[], TextIO] | None) -> int:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "argv", ["layoutgen", *words.split()])
            patch.setattr(sys, "stdout", stdout() if stdout else None)
            for name in ("out", "err"):  # after a failure, a console of rich is of no more use
                patch.setattr(
                    console, name, type(console.out)(markup=False, emoji=False, stderr=name == "err")
                )
            if stderr is not None:
                patch.setattr(sys, "stderr", stderr())
            with one_command(), pytest.raises(SystemExit) as stop:
                app(prog_name="layoutgen")
            streams = [sys.stdout, sys.stderr] if stderr else [sys.stdout]
            for stream in streams:
                if hasattr(stream, "fileno") and stream is not None:
                    try:
                        stream.close()  # as Python does when it ends
                    except BrokenPipeError:
                        assert stdout is _broken_pipe
        assert isinstance(stop.value.code, int | None)
        return stop.value.code or 0

    return invoke


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_ends_in_one_line(ended, tmp_path: Path, capfd, name: str) -> None:
    words = COMMANDS[name]
    code = ended(words, _full, None)
    said = capfd.readouterr().err
    assert "standard output cannot be written: No space left on device: send it elsewhere" in said
    assert code == 2 and "Traceback" not in said
    results = sorted(path.name for path in (tmp_path / "out").rglob("*"))
    assert bool(results) == ("out" in words)
    if results:
        (tmp_path / "out").rename(tmp_path / "first")
    assert ended(words, _broken_pipe, None) == 1
    assert capfd.readouterr().err in ("", said.replace(said.splitlines()[-1] + "\n", ""))
    assert sorted(path.name for path in (tmp_path / "out").rglob("*")) == results


@pytest.mark.parametrize("name", ["--version", "inspect", "inspect --json"])
def test_nobody_reads_the_errors_either(ended, name: str) -> None:
    assert ended(COMMANDS[name], _full, _full) == 2


@pytest.mark.parametrize("name", ["--help", "--version", "evaluate --json"])
def test_unbuffered(ended, capfd, name: str) -> None:
    assert ended(COMMANDS[name], _full_and_unbuffered, None) == 2
    assert "standard output cannot be written: No space left on device" in capfd.readouterr().err


@pytest.mark.parametrize("name", ["--help", "--version", "inspect", "inspect --json", "evaluate --json"])
def test_a_process_without_standard_output(ended, name: str) -> None:
    assert ended(COMMANDS[name], None, None) == 0
