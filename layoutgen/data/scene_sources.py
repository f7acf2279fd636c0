"""Where scenes take objects and backgrounds from: COCO files with masks, and photos with empty parts."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from layoutgen.data.scenes import Cutout
from layoutgen.domain.layout import Box
from layoutgen.errors import InvalidFile
from layoutgen.formats.coco import CocoAnnotation, CocoImage, decode_mask, read_coco
from layoutgen.io.files import read_json
from layoutgen.io.images import read_photo

_BACKGROUND_TRIES = 12
_CALM = 42.0  # standard deviation of 8-bit luminance above which a background is too busy to be ground


@dataclass(frozen=True, slots=True)
class SceneSource:
    """Photos to take cut-outs or backgrounds from: a COCO json ("" if none) and the folder of images.

    Masks whose ``mask_score`` is below `min_score` are not used.
    """

    annotations: str
    images: str
    min_score: float = 0.0


def find_source(path: Path, min_score: float = 0.0) -> SceneSource:
    """The source at `path`: a COCO json, a folder that holds one, or a plain folder of photos.

    The images are looked for beside the json and in the folders there.

    Raises:
        InvalidFile: nothing of the kind is there, or the images are not found.
    """
    if not path.exists():
        raise InvalidFile(path, "there is no such file or folder", remedy="check the path")
    if path.is_dir():
        files = sorted(file for file in path.glob("*.json") if "annotations" in read_json(file))
        if not files:
            return SceneSource("", str(path.resolve()), min_score)
        if len(files) > 1:
            names = ", ".join(file.name for file in files)
            raise InvalidFile(path, f"holds several COCO files ({names})", remedy="name the one to use")
        path = files[0]
    entries = read_coco(path)
    for folder in (path.parent, path.parent / "images", *sorted(path.parent.iterdir())):
        if entries and (folder / entries[0].file_name).is_file():
            return SceneSource(str(path.resolve()), str(folder.resolve()), min_score)
    raise InvalidFile(path, "its images are not beside it", remedy="put them into images/ next to the json")


def read_cutouts(
    source: SceneSource,
    *,
    labels: Collection[str] | None = None,
    min_side: float = 32.0,
    max_side: int = 256,
) -> Iterator[Cutout]:
    """Cut every segmented object that lies whole inside its photo out of it.

    Args:
        labels: only these; None: all.
        min_side: shortest longer side in pixels.
        max_side: larger objects are reduced to a longer side of this many pixels.

    Raises:
        InvalidFile: the source has no annotations, or an image is missing, broken or of another size.
    """
    if not source.annotations:
        raise InvalidFile(source.images, "has no COCO instances json", remedy="cut-outs need masks")
    for entry in read_coco(Path(source.annotations)):
        wanted = [a for a in entry.annotations if _usable(a, entry, labels, min_side, source.min_score)]
        if wanted:
            photo = _photo(source, entry)
            yield from (_cut(photo, a, entry, max_side) for a in wanted)


def read_backgrounds(source: SceneSource, *, min_side: int = 80, seed: int = 0) -> Iterator[Image.Image]:
    """The calmest empty square of each photo: no annotated box touches it, `min_side` pixels or more.

    Photos without annotations are backgrounds as a whole.
    """
    if not source.annotations:
        files = sorted(
            p for p in Path(source.images).iterdir() if p.suffix.lower() in Image.registered_extensions()
        )
        yield from (read_photo(file) for file in files)
        return
    rng = np.random.default_rng(seed)
    for entry in read_coco(Path(source.annotations)):
        parts = _empty_parts(entry, min_side, rng)
        if not parts:
            continue
        photo = _photo(source, entry)
        crops = [photo.crop(part) for part in parts]
        unrest = [_unrest(crop) for crop in crops]
        if min(unrest) <= _CALM:
            yield crops[int(np.argmin(unrest))]


def _unrest(image: Image.Image) -> float:
    """Standard deviation of the luminance, without fine texture."""
    return float(np.array(image.convert("L").resize((24, 24), Image.Resampling.BOX)).std())


def _photo(source: SceneSource, entry: CocoImage) -> Image.Image:
    return read_photo(Path(source.images) / entry.file_name, entry.width, entry.height)


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
