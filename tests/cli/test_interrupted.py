"""A run of `sample` that is interrupted leaves its finished images in the open, and says so."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
OPTIONS = ["--width", "64", "--height", "64", "--device", "cpu", "--batch-size", "1", "--seed", "0-15"]


def sample(out: Path, *more: str) -> list[str]:
    asked = ["sample", "-n", "1", "dog", "--steps", "2"]
    return [*asked, *OPTIONS, "-o", str(out), *more]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_finished_images_are_in_the_open_and_kept(
    run, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    out = tmp_path / "out"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "layoutgen", *sample(out)]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        deadline = time.monotonic() + 120
        while not list(tmp_path.glob("out.*.partial/images/sample_?.png")) and time.monotonic() < deadline:
            time.sleep(0.02)
        process.send_signal(sent)
        said = process.communicate()[1]
    assert process.returncode == code
    (partial,) = tmp_path.glob("out.*.partial")
    count = len(list((partial / "images").glob("[!.]*.png")))
    assert 0 < count < 16 and not out.exists()
    assert f"{count} finished images are kept in {partial / 'images'}; the same command goes on there" in said
    annotated = json.loads((partial / "annotations.json").read_text())
    assert len(annotated["images"]) == len(annotated["annotations"]) == count
    if sent is signal.SIGTERM:
        return
    again = run(*sample(out, "--json"), code=0)
    assert f"{count} images of an interrupted run are kept" in again.stderr
    assert len(json.loads(again.stdout)["images"]) == 16
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert len(json.loads((out / "annotations.json").read_text())["images"]) == 16


def test_what_other_settings_left_is_said(run, tmp_path: Path) -> None:
    left = tmp_path / "out.0123abcd.partial/images"
    left.mkdir(parents=True)
    (left / "sample_0.png").write_bytes(b"an image")
    command = ["sample", "-n", 1, "dog", "--width", 64, "--height", 64, "--steps", 1, "--device", "cpu"]
    done = run(*command, "-o", tmp_path / "out", code=0)
    assert f"{left} holds 1 images of an interrupted run with other settings" in done.stderr
    assert (left / "sample_0.png").is_file()
