"""The set that is trained on: painted images beside real ones, in any format, and what each of them is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from layoutgen.augmentation.attempts import Attempt, settled
from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.formats.coco_writing import categories_of
from layoutgen.formats.convert import plain_stem, write_image
from layoutgen.formats.dataset_format import DatasetFormat
from layoutgen.io.files import replacing

ORIGINS = "origins.jsonl"
"""What each image of the set is: a line of JSON, in the order of the annotations."""
REAL, PAINTED = "real", "painted"


@dataclass(frozen=True, slots=True)
class Origin:
    """What an image is.

    Attributes:
        file_name: relative to the folder of the set.
        origin: real or painted.
        source: of a real image, its name in the data.
        layout, round, seed: of a painted one: its number, and how it was painted.
        asked, dropped: objects that it was to show, and how many of them are not annotated.
    """

    file_name: str
    origin: str
    source: str | None = None
    layout: int | None = None
    round: int | None = None
    seed: int | None = None
    asked: int | None = None
    dropped: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Images of one kind, what they are called, and what each is, by its id."""

    source: AnnotatedSource
    names: Mapping[int, str]
    origins: Mapping[int, Origin]


def real_part(source: AnnotatedSource) -> Part:
    """The images of the data: ``real_`` and their own name."""
    names = {one.id: f"{REAL}_{plain_stem(one.file_name)}" for one in source.images}
    return Part(source, names, {one.id: Origin("", REAL, source=one.file_name) for one in source.images})


def painted_part(attempts: Sequence[Attempt], folder: Path, missing: str, labels: Sequence[str]) -> Part:
    """The painted images in `folder` that are kept: ``painted_`` and the number of their layout."""
    images, names, origins = [], {}, {}
    for one in attempts:
        image = settled(one, missing)
        if image is None:
            continue
        asked = len(one.layout.instances)
        images.append(replace(image, layout=replace(image.layout, negative_prompt="")))
        names[one.number] = f"{PAINTED}_{one.number:06d}"
        origins[one.number] = Origin(
            "", PAINTED, None, one.number, one.round, one.seed, asked, asked - len(image.instances)
        )
    categories = categories_of(labels)
    source = AnnotatedSource(folder / "layouts.json", folder, AnnotatedImages(tuple(images), categories))
    return Part(source, names, origins)


def write_training_set(
    parts: Sequence[Part], folder: Path, target: DatasetFormat
) -> Iterator[AnnotatedImage]:
    """Write all `parts` into `folder` in the format `target`; yield each image when it is there.

    Images are numbered anew, from 1.

    Raises:
        InvalidFile: an image is missing, broken, or of another size than annotated.
    """
    assert target.write is not None
    images: list[AnnotatedImage] = []
    origins: list[Origin] = []
    taken: set[str] = set()
    for part in parts:
        for image in part.source.images:
            written = write_image(part.source, image, folder, target, taken, stem=part.names[image.id])
            images.append(replace(written, id=len(images) + 1))
            origins.append(replace(part.origins[image.id], file_name=written.file_name))
            yield images[-1]
    labels = {label for part in parts for label in part.source.labels}
    categories = categories_of(labels)
    target.write(AnnotatedImages(tuple(images), categories), folder)
    with replacing(folder / ORIGINS) as aside:
        lines = (
            json.dumps({k: v for k, v in asdict(one).items() if v is not None}, ensure_ascii=False)
            for one in origins
        )
        aside.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
