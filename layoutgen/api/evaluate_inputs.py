"""What `layoutgen evaluate` is asked to look at: its options checked, its sources opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from layoutgen.detection.names import asked_labels, check_known, labels_of_detector
from layoutgen.errors import InvalidOption, Problems
from layoutgen.formats.annotated_source import AnnotatedSource, merged, open_annotated
from layoutgen.formats.read_options import ReadOptions
from layoutgen.gallery.sources import check_pairs
from layoutgen.io.images import find_photos


@dataclass(frozen=True, slots=True)
class Inputs:
    """What is evaluated: `source`, beside real images (`reference`) and another run (`compared`).

    Attributes:
        real: real images to whose distribution those of `source` are compared; none: they are not.
    """

    source: AnnotatedSource
    reference: AnnotatedSource | None
    compared: AnnotatedSource | None
    real: tuple[Path, ...]


def open_inputs(
    paths: Sequence[Path],
    images: Path | None,
    reference: Path | None,
    reference_images: Path | None,
    compare: Path | None,
    real: Path | None,
    options: ReadOptions,
    *,
    detector: str | None,
    results: bool,
    overlays: bool,
    wrong: Problems,
) -> Inputs | None:
    """Open what the paths name; None if something is `wrong` with it, which gets all of that.

    Args:
        images: folder of the images of `paths`.
        detector: that will look for the objects, unless `results` say what there is.
        overlays: they are drawn, so that images must be there.
    """
    source = ceiling = other = None
    photos: tuple[Path, ...] = ()
    with wrong.noted():
        source = _open(paths, images, options, required=not results or real is not None or overlays)
    with wrong.noted():
        if reference is not None:
            ceiling = open_annotated(reference, reference_images, required=not results, options=options)
    with wrong.noted():
        if compare is not None:
            other = open_annotated(compare, required=not results or real is not None)
            if source is not None:
                check_pairs(source, other)
    with wrong.noted():
        photos = () if real is None else tuple(find_photos(real))
    if real is not None and source is not None:
        many = all(len(one.images) > 1 for one in (source, other) if one is not None)
        wrong.check(many, "`real` compares many images with many, and there is only one to evaluate")
    if not results:
        with wrong.noted():
            opened = [one for one in (source, ceiling, other) if one is not None]
            check_known(asked_labels(*opened), labels_of_detector(detector))
    return None if source is None else Inputs(source, ceiling, other, photos)


def _open(
    paths: Sequence[Path], images: Path | None, options: ReadOptions, *, required: bool
) -> AnnotatedSource | None:
    """What `paths` say, merged; what is wrong with several of them is said at once."""
    wrong, found = Problems(), []
    for one in paths:
        with wrong.noted():
            found.append(open_annotated(one, images, required=required, options=options))
    wrong.say()
    return merged(found) if found else None


def check_options(
    paths: list[Path],
    detections: Path | None,
    reference: Path | None,
    reference_images: Path | None,
    reference_detections: Path | None,
) -> None:
    """Refuse options that would have no effect, or cannot work together."""
    wrong = Problems()
    for name, path in {"images": reference_images, "detections": reference_detections}.items():
        wrong.check(path is None or reference is not None, f"`reference_{name}` goes with `reference`")
    both = reference is None or (detections is None) == (reference_detections is None)
    wrong.check(both, "with `reference`, give both `detections` and `reference_detections`, or neither")
    one = len(paths) <= 1 or detections is None
    wrong.check(one, "`detections` goes with one file of annotations: merged images get new ids")
    wrong.say()


def named_sources(samples: list[Path], images: Path | None, annotations: Path | None) -> list[Path]:
    """What says what should be in the images."""
    if samples and (annotations is not None or images is not None):
        raise InvalidOption("give either `samples`, or `annotations` FILE with `images` DIR, not both")
    if annotations is not None:
        return [annotations]
    if not samples:
        raise InvalidOption("name a folder of samples, or `annotations` FILE with `images` DIR")
    return samples
