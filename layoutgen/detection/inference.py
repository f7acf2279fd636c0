"""Inference: a detector on images, in tiles, in its own words, of another size than their layout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image

from layoutgen.detection.detectors import Detector
from layoutgen.detection.names import asked_labels, check_known
from layoutgen.detection.scales import scales_for
from layoutgen.detection.tiles import Tiling
from layoutgen.domain.annotated_image import AnnotatedImage, Detection
from layoutgen.domain.labels import singular
from layoutgen.domain.layout import Box, Layout
from layoutgen.domain.windows import Window
from layoutgen.errors import InvalidOption
from layoutgen.formats.annotated_source import AnnotatedSource


@dataclass(frozen=True, slots=True)
class _Search:
    """How tiles are searched: see :func:`run_inference`."""

    score_threshold: float
    nms_iou: float | None
    batch_size: int


def run_inference(
    detector: Detector,
    source: AnnotatedSource,
    *,
    score_threshold: float,
    tiling: Tiling | None = None,
    side: int | None = None,
    nms_iou: float | None = None,
    batch_size: int = 4,
) -> Iterator[tuple[AnnotatedImage, tuple[Detection, ...]]]:
    """What `detector` sees in each image, in pixels of its layout and in the layout's words.

    Where an image asks for objects larger or smaller than the detector has learnt, it is searched at a size
    at which they are such, and at its own size only if some of them are at that.

    Args:
        score_threshold: lowest score that is of interest.
        tiling: tiles to search; None: the detector's own.
        side: stretch images to `side` x `side` pixels first.
        nms_iou: IoU from which two boxes of a label are one object; None: the detector's own.
        batch_size: tiles that are searched together.

    Raises:
        UnknownLabel: an image asks for something that the detector does not know.
        InvalidOption: a tile holds more objects than the detector can answer.
    """
    asked = asked_labels(source)
    check_known(asked, detector.labels)
    tiling = tiling or detector.tiling
    # An empty scene is searched, too: what is detected in it is too much.
    labels = asked or list(source.labels)
    options = _Search(score_threshold, nms_iou or detector.nms_iou, batch_size)
    words = {singular(label).lower(): label for label in source.labels}
    for image in source.images:
        # Models paint squares for layouts of other shapes.
        pixels = source.read_image(image, any_size=True)
        if side is not None:
            pixels = pixels.resize((side, side), Image.Resampling.BICUBIC)
        merged = _at_scales(detector, image, pixels, tiling, labels, options, only_whole=side is not None)
        stretch = image.layout.width / pixels.width, image.layout.height / pixels.height
        yield image, tuple(_in_layout(d, stretch, words) for d in merged)


def search(
    detector: Detector, pixels: Image.Image, layout: Layout, *, score_threshold: float, batch_size: int = 4
) -> tuple[Detection, ...]:
    """What `detector` sees in the one picture `pixels` of `layout`, in the layout's words; as an evaluation.

    Raises:
        UnknownLabel, InvalidOption: see :func:`run_inference`.
    """
    image, labels = AnnotatedImage(1, "the picture", layout), list(layout.labels)
    check_known(labels, detector.labels)
    options = _Search(score_threshold, detector.nms_iou, batch_size)
    found = _at_scales(detector, image, pixels, detector.tiling, labels, options)
    stretch = layout.width / pixels.width, layout.height / pixels.height
    words = {singular(label).lower(): label for label in labels}
    return tuple(_in_layout(d, stretch, words) for d in found)


def _at_scales(
    detector: Detector,
    image: AnnotatedImage,
    pixels: Image.Image,
    tiling: Tiling,
    labels: Sequence[str],
    options: _Search,
    *,
    only_whole: bool = False,
) -> tuple[Detection, ...]:
    """What `detector` sees in `pixels` at all sizes at which `image` asks for something.

    `only_whole`: at their own size alone.
    """
    stretch = image.layout.width / pixels.width, image.layout.height / pixels.height
    targets = [one.box.scale(1 / stretch[0], 1 / stretch[1]) for one in image.instances]
    scales = scales_for(targets, None if only_whole else detector.sizes)
    found = [_search(detector, image, pixels, scale, tiling, labels, options) for scale in scales]
    if len(found) == 1:
        return found[0]
    whole = Window(0, 0, pixels.height, pixels.width)
    return tiling.merge([(whole, one) for one in found], *pixels.size, options.nms_iou)


def _search(
    detector: Detector,
    image: AnnotatedImage,
    pixels: Image.Image,
    scale: float,
    tiling: Tiling,
    labels: Sequence[str],
    options: _Search,
) -> tuple[Detection, ...]:
    """What `detector` sees in `pixels` scaled by `scale`, in the pixels' own coordinates."""
    scaled = pixels
    if scale != 1:
        size = (max(1, round(pixels.width * scale)), max(1, round(pixels.height * scale)))
        scaled = pixels.resize(size, Image.Resampling.BICUBIC)
    back = pixels.width / scaled.width, pixels.height / scaled.height
    tiles = tiling.tiles(*scaled.size)
    stretch = image.layout.width / scaled.width, image.layout.height / scaled.height
    parts = tiles[:-1] if tiling.whole and len(tiles) > 1 else tiles
    _check_number(detector, image, [Box(*_corners(part)).scale(*stretch) for part in parts])
    crops = [scaled.crop(_corners(tile)) for tile in tiles]
    found = [
        one
        for start in range(0, len(crops), options.batch_size)
        for one in detector.detect(crops[start : start + options.batch_size], labels, options.score_threshold)
    ]
    merged = tiling.merge(zip(tiles, found, strict=True), *scaled.size, options.nms_iou)
    return merged if scale == 1 else tuple(Detection(d.label, d.box.scale(*back), d.score) for d in merged)


def _in_layout(detection: Detection, stretch: tuple[float, float], words: dict[str, str]) -> Detection:
    label = words.get(singular(detection.label).lower(), detection.label)
    return Detection(label, detection.box.scale(*stretch), detection.score)


def check_labels(detector: Detector, source: AnnotatedSource) -> None:
    """Refuse images that ask for what `detector` does not know.

    Raises:
        UnknownLabel: says what it knows, and what to do.
    """
    check_known(asked_labels(source), detector.labels)


def _check_number(detector: Detector, image: AnnotatedImage, parts: Sequence[Box]) -> None:
    """Refuse a part of an image that asks for more objects than the detector can answer."""
    if detector.max_detections is None:
        return
    targets = [instance.box for instance in image.instances]
    fullest = max(sum(part.intersection(box) > 0.5 * box.area for box in targets) for part in parts)
    if fullest > detector.max_detections:
        raise InvalidOption(
            f"the detector answers at most {detector.max_detections} objects at once, and "
            f"{image.file_name} asks for {fullest}: use a smaller `tile`, or another `detector`"
        )


def _corners(window: Window) -> tuple[int, int, int, int]:
    return window.left, window.top, window.left + window.width, window.top + window.height
