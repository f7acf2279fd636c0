"""What the detector in the package learns from: animals that count, and things that only look furry.

Scenes are those of ``layoutgen prepare scenes``, composed of real cut-outs, with cut-outs among them that are
labelled as nothing: shuffled and washed-out animals, blobs of fur, other objects. Whoever judges a generative
model must not take texture for an animal. Mosaics of whole photos add animals that nobody pasted.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from detector_distractors import LABELS, distract, other_objects, shuffled_images
from PIL import Image, ImageEnhance, ImageFilter

from layoutgen.data.scene_pasting import Cutout
from layoutgen.data.scene_sources import SceneSource, find_source, read_backgrounds, read_cutouts
from layoutgen.data.scenes import Scene, SceneComposer, SceneConfig
from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.domain.layout import Box, Instance, Layout
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.formats.coco import decode_mask

SIDE = 192  # of a training image, in pixels
CROPS = 4  # of a scene at once
_LATER = 128  # indices from a scene to its second use
_MIN_SCORE = 0.8  # of masks
_VISIBLE = 0.4  # share of a box that must be inside a crop for the animal to count
_PHOTO_SIDE = 128  # shorter side of the photos in mosaics
_OTHER_PHOTOS = 500


@dataclass(frozen=True)
class Photo:
    """A whole photo and its animal; None: there is none."""

    image: Image.Image
    animal: Instance | None


class DetectorScenes:
    """Training image number `index` is a function of (seed, index) alone.

    Args:
        pets: COCO json with masks of dogs and cats; its images beside it.
        coco: COCO json of photos; what shows neither dog nor cat serves as background and as distraction.
    """

    def __init__(self, pets: Path, coco: Path, seed: int = 0) -> None:
        self.seed = seed
        rng = np.random.default_rng([seed, 0])
        animals, others = find_source(pets, _MIN_SCORE), find_source(coco)
        cutouts = list(read_cutouts(animals, labels=LABELS, max_side=138))
        distractors = [*distract(cutouts, rng), *other_objects(others, rng)]
        cutouts += cut_by_the_border(animals)
        cutouts += [cutout for cutout in cutouts if cutout.label == "cat"]  # there are half as many
        grounds = [*read_backgrounds(animals), *read_backgrounds(others)]
        self._scene = lru_cache(2 * _LATER)(self.compose)
        self._others = list(_other_photos(others, rng))
        busy = [photo.image for photo in self._others[: len(grounds) // 3]]
        self._animals = list(_animal_photos(animals, rng))
        self._composers = [
            SceneComposer([*cutouts, *distractors], [*grounds, *busy], config)
            for config in (
                SceneConfig(384, 384, (8, 160), (20, 140), overlap=0.0, stretch=0.15, seed=seed),
                SceneConfig(384, 384, (8, 160), (20, 140), overlap=0.2, shadow=0.0, seed=seed + 1),
            )
        ]

    def crops(self, index: int) -> list[Scene]:
        """`CROPS` training images, `SIDE` x `SIDE`, of one scene; boxes are cut to them.

        Every scene comes twice, `_LATER` indices apart: composing it costs more than learning from it.
        """
        scene = self._scene(index // 2 if index % 2 == 0 else (index - _LATER) // 2)
        rng = np.random.default_rng([self.seed, 1, index])
        return [disturbed(cropped(scene, rng), rng) for _ in range(CROPS)]

    def compose(self, number: int) -> Scene:
        """A scene of cut-outs, or one in five a mosaic."""
        rng = np.random.default_rng([self.seed, 2, number % 2**32])
        if rng.random() < 0.2:
            return self.mosaic(rng)
        return self._composers[int(rng.integers(2))].compose(number % 2**32)

    def mosaic(self, rng: np.random.Generator) -> Scene:
        """Whole photos side by side, two in three with an animal."""
        size = 384
        cell = int(size / rng.integers(3, 8))
        canvas, instances = Image.new("RGB", (size, size)), []
        for y in range(0, size, cell):
            for x in range(0, size, cell):
                photos = self._animals if rng.random() < 0.67 else self._others
                part = _square(photos[int(rng.integers(len(photos)))], cell, rng)
                canvas.paste(part.image, (x, y))
                if part.animal is not None:
                    instances.append(Instance(part.animal.label, part.animal.box.shift(x, y)))
        return Scene(canvas, Layout(size, size, tuple(instances)).clip())


def cut_by_the_border(source: SceneSource) -> Iterator[Cutout]:
    """The animals that their photo does not show whole: they teach what an animal looks like, too."""
    photos = source.open(masks=True)
    for image in photos.images:
        width, height = image.size
        for index, one in enumerate(image.instances):
            box, mask = one.box, image.mask_of(index)
            whole = box.x0 > 1 and box.y0 > 1 and box.x1 < width - 1 and box.y1 < height - 1
            if whole or one.label not in LABELS or mask is None or mask.score < source.min_score:
                continue
            photo = photos.read_image(image)
            pixels = decode_mask(image, index).astype(np.uint8) * 255
            photo.putalpha(Image.fromarray(pixels).filter(ImageFilter.MinFilter(3)))
            animal = photo.crop(photo.getchannel("A").getbbox())
            animal.thumbnail((138, 138), Image.Resampling.LANCZOS)
            yield Cutout(one.label, animal)


def cropped(scene: Scene, rng: np.random.Generator) -> Scene:
    """A part of `scene`, scaled to `SIDE` x `SIDE`: sizes and proportions vary, half are mirrored."""
    scale, stretch = rng.uniform(0.85, 1.25), rng.uniform(0.88, 1.14)
    width, height = (int(min(SIDE * scale * s, scene.image.width)) for s in (stretch, 1 / stretch))
    x = int(rng.integers(scene.image.width - width + 1))
    y = int(rng.integers(scene.image.height - height + 1))
    image = scene.image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=(x, y, x + width, y + height))
    whole = scene.layout.crop(x, y, width, height).resize(SIDE, SIDE)
    frame = Box(0, 0, SIDE, SIDE)
    kept = tuple(i for i in whole.instances if i.box.intersection(frame) >= _VISIBLE * i.box.area)
    layout = whole.with_instances(kept).clip()
    if rng.random() < 0.5:
        return Scene(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), layout.flip())
    return Scene(image, layout)


def disturbed(scene: Scene, rng: np.random.Generator) -> Scene:
    """Other light and colours, a little blur, noise or compression: what cameras and models do to images."""
    image = scene.image
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.0)))
    image = ImageEnhance.Color(image).enhance(rng.uniform(0.3, 1.5))
    pixels: npt.NDArray[np.float32] = np.asarray(image, np.float32)
    gain = rng.uniform(0.75, 1.3) * rng.uniform(0.9, 1.1, 3)
    pixels = (pixels - 128) * gain + 128 + rng.uniform(-24, 24)
    if rng.random() < 0.3:
        pixels = pixels + rng.normal(0, rng.uniform(1, 8), pixels.shape)
    if rng.random() < 0.2:
        pixels = patch_coded(pixels, int(rng.integers(3, 6)))
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if rng.random() < 0.3:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(35, 95)))
        image = Image.open(buffer).convert("RGB")
    return Scene(image, scene.layout)


def patch_coded(pixels: npt.NDArray[np.float32], frequencies: int) -> npt.NDArray[np.float32]:
    """What an autoencoder of 8 x 8 patches leaves of `pixels` (H, W, 3): the low `frequencies` each way."""
    waves = np.cos(np.pi * np.outer(np.arange(frequencies), np.arange(8) + 0.5) / 8)
    waves /= np.linalg.norm(waves, axis=1, keepdims=True)  # (F, 8), orthonormal: the DCT
    keep = (waves.T @ waves).astype(np.float32)  # (8, 8), a projection
    height, width, _ = pixels.shape
    rows = (keep @ pixels.reshape(height // 8, 8, width * 3)).reshape(height, width // 8, 8, 3)
    return (keep @ rows).reshape(pixels.shape)


def _animal_photos(source: SceneSource, rng: np.random.Generator) -> Iterator[Photo]:
    photos = source.open(masks=True)
    for image in shuffled_images(photos, rng):
        mask = image.mask_of(0) if len(image.instances) == 1 and not image.ignored else None
        if mask is not None and mask.score >= _MIN_SCORE:
            yield _small(photos, image, image.instances[0])


def _other_photos(source: SceneSource, rng: np.random.Generator) -> Iterator[Photo]:
    photos = source.open()
    images = (image for image in shuffled_images(photos, rng) if not {*image.labels} & {*LABELS})
    for image, _ in zip(images, range(_OTHER_PHOTOS), strict=False):
        yield _small(photos, image, None)


def _small(photos: AnnotatedSource, image: AnnotatedImage, animal: Instance | None) -> Photo:
    photo = photos.read_image(image)
    scale = _PHOTO_SIDE / min(photo.size)
    photo = photo.resize((round(photo.width * scale), round(photo.height * scale)), Image.Resampling.BOX)
    return Photo(photo, animal and Instance(animal.label, animal.box.scale(scale, scale)))


def _square(photo: Photo, side: int, rng: np.random.Generator) -> Photo:
    """A square part with the whole animal if that fits, scaled to `side` pixels."""
    image, animal = photo.image, photo.animal
    edge = min(image.size)
    if animal is None:
        edge = int(edge * rng.uniform(0.5, 1.0))
        x, y = (int(rng.integers(length - edge + 1)) for length in image.size)
    else:
        middle = ((animal.box.x0 + animal.box.x1) / 2, (animal.box.y0 + animal.box.y1) / 2)
        x, y = (
            int(np.clip(m - edge / 2, 0, length - edge)) for m, length in zip(middle, image.size, strict=True)
        )
    part = image.resize((side, side), Image.Resampling.BOX, box=(x, y, x + edge, y + edge))
    if animal is None:
        return Photo(part, None)
    box = animal.box.shift(-x, -y).scale(side / edge, side / edge).clip(side, side)
    return Photo(part, box and Instance(animal.label, box))
