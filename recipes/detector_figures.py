"""What the detector has learnt, on animals and backgrounds that it has never seen.

    python recipes/detector_figures.py PETS COCO [--model RUN/model]

PETS and COCO: COCO jsons of held-out photos. Scenes are composed by the composer of `prepare scenes`, and the
figures are those of `layoutgen evaluate`.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from detector_distractors import LABELS, NOTHING, fur_blob, other_objects, shuffled, washed_out
from PIL import Image

from layoutgen.data.scene_pasting import Cutout
from layoutgen.data.scene_sources import find_source, read_backgrounds, read_cutouts
from layoutgen.data.scenes import SceneComposer, SceneConfig
from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.domain.layout import Layout
from layoutgen.evaluation.evaluator import Evaluator, EvaluatorOptions
from layoutgen.evaluation.scoring import Scores
from layoutgen.formats.annotated_source import open_annotated
from layoutgen.formats.prepared import write_prepared


def main() -> None:
    """Compose, look, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pets", type=Path)
    parser.add_argument("coco", type=Path)
    parser.add_argument("--model", help="default: the one in the package")
    parser.add_argument("--scenes", type=int, default=60)
    parser.add_argument("--threshold", type=float, help="default: the detector's")
    parser.add_argument("--min-mask-score", type=float, default=0.86)
    chosen = parser.parse_args()
    rng = np.random.default_rng(0)
    animals, others = find_source(chosen.pets, chosen.min_mask_score), find_source(chosen.coco)
    cutouts = list(read_cutouts(animals, labels=LABELS, max_side=138))
    grounds = [*read_backgrounds(animals), *read_backgrounds(others)]
    objects = list(other_objects(others, rng))
    evaluator = Evaluator(EvaluatorOptions(detector=chosen.model, device="cpu", threshold=chosen.threshold))
    print(
        f"{len(cutouts)} animals, {len(grounds)} backgrounds; counted from a score of {evaluator.threshold:g}"
    )

    def scenes(things: Sequence[Cutout], low: float, high: float, most: int) -> tuple[Scores, int]:
        """The scores of scenes of `things`, `low` to `high` px long, and how many of them are distractors."""
        config = SceneConfig(512, 512, (1, most), (low, high), seed=1)
        composer = SceneComposer(things, grounds, config)
        with tempfile.TemporaryDirectory() as folder:
            nothings = write(composer, chosen.scenes, Path(folder))
            source = open_annotated(Path(folder))
            found = dict(evaluator.detect(source))
            return evaluator.score(source.images, LABELS, found), nothings

    for low, high, most in ((40, 110, 100), (24, 40, 200), (110, 128, 12)):
        show(f"animals of {low} to {high} px", scenes(cutouts, low, high, most)[0])
    distractions = [Cutout(NOTHING, shuffled(c.image, rng)) for c in cutouts]
    show(
        "animals of 40 to 110 px among as many shuffled ones",
        scenes([*cutouts, *distractions], 40, 110, 100)[0],
    )
    kinds = {
        "shuffled animals": distractions,
        "washed-out animals": [Cutout(NOTHING, washed_out(c.image, rng)) for c in cutouts],
        "blobs of fur": [Cutout(NOTHING, fur_blob(c.image, rng)) for c in cutouts],
        "other objects": objects,
    }
    for name, things in kinds.items():
        scores, count = scenes(things, 40, 110, 100)
        print(f"{name}: {scores.counts.detections} of {count:,} taken for animals")


def write(composer: SceneComposer, count: int, folder: Path) -> int:
    """Write scenes as prepared data, without the distractors in their layouts; returns how many those are."""
    images, nothings = [], 0
    for number in range(count):
        scene = composer.compose(number)
        kept = tuple(i for i in scene.layout.instances if i.label != NOTHING)
        nothings += len(scene.layout.instances) - len(kept)
        name = f"{number:04d}.png"
        image: Image.Image = scene.image
        image.save(folder / name)
        images.append(AnnotatedImage(number, name, Layout(image.width, image.height, kept)))
    write_prepared(folder, images)
    return nothings


def show(title: str, scores: Scores) -> None:
    """Print a line of figures, one per label, and which label is taken for which."""
    print(f"{title}: {scores.counts.targets:,} in {len(scores.images)} scenes")
    for label, counts, ap in (
        ("all", scores.counts, scores.precision),
        *((label, one.counts, one.precision) for label, one in scores.labels.items()),
    ):
        figures = {"recall": counts.recall, "precision": counts.precision, "mean IoU": counts.mean_iou}
        figures |= {"AP": ap.ap, "AP50": ap.ap50, "AP75": ap.ap75}
        told = ", ".join(
            f"{name} {'-' if value is None else f'{value:.3f}'}" for name, value in figures.items()
        )
        print(f"  {label}: {told}, with another label {counts.mislabelled}, twice {counts.duplicates}")
    for label, other in (LABELS, LABELS[::-1]):
        counts = scores.labels[label].counts
        unseen = counts.targets - counts.matched - counts.mislabelled
        told = f"{counts.matched} as {label}, {counts.mislabelled} as {other}, {unseen} not"
        print(f"  of {counts.targets:,} {label}s {told}")


if __name__ == "__main__":
    main()
