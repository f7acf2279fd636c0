"""What a data folder lists: checked before anything heavy is loaded, without opening an image."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from layoutgen.data.scene_recipe import SCENES_FILE, SceneRecipe
from layoutgen.errors import InvalidFile
from layoutgen.formats.prepared import INDEX, read_prepared
from layoutgen.io.files import read_bytes


@dataclass(frozen=True, slots=True)
class DataListing:
    """What is in a data folder.

    Attributes:
        fingerprint: a hash of what it lists: of images, boxes and captions.
        labels: of its objects, sorted.
        images: how many it lists; 0: new scenes all the time.
    """

    fingerprint: str
    labels: tuple[str, ...]
    images: int


def list_data(folder: Path) -> DataListing:
    """What ``prepare coco`` or ``prepare scenes`` wrote into `folder`.

    Raises:
        InvalidFile: it is no prepared data, or lists no object, or an image or a source that is not there.
    """
    recipe = folder / SCENES_FILE
    if recipe.is_file():
        scenes = SceneRecipe.read(recipe)
        for source in (*scenes.cutouts, *scenes.backgrounds):
            for path in filter(None, (source.annotations, source.images)):
                if not Path(path).exists():
                    remedy = "put it back, or run `layoutgen prepare scenes` again"
                    raise InvalidFile(recipe, f"its source {path} is not there", remedy=remedy)
        return DataListing(_hash(recipe), scenes.labels, 0)
    annotated = read_prepared(folder)
    labels = tuple(sorted({label for image in annotated.images for label in image.layout.labels}))
    if not labels:
        remedy = "training needs boxes: prepare annotated images"
        count = len(annotated.images)
        what = "no image" if not count else f"{count:,} images and no box"
        raise InvalidFile(folder / INDEX, f"lists {what}", remedy=remedy)
    return DataListing(_hash(folder / INDEX), labels, len(annotated.images))


def _hash(file: Path) -> str:
    return hashlib.sha256(read_bytes(file)).hexdigest()[:16]
