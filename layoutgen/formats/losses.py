"""What a format cannot hold, counted in the data that is to be written in it."""

from __future__ import annotations

from collections.abc import Mapping

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages
from layoutgen.formats import dataset_format as can
from layoutgen.formats.dataset_format import DatasetFormat


def losses(data: AnnotatedImages, target: DatasetFormat) -> dict[str, int]:
    """How many of what `data` has are lost, by name, most first; {} if nothing is."""
    used = {one.label for image in data.images for one in (*image.instances, *image.ignored)}
    counts = {
        can.OUTLINES: sum(isinstance(m.segmentation, list) for i in data.images for m in i.masks if m),
        can.SEVERAL_OUTLINES: sum(_several(image) for image in data.images),
        can.RUN_LENGTHS: sum(isinstance(m.segmentation, Mapping) for i in data.images for m in i.masks if m),
        can.MASK_SCORES: sum(m.score != 1 for image in data.images for m in image.masks if m),
        can.IGNORED: sum(len(image.ignored) for image in data.images),
        can.CAPTIONS: sum(bool(image.layout.prompt) for image in data.images),
        can.NEGATIVE_PROMPTS: sum(bool(image.layout.negative_prompt) for image in data.images),
        can.AREAS: sum(_measured(image) for image in data.images),
        can.BEYOND: sum(_beyond(image) for image in data.images),
        can.UNUSED_LABELS: len(set(data.labels) - used),
    }
    lost = {name: count for name, count in counts.items() if count and name not in target.holds}
    return dict(sorted(lost.items(), key=lambda pair: -pair[1]))


def _several(image: AnnotatedImage) -> int:
    outlines = (mask.segmentation for mask in image.masks if mask)
    return sum(isinstance(one, list) and len(one) > 1 for one in outlines)


def _measured(image: AnnotatedImage) -> int:
    pairs = zip(image.areas, image.instances, strict=False)
    return sum(abs(area - one.box.area) > 1e-3 for area, one in pairs)


def _beyond(image: AnnotatedImage) -> int:
    return sum(one.box.clip(*image.size) != one.box for one in image.instances)
