"""Many objects by sprites, far smaller and far larger than the model draws: what is found, and the work.

    python tests/benchmarks/sprites.py DATA -o OUT [--no-verify] [--sizes 16 43 120 300] [--seeds 3]

DATA holds pets/ and coco/ as for painter_figures.py. For each size and seed 100 boxes are arranged,
painted as by `layoutgen sample --method sprites --verify`, and looked at as by `layoutgen evaluate`. The
detector that verifies is the one that judges, so EfficientNet-Lite0 (`pip install 'layoutgen[features]'`)
looks, too: how sure it is of the label, beside composed scenes of as many and as large held-out animals.
Animals that are larger than on their photos are enlarged in these. Then the evaluations of the denoiser,
in windows and in plain pictures, and those of 10 times as many boxes on one canvas. The same command goes
on where it stopped.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))

from layoutgen.denoising.evaluations import counting, plain_windows
from layoutgen.denoising.settings import settings_of
from layoutgen.domain.size_prior import SizePrior
from layoutgen.evaluation.evaluator import Evaluator, EvaluatorOptions
from layoutgen.features.efficientnet_lite import EfficientNetLite0
from layoutgen.formats.annotated_source import open_annotated
from layoutgen.model_info import find_model
from layoutgen.pipeline import LayoutPipeline
from layoutgen.sampling.jobs import Job
from layoutgen.sampling.run import load_pipeline
from tests.benchmarks.painter_command import painter_parser, parsed, run
from tests.benchmarks.painter_scenes import Animals, Objects, paint, settings_for
from tests.benchmarks.painter_scores import Scored, score, scores_table
from tests.benchmarks.painter_sizes import CLASSES, Pictures, look

_ROOM = 1.2  # sides of a canvas for one box, in sides of it
_MORE = 10  # times as many boxes, for what they cost


@dataclass(frozen=True)
class Painter:
    """A loaded model and how it paints."""

    pipeline: LayoutPipeline
    options: dict[str, Any]

    def paint(self, jobs: list[Job], folder: Path) -> dict[str, float]:
        """Paint what is not in `folder` yet; how many windows each picture was, kept beside the pictures."""
        kept = folder / "windows.json"
        folder.mkdir(parents=True, exist_ok=True)
        windows: dict[str, float] = json.loads(kept.read_text()) if kept.exists() else {}
        before = 0.0
        with counting(self.pipeline.backbone) as counter:
            for job in paint(self.pipeline, jobs, self.options, folder):
                windows[job.file], before = counter.windows - before, counter.windows
                kept.write_text(json.dumps(windows))
        return windows


def main(arguments: list[str] | None = None) -> None:
    """Paint, look, count, print."""
    run(_run, _parse(arguments))


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = painter_parser(__doc__, ("sprites", "img2img", "text2img"), seeds=3)
    parser.add_argument("--verify", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 43, 120, 300])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--label", choices=list(CLASSES), default="dog")
    parser.add_argument("--ground", default="green ground")
    parser.add_argument("--aspect", type=float, nargs=2, default=[0.6, 0.95], help="width / height")
    parser.add_argument("--min-mask-score", type=float, default=0.86)
    parser.add_argument("--more", action=argparse.BooleanOptionalAction, default=True)
    chosen = parsed(parser, arguments)
    chosen.verify = chosen.verify and chosen.method == "sprites"
    return chosen


def _run(chosen: argparse.Namespace) -> None:
    network, console = EfficientNetLite0(), Console(width=150)  # before painting: it may not be installed
    painter, evaluator = _painter(chosen), Evaluator(EvaluatorOptions(detector=chosen.detector))
    title = f"{chosen.count} x {chosen.label} by {chosen.method}" + (" --verify" if chosen.verify else "")
    figures: dict[str, Any] = {}
    rows: list[Scored] = []
    for size in chosen.sizes:
        painted, real, windows, plain = _size(chosen, painter, size)
        row = score(evaluator, painted.source, f"{size} px", chosen.count)
        rows.append(row)
        both, classes = (painted, real), CLASSES[chosen.label]
        sure = {one.kind: look(network, list(one.crops()), classes)[0] for one in both}
        figures[str(size)] = {
            "recall": row.success.mean,
            "precision": row.precision.mean,
            "sure": {kind: float(values.mean()) for kind, values in sure.items()},
            "windows": windows,
            "plain": plain,
        }
        (chosen.output / f"{_name(chosen)}.json").write_text(json.dumps(figures, indent=1))
        console.print(f"{size} px", figures[str(size)])
    console.print(scores_table(rows, title))
    console.print(work_table(figures))
    if chosen.more:
        console.print("work of more boxes on one canvas", _more(chosen, painter))


def _painter(chosen: argparse.Namespace) -> Painter:
    info = find_model(chosen.model)
    pipeline = load_pipeline(info.source)
    pipeline.set_progress_bar_config(disable=True)
    asked = replace(
        settings_of(info.sampling), model=chosen.model, method=chosen.method, verify=chosen.verify
    )
    return Painter(pipeline, settings_for(pipeline, asked))


def _size(
    chosen: argparse.Namespace, painter: Painter, size: int
) -> tuple[Pictures, Pictures, list[float], float]:
    """Painted and real pictures of boxes of `size` px, windows of each painted one, and of a plain one."""
    folder = chosen.output / _name(chosen) / str(size)
    jobs = list(_jobs(chosen, size, chosen.count))
    windows = painter.paint(jobs, folder)
    real = chosen.output / "real" / str(size)
    _compose(chosen, size, real)
    settings = replace(painter.pipeline.settings, zoom=1)
    plain = plain_windows(painter.pipeline.backbone, jobs[0].layout, settings)
    pictures = (
        Pictures(chosen.label, size, kind, open_annotated(where))
        for kind, where in (("painted", folder), ("real", real))
    )
    return (*pictures, [windows[job.file] for job in jobs], plain)


def _jobs(chosen: argparse.Namespace, size: int, count: int) -> Iterator[Job]:
    objects = _objects(chosen, size)
    for seed in range(chosen.seeds):
        layout = objects.layout(count, _side(size, count), seed)
        prompt = f"{count} {chosen.label}s on {chosen.ground}"
        yield Job(f"{count}", replace(layout, prompt=prompt), seed)


def _objects(chosen: argparse.Namespace, size: int) -> Objects:
    return Objects(chosen.label, (size, size), SizePrior(smallest=1, aspect=tuple(chosen.aspect)))


def _side(size: int, count: int) -> int:
    """Of a square canvas that has room for `count` boxes of `size` px, in pixels."""
    return round(_ROOM * size * math.sqrt(count) / 8) * 8


def _compose(chosen: argparse.Namespace, size: int, folder: Path) -> None:
    """Scenes of real animals of `size` px, if they are not all in `folder` yet."""
    if len(list(folder.glob("*.png"))) < chosen.seeds:
        masks, photos = (chosen.data / kind / "instances_heldout.json" for kind in ("pets", "coco"))
        animals = Animals(_objects(chosen, size), masks, photos, chosen.min_mask_score)
        animals.compose(chosen.count, _side(size, chosen.count), chosen.seeds, folder)


def _more(chosen: argparse.Namespace, painter: Painter) -> dict[int, float]:
    """By number of boxes on one canvas: how many windows a picture of them is."""
    size, windows = min(chosen.sizes), {}
    many = next(_jobs(chosen, size, _MORE * chosen.count))
    for count in (chosen.count, _MORE * chosen.count):
        layout = many.layout.with_instances(many.layout.instances[:count])
        job = Job(f"{count}", layout, many.seed)
        windows[count] = painter.paint([job], chosen.output / _name(chosen) / "more")[job.file]
    return windows


def _name(chosen: argparse.Namespace) -> str:
    return f"{chosen.method}-verify" if chosen.verify else str(chosen.method)


def work_table(figures: Mapping[str, Any]) -> Table:
    """How sure the classifier is, as a share of real animals, and what a picture is in work."""
    table = Table("size", "P(label), painted", "real", "share", "windows", "in plain pictures")
    for size, one in figures.items():
        painted, real, windows = one["sure"]["painted"], one["sure"]["real"], one["windows"]
        work = (f"{w:,.0f}" for w in windows), (f"{w / one['plain']:.2f}" for w in windows)
        shares = f"{painted:.2f}", f"{real:.2f}", f"{painted / max(real, 1e-9):.2f}"
        table.add_row(f"{size} px", *shares, *(", ".join(each) for each in work))
    return table


if __name__ == "__main__":
    main()
