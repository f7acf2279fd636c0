"""What is installed and how: the wheel, the pins, the two commands of the README."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import layoutgen

ROOT = Path(__file__).parent.parent
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy: building leaves files in the tree."""
    tree, output = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "layoutgen", tree / "layoutgen", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "NOTICE.md"):
        shutil.copy(ROOT / name, tree)
    program = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", program, output], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (built,) = output.iterdir()
    return built


@pytest.fixture(scope="module")
def metadata(wheel):
    (found,) = distributions(path=[str(wheel)])
    return found


def test_the_wheel_holds_every_file_of_the_package_and_the_licences(wheel, metadata):
    names = zipfile.ZipFile(wheel).namelist()
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "layoutgen").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names if ".dist-info/" not in name} == sources
    assert "layoutgen/py.typed" in names
    licences = {name.rpartition("/")[2] for name in names if "/licenses/" in name}
    assert licences == {"LICENSE", "NOTICE.md"}
    assert metadata.version == layoutgen.__version__


def test_the_installed_command_answers(wheel, tmp_path):
    program = """
from importlib.metadata import entry_points
(command,) = entry_points(group="console_scripts", name="layoutgen")
command.load()(["--version"])
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(wheel)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert layoutgen.__version__ in done.stdout


def test_the_embedded_model_stays_small():
    assets = [path for path in (ROOT / "layoutgen" / "assets").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in assets) <= 40 * MEGABYTE


def test_every_dependency_is_pinned_to_a_version_that_it_allows(metadata):
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert lines == sorted(lines, key=lambda line: line.split("==")[0])
    here = [pin for pin in map(Requirement, lines) if pin.marker is None or pin.marker.evaluate()]
    pins = {canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") for pin in here}
    assert len(pins) == len(here)
    for needed in map(Requirement, metadata.requires):
        assert needed.specifier.contains(pins[canonicalize_name(needed.name)]), needed


def test_every_layout_that_is_spoken_of_is_there():
    spoken = {
        name
        for file in ("README.md", "NOTICE.md", "Makefile")
        for name in re.findall(r"sample_layouts/[\w.-]+\.(?:yaml|json)", (ROOT / file).read_text())
    }
    assert "sample_layouts/100_dogs.yaml" in spoken
    assert {name for name in spoken if not (ROOT / name).is_file()} == set()


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make on this machine")
class TestMake:
    @pytest.fixture
    def checkout(self, tmp_path):
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, tmp_path)
        return tmp_path

    def make(self, checkout, *arguments):
        # Tests are run by make: its settings must not reach this one.
        env = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS")) and k != "PYTHON"}
        return subprocess.run(["make", *arguments], cwd=checkout, env=env, capture_output=True, text=True)

    def planned(self, checkout, target):
        """The commands that make would run, as one text."""
        done = self.make(checkout, "-n", target)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def put(self, checkout, *names):
        for name in names:
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            (checkout / name).touch()

    def test_a_fresh_checkout_gets_all_it_needs(self, checkout):
        dogs, test = self.planned(checkout, "dogs"), self.planned(checkout, "test")
        for plan, package in ((dogs, "-e ."), (test, '-e ".[test]"')):
            assert "python3 -m venv .venv" in plan
            assert f"pip install -c constraints.txt {package}\n" in plan
        assert "layoutgen sample sample_layouts/100_dogs.yaml -n 100 dogs -o out/100_dogs\n" in dogs
        assert re.findall(r"bin/(ruff check|ruff format --check|mypy|python -m pytest)\b.*\n", test) == [
            "ruff check",
            "ruff format --check",
            "mypy",
            "python -m pytest",
        ]

    def test_a_second_call_installs_nothing_unless_the_pins_changed(self, checkout):
        self.put(checkout, ".venv/bin/pip", ".venv/.installed", ".venv/.installed-test")
        assert "install" not in self.planned(checkout, "dogs") + self.planned(checkout, "test")
        later = (checkout / ".venv/.installed").stat().st_mtime + 5
        os.utime(checkout / "constraints.txt", (later, later))
        assert "pip install" in self.planned(checkout, "dogs")
        assert "pip install" in self.planned(checkout, "test")
        assert "-m venv" not in self.planned(checkout, "test")

    def test_a_picture_that_is_there_is_not_painted_again(self, checkout):
        self.put(checkout, "out/100_dogs/annotations.json", ".venv/bin/pip", ".venv/.installed")
        later = (checkout / ".venv/.installed").stat().st_mtime + 5
        os.utime(checkout / ".venv/.installed", (later, later))
        plan = self.planned(checkout, "dogs")
        assert "-o out/100_dogs" not in plan and "are in out/100_dogs/images" in plan

    def test_an_old_python_is_refused_before_anything_is_made(self, checkout):
        old = checkout / "python3.9"
        pretend = "import sys; sys.version_info, sys.version = (3, 9, 18), '3.9.18 (main)'; exec(sys.argv[1])"
        old.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{pretend}" "$2"\n')
        old.chmod(0o755)
        done = self.make(checkout, "dogs", f"PYTHON={old}")
        assert done.returncode == 2
        assert f"layoutgen needs Python 3.10 or later, and {old} is 3.9.18; pass another" in done.stderr
        assert not (checkout / ".venv").exists()


def test_continuous_integration_runs_the_command_of_the_readme():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert re.search(r"^make test ", script.read_text(), re.MULTILINE)
    assert "make test" in (ROOT / "README.md").read_text()
