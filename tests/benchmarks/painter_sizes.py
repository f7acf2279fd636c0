"""What a model paints at every size, on every ground, beside real animals: what an ImageNet classifier says.

    python tests/benchmarks/painter_sizes.py DATA -o OUT [--method text2img] [--seeds 20]

DATA holds pets/ and coco/ as for painter_figures.py. For each label, size and seed a scene of held-out
animals is composed, and the model paints its boxes with its prompt, so that every painted crop has a real one
beside it. EfficientNet-Lite0 looks at each (`pip install 'layoutgen[features]'`): how sure it is of the
label, as a share of how sure it is of real ones; Frechet distance and diversity of its features. Besides: the
colour of the ground outside of boxes, and what the detector finds by size. The same command goes on where it
was stopped. What is found by number of objects, and copies: painter_figures.py.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))

from layoutgen.denoising.settings import settings_of
from layoutgen.domain.layout import Box, Layout
from layoutgen.domain.size_prior import SizePrior
from layoutgen.drawing.contact_sheet import contact_sheet
from layoutgen.evaluation.evaluator import Evaluator, EvaluatorOptions
from layoutgen.features.efficientnet_lite import EfficientNetLite0
from layoutgen.formats.annotated_source import AnnotatedSource, open_annotated
from layoutgen.model_info import find_model
from layoutgen.sampling.jobs import Job
from layoutgen.sampling.run import load_pipeline
from tests.benchmarks.likeness import Likeness
from tests.benchmarks.painter_command import painter_parser, parsed, run
from tests.benchmarks.painter_scenes import Animals, Objects, paint, settings_for
from tests.benchmarks.painter_scores import score, scores_table

CLASSES = {"dog": slice(151, 269), "cat": slice(281, 286)}  # of ImageNet
_SIDE, _MARGIN = 224, 0.12  # pixels of a crop; share of the box's longer side that is shown around it
_ROOM = 3.0  # areas of a square box of each object on a canvas
_MOST = 12  # objects on a canvas
_BATCH = 16


@dataclass(frozen=True)
class Pictures:
    """Painted or real pictures of one label and size."""

    label: str
    size: int
    kind: str
    source: AnnotatedSource

    def crops(self) -> Iterator[Image.Image]:
        """The boxes with a margin, as squares of 224 px; what is beyond the picture is black."""
        for image in self.source.images:
            picture = self.source.read_image(image, any_size=True)
            for one in image.instances:
                yield square(picture, one.box)

    def grounds(self) -> Iterator[tuple[str, npt.NDArray[np.float64]]]:
        """The ground that a picture's prompt names, and its mean colour outside of boxes, of 255."""
        for image in self.source.images:
            outside = np.ones((image.layout.height, image.layout.width), bool)
            for one in image.instances:
                x0, y0, x1, y1 = (max(0, round(edge)) for edge in one.box.xyxy)
                outside[y0:y1, x0:x1] = False
            if outside.mean() > 0.02:
                pixels = np.asarray(self.source.read_image(image, any_size=True), float)
                yield ground_of(image.layout), pixels[outside].mean(axis=0)


def main(arguments: list[str] | None = None) -> None:
    """Paint, look, compare, print."""
    run(_run, _parse(arguments))


def _parse(arguments: list[str] | None) -> argparse.Namespace:
    parser = painter_parser(__doc__)
    parser.add_argument("--steps", type=int, help="default: the model's")
    parser.add_argument("--guidance", type=float, help="default: the model's")
    parser.add_argument("--sizes", type=int, nargs="+", default=[24, 32, 48, 64, 96, 128, 160])
    parser.add_argument("--labels", nargs="+", choices=list(CLASSES), default=list(CLASSES))
    parser.add_argument("--canvas", type=int, default=256)
    parser.add_argument("--aspect", type=float, nargs=2, default=[0.3, 2.6], help="width / height")
    parser.add_argument("--min-mask-score", type=float, default=0.86)
    return parsed(parser, arguments)


def _run(chosen: argparse.Namespace) -> None:
    network, console = EfficientNetLite0(), Console(width=150)  # before painting: it may not be installed
    sets = list(_make(chosen, console))
    seen = {(s.label, s.size, s.kind): look(network, list(s.crops()), CLASSES[s.label]) for s in sets}
    sure = {key: one[0].tolist() for key, one in seen.items()}
    console.print(sureness_table(sure, chosen.labels, chosen.sizes))
    grounds = ground_errors(sets)
    console.print(grounds_table(grounds))
    likeness = {label: _likeness(sets, seen, label) for label in chosen.labels}
    for label, figures in likeness.items():
        console.print(label, figures)
    evaluator = Evaluator(EvaluatorOptions(detector=chosen.detector))
    rows = [replace(score(evaluator, s.source, f"{s.kind} {s.label}", s.size), canvas=s.size) for s in sets]
    console.print(scores_table(rows, "found by the detector; asked and canvas: the size in pixels"))
    sheet([s for s in sets if s.kind == "painted"]).save(chosen.output / "sizes.png")
    content = {"sure": {" ".join(map(str, key)): values for key, values in sure.items()}}
    content |= {"grounds": grounds, "likeness": likeness}
    (chosen.output / "sizes.json").write_text(json.dumps(content, indent=1))


