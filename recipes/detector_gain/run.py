"""Does it help a detector to learn from painted images?  python recipes/detector_gain/run.py DATA OUT

DATA holds instances_train.json and instances_heldout.json: COCO jsons with masks of cats and dogs, their
images beside them. Each cell of the table is a file in OUT/cells; the same command goes on with those that
are missing, and writes OUT/table.md anew after each. See README.md.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from gain_detectors import DETECTORS, Embedded, detect, embedded, train
from gain_scenes import Example, mosaics, painted_scenes, real_scenes

from layoutgen.domain.annotated_image import AnnotatedImage, Detections
from layoutgen.evaluation.average_precision import average_precision
from layoutgen.evaluation.matching import match
from layoutgen.features.efficientnet_lite import EfficientNetLite0
from layoutgen.io.files import read_json, replacing, write_json

_BEST = 10  # detections of an image that count for recall
_TESTS = ("scenes", "photos")
_FREE = ("data", "out", "threads", "real", "painted", "unchecked", "seeds")
"""Options that may be others when a run goes on: they decide which cells there are, or where."""


@dataclass(frozen=True)
class Cell:
    """A detector that learns from `real` and `painted` images, begun by `seed`."""

    detector: str
    real: int
    painted: int
    checked: bool
    seed: int

    @property
    def name(self) -> str:
        """What its file is called."""
        kind = "painted" if self.checked or not self.painted else "unchecked"
        return f"{self.detector}_{self.real}_real_{self.painted}_{kind}_seed_{self.seed}"


def main() -> None:
    """Make the images, fill the cells, write the table."""
    chosen = _arguments()
    torch.set_num_threads(chosen.threads)
    cells = list(_cells(chosen))
    _check_same(chosen)
    folder = chosen.out / "cells"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [cell for cell in cells if not (folder / f"{cell.name}.json").is_file()]
    if missing:
        images = Images(chosen)
        for number, cell in enumerate(missing, start=1):
            began = time.process_time()
            result = _measure(cell, images, chosen)
            seconds = time.process_time() - began
            content = {**asdict(cell), **result, "cpu_seconds": round(seconds, 1)}
            write_json(folder / f"{cell.name}.json", content)
            _write_table(chosen.out, cells, chosen)
            print(f"{number} of {len(missing)}: {cell.name}: {result} in {seconds:.0f} CPU s", flush=True)
    _write_table(chosen.out, cells, chosen)
    print((chosen.out / "table.md").read_text())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--real", type=int, nargs="+", default=[20, 100, 500], help="real scenes")
    parser.add_argument("--painted", type=int, default=120, help="images to paint")
    parser.add_argument("--unchecked", action="store_true", help="also painted images that nobody looked at")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument(
        "--views", type=int, default=2400, help="images that each detector sees, with repeats"
    )
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--tested", type=int, default=150, help="scenes to test on")
    parser.add_argument("--model", help="that paints; default: the one in the package")
    parser.add_argument("--steps", type=int, help="of painting; default: the model's")
    parser.add_argument("--objects", type=float, default=1, help="times as many in a painted layout")
    parser.add_argument("--size", type=float, default=1, help="times as long are the sides of painted boxes")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


def _cells(chosen: argparse.Namespace) -> Iterator[Cell]:
    """All cells, those of the first seed first, so that a table of one seed is there soon."""
    kinds = [True, False] if chosen.unchecked else [True]
    for seed in range(chosen.seeds):
        for detector in DETECTORS:
            for real in chosen.real:
                yield Cell(detector, real, 0, True, seed)
        for detector in DETECTORS:
            for checked in kinds:
                for real in (0, *chosen.real):
                    yield Cell(detector, real, chosen.painted, checked, seed)


def _check_same(chosen: argparse.Namespace) -> None:
    """End in a folder whose cells were made otherwise."""
    about = {key: value for key, value in vars(chosen).items() if key not in _FREE}
    file = chosen.out / "options.json"
    if file.is_file() and read_json(file) != about:
        raise SystemExit(f"{file}: the cells there are of other options: choose another folder")
    chosen.out.mkdir(parents=True, exist_ok=True)
    write_json(file, about)


class Images:
    """All images as detectors read them, made when they are first needed, and kept."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self._chosen, self._backbone = chosen, EfficientNetLite0()
        self._kept: dict[object, Embedded] = {}

    def of(self, cell: Cell) -> Embedded:
        """What the detector of `cell` learns from."""
        real = self._real().first(cell.real)
        if not cell.painted:
            return real
        painted = self._painted(cell.checked).first(cell.painted)
        return real.plus(painted) if cell.real else painted

    def test(self, name: str) -> Embedded:
        """What it is tested on: composed scenes, or mosaics of whole photos; none was learnt from."""
        chosen, photos = self._chosen, self._chosen.data / "instances_heldout.json"
        if name == "photos":
            return self._embedded(name, lambda: mosaics(photos))
        return self._embedded(name, lambda: real_scenes(photos, chosen.out / "tested", chosen.tested, seed=1))

    def _real(self) -> Embedded:
        chosen, most = self._chosen, max(self._chosen.real)
        photos = chosen.data / "instances_train.json"
        return self._embedded("real", lambda: real_scenes(photos, chosen.out / f"real_{most}", most, seed=0))

    def _painted(self, checked: bool) -> Embedded:
        chosen, most = self._chosen, max(self._chosen.real)
        self._real()
        name = f"{'painted' if checked else 'unchecked'}_{chosen.painted}"
        return self._embedded(
            name,
            lambda: painted_scenes(
                chosen.out / f"real_{most}", chosen.out / name, chosen.painted, check=checked,
                model=chosen.model, steps=chosen.steps, objects=chosen.objects, size=chosen.size,
            ),
        )  # fmt: skip

    def _embedded(self, name: str, make: Callable[[], list[Example]]) -> Embedded:
        if name not in self._kept:
            self._kept[name] = embedded(make(), self._backbone)
        return self._kept[name]


