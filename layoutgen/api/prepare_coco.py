"""``layoutgen.prepare_coco``: other people's data to training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.api.inputs import PathLike, as_path, as_paths, read_inputs, read_options
from layoutgen.errors import InvalidOption
from layoutgen.hub import check_hub_model
from layoutgen.io.output_folder import check_output
from layoutgen.preflight.options import check_device_names
from layoutgen.progress import Progress, progress_of

if TYPE_CHECKING:
    from layoutgen.data.box_masks import BoxMasker
    from layoutgen.data.prepare_coco import Outcome
    from layoutgen.domain.annotated_image import AnnotatedImages


@dataclass(frozen=True, slots=True)
class PreparedData:
    """The folder that :func:`prepare_coco` wrote, what became of each image, and all that was annotated."""

    folder: Path
    outcomes: tuple[Outcome, ...]
    annotated: AnnotatedImages


def prepare_coco(
    annotations: PathLike | Sequence[PathLike],
    output: PathLike,
    *,
    captions: PathLike | None = None,
    category: Sequence[str] = (),
    min_area: float = 0.0,
    max_instances: int | None = None,
    keep_crowd: bool = False,
    size: int | None = None,
    skip_missing: bool = False,
    masks: str | None = None,
    boxes_only: bool = False,
    device: str | None = None,
    units: str = "pixels",
    strict: bool = False,
    overwrite: bool = False,
    progress: bool | Progress = False,
) -> PreparedData:
    """Make training data of annotated images of any known format; the same as ``layoutgen prepare coco``.

    >>> layoutgen.prepare_coco(["photos", "instances.json"], "data", category=["dog", "cat"])

    Args:
        annotations: files or folders, each after the folder of its images, if that is not beside it.
        output: folder to write to.
        captions: COCO captions; None: texts are composed from labels.
        category: only objects of these labels; none: all.
        min_area: drop objects whose box is a smaller part of the image.
        max_instances: leave out images that have more objects.
        keep_crowd: keep crowd regions as objects.
        size: scale images down to this shorter side, in pixels; None: as they are.
        skip_missing: leave out images that are missing or unreadable.
        masks: make those that are missing: ``grabcut``, or a SAM checkpoint (folder or hub id).
        boxes_only: leave masks out.
        device: of the SAM checkpoint: cpu, cuda; None: cuda if there is one.
        units: of annotations: pixels or fraction.
        strict: refuse annotations with a bad entry.
        overwrite: replace earlier results in `output`.
        progress: True: show bars on a terminal; or an object that is told.

    Raises:
        LayoutgenError: what cannot be read or written, by its kinds.
    """
    from layoutgen.data.prepare_coco import WRITES
    from layoutgen.data.prepare_coco import prepare_coco as prepare
    from layoutgen.data.selection import Selection

    paths, folder = as_paths(annotations), Path(output)
    check_device_names(device)
    check_output(folder, WRITES, overwrite=overwrite)
    selection = Selection(tuple(category), min_area, max_instances, keep_crowd)
    with progress_of(progress) as watch:
        watch.begin("reading annotations")
        source = read_inputs(paths, read_options(strict, units, masks=not boxes_only))
        assert source.folder is not None
        own = _captions(as_path(captions), paths)
        if masks is not None:
            watch.begin("loading what makes masks")
        run = prepare(
            source.data,
            source.folder,
            folder,
            selection=selection,
            captions=own,
            size=size,
            skip_missing=skip_missing,
            masker=_masker(masks, device),
            overwrite=overwrite,
        )
        with closing(run):
            outcomes = tuple(watch.track("images", run, len(source.images)))
    return PreparedData(folder, outcomes, source.data)


def _captions(file: Path | None, annotations: Sequence[Path]) -> Mapping[int, tuple[str, ...]] | None:
    """The captions by the image ids of the annotations, of which there is one file then."""
    from layoutgen.formats.coco import read_captions

    if file is not None and len(annotations) > 2:
        raise InvalidOption("`captions` goes with one file of annotations: merged images get new ids")
    return None if file is None else read_captions(file)


def _masker(name: str | None, device: str | None) -> BoxMasker | None:
    """What makes masks by `name`; None: nothing does."""
    if name is None:
        return None
    from layoutgen.data.box_masks import GRABCUT, load_masker

    if name == GRABCUT:
        return load_masker(name)
    check_hub_model(name, "masks")  # before torch is loaded, which knows the devices
    from layoutgen.devices import resolve_device

    return load_masker(name, resolve_device(device))
