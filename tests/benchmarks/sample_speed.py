"""Time and memory of an image: our methods beside plain Stable Diffusion, GLIGEN and region MultiDiffusion.

    python tests/benchmarks/sample_speed.py [--size toy|small|sd] [--boxes 1 10 30 100 300] [--canvas 1 2 3]

Same weights, scheduler (DDIM), steps, guidance and number format for all; ours compute the whole U-Net in
every step, but for the last row, which does as `layoutgen sample` by default. Every round paints one image
with each, every other round in the opposite order. Seconds are medians, ratios the medians of those within
each round; the first round is not counted. CPU seconds are those of all threads: they say more than the clock
on a machine with other work. `--canvas` counts sides of the model's window: 1 is 512 for Stable Diffusion.
Peers of which one image takes longer than `--patience` seconds are timed in the first round only.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from layoutgen.domain.arrange import ask_for
from layoutgen.domain.layout import Layout
from layoutgen.domain.size_prior import SizePrior
from layoutgen.pipeline import LayoutPipeline
from layoutgen.sampling.run import load_pipeline, quiet_libraries
from layoutgen.training.extend_inputs import extend_inputs
from tests.benchmarks.memory import peak_memory
from tests.benchmarks.models import BUILDERS
from tests.benchmarks.peers import gligen, plain, region_multidiffusion
from tests.benchmarks.rounds import in_turn, ratio

GUIDANCE = 3.0
PLAIN = "StableDiffusionPipeline, no layout, same windows"
OURS = {
    "text2img box": {"method": "text2img", "encoding": "box"},
    "img2img": {"method": "img2img"},
    "regional": {"method": "regional"},
    "img2img --cache-interval 2": {"method": "img2img", "cache_interval": 2},
}


@dataclass(frozen=True, slots=True)
class Case:
    """Something to time: `seconds` and `cpu` seconds of all threads, by round, and peak `memory` in MB."""

    name: str
    canvas: int
    boxes: int
    paint: Callable[[], object]
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)


def cases(pipeline: LayoutPipeline, chosen: argparse.Namespace) -> list[Case]:
    """All that is compared, canvas by canvas."""
    peers = {
        PLAIN: (plain(pipeline, whole=False), (0,)),
        "StableDiffusionPipeline, no layout, canvas at once": (plain(pipeline, whole=True), (0,)),
        "GLIGEN of diffusers, at most 30 boxes": (gligen(pipeline), (30,)),
        "region MultiDiffusion": (region_multidiffusion(pipeline), tuple(chosen.regions)),
    }
    found = []
    for canvas in (side * pipeline.window for side in chosen.canvas):
        for name, (paint, counts) in peers.items():
            if name.startswith(tuple(chosen.peers)):
                for count in counts:
                    run = partial(paint, _layout(canvas, count), chosen.steps, GUIDANCE)
                    found.append(Case(name, canvas, count, run))
        for name in chosen.methods:
            for count in chosen.boxes:
                options = OURS[name] | {"steps": chosen.steps, "guidance": GUIDANCE}
                run = partial(pipeline, _layout(canvas, count), **options)
                found.append(Case(f"ours, {name}", canvas, count, run))
    return found


def _layout(side: int, boxes: int) -> Layout:
    """`boxes` dogs of equal size on a square canvas, which they half fill, but none larger than a fifth."""
    layout = Layout(side, side, prompt="dogs on green ground")
    if not boxes:
        return layout
    length = min(side / 5, side * (0.4 / boxes) ** 0.5)
    return ask_for(layout, boxes, "dog", seed=0, size=(length * 0.8, length), size_prior=SizePrior(1.0))


def measure(found: list[Case], rounds: int, patience: float, most: float) -> None:
    """Fill in the seconds and the memory of all cases; no new round begins when `most` seconds are over."""
    begun = time.perf_counter()
    for number in range(rounds + 1):
        lasted = (time.perf_counter() - begun) / max(1, number)
        if number > 1 and time.perf_counter() - begun + lasted > most:
            return
        for case in in_turn(found, number):
            if case.memory and case.seconds and case.seconds[0] > patience:
                continue
            started, worked = time.perf_counter(), time.process_time()
            if number == 0:
                case.memory.append(peak_memory(case.paint))
            else:
                case.paint()
            case.cpu.append(time.process_time() - worked)
            case.seconds.append(time.perf_counter() - started)


def show(found: list[Case], chosen: argparse.Namespace, device: str, dtype: str) -> None:
    """Print a table, and write the same as JSON."""
    title = f"{chosen.size}, {device}, {dtype}, {chosen.steps} steps, {len(found[-1].seconds)} rounds"
    heads = ("s/image", "of fewest boxes", "of plain", "CPU s", "of fewest boxes", "of plain", "peak MB")
    table = Table("", "canvas", "boxes", *heads, title=title)
    rows = []
    for case in found:
        alike = [c for c in found if c.canvas == case.canvas]
        first = next(c for c in alike if c.name == case.name)
        reference = next((c for c in alike if c.name == PLAIN), first)
        row = {
            "name": case.name,
            "canvas": case.canvas,
            "boxes": case.boxes,
            "seconds": statistics.median(case.seconds),
            "of fewest boxes": ratio(case.seconds, first.seconds),
            "of plain": ratio(case.seconds, reference.seconds),
            "CPU seconds": statistics.median(case.cpu),
            "CPU of fewest boxes": ratio(case.cpu, first.cpu),
            "CPU of plain": ratio(case.cpu, reference.cpu),
            "peak MB": case.memory[0],
            "rounds": case.seconds,
        }
        rows.append(row)
        table.add_row(
            case.name,
            str(case.canvas),
            str(case.boxes),
            f"{row['seconds']:.3f}",
            f"{row['of fewest boxes']:.2f}",
            f"{row['of plain']:.2f}",
            f"{row['CPU seconds']:.3f}",
            f"{row['CPU of fewest boxes']:.2f}",
            f"{row['CPU of plain']:.2f}",
            f"{case.memory[0]:,.0f}",
        )
    Console(width=150).print(table)
    if chosen.json:
        about = {"settings": title, "machine": platform.processor() or platform.machine()}
        about |= {"threads": torch.get_num_threads(), "torch": torch.__version__}
        chosen.json.write_text(json.dumps({**about, "rows": rows}, indent=1))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=list(BUILDERS), default="small")
    parser.add_argument("--boxes", type=int, nargs="+", default=[1, 10, 30, 100, 300])
    parser.add_argument("--regions", type=int, nargs="+", default=[1, 10, 100], help="of MultiDiffusion")
    parser.add_argument("--canvas", type=int, nargs="+", default=[1])
    parser.add_argument("--methods", nargs="*", choices=list(OURS), default=list(OURS))
    parser.add_argument("--peers", nargs="*", default=["Stable", "GLIGEN", "region"], help="first letters")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--patience", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=3600.0, help="begin no round after these")
    parser.add_argument("--device", default=None)
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    quiet_libraries()
    with tempfile.TemporaryDirectory() as name:
        made = BUILDERS[chosen.size](Path(name))
        extend_inputs(made, ("text2img", "img2img"), "box")
        made.save_pretrained(Path(name) / "model")
        del made
        pipeline = load_pipeline(str(Path(name) / "model"), chosen.device, chosen.dtype)
    found = cases(pipeline, chosen)
    measure(found, chosen.rounds, chosen.patience, chosen.seconds)
    for case in found:
        if len(case.seconds) > 1:
            del case.seconds[0], case.cpu[0]  # the first round warms up
    show(found, chosen, str(pipeline.device), str(pipeline.unet.dtype).removeprefix("torch."))


if __name__ == "__main__":
    main()
