"""Workers: a signal while they start is heard, and one that dies leaves one line and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drawn_cutouts import write_cutouts

ROOT = Path(__file__).parents[2]
RUN = """
import os, signal, sys
from pathlib import Path
from layoutgen.cli import app

def send_itself(number):
    os.kill(os.getpid(), number)

{fault}
sys.argv = ["layoutgen", *sys.argv[1:]]
app()
"""
IN_PARENT = "os.register_at_fork({when}=lambda: send_itself(signal.{number}))"
IN_CHILD = "os.register_at_fork(after_in_child=lambda: send_itself(signal.{number}))"
AT_A_SCENE = """
from layoutgen.data import write_scenes
write = write_scenes._write
def dying(job):
    if job[0] == 11:
        send_itself(signal.SIGKILL)
    return write(job)
dying.__qualname__ = "_write"
dying.__module__ = write_scenes.__name__
write_scenes._write = dying
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with what scenes are composed of."""
    write_cutouts(tmp_path / "photos", tmp_path / "grounds")
    return tmp_path


def scenes(place: Path, fault: str, count: int = 40) -> tuple[int, str]:
    """The exit code of `prepare scenes` with two workers, and what it said; no process of it is left."""
    words = f"prepare scenes {place}/photos --backgrounds {place}/grounds -o {place}/out --count {count}"
    more = "--workers 2 --canvas 48 48 --size 12 20 --instances 1 3 --quiet"
    with subprocess.Popen(
        [sys.executable, "-c", RUN.format(fault=fault), *words.split(), *more.split()],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        start_new_session=True,
    ) as run:
        said = run.communicate(timeout=60)[0]  # ends when no process holds the pipe
        with pytest.raises(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)
    return run.returncode, said


@pytest.mark.parametrize("when", ["before", "after_in_parent"])
@pytest.mark.parametrize(("number", "code"), [("SIGTERM", 143), ("SIGINT", 130)])
def test_a_signal_while_a_worker_starts_is_heard(place: Path, when: str, number: str, code: int) -> None:
    ended, said = scenes(place, IN_PARENT.format(when=when, number=number), count=4_000)
    assert ended == code, said
    assert said == ("layoutgen: interrupted\n" if number == "SIGINT" else "")
    assert sorted(path.name for path in place.iterdir()) == ["grounds", "photos"]


def test_ctrl_c_in_a_worker_that_starts_is_for_the_first_process(place: Path) -> None:
    ended, said = scenes(place, IN_CHILD.format(number="SIGINT"))
    assert ended == 0, said
    assert len(list((place / "out/images").iterdir())) == 40


@pytest.mark.parametrize(
    "fault", [IN_CHILD.format(number="SIGKILL"), IN_CHILD.format(number="SIGTERM"), AT_A_SCENE]
)
def test_a_worker_that_dies_alone_is_one_line(place: Path, fault: str) -> None:
    ended, said = scenes(place, fault)
    assert ended == 2, said
    problem = "one of 2 --workers was ended from outside, perhaps as memory ran out"
    assert said == f"layoutgen: {problem}: pass fewer, and give the same command again\n"
    assert sorted(path.name for path in place.iterdir()) == ["grounds", "photos"]