def _measure(cell: Cell, images: Images, chosen: argparse.Namespace) -> dict[str, float]:
    """Train the detector of `cell`, and say what it finds in each test."""
    model = train(
        cell.detector,
        images.of(cell),
        views=chosen.views,
        batch=chosen.batch_size,
        rate=chosen.learning_rate,
        seed=cell.seed,
    )
    result = {}
    for name in _TESTS:
        data = images.test(name)
        targets = [AnnotatedImage(k, f"{k}", layout) for k, layout in enumerate(data.layouts)]
        found = detect(model, data)
        overall, _ = average_precision(targets, found, {"cat", "dog"})
        result[f"{name}_ap50"] = round(overall.ap50 or 0.0, 4)
        result[f"{name}_recall"] = round(_recall(targets, found), 4)
    return result


def _recall(targets: list[AnnotatedImage], found: Detections) -> float:
    """Share of the objects that the `_BEST` surest detections of an image find, one to one, at IoU 0.5."""
    matched = 0
    for image in targets:
        best = sorted(found.get(image.id, ()), key=lambda one: -one.score)[:_BEST]
        matched += len(match(image.instances, best).matched)
    return matched / sum(len(image.instances) for image in targets)


def _write_table(out: Path, cells: list[Cell], chosen: argparse.Namespace) -> None:
    """``table.md`` and ``results.json`` of the cells that are there: mean and spread over the seeds."""
    rows: dict[tuple[str, int, int, bool], list[dict[str, float]]] = {}
    for cell in cells:
        file = out / "cells" / f"{cell.name}.json"
        row = rows.setdefault((cell.detector, cell.real, cell.painted, cell.checked), [])
        if file.is_file():
            row.append(read_json(file))
    lines = [
        "| detector | real | painted | seeds | scenes: AP50 | recall | photos: AP50 | recall |",
        "|---|---|---|---|---|---|---|---|",
    ]
    summary = []
    for (detector, real, painted, checked), found in rows.items():
        if not found:
            continue
        figures = {
            key: [one[key] for one in found] for test in _TESTS for key in (f"{test}_ap50", f"{test}_recall")
        }
        how = f"{painted}" if checked or not painted else f"{painted}, unchecked"
        cells_of = " | ".join(_mean(values) for values in figures.values())
        lines.append(f"| {detector} | {real} | {how} | {len(found)} | {cells_of} |")
        means = {key: float(np.mean(values)) for key, values in figures.items()}
        spread = {
            f"{key}_deviation": float(np.std(values, ddof=1))
            for key, values in figures.items()
            if len(values) > 1
        }
        summary.append(
            {"detector": detector, "real": real, "painted": painted, "checked": checked, "seeds": len(found)}
            | means
            | spread
        )
    with replacing(out / "table.md") as aside:
        aside.write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = {key: str(value) if isinstance(value, Path) else value for key, value in vars(chosen).items()}
    write_json(out / "results.json", {"options": options, "rows": summary}, indent=1)


def _mean(values: list[float]) -> str:
    spread = f" ± {100 * np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
    return f"{100 * np.mean(values):.1f}{spread}"


if __name__ == "__main__":
    main()
