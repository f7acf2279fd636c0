"""What the detector in the package learns from: animals that count, and things that only look furry.

Scenes are those of ``layoutgen prepare scenes``, composed of real cut-outs, with cut-outs among them that no
box belongs to: shuffled and washed-out animals, blobs of fur, other objects. Whoever judges a generative
model must not take texture for an animal. Mosaics of whole photos add animals that nobody pasted.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from layoutgen.formats.coco import CocoImage, decode_mask, read_coco
from layoutgen.formats.photos import read_photo
from layoutgen.layout import Box, Instance, Layout
from layoutgen.prepare.scenes import Cutout, Scene, SceneComposer, SceneConfig
from layoutgen.prepare.sources import SceneSource, find_source, read_backgrounds, read_cutouts

LABELS = ("cat", "dog")
SIDE = 256  # of a training image, in pixels
NOTHING = "nothing"
"""The label of cut-outs that are none of ours; it never leaves this file."""
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
        self._others = list(_other_photos(others, rng))
        busy = [photo.image for photo in self._others[: len(grounds) // 3]]
        self._animals = list(_animal_photos(animals, rng))
        self._composers = [
            SceneComposer([*cutouts, *distractors], [*grounds, *busy], config)
            for config in (
                SceneConfig(384, 384, (1, 60), (24, 110), overlap=0.0, seed=seed),
                SceneConfig(384, 384, (1, 60), (24, 110), overlap=0.2, shadow=0.0, seed=seed + 1),
            )
        ]

    def pair(self, index: int) -> list[Scene]:
        """Two training images, `SIDE` x `SIDE`, from one scene or mosaic; boxes are cut to them."""
        rng = np.random.default_rng([self.seed, 1, index])
        if rng.random() < 0.3:
            scene = self.mosaic(rng)
        else:
            scene = self._composers[int(rng.integers(2))].compose(index)
        return [disturbed(cropped(scene, rng), rng) for _ in range(2)]

    def mosaic(self, rng: np.random.Generator) -> Scene:
        """Whole photos side by side, two in three with an animal."""
        size = 384
        cell = int(size / rng.integers(2, 6))
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
    for entry in read_coco(Path(source.annotations)):
        for one in entry.annotations:
            box = one.box
            whole = box.x0 > 1 and box.y0 > 1 and box.x1 < entry.width - 1 and box.y1 < entry.height - 1
            if whole or one.label not in LABELS or one.mask_score < source.min_score:
                continue
            photo = read_photo(Path(source.images) / entry.file_name, entry.width, entry.height)
            mask = decode_mask(one, entry.height, entry.width)
            photo.putalpha(Image.fromarray(mask.astype(np.uint8) * 255).filter(ImageFilter.MinFilter(3)))
            animal = photo.crop(photo.getchannel("A").getbbox())
            animal.thumbnail((138, 138), Image.Resampling.LANCZOS)
            yield Cutout(one.label, animal)


def distract(cutouts: Sequence[Cutout], rng: np.random.Generator) -> Iterator[Cutout]:
    """Of every animal something that has its texture, but is none."""
    for number in rng.permutation(len(cutouts)):
        image = cutouts[int(number)].image
        kind = rng.random()
        if kind < 0.45:
            yield Cutout(NOTHING, shuffled(image, rng))
        elif kind < 0.65:
            yield Cutout(NOTHING, washed_out(image, rng))
        else:
            yield Cutout(NOTHING, fur_blob(image, rng))


def shuffled(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The patches of a cut-out in another order, inside its own outline or a blob."""
    cells = int(rng.integers(2, 6))
    width, height = max(1, image.width // cells), max(1, image.height // cells)
    filled = _filled(image)
    corners = [(x * width, y * height) for y in range(cells) for x in range(cells)]
    result = filled.copy()
    for (x, y), number in zip(corners, rng.permutation(len(corners)), strict=True):
        left, top = corners[int(number)]
        patch = filled.crop((left, top, left + width, top + height))
        result.paste(patch.transpose(Image.Transpose.ROTATE_180) if rng.random() < 0.5 else patch, (x, y))
    result.putalpha(image.getchannel("A") if rng.random() < 0.5 else _blob(image.size, rng))
    return result


def washed_out(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A cut-out without any detail: only a rough shape in its colours is left."""
    radius = rng.uniform(0.1, 0.2) * max(image.size)
    blurred = _filled(image).filter(ImageFilter.GaussianBlur(radius))
    noise = rng.normal(0, rng.uniform(0, 12), (image.height, image.width, 1))
    pixels = np.clip(np.array(blurred) + noise, 0, 255).astype(np.uint8)
    result = Image.fromarray(pixels)
    result.putalpha(image.getchannel("A") if rng.random() < 0.4 else _blob(image.size, rng))
    return result


def fur_blob(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A blob of fur: a small part of a cut-out, enlarged or laid out in mirrored tiles."""
    filled = _filled(image)
    side = max(8, int(min(image.size) * rng.uniform(0.2, 0.4)))
    x, y = ((length - side) // 2 + int(rng.integers(-side // 2, side // 2 + 1)) for length in image.size)
    patch = np.array(filled.crop((x, y, x + side, y + side)))
    if rng.random() < 0.6:
        row = np.concatenate([patch, patch[:, ::-1]], axis=1)
        patch = np.tile(np.concatenate([row, row[::-1]], axis=0), (2, 2, 1))
    size = (int(rng.integers(60, 130)), int(rng.integers(60, 130)))
    result = Image.fromarray(patch).resize(size, Image.Resampling.BICUBIC)
    result.putalpha(_blob(size, rng))
    return result


def other_objects(source: SceneSource, rng: np.random.Generator, count: int = 800) -> Iterator[Cutout]:
    """Boxes of annotated objects that are neither dog nor cat, cut as rectangles or blobs."""
    for entry in _shuffled_entries(source, rng):
        boxes = [
            a.box for a in entry.annotations if a.label not in LABELS and min(a.box.width, a.box.height) > 28
        ]
        ours = [a.box for a in entry.annotations if a.label in LABELS]
        boxes = [box for box in boxes if not any(box.intersection(other) for other in ours)]
        if not boxes or count <= 0:
            continue
        photo = read_photo(Path(source.images) / entry.file_name, entry.width, entry.height)
        for number in rng.permutation(len(boxes))[:2]:
            image = photo.crop(tuple(round(v) for v in boxes[int(number)].xyxy))
            image.thumbnail((138, 138), Image.Resampling.LANCZOS)
            image.putalpha(_blob(image.size, rng) if rng.random() < 0.6 else 255)
            count -= 1
            yield Cutout(NOTHING, image)


def cropped(scene: Scene, rng: np.random.Generator) -> Scene:
    """A part of `scene`, scaled to `SIDE` x `SIDE`: sizes and proportions vary, half are mirrored."""
    scale, stretch = rng.uniform(0.85, 1.25), rng.uniform(0.88, 1.14)
    width, height = (int(min(SIDE * scale * s, scene.image.width)) for s in (stretch, 1 / stretch))
    x = int(rng.integers(scene.image.width - width + 1))
    y = int(rng.integers(scene.image.height - height + 1))
    image = scene.image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=(x, y, x + width, y + height))
    whole = scene.layout.crop(x, y, width, height).resize(SIDE, SIDE)
    frame = Box(0, 0, SIDE, SIDE)
    kept = tuple(
        i
        for i in whole.instances
        if i.label != NOTHING and i.box.intersection(frame) >= _VISIBLE * i.box.area
    )
    layout = whole.with_instances(kept).clip()
    if rng.random() < 0.5:
        return Scene(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), layout.flip())
    return Scene(image, layout)


def disturbed(scene: Scene, rng: np.random.Generator) -> Scene:
    """Other light and colours, a little blur, noise or compression: what cameras and models do to images."""
    image = scene.image
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.2, 1.1)))
    image = ImageEnhance.Color(image).enhance(rng.uniform(0.3, 1.5))
    pixels: npt.NDArray[np.float32] = np.asarray(image, np.float32)
    gain = rng.uniform(0.75, 1.3) * rng.uniform(0.9, 1.1, 3)
    pixels = (pixels - 128) * gain + 128 + rng.uniform(-24, 24)
    if rng.random() < 0.3:
        pixels = pixels + rng.normal(0, rng.uniform(1, 8), pixels.shape)
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    if rng.random() < 0.3:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=int(rng.integers(35, 95)))
        image = Image.open(buffer).convert("RGB")
    return Scene(image, scene.layout)


