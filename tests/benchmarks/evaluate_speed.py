"""Seconds to read and score COCO results: ``python tests/benchmarks/evaluate_speed.py [--images 1000]``.

Images of 100 boxes each, all of them found, a little off, and one in ten twice; on one core. A second row
scores twice as many images: the cost grows linearly if it takes twice as long.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = "1"

from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.evaluation.evaluator import Evaluator, EvaluatorOptions
from layoutgen.formats.annotated_source import open_annotated
from layoutgen.formats.coco import write_coco
from layoutgen.formats.coco_results import write_results


def write(folder: Path, images: int, boxes: int) -> tuple[Path, Path]:
    """An instances json and its results; returns their paths."""
    rng = np.random.default_rng(0)
    layouts, found = [], {}
    for image in range(images):
        places = rng.uniform(0, 900, (boxes, 2))
        sides = rng.uniform(20, 110, (boxes, 2))
        labels = rng.choice(["dog", "cat"], boxes)
        targets = [Box(*place, *(place + side)) for place, side in zip(places, sides, strict=True)]
        instances = tuple(Instance(str(label), box) for label, box in zip(labels, targets, strict=True))
        layouts.append((f"{image}.png", Layout(1024, 1024, instances)))
        seen = [*instances, *(instances[int(k)] for k in rng.integers(0, boxes, boxes // 10))]
        moves = rng.normal(0, 5, (len(seen), 2))
        found[image + 1] = tuple(
            Detection(one.label, one.box.shift(*move), float(rng.uniform(0.3, 1)))
            for one, move in zip(seen, moves, strict=True)
        )
    write_coco(folder / "annotations.json", layouts)
    write_results(folder / "results.json", found, {17: "cat", 18: "dog"})
    return folder / "annotations.json", folder / "results.json"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--boxes", type=int, default=100)
    chosen = parser.parse_args()
    for images in (chosen.images, 2 * chosen.images):
        with tempfile.TemporaryDirectory() as name:
            annotations, results = write(Path(name), images, chosen.boxes)
            times = [time.perf_counter()]
            source = open_annotated(annotations, required=False)
            evaluator = Evaluator(EvaluatorOptions(results=True))
            found = evaluator.read(source, results)
            times.append(time.perf_counter())
            report = evaluator.report(source, found)
            times.append(time.perf_counter())
            report.to_json()
            times.append(time.perf_counter())
        read, scored, reported = np.diff(times)
        recall = report.scores.counts.recall
        print(
            f"{images:,} images x {chosen.boxes} boxes: {times[-1] - times[0]:.1f} s "
            f"(read {read:.1f}, score {scored:.1f}, report {reported:.1f}); recall {recall:.3f}"
        )


if __name__ == "__main__":
    main()
