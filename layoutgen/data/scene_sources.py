"""Where scenes take objects and backgrounds from: annotated images with masks, photos with empty parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from layoutgen.data.scene_pasting import Cutout
from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.domain.boxes import corners, touching
from layoutgen.errors import InvalidFile, InvalidLayout
from layoutgen.formats.annotated_source import AnnotatedSource, open_annotated
from layoutgen.formats.coco import decode_mask
from layoutgen.formats.read_options import ReadOptions
from layoutgen.formats.registry import find_format, recognised
from layoutgen.io.images import read_photo

_BACKGROUND_TRIES = 12
_CALM = 42.0  # standard deviation of 8-bit luminance above which a background is too busy to be ground


@dataclass(frozen=True, slots=True)
class SceneSource:
    """Photos to take cut-outs or backgrounds from: the file of annotations ("" if none) and their folder.

    Masks whose score is below `min_score` are not used.
    """

    annotations: str
    images: str
    min_score: float = 0.0

    def open(self, *, masks: bool = False) -> AnnotatedSource:
        """The annotated images, if there are annotations."""
        file = Path(self.annotations)
        images = Path(self.images) if file.suffix == ".json" else None
        data, folder = find_format(file).read(file, ReadOptions(images=images, masks=masks))
        return AnnotatedSource(file, folder, data)


def find_source(path: Path, min_score: float = 0.0) -> SceneSource:
    """The source at `path`: annotations and their images, or a plain folder of photos.

    Raises:
        InvalidFile: nothing of the kind is there, or the images are not found.
    """
    if path.is_dir() and recognised(path) is None:
        return SceneSource("", str(path.resolve()), min_score)
    source = open_annotated(path, required=False)
    if source.folder is None:
        raise InvalidFile(
            source.path, "its images are not beside it", remedy="put them into images/ next to the json"
        )
    return SceneSource(str(source.path.resolve()), str(source.folder.resolve()), min_score)


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
        raise InvalidFile(source.images, "has no annotations", remedy="cut-outs need masks")
    photos, unused, cut = source.open(masks=True), Counter[str](), 0
    for image in photos.images:
        photo = None
        for index in range(len(image.instances)):
            reason = _unusable(image, index, labels, min_side, source.min_score)
            if reason is None:
                photo = photo or photos.read_image(image)
                try:
                    yield _cut(photo, image, index, max_side)
                    cut += 1
                except InvalidLayout:  # a mask of another size, or none
                    reason = BAD_MASK
            if reason is not None:
                unused[reason] += 1
    if not cut:
        raise InvalidFile(source.annotations, _nothing(unused), remedy=_remedy(unused))


NO_MASK = "without a mask"
BAD_MASK = "with a mask that cannot be read"


def _nothing(unused: Counter[str]) -> str:
    """Why there is no object to cut out, of as many as could be."""
    total = sum(unused.values())
    boxes = "1 box" if total == 1 else f"{total:,} boxes"
    if unused[NO_MASK] == total:
        return f"{boxes}, none with a mask"
    return f"{boxes}, none to cut out: " + ", ".join(f"{n:,} {reason}" for reason, n in unused.most_common())


def _remedy(unused: Counter[str]) -> str:
    if unused[NO_MASK]:
        return "make masks from the boxes: `layoutgen prepare coco` with `masks` grabcut"
    return "take other annotations, or fewer restrictions"


class NoBackgrounds(InvalidFile):
    """A source of which no part can be a background."""


def read_all_backgrounds(sources: Sequence[SceneSource]) -> list[Image.Image]:
    """The backgrounds of all `sources`, as :func:`read_backgrounds`; some of these may have none.

    Raises:
        NoBackgrounds: none of them has any; says so of the first.
        InvalidFile: a photo cannot be read.
    """
    found: list[Image.Image] = []
    empty: list[NoBackgrounds] = []
    for source in sources:
        try:
            found.extend(read_backgrounds(source))
        except NoBackgrounds as error:
            empty.append(error)
    if empty and not found:
        raise empty[0]
    return found


def read_backgrounds(source: SceneSource, *, min_side: int = 80, seed: int = 0) -> Iterator[Image.Image]:
    """The calmest empty square of each photo: no annotated box touches it, `min_side` pixels or more.

    Photos without annotations are backgrounds as a whole.

    Raises:
        NoBackgrounds: there is none.
        InvalidFile: a photo cannot be read.
    """
    if not source.annotations:
        files = sorted(
            p for p in Path(source.images).iterdir() if p.suffix.lower() in Image.registered_extensions()
        )
        if not files:
            raise NoBackgrounds(source.images, "holds no photo", remedy="give photos without objects")
        yield from (read_photo(file) for file in files)
        return
    rng = np.random.default_rng(seed)
    photos, found = source.open(), 0
    for image in photos.images:
        parts = _empty_parts(image, min_side, rng)
        if not parts:
            continue
        photo = photos.read_image(image)
        crops = [photo.crop(part) for part in parts]
        unrest = [_unrest(crop) for crop in crops]
        if min(unrest) <= _CALM:
            found += 1
            yield crops[int(np.argmin(unrest))]
    if not found:
        photo_count = f"{len(photos.images):,} photos" if len(photos.images) != 1 else "1 photo"
        problem = f"{photo_count}, none with a calm square of {min_side} px that no box touches"
        remedy = "give photos without objects as `backgrounds`"
        raise NoBackgrounds(source.annotations, problem, remedy=remedy)


def _unrest(image: Image.Image) -> float:
    """Standard deviation of the luminance, without fine texture."""
    return float(np.array(image.convert("L").resize((24, 24), Image.Resampling.BOX)).std())


def _unusable(
    image: AnnotatedImage, index: int, labels: Collection[str] | None, min_side: float, min_score: float
) -> str | None:
    """Why instance number `index` is not cut out; None if it is whole, large enough and well segmented."""
    instance, mask, (width, height) = image.instances[index], image.mask_of(index), image.size
    box = instance.box
    if labels is not None and instance.label not in labels:
        return "of another category"
    if mask is None:
        return NO_MASK
    if not (box.x0 > 1 and box.y0 > 1 and box.x1 < width - 1 and box.y1 < height - 1):
        return "cut by the border of its image"
    if max(box.width, box.height) < min_side:
        return f"smaller than {min_side:g} px"
    return "with a mask of too low a score" if mask.score < min_score else None


def _cut(photo: Image.Image, image: AnnotatedImage, index: int, max_side: int) -> Cutout:
    """Instance number `index` of `image`, which `photo` shows."""
    mask = Image.fromarray(decode_mask(image, index).astype(np.uint8) * 255)
    # One pixel off the rim: a mask that is a little too large would carry a halo of its old background along.
    mask = mask.filter(ImageFilter.MinFilter(3))
    bounds = mask.getbbox() or (0, 0, *mask.size)
    cut = photo.copy()
    cut.putalpha(mask)
    cut = cut.crop(bounds)
    cut.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    return Cutout(image.instances[index].label, cut)


def _empty_parts(
    image: AnnotatedImage, min_side: int, rng: np.random.Generator
) -> list[tuple[int, int, int, int]]:
    """Random squares without any object, as PIL boxes."""
    (width, height), longest = image.size, min(image.size)
    taken = corners(one.box for one in (*image.instances, *image.ignored))
    parts = []
    for _ in range(_BACKGROUND_TRIES):
        if longest < min_side:
            break
        side = int(rng.integers(min_side, longest + 1))
        x, y = int(rng.integers(width - side + 1)), int(rng.integers(height - side + 1))
        part = (x, y, x + side, y + side)
        if not touching(np.array([part], dtype=float), taken).any():
            parts.append(part)
    return parts
