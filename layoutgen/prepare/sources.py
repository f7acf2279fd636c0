"""Where scenes take their objects and backgrounds from: COCO files with masks, and photos with empty parts."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from layoutgen.errors import InvalidFile
from layoutgen.formats.coco import CocoAnnotation, CocoImage, decode_mask, read_coco
from layoutgen.layout import Box
from layoutgen.prepare.scenes import Cutout

_BACKGROUND_TRIES = 12
_CALM = 42.0  # standard deviation of 8-bit luminance above which a background is too busy to be ground


def read_cutouts(
    annotations: Path,
    images: Path,
    *,
    labels: Collection[str] | None = None,
    min_side: float = 32.0,
    min_score: float = 0.0,
    max_side: int = 256,
) -> Iterator[Cutout]:
    """Cut every segmented object that lies whole inside its photo out of it.

    Args:
        labels: only these; None: all.
        min_side: shortest longer side in pixels.
        min_score: smallest ``mask_score`` of an annotation that has one.
        max_side: larger objects are reduced to a longer side of this many pixels.

    Raises:
        InvalidFile: an image is missing or is not an image.
    """
    for entry in read_coco(annotations):
        wanted = [a for a in entry.annotations if _usable(a, entry, labels, min_side, min_score)]
        if wanted:
            photo = open_photo(images / entry.file_name)
            yield from (_cut(photo, a, entry, max_side) for a in wanted)


def read_backgrounds(
    annotations: Path, images: Path, *, min_side: int = 80, seed: int = 0
) -> Iterator[Image.Image]:
    """The calmest empty part of each photo: no box of the COCO file touches it, `min_side` pixels or more."""
    rng = np.random.default_rng(seed)
    for entry in read_coco(annotations):
        parts = _empty_parts(entry, min_side, rng)
        if not parts:
            continue
        photo = open_photo(images / entry.file_name)
        crops = [photo.crop(part) for part in parts]
        unrest = [
            float(np.array(crop.convert("L").resize((24, 24), Image.Resampling.BOX)).std()) for crop in crops
        ]
        if min(unrest) <= _CALM:
            yield crops[int(np.argmin(unrest))]


def open_photo(path: Path) -> Image.Image:
    """The RGB image at `path`.

    Raises:
        InvalidFile: it is missing or is not an image.
    """
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except FileNotFoundError:
        raise InvalidFile(path, "the image is missing", remedy="check the folder of images") from None
    except OSError as error:
        raise InvalidFile(path, "is not an image that can be read", remedy="replace or remove it") from error


def _usable(
    annotation: CocoAnnotation,
    entry: CocoImage,
    labels: Collection[str] | None,
    min_side: float,
    min_score: float,
) -> bool:
    box = annotation.box
    whole = box.x0 > 1 and box.y0 > 1 and box.x1 < entry.width - 1 and box.y1 < entry.height - 1
    return (
        whole
        and not annotation.crowd
        and annotation.segmentation is not None
        and annotation.mask_score >= min_score
        and max(box.width, box.height) >= min_side
        and (labels is None or annotation.label in labels)
    )


def _cut(photo: Image.Image, annotation: CocoAnnotation, entry: CocoImage, max_side: int) -> Cutout:
    mask = Image.fromarray(decode_mask(annotation, entry.height, entry.width).astype(np.uint8) * 255)
    # One pixel off the rim: a mask that is a little too large would carry a halo of its old background along.
    mask = mask.filter(ImageFilter.MinFilter(3))
    bounds = mask.getbbox() or (0, 0, *mask.size)
    image = photo.copy()
    image.putalpha(mask)
    image = image.crop(bounds)
    image.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    return Cutout(annotation.label, image)


def _empty_parts(
    entry: CocoImage, min_side: int, rng: np.random.Generator
) -> list[tuple[int, int, int, int]]:
    """Random squares without any object, as PIL boxes."""
    longest = min(entry.width, entry.height)
    parts = []
    for _ in range(_BACKGROUND_TRIES):
        if longest < min_side:
            break
        side = int(rng.integers(min_side, longest + 1))
        x, y = int(rng.integers(entry.width - side + 1)), int(rng.integers(entry.height - side + 1))
        part = Box(x, y, x + side, y + side)
        if all(part.intersection(a.box) == 0 for a in entry.annotations):
            parts.append((x, y, x + side, y + side))
    return parts
