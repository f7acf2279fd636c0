"""Things that only look like an animal, or stand out from the ground: they are labelled as nothing.

Whoever judges a generative model must not take texture for an animal, so most have the coat of one: shuffled
and washed-out animals and blobs of fur, made of cut-outs; and objects of other photos.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from layoutgen.data.scene_pasting import Cutout
from layoutgen.data.scene_sources import SceneSource
from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.formats.annotated_source import AnnotatedSource

LABELS = ("cat", "dog")
NOTHING = "nothing"
"""The label of cut-outs that are none of ours: a class in training, never a detection."""


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
    photos = source.open()
    for image in shuffled_images(photos, rng):
        things = (*image.instances, *image.ignored)
        boxes = [i.box for i in things if i.label not in LABELS and min(i.box.width, i.box.height) > 28]
        ours = [i.box for i in things if i.label in LABELS]
        boxes = [box for box in boxes if not any(box.intersection(other) for other in ours)]
        if not boxes or count <= 0:
            continue
        photo = photos.read_image(image)
        for number in rng.permutation(len(boxes))[:2]:
            thing = photo.crop(tuple(round(v) for v in boxes[int(number)].xyxy))
            thing.thumbnail((138, 138), Image.Resampling.LANCZOS)
            thing.putalpha(_blob(thing.size, rng) if rng.random() < 0.6 else 255)
            count -= 1
            yield Cutout(NOTHING, thing)


def shuffled_images(photos: AnnotatedSource, rng: np.random.Generator) -> Iterator[AnnotatedImage]:
    """The images of `photos` in another order."""
    yield from (photos.images[int(number)] for number in rng.permutation(len(photos.images)))


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
