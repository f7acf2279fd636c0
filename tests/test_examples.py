"""The examples run as they stand, and do what they say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from layoutgen.formats import read_layouts

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(name: str, output: Path) -> str:
    """What the example prints."""
    done = subprocess.run([sys.executable, EXAMPLES / name, output], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_tested_and_listed() -> None:
    names = {path.name for path in EXAMPLES.glob("*.py")}
    assert names == {"paint_a_layout.py", "score_detections.py", "read_and_arrange.py"}
    listed = (EXAMPLES / "README.md").read_text()
    assert all(f"[{name}]({name})" in listed for name in names)


def test_a_layout_is_painted(tmp_path: Path) -> None:
    run("paint_a_layout.py", tmp_path)
    with Image.open(tmp_path / "image.png") as opened:
        image = np.array(opened).astype(float)
    assert image.shape == (192, 256, 3)
    ground, dog = image[150:, 30:80].mean((0, 1)), image[44:92, 28:60].mean((0, 1))
    assert ground[1] > ground[0] > ground[2]  # green
    assert np.abs(ground - dog).max() > 20
    with Image.open(tmp_path / "overlay.png") as opened:
        assert opened.size[0] >= 256


def test_detections_are_scored(tmp_path: Path) -> None:
    told = run("score_detections.py", tmp_path)
    assert "recall 0.5, precision 0.333" in told
    assert "misplaced 1, found twice 1" in told


def test_a_file_is_read_arranged_and_written(tmp_path: Path) -> None:
    assert run("read_and_arrange.py", tmp_path).startswith("40 dogs and ")
    (request,) = read_layouts(tmp_path / "40_dogs.yaml")
    assert not request.groups
    assert sum(instance.label == "dog" for instance in request.layout.instances) == 40


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
