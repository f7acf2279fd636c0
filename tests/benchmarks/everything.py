"""All benchmarks of speed, one after the other: python tests/benchmarks/everything.py RESULTS [--size small].

Each writes what it measured to RESULTS as a table (`.txt`) and, where it knows how, as JSON. One that is
already there is not run again, so that the same command goes on after an interruption.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from layoutgen.io.files import replacing

HERE = Path(__file__).parent


def benchmarks(chosen: argparse.Namespace) -> Iterator[tuple[str, Sequence[str]]]:
    """Name and command line of each benchmark."""
    size = ["--size", chosen.size]
    layouts = ["--layouts", str(chosen.layouts)] if chosen.layouts else []
    yield "sample", ["sample_speed.py", *size, "--json"]
    larger = ["--canvas", "2", "3", "--boxes", "1", "300", "--steps", "8", "--rounds", "2"]
    yield "sample_larger", ["sample_speed.py", *size, *larger, "--peers", "Stable", "--json"]
    yield "commands", ["commands_speed.py", *layouts, "--images", str(chosen.images), "--json"]
    yield "train", ["train_speed.py", *size, "--json"]
    yield "evaluate", ["evaluate_speed.py"]


def run(name: str, words: Sequence[str], results: Path) -> None:
    """Run one benchmark; its table appears only when it is complete."""
    target = [str(results / f"{name}.json")] if words[-1] == "--json" else []
    command = [sys.executable, str(HERE / words[0]), *words[1:], *target]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        said = []
        for line in running.stdout:
            print(line, end="", flush=True)
            said.append(line)
    if running.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    with replacing(results / f"{name}.txt") as aside:
        aside.write_text("".join(said), encoding="utf-8")


def main() -> None:
    """Run what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path)
    parser.add_argument("--size", choices=["toy", "small", "sd"], default="small")
    parser.add_argument("--layouts", type=Path, help="of `prepare coco`: see commands_speed.py")
    parser.add_argument("--images", type=int, default=118_000, help="of `prepare coco`")
    chosen = parser.parse_args()
    chosen.results.mkdir(parents=True, exist_ok=True)
    for name, words in benchmarks(chosen):
        if not (chosen.results / f"{name}.txt").is_file():
            run(name, words, chosen.results)


if __name__ == "__main__":
    main()
