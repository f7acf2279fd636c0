"""What the embedded model paints, on layouts and photos that no training saw, beside real animals.

    python tests/benchmarks/painter_figures.py DATA -o OUT [--method text2img] [--seeds 20]

DATA holds pets/ and coco/, each with instances_train.json, instances_heldout.json and the photos; pets/
has masks. Every layout is painted once a seed, and a scene of held-out animals is composed beside it by the
composer of `prepare scenes`: as many, as far as they find room, as large, on a canvas as large; its
background gives the prompt's ground. What is said of these real scenes is the ceiling. The same command goes
on where it was stopped.

Boxes do not overlap, so a detection can belong to one box only: the share of boxes in which the detector
finds the asked label (instance success) and the one-to-one recall over all labels are one figure.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[2]))

from layoutgen.denoising.settings import SampleSettings
from layoutgen.evaluation.evaluator import Evaluator, EvaluatorOptions
from layoutgen.features.neighbours import thumbnails
from layoutgen.formats.annotated_source import AnnotatedSource, open_annotated
from layoutgen.model_info import ModelInfo, check_labels, find_model
from layoutgen.sampling.run import load_pipeline
from tests.benchmarks.likeness import Features, Likeness, figures, likeness_table
from tests.benchmarks.painter_command import painter_parser, parsed, run
from tests.benchmarks.painter_scenes import Animals, Crop, Objects, crops, cut, jobs_for, paint, settings_for
from tests.benchmarks.painter_scores import score, scores_table
from tests.benchmarks.painter_sheets import closest_pairs, enlarged

_TRAINING = 3  # crops of training animals for each crop of another set, so that each animal is among them


def main(arguments: list[str] | None = None) -> None:
    """Paint, look, compare, print."""
    run(_run, _parse(arguments))


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = painter_parser(__doc__)
    usual = SampleSettings()
    parser.add_argument("--steps", type=int, default=usual.steps)
    parser.add_argument("--guidance", type=float, default=usual.guidance)
    parser.add_argument("--instances", type=int, nargs="+", default=[1, 10, 30, 100, 300])
    parser.add_argument("--label", default="dog")
    parser.add_argument("--ground", help='such as "green ground"; default: as in the real scenes')
    parser.add_argument("--canvas", type=int, default=512, help="side; a multiple of it where needed")
    parser.add_argument("--size", type=float, nargs=2, default=[38, 58], help="longer sides, in pixels")
    parser.add_argument("--aspect", type=float, nargs=2, default=[0.45, 0.95], help="width / height")
    parser.add_argument("--min-mask-score", type=float, default=0.88)
    parser.add_argument("--crops", type=int, default=2000, help="of a set, at most, that are compared")
    parser.add_argument("--device", default=None)
    parser.add_argument("--dtype", default="auto")
    chosen = parsed(parser, arguments)
    if chosen.seeds // 2 * sum(chosen.instances) < 2 or chosen.crops < 30:
        parser.error("too few crops to compare: ask for more --seeds or --instances, and 30 --crops or more")
    return chosen


def _run(chosen: argparse.Namespace) -> None:
    console, info = Console(width=150), find_model(chosen.model)
    check_labels([chosen.label], info.labels)
    features = Features(chosen.detector)  # before hours of painting: it refuses other detectors
    settings, pictures = _make(chosen, info, console)
    evaluator = Evaluator(EvaluatorOptions(detector=chosen.detector, device=chosen.device))
    rows = [
        score(evaluator, source, kind, count)
        for count, made in pictures.items()
        for kind, source in made.items()
    ]
    title = f"{chosen.label}, {chosen.method}, {chosen.steps} steps; counted from {evaluator.threshold:g}"
    console.print(scores_table(rows, title))
    sets: dict[str, list[Crop]] = {
        kind: [crop for made in pictures.values() for crop in crops(made[kind])]
        for kind in ("painted", "real")
    }
    sets["training"] = _training_crops(chosen, info)
    alike = _compare(sets, features, chosen)
    console.print(likeness_table(alike))
    about = {key: str(value) if isinstance(value, Path) else value for key, value in vars(chosen).items()}
    content = {"asked": about, "settings": settings, "threshold": evaluator.threshold}
    content |= {"scores": [asdict(row) for row in rows], "likeness": alike}
    chosen.output.joinpath("figures.json").write_text(json.dumps(content, indent=1))
    console.print(f"{chosen.output}: figures.json, boxes.png, closest.png, closest_pixels.png")


def _make(
    chosen: argparse.Namespace, info: ModelInfo, console: Console
) -> tuple[dict[str, Any], dict[int, dict[str, AnnotatedSource]]]:
    """Paint and compose: how, and by the number of objects the painted and the real pictures."""
    animals = _animals(chosen, info, "heldout")
    console.print(f"{len(animals.cutouts)} held-out cut-outs of {chosen.label}")
    pipeline = load_pipeline(info.source, chosen.device, chosen.dtype)
    asked = SampleSettings(chosen.model, chosen.method, steps=chosen.steps, guidance=chosen.guidance)
    settings = settings_for(pipeline, asked)
    made = {}
    for count in chosen.instances:
        folders = {kind: chosen.output / kind / str(count) for kind in ("painted", "real")}
        layouts = [animals.objects.layout(count, chosen.canvas, seed) for seed in range(chosen.seeds)]
        scenes = animals.compose(count, layouts[0].width, chosen.seeds, folders["real"])
        for job in paint(pipeline, jobs_for(layouts, scenes, chosen.ground), settings, folders["painted"]):
            console.print(f"painted {folders['painted'] / 'images' / job.file}")
        made[count] = {kind: open_annotated(folder) for kind, folder in folders.items()}
    return settings, made


def _animals(chosen: argparse.Namespace, info: ModelInfo, part: str) -> Animals:
    """The animals of the `part` of the data, ``heldout`` or ``train``."""
    size_prior = replace(info.size_prior, aspect=tuple(chosen.aspect))
    objects = Objects(chosen.label, tuple(chosen.size), size_prior)
    masks, photos = (chosen.data / kind / f"instances_{part}.json" for kind in ("pets", "coco"))
    return Animals(objects, masks, photos, chosen.min_mask_score)


def _training_crops(chosen: argparse.Namespace, info: ModelInfo) -> list[Crop]:
    """Crops of scenes of the animals that the model has been trained on."""
    animals, each = _animals(chosen, info, "train"), min(30, max(chosen.instances))
    scenes = animals.scenes(each, chosen.canvas, -(-_TRAINING * chosen.crops // each))
    return [
        crop
        for name, scene in scenes
        for crop in cut(name, scene.image, [one.box for one in scene.layout.instances])
    ]


def _compare(sets: dict[str, list[Crop]], features: Features, chosen: argparse.Namespace) -> dict[str, Any]:
    """How alike the sets are, in features and in pixels; writes the sheets."""
    rng, pictures, first = np.random.default_rng(0), {}, []
    for kind, found in sets.items():
        most = chosen.crops * (_TRAINING if kind == "training" else 1)
        some = [found[index] for index in rng.permutation(len(found))[:most]]
        pictures[kind] = [crop.image for crop in some]
        if kind == "real":
            first = [int(Path(crop.source).stem) % 2 == 0 for crop in some]
    seen = Likeness.of(features.of, pictures, first).standardised()
    pixels = Likeness.of(thumbnails, pictures, first)
    by_features, by_pixels = seen.copying(), pixels.copying()
    sheets = {
        "boxes": enlarged(pictures["painted"]),
        "closest": closest_pairs(pictures["painted"], pictures["training"], by_features),
        "closest_pixels": closest_pairs(pictures["painted"], pictures["training"], by_pixels),
    }
    for name, sheet in sheets.items():
        sheet.save(chosen.output / f"{name}.png")
    return {
        "crops": {kind: len(some) for kind, some in pictures.items()},
        "distances": {name: asdict(quality) for name, quality in seen.distances().items()},
        "diversity": seen.diversity(),
        "nearest training crop": {"features": figures(by_features), "pixels": figures(by_pixels)},
    }


if __name__ == "__main__":
    main()
