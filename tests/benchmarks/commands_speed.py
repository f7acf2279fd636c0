"""How soon the commands answer, and how many images a second the preparing ones make.

    python tests/benchmarks/commands_speed.py [--layouts FILE.jsonl] [--images 118000] [--scenes 200]

Start-up: from the call to the first word on a terminal, and to the end. `prepare coco` runs over a file of
`--images` images whose layouts repeat those of `--layouts` (a line each: width, height, objects: [{label,
bbox}]) or are drawn; the photos are a few, linked. `prepare scenes` pastes drawn discs.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
DOGS = ROOT / "sample_layouts" / "100_dogs.yaml"


def first_word(command: Sequence[str]) -> tuple[float, float]:
    """Seconds until `command` writes to its terminal, and until it ends."""
    started = time.perf_counter()
    child, terminal = pty.fork()
    if child == 0:
        os.environ["PYTHONPATH"] = str(ROOT)
        os.execv(command[0], command)
    first = None
    while True:
        try:
            said = os.read(terminal, 4096)
        except OSError:  # Linux says so when the other side is closed
            break
        if not said:
            break
        if first is None and said.strip():
            first = time.perf_counter() - started
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    total = time.perf_counter() - started
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    return (total if first is None else first), total


def start_up(place: Path, rounds: int) -> dict[str, dict[str, float]]:
    """The median seconds of each command to its first word and to its end."""
    layoutgen = [sys.executable, "-m", "layoutgen"]
    photos, annotations = coco_file(place / "few", 4, None)
    commands = {
        "--help": ["--help"],
        "train --help": ["train", "--help"],
        "prepare coco, 4 images": ["prepare", "coco", str(photos), str(annotations), "--overwrite", "-o"],
        "visualize, 4 images": ["visualize", str(annotations), "--images", str(photos), "--overwrite", "-o"],
        "sample, 100 dogs, 1 step": [
            "sample",
            str(DOGS),
            "-n",
            "100",
            "dogs",
            "--steps",
            "1",
            "--overwrite",
            "-o",
        ],
    }
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for index, (name, words) in enumerate(commands.items()):
            target = [str(place / f"out{index}")] if words[-1] == "-o" else []
            taken = first_word([*layoutgen, *words, *target])
            if number:
                seconds[name].append(taken)
    return {
        name: {
            "first word": statistics.median(first for first, _ in values),
            "end": statistics.median(total for _, total in values),
        }
        for name, values in seconds.items()
    }


def coco_file(place: Path, count: int, layouts: Path | None) -> tuple[Path, Path]:
    """A COCO file of `count` images, and the folder of its photos."""
    photos, file = place / "photos", place / "instances.json"
    photos.mkdir(parents=True)
    shapes = list(_shapes(layouts))
    # Of 24 corners as in COCO on the average; run lengths of such an outline are as long as those of COCO's.
    circle = [(math.cos(k * math.pi / 12), math.sin(k * math.pi / 12)) for k in range(24)]
    categories = {name: number for number, name in enumerate(sorted({o[0] for s in shapes for o in s[2]}), 1)}
    images, annotations, drawn = [], [], dict[tuple[int, int], Path]()
    for number in range(count):
        width, height, objects = shapes[number % len(shapes)]
        if (width, height) not in drawn:
            drawn[width, height] = place / f"{width}x{height}.jpg"
            noise = np.random.default_rng(number).integers(0, 255, (16, 16, 3), dtype=np.uint8)
            Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC).save(
                drawn[width, height]
            )
        name = f"{number:06d}.jpg"
        os.link(drawn[width, height], photos / name)
        images.append({"id": number + 1, "file_name": name, "width": width, "height": height})
        for label, (x, y, w, h) in objects:
            outline = [c for cos, sin in circle for c in (x + w * (1 + cos) / 2, y + h * (1 + sin) / 2)]
            entry = {"id": len(annotations) + 1, "image_id": number + 1, "category_id": categories[label]}
            entry |= {"bbox": [x, y, w, h], "area": w * h, "iscrowd": 0}
            annotations.append(entry | {"segmentation": [[round(c, 2) for c in outline]]})
    named = [{"id": number, "name": name} for name, number in categories.items()]
    file.write_text(json.dumps({"images": images, "annotations": annotations, "categories": named}))
    return photos, file


def _shapes(layouts: Path | None) -> Iterator[tuple[int, int, list[tuple[str, list[float]]]]]:
    """Width, height and objects of layouts."""
    if layouts is None:
        yield 640, 480, [("dog", [20.0 * k, 30.0, 50.0, 60.0]) for k in range(7)]
        return
    for line in layouts.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if entry["width"] and entry["height"]:
            objects = [(o["label"], o["bbox"]) for o in entry["objects"]]
            yield entry["width"], entry["height"], objects


def prepare_coco(place: Path, count: int, layouts: Path | None) -> dict[str, float]:
    """Images a second and memory of ``prepare coco`` at `count` images."""
    photos, file = coco_file(place / "coco", count, layouts)
    words = ["prepare", "coco", str(photos), str(file), "-o", str(place / "prepared"), "--quiet"]
    seconds, peak = _run(words)
    size = file.stat().st_size / 2**20
    return {"images": count, "annotations MB": size, "images/s": count / seconds, "peak MB": peak}


def prepare_scenes(place: Path, count: int) -> dict[str, float]:
    """Scenes a second of ``prepare scenes``, with 1 to 30 objects in 512 pixels, in one process."""
    photos, grounds, annotations = place / "discs" / "images", place / "grounds", []
    photos.mkdir(parents=True)
    grounds.mkdir()
    for number in range(4):
        Image.new("RGB", (640, 640), (90, 140 + 20 * number, 80)).save(grounds / f"{number}.png")
    images: list[dict[str, Any]] = []
    for number in range(1, 41):
        image = Image.new("RGB", (256, 256), "tan")
        x, y, size = 60, 70, 80 + number
        ImageDraw.Draw(image).ellipse((x, y, x + size, y + size), fill=(number * 5, 90, 200))
        image.save(photos / f"{number}.png")
        images.append({"id": number, "file_name": f"{number}.png", "width": 256, "height": 256})
        angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * size / 2 + [x + size / 2, y + size / 2]
        entry = {"id": number, "image_id": number, "category_id": 1, "bbox": [x, y, size, size], "iscrowd": 0}
        annotations.append(entry | {"area": size * size, "segmentation": [corners.flatten().tolist()]})
    document = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "dog"}]}
    (place / "discs" / "instances.json").write_text(json.dumps(document))
    words = ["prepare", "scenes", str(place / "discs"), "--backgrounds", str(grounds), "--count", str(count)]
    looks = "--canvas 512 512 --size 32 128 --instances 1 30 --grid 1"
    seconds, peak = _run([*words, *looks.split(), "-o", str(place / "scenes"), "--quiet"])
    return {"scenes": count, "scenes/s": count / seconds, "peak MB": peak}


def _run(words: list[str]) -> tuple[float, float]:
    """Seconds of ``layoutgen`` with `words`, and its peak MB as Linux counts it; NaN elsewhere.

    `ru_maxrss` would not do: a child begins with what its parent had.
    """
    started, peak = time.perf_counter(), float("nan")
    command, environment = [sys.executable, "-m", "layoutgen", *words], os.environ | {"PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=environment) as run:
        while run.poll() is None:
            with suppress(OSError, StopIteration):
                status = Path(f"/proc/{run.pid}/status").read_text()
                peak = next(int(s.split()[1]) / 1024 for s in status.splitlines() if s.startswith("VmHWM"))
            time.sleep(0.1)
    if run.returncode:
        raise SystemExit(f"layoutgen {' '.join(words)} failed")
    return time.perf_counter() - started, peak


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layouts", type=Path)
    parser.add_argument("--images", type=int, default=2000, help="0: leave `prepare coco` out")
    parser.add_argument("--scenes", type=int, default=50, help="0: leave `prepare scenes` out")
    parser.add_argument("--rounds", type=int, default=3, help="of the start-up; 0: leave it out")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        if chosen.rounds:
            result["start-up"] = start_up(Path(name), chosen.rounds)
        if chosen.images:
            result["prepare coco"] = prepare_coco(Path(name), chosen.images, chosen.layouts)
        if chosen.scenes:
            result["prepare scenes"] = prepare_scenes(Path(name), chosen.scenes)
    table = Table("", "", "")
    for section, values in result.items():
        for key, value in values.items():
            shown = value if isinstance(value, dict) else {"": value}
            text = ", ".join(f"{label} {number:,.2f}".strip() for label, number in shown.items())
            table.add_row(section, key, text)
    Console(width=130).print(table)
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
