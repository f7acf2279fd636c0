"""The pictures that painter_figures.py looks at: painted layouts, and scenes composed of real animals."""

from __future__ import annotations

import hashlib
import inspect
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from layoutgen.data.scene_pasting import Cutout
from layoutgen.data.scene_sources import find_source, read_all_backgrounds, read_cutouts
from layoutgen.data.scenes import Scene, SceneComposer, SceneConfig
from layoutgen.denoising.settings import SampleSettings
from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.domain.arrange import ask_for
from layoutgen.domain.labels import count_phrase
from layoutgen.domain.layout import Box, Layout
from layoutgen.domain.size_prior import SizePrior
from layoutgen.errors import DoesNotFit
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.formats.coco import write_coco
from layoutgen.formats.prepared import write_prepared
from layoutgen.pipeline import LayoutPipeline
from layoutgen.sampling.jobs import Job, is_finished, write_job
from layoutgen.sampling.run import recorded_settings

_LARGEST = 8  # canvases, in sides of the smallest, that are tried for many objects


@dataclass(frozen=True, slots=True)
class Crop:
    """What is in a box of the picture that is called `source`."""

    source: str
    image: Image.Image


@dataclass(frozen=True, slots=True)
class Objects:
    """What is painted and composed: as `layoutgen prepare scenes` and groups of a layout file take it."""

    label: str
    size: tuple[float, float]
    size_prior: SizePrior

    def layout(self, count: int, canvas: int, seed: int) -> Layout:
        """`count` of them at distinct places of a canvas of `canvas` px, or of the multiple that has room."""
        for times in range(1, _LARGEST):
            empty = Layout(times * canvas, times * canvas)
            try:
                return ask_for(
                    empty, count, self.label, seed=seed, size=self.size, size_prior=self.size_prior
                )
            except DoesNotFit:
                continue
        raise DoesNotFit(f"{count} x {self.label!r} do not fit a canvas of {times * canvas} px a side")


class Animals:
    """Segmented animals and empty backgrounds, of which scenes are composed.

    Scenes of even and of odd seeds show different animals: two disjoint halves.
    """

    def __init__(self, objects: Objects, masks: Path, photos: Path, score: float) -> None:
        source, (low, high) = find_source(masks, score), objects.size_prior.aspect
        side = int(max(objects.size) * 1.25)
        found = read_cutouts(source, labels=(objects.label,), max_side=side)
        self.objects = objects
        self.cutouts: list[Cutout] = [c for c in found if low <= c.image.width / c.image.height <= high]
        self._grounds = read_all_backgrounds([source, find_source(photos)])

    def scenes(self, count: int, canvas: int, seeds: int, first: int = 0) -> Iterator[tuple[str, Scene]]:
        """A scene of up to `count` animals for each of `seeds` seeds from `first` on, and its name."""
        size, size_prior = self.objects.size, self.objects.size_prior
        halves = self.cutouts[::2], self.cutouts[1::2]
        config = SceneConfig(
            canvas, canvas, (count, count), size, aspect=size_prior.aspect, stretch=0.1, grid=size_prior.grid
        )
        composers = [SceneComposer(half, self._grounds, config) for half in halves]
        return (
            (f"{seed:04d}.png", composers[seed % 2].compose(seed)) for seed in range(first, first + seeds)
        )

    def compose(
        self, count: int, canvas: int, seeds: int, folder: Path, first: int = 0
    ) -> list[AnnotatedImage]:
        """Write the :meth:`scenes` as prepared data."""
        folder.mkdir(parents=True, exist_ok=True)
        images = []
        for name, scene in self.scenes(count, canvas, seeds, first):
            images.append(AnnotatedImage(len(images), name, scene.layout))
            scene.image.save(folder / name)
        write_prepared(folder, images)
        return images


def jobs_for(layouts: Sequence[Layout], scenes: Sequence[AnnotatedImage], ground: str | None) -> list[Job]:
    """What to paint: layout number k by seed k, on `ground`; None: on the ground of scene number k."""
    jobs = []
    for seed, (layout, scene) in enumerate(zip(layouts, scenes, strict=True)):
        words = count_phrase(Counter(instance.label for instance in layout.instances))
        prompt = f"{words} on {ground or scene.layout.prompt.rpartition(' on ')[2]}"
        jobs.append(Job(f"{len(layout.instances)}", replace(layout, prompt=prompt), seed))
    return jobs


def paint(
    pipeline: LayoutPipeline, jobs: Sequence[Job], options: dict[str, Any], folder: Path
) -> Iterator[Job]:
    """Paint `jobs` into `folder`, as ``layoutgen sample`` writes them; yields each that was not there yet.

    Images of the same layout, settings and weights are kept, so that a run that was killed goes on.
    """
    asked = inspect.signature(LayoutPipeline.__call__).parameters  # others say how it was loaded
    how = {key: value for key, value in options.items() if key in asked}
    for name in ("images", "overlays"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for job in jobs:
        if not is_finished(folder, job, options):
            (image,) = pipeline(job.layout, generator=torch.Generator().manual_seed(job.seed), **how)
            write_job(folder, job, image, options)
            yield job
    write_coco(folder / "annotations.json", [(job.file, job.layout) for job in jobs])


def settings_for(pipeline: LayoutPipeline, asked: SampleSettings) -> dict[str, Any]:
    """What pictures say of how `pipeline` painted them as `asked`, and of its weights."""
    recorded = recorded_settings(pipeline, pipeline.method(asked.method), asked)
    return recorded | {"weights": fingerprint(pipeline)}


def fingerprint(pipeline: LayoutPipeline) -> str:
    """A short name of the weights: other weights, other pictures."""
    digest = hashlib.sha256()
    for name in ("unet", "vae", "text_encoder", "layout_encoder"):
        module = getattr(pipeline, name)
        for key, values in module.state_dict().items() if module is not None else ():
            digest.update(key.encode())
            digest.update(values.cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:12]


def crops(source: AnnotatedSource) -> Iterator[Crop]:
    """What is in the boxes of the pictures, in file order."""
    for image in source.images:
        yield from cut(
            image.file_name, source.read_image(image, any_size=True), [one.box for one in image.instances]
        )


def cut(name: str, picture: Image.Image, boxes: Sequence[Box]) -> Iterator[Crop]:
    """What is in `boxes` of `picture`."""
    for box in boxes:
        x0, y0, x1, y1 = (round(edge) for edge in box.xyxy)
        yield Crop(name, picture.crop((x0, y0, max(x1, x0 + 1), max(y1, y0 + 1))))
