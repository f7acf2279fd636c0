"""A detector looks at images: parts, labels in its own words, images of another size than their layout."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PIL import Image

from layoutgen.detection.detectors import Detector
from layoutgen.detection.tiles import Tiling
from layoutgen.domain.annotated_image import Detection
from layoutgen.domain.labels import singular
from layoutgen.domain.layout import Box
from layoutgen.errors import InvalidOption, UnknownLabel
from layoutgen.formats.annotated_source import Truth
from layoutgen.formats.coco import CocoImage


def look(
    detector: Detector,
    truth: Truth,
    *,
    floor: float,
    tiling: Tiling | None = None,
    side: int | None = None,
    suppression: float | None = None,
    batch_size: int = 4,
) -> Iterator[tuple[CocoImage, tuple[Detection, ...]]]:
    """What `detector` sees in each image, in pixels of its layout and in the layout's words.

    Args:
        floor: lowest score that is of interest.
        tiling: parts to look at; None: the detector's own.
        side: stretch images to `side` x `side` pixels first.
        suppression: IoU from which two boxes of a label are one object; None: the detector's own.
        batch_size: parts that are looked at together.

    Raises:
        UnknownLabel: an image asks for something that the detector does not know.
        InvalidOption: a part holds more objects than the detector can answer.
    """
    asked = sorted({a.label for image in truth.images for a in image.annotations})
    check_labels(detector, truth)
    tiling = tiling or detector.tiling
    labels = asked or list(truth.labels)  # an empty scene is looked at, too: what is seen in it is too much
    words = {singular(label).lower(): label for label in truth.labels}
    for image in truth.images:
        picture = truth.picture(image)
        if side is not None:
            picture = picture.resize((side, side), Image.Resampling.BICUBIC)
        parts = tiling.parts(*picture.size)
        stretch = image.width / picture.width, image.height / picture.height
        tiles = parts[:-1] if tiling.whole and len(parts) > 1 else parts
        _check_number(
            detector, image, [_box(p.left, p.top, p.width, p.height).scale(*stretch) for p in tiles]
        )
        crops = [picture.crop(_corners(p.left, p.top, p.width, p.height)) for p in parts]
        found = [
            one
            for start in range(0, len(crops), batch_size)
            for one in detector.detect(crops[start : start + batch_size], labels, floor)
        ]
        merged = tiling.merge(
            zip(parts, found, strict=True), *picture.size, suppression or detector.suppression
        )
        yield image, tuple(_in_layout(d, stretch, words) for d in merged)


def _in_layout(detection: Detection, stretch: tuple[float, float], words: dict[str, str]) -> Detection:
    label = words.get(singular(detection.label).lower(), detection.label)
    return Detection(label, detection.box.scale(*stretch), detection.score)


def check_labels(detector: Detector, truth: Truth) -> None:
    """Refuse images that ask for what `detector` does not know.

    Raises:
        UnknownLabel: says what it knows, and what to do.
    """
    if detector.labels is None:
        return
    asked = sorted({a.label for image in truth.images for a in image.annotations})
    known = {singular(label).lower() for label in detector.labels}
    for label in asked:
        if singular(label).lower() not in known:
            some = ", ".join(detector.labels[:6]) + (", ..." if len(detector.labels) > 6 else "")
            raise UnknownLabel(
                f"the detector does not know {label!r}, only {some}: pass --detector with one that does, "
                "or a zero-shot one, such as google/owlv2-base-patch16-ensemble"
            )


def _check_number(detector: Detector, image: CocoImage, parts: Sequence[Box]) -> None:
    if detector.most is None:
        return
    targets = [a.box for a in image.annotations if not a.crowd]
    fullest = max(sum(part.intersection(box) > 0.5 * box.area for box in targets) for part in parts)
    if fullest > detector.most:
        raise InvalidOption(
            f"the detector answers at most {detector.most} objects in one look, and {image.file_name} asks "
            f"for {fullest}: look at smaller parts with --tile PX, or pass another --detector"
        )


def _corners(left: int, top: int, width: int, height: int) -> tuple[int, int, int, int]:
    return left, top, left + width, top + height


def _box(left: int, top: int, width: int, height: int) -> Box:
    return Box(*_corners(left, top, width, height))