def _make(chosen: argparse.Namespace, console: Console) -> Iterator[Pictures]:
    """Compose real scenes, paint their layouts."""
    info = find_model(chosen.model)
    pipeline = load_pipeline(info.source)
    how = {key: getattr(chosen, key) for key in ("method", "steps", "guidance")}
    given = {key: value for key, value in how.items() if value is not None}
    asked = replace(settings_of(info.sampling), model=chosen.model, **given)
    settings = settings_for(pipeline, asked)
    masks, photos = (chosen.data / kind / "instances_heldout.json" for kind in ("pets", "coco"))
    for label in chosen.labels:
        for size in chosen.sizes:
            objects = Objects(label, (size, size), SizePrior(aspect=tuple(chosen.aspect)))
            animals = Animals(objects, masks, photos, chosen.min_mask_score)
            count = max(1, min(_MOST, int(chosen.canvas**2 / (_ROOM * size**2))))
            folders = {kind: chosen.output / kind / f"{label}-{size}" for kind in ("painted", "real")}
            first = 1000 * size  # other backgrounds for each size
            scenes = animals.compose(count, chosen.canvas, chosen.seeds, folders["real"], first)
            jobs = [Job("scene", scene.layout, seed) for seed, scene in enumerate(scenes)]
            for job in paint(pipeline, jobs, settings, folders["painted"]):
                console.print(f"painted {folders['painted'] / 'images' / job.file}")
            for kind, folder in folders.items():
                yield Pictures(label, size, kind, open_annotated(folder))


def square(picture: Image.Image, box: Box) -> Image.Image:
    """What is in and around `box`, a square of 224 px."""
    side = max(box.width, box.height) * (1 + 2 * _MARGIN)
    x, y = (box.x0 + box.x1 - side) / 2, (box.y0 + box.y1 - side) / 2
    corners = tuple(round(edge) for edge in (x, y, x + side, y + side))
    return picture.crop(corners).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)


@torch.inference_mode()
def look(network: EfficientNetLite0, crops: Sequence[Image.Image], classes: slice) -> tuple[Tensor, Tensor]:
    """How sure the network is (N,) that each of N crops is one of `classes`, and its features (N, 112)."""
    sure, features = [], []
    for start in range(0, len(crops), _BATCH):
        pixels = np.stack([np.asarray(crop.convert("RGB")) for crop in crops[start : start + _BATCH]])
        images = torch.from_numpy(pixels).movedim(-1, 1).float() / 127.5 - 1
        sure.append(network.classify(images).softmax(dim=1)[:, classes].sum(dim=1))
        features.append(network(images)[2].mean(dim=(2, 3)))
    return torch.cat(sure).double(), torch.cat(features).double()


def ground_of(layout: Layout) -> str:
    """The word for the ground in a prompt of composed scenes: "3 dogs on green ground"."""
    return layout.prompt.rpartition(" on ")[2].removesuffix(" ground")


def ground_errors(sets: Sequence[Pictures]) -> dict[str, tuple[float, int]]:
    """By ground: how far the mean colours of painted and real pictures are apart, of 255, and of how many."""
    colours: dict[tuple[str, str], list[npt.NDArray[np.float64]]] = {}
    for one in sets:
        for ground, colour in one.grounds():
            colours.setdefault((ground, one.kind), []).append(colour)
    errors = {}
    for ground in sorted({ground for ground, _ in colours}):
        painted, real = (np.mean(colours[ground, kind], axis=0) for kind in ("painted", "real"))
        errors[ground] = float(np.abs(painted - real).mean()), len(colours[ground, "painted"])
    return errors


def _likeness(
    sets: Sequence[Pictures], seen: dict[tuple[str, int, str], tuple[Tensor, Tensor]], label: str
) -> dict[str, float]:
    """Frechet distance of a label's crops to real ones, its floor, and diversity as a share of theirs."""
    features = {
        kind: torch.cat([seen[key][1] for key in seen if key[0] == label and key[2] == kind])
        for kind in ("painted", "real")
    }
    first = [
        Path(image.file_name).stem[-1] in "02468"
        for one in sets
        if (one.label, one.kind) == (label, "real")
        for image in one.source.images
        for _ in image.instances
    ]
    alike = Likeness(features["painted"], features["real"], torch.tensor(first), features["real"])
    distances, diversity = alike.standardised().distances(), alike.standardised().diversity()
    return {
        "frechet": distances["painted, held-out"].fid,
        "floor": distances["held-out, other held-out animals"].fid,
        "diversity": diversity["painted"] / diversity["held-out"],
    }


def sureness_table(
    sure: dict[tuple[str, int, str], list[float]], labels: Sequence[str], sizes: Sequence[int]
) -> Table:
    """How sure the classifier is of painted animals, of real ones, and the share, by label and size."""
    table = Table("label", "", *(f"{size} px" for size in sizes), title="P(label) of EfficientNet-Lite0")
    for label in labels:
        means = {
            kind: [float(np.mean(sure[label, size, kind])) for size in sizes] for kind in ("painted", "real")
        }
        shares = [a / max(b, 1e-9) for a, b in zip(means["painted"], means["real"], strict=True)]
        for name, values in (*means.items(), ("share", shares)):
            table.add_row(label, name, *(f"{value:.2f}" for value in values))
        table.add_row(label, "boxes", *(str(len(sure[label, size, "real"])) for size in sizes))
    return table


def grounds_table(errors: dict[str, tuple[float, int]]) -> Table:
    """How far grounds are from those of real scenes with this prompt, of 255."""
    table = Table("ground", *errors, title="mean colour outside of boxes, painted against real, of 255")
    table.add_row("error", *(f"{error:.0f}" for error, _ in errors.values()))
    table.add_row("pictures", *(str(count) for _, count in errors.values()))
    return table


def sheet(sets: Sequence[Pictures]) -> Image.Image:
    """The first two painted pictures of each label and size, as they are."""
    pictures, captions = [], []
    for one in sets:
        for image in one.source.images[:2]:
            pictures.append(one.source.read_image(image, any_size=True))
            captions.append(f"{one.label}, {one.size} px, {ground_of(image.layout)}")
    return contact_sheet(pictures, captions, columns=7, tile=max(picture.width for picture in pictures))


if __name__ == "__main__":
    main()