def _animal_photos(source: SceneSource, rng: np.random.Generator) -> Iterator[Photo]:
    for entry in _shuffled_entries(source, rng):
        if len(entry.annotations) != 1 or entry.annotations[0].mask_score < _MIN_SCORE:
            continue
        animal = entry.annotations[0]
        yield _small(source, entry, Instance(animal.label, animal.box))


def _other_photos(source: SceneSource, rng: np.random.Generator) -> Iterator[Photo]:
    entries = (e for e in _shuffled_entries(source, rng) if not {a.label for a in e.annotations} & {*LABELS})
    for entry, _ in zip(entries, range(_OTHER_PHOTOS), strict=False):
        yield _small(source, entry, None)


def _shuffled_entries(source: SceneSource, rng: np.random.Generator) -> Iterator[CocoImage]:
    entries = read_coco(Path(source.annotations))
    yield from (entries[int(number)] for number in rng.permutation(len(entries)))


def _small(source: SceneSource, entry: CocoImage, animal: Instance | None) -> Photo:
    photo = read_photo(Path(source.images) / entry.file_name, entry.width, entry.height)
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


def _filled(image: Image.Image) -> Image.Image:
    """RGB, with the mean colour of the object where it is transparent."""
    pixels = np.array(image)
    inside = pixels[..., 3] >= 128
    mean = pixels[inside][:, :3].mean(axis=0) if inside.any() else np.full(3, 128.0)
    ground = Image.new("RGB", image.size, tuple(int(v) for v in mean))
    ground.paste(image.convert("RGB"), (0, 0), image.getchannel("A"))
    return ground


def _blob(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """A mask (L): a round thing with dents and bumps, its rim sharp or soft."""
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    waves = np.arange(2, 7)
    sizes, phases = rng.normal(0, 0.25, len(waves)) / waves, rng.uniform(0, 2 * np.pi, len(waves))
    radius = 1 + (sizes * np.cos(np.outer(angles, waves) + phases)).sum(axis=1)
    corners = radius[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    low, high = corners.min(axis=0), corners.max(axis=0)
    scaled = (corners - low) / (high - low) * (np.array(size) - 1)
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).polygon([(float(x), float(y)) for x, y in scaled], fill=255)
    return mask.filter(ImageFilter.GaussianBlur(rng.uniform(0, 0.04) * max(size)))
