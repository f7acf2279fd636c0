"""`layoutgen visualize RUN` shows the contact sheets of a training run over time."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from layoutgen.cli import app


def visualize(*words: object) -> Result:
    return CliRunner().invoke(app, ["visualize", *map(str, words)], catch_exceptions=False)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Ten contact sheets, each brighter than the one before."""
    folder = tmp_path / "run"
    (folder / "samples").mkdir(parents=True)
    (folder / "config.yaml").write_text("images: 20\n")
    (folder / "metrics.jsonl").write_text('{"images": 10, "loss": 0.5}\n')
    for number in range(1, 11):
        sheet = Image.new("L", (120, 60), 20 * number)
        sheet.save(folder / "samples" / f"images-{1000 * number:010d}.png")
    return folder


def test_the_first_and_the_last_are_among_them(run: Path, tmp_path: Path) -> None:
    done = visualize(run, "--limit", "4")
    page = tmp_path / "run_visualized/samples_over_time.jpg"
    assert f"Samples over time (4 of 10): {page}" in done.output
    with Image.open(page) as sheet:
        assert sheet.width == 8 + 2 * (768 + 8)
        shown = [sheet.convert("L").getpixel((x, 100)) for x in (300, 1000)]
    assert [round(value / 20) for value in shown] == [1, 4]


def test_what_means_nothing_for_a_run_is_refused(run: Path) -> None:
    assert "--image-id is not for a training run" in visualize(run, "--image-id", "3").output


def test_a_run_without_samples_says_so(run: Path) -> None:
    for sheet in (run / "samples").iterdir():
        sheet.unlink()
    done = visualize(run)
    assert done.exit_code == 2 and "has no contact sheets" in done.output
