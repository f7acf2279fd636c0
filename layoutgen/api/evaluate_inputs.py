"""What `layoutgen evaluate` is asked to look at: its options checked, its sources opened."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from layoutgen.formats.annotated_source import AnnotatedSource
    from layoutgen.formats.read_options import ReadOptions


def open_sources(
    paths: Sequence[Path], images: Path | None, options: ReadOptions, *, required: bool
) -> AnnotatedSource:
    """What `paths` say, merged."""
    from layoutgen.formats.annotated_source import merged, open_annotated

    return merged([open_annotated(one, images, required=required, options=options) for one in paths])


def open_beside(source: AnnotatedSource, path: Path | None, *, required: bool) -> AnnotatedSource | None:
    """The run at `path`, which must have images of the names of those of `source`; None if there is none."""
    from layoutgen.formats.annotated_source import open_annotated
    from layoutgen.gallery.sources import check_pairs

    if path is None:
        return None
    other = open_annotated(path, required=required)
    check_pairs(source, other)
    return other


def check_options(
    paths: list[Path],
    detections: Path | None,
    reference: Path | None,
    reference_images: Path | None,
    reference_detections: Path | None,
    real: Path | None,
    inception: Path | None,
) -> None:
    """Refuse options that would have no effect, or cannot work together."""
    from layoutgen.errors import InvalidOption

    for name, path in {"images": reference_images, "detections": reference_detections}.items():
        if path is not None and reference is None:
            raise InvalidOption(f"`reference_{name}` goes with `reference`")
    if reference is not None and (detections is None) != (reference_detections is None):
        raise InvalidOption("with `reference`, give both `detections` and `reference_detections`, or neither")
    if inception is not None and real is None:
        raise InvalidOption("`inception` goes with `real`")
    if len(paths) > 1 and detections is not None:
        raise InvalidOption("`detections` goes with one file of annotations: merged images get new ids")


def named_sources(samples: list[Path], images: Path | None, annotations: Path | None) -> list[Path]:
    """What says what should be in the images."""
    from layoutgen.errors import InvalidOption

    if samples and (annotations is not None or images is not None):
        raise InvalidOption("give either `samples`, or `annotations` FILE with `images` DIR, not both")
    if annotations is not None:
        return [annotations]
    if not samples:
        raise InvalidOption("name a folder of samples, or `annotations` FILE with `images` DIR")
    return samples
