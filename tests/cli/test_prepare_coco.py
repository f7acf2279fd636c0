import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

IMAGES = [("a.png", 200, 100), ("b.png", 100, 300)]
OBJECTS = [
    (1, "dog", [10.0, 20.0, 50.0, 40.0]),
    (1, "cat", [0.0, 0.0, 2.0, 2.0]),
    (2, "cat", [5.0, 5.0, 90.0, 290.0]),
]


def entries(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "metadata.jsonl").read_text().splitlines()]


def test_it_writes_and_says_what_was_dropped_and_why(run, coco, tmp_path: Path) -> None:
    result = run("prepare", "coco", *coco(IMAGES, OBJECTS), "-o", tmp_path / "out", "--min-area", 0.001)
    assert result.exit_code == 0, result.stderr
    rows = {tuple(re.split(" {2,}", line.strip())) for line in result.stdout.splitlines()}
    assert ("kept", "2", "2") in rows
    assert ("dropped: smaller than --min-area", "-", "1") in rows
    assert f"Written to {tmp_path / 'out'}" in result.stdout
    assert [e["objects"]["category"] for e in entries(tmp_path / "out")] == [["dog"], ["cat"]]


def test_every_option_arrives(run, coco, tmp_path: Path) -> None:
    objects = [
        *OBJECTS,
        (3, "dog", [0.0, 0.0, 40.0, 40.0]),
        (3, "dog", [40.0, 0.0, 40.0, 40.0]),
        (3, "bird", [0.0, 0.0, 80.0, 80.0]),
        (4, "dog", [0.0, 0.0, 9.0, 9.0]),
    ]
    written = coco([*IMAGES, ("c.png", 80, 80), ("gone.png", 9, 9)], objects)
    (written[0] / "gone.png").unlink()
    captions = {"annotations": [{"id": 1, "image_id": 1, "caption": "A dog."}]}
    (tmp_path / "captions.json").write_text(json.dumps(captions))
    options = [
        "--captions",
        tmp_path / "captions.json",
        "--category",
        "dog",
        "--category",
        "cat",
        "--min-area",
        "0.001",
    ]
    options += ["--max-instances", "1", "--size", "50", "--skip-missing", "--quiet"]
    (tmp_path / "out").mkdir()
    result = run("prepare", "coco", *written, "--output", tmp_path / "out", *options)
    assert (result.exit_code, result.output) == (0, "")
    assert [(e["file_name"], e["text"], e["objects"]["category"]) for e in entries(tmp_path / "out")] == [
        ("images/a.png", "A dog.", ["dog"]), ("images/b.png", "a photo of a cat", ["cat"]),
    ]  # fmt: skip
    assert entries(tmp_path / "out")[0]["objects"]["bbox"] == [[5.0, 10.0, 25.0, 20.0]]
    again = run(
        "prepare",
        "coco",
        *written,
        "-o",
        tmp_path / "out",
        "--skip-missing",
        "--overwrite",
        "--category",
        "bird",
    )
    assert again.exit_code == 0
    assert [e["file_name"] for e in entries(tmp_path / "out")] == ["images/c.png"]


def test_an_interrupt_leaves_nothing(coco, tmp_path: Path) -> None:
    written = coco(
        [(f"{n}.png", 900, 900) for n in range(300)],
        [(n + 1, "dog", [0.0, 0.0, 9.0, 9.0]) for n in range(300)],
    )
    command = [
        sys.executable,
        "-m",
        "layoutgen",
        "prepare",
        "coco",
        *map(str, written),
        "-o",
        str(tmp_path / "out"),
        "--size",
        "899",
    ]
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's `&` ignores it
    ) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob(".out.*.partial/images/*")):
            assert time.monotonic() < deadline and process.poll() is None, "it never began to write"
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "layoutgen: interrupted\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["instances.json", "photos"]


def test_tiny_coco(run, data: Path, tmp_path: Path) -> None:
    folder = data / "tiny-coco"
    result = run(
        "prepare",
        "coco",
        folder / "train_2017_small",
        folder / "instances_train2017_small.json",
        "-o",
        tmp_path / "out",
    )
    assert result.exit_code == 0, result.stderr
    assert len(entries(tmp_path / "out")) == 16


@pytest.mark.parametrize("folder", ["photos", "nowhere"])
def test_images_that_are_not_there_are_one_line(refused, coco, tmp_path: Path, tree, folder: str) -> None:
    photos, file = coco(IMAGES, OBJECTS)
    (photos / "b.png").unlink()
    before = tree()
    assert "there is no such" in refused("prepare", "coco", tmp_path / folder, file, "-o", tmp_path / "out")
    assert tree() == before
