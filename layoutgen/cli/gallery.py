"""The page that ``visualize --html`` and ``evaluate --html`` write."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.api.inputs import beside
from layoutgen.cli import console

if TYPE_CHECKING:
    from layoutgen.evaluation.report import Report
    from layoutgen.formats.annotated_source import AnnotatedSource
    from layoutgen.gallery.records import Gallery, GalleryImage

PAGE = "gallery.html"


@dataclass(frozen=True, slots=True)
class Selection:
    """What the user wants to see: a path, and which part of it."""

    path: Path
    images: Path | None = None
    image_id: int | None = None
    limit: int | None = None


def write_gallery(
    shown: Selection, compare: Path | None, output: Path | None, *, overwrite: bool, quiet: bool
) -> None:
    """Write the page of data, samples or a training run to `output`, beside it if None."""
    from layoutgen.io.output_folder import check_output, output_folder

    output = output or beside(shown.path, "_gallery")
    check_output(output, (PAGE,), overwrite=overwrite)
    gallery = _training(shown, compare) or _pictures(shown, compare)
    with output_folder(output, (PAGE,), overwrite=overwrite) as aside:
        _write(gallery, aside / PAGE, output, quiet)
    _say(gallery, output / PAGE, quiet)


def check_comparison(
    html: bool, compare: Path | None, detections: Path | None, compare_detections: Path | None
) -> None:
    """Refuse options of ``evaluate`` that would have no effect, or cannot work together."""
    from layoutgen.errors import InvalidOption

    if compare is not None and not html:
        raise InvalidOption("--compare goes with --html")
    if compare_detections is not None and compare is None:
        raise InvalidOption("--compare-detections goes with --compare")
    if compare is not None and (detections is None) != (compare_detections is None):
        raise InvalidOption("with --compare, give both --detections and --compare-detections, or neither")


def add_gallery(
    output: Path,
    source: AnnotatedSource,
    report: Report,
    other: tuple[AnnotatedSource, Report] | None,
    *,
    quiet: bool,
) -> None:
    """Write the page of an evaluation into its folder `output`, beside `other` if there is another run."""
    from layoutgen.gallery.records import Gallery
    from layoutgen.gallery.sources import beside, scored
    from layoutgen.io.output_folder import added_file

    images = scored(source, report.scores)
    compared, others = "", None
    if other is not None:
        images = beside(images, scored(other[0], other[1].scores))
        compared, others = _name(other[0].path), other[1].to_json()["overall"]
    gallery = Gallery(
        f"Evaluation of {_name(source.path)}",
        str(source.path),
        images,
        compared=compared,
        figures=report.to_json()["overall"],
        other_figures=others,
    )
    with added_file(output, PAGE) as aside:
        _write(gallery, aside, output, quiet)
    _say(gallery, output / PAGE, quiet)


def _training(shown: Selection, compare: Path | None) -> Gallery | None:
    """The page of a training run; None if it is none."""
    from layoutgen.errors import InvalidOption
    from layoutgen.gallery.records import Gallery
    from layoutgen.gallery.training_runs import is_training_run, read_training_run

    if not is_training_run(shown.path):
        return None
    runs = [shown.path, *([compare] if compare is not None else [])]
    for run in runs:
        if not is_training_run(run):
            raise InvalidOption(f"--compare {run} is no training run, and {shown.path} is one")
    histories = tuple(read_training_run(run) for run in runs)
    compared = "" if compare is None else histories[1].name
    return Gallery(
        f"Training of {histories[0].name}", str(shown.path), compared=compared, histories=histories
    )


def _pictures(shown: Selection, compare: Path | None) -> Gallery:
    from layoutgen.formats.annotated_source import open_annotated
    from layoutgen.gallery.records import Gallery
    from layoutgen.gallery.sources import beside, check_pairs, unscored

    source = open_annotated(shown.path, shown.images, image_id=shown.image_id)
    images: tuple[GalleryImage, ...] = unscored(source, shown.limit)
    if compare is not None:
        other = open_annotated(compare)
        check_pairs(source, other)
        images = beside(images, unscored(other))
    compared = "" if compare is None else _name(compare)
    return Gallery(_name(shown.path), str(shown.path), images, compared=compared)


def _write(gallery: Gallery, path: Path, home: Path, quiet: bool) -> None:
    from layoutgen.gallery.page import write_page

    run = write_page(gallery, path, home)
    with closing(run), console.progress(quiet) as bar:  # type: ignore[type-var]
        task = bar.add_task("page", total=len(gallery.images) or None)
        for done in run:
            bar.update(task, completed=done)


def _say(gallery: Gallery, path: Path, quiet: bool) -> None:
    if not quiet:
        what = f" ({len(gallery.images):,} images)" if gallery.images else ""
        console.say(f"Page for the browser{what}: {path}")


def _name(path: Path) -> str:
    """What people call `path`."""
    whole = path.resolve()
    if whole.name in ("annotations.json", "metadata.jsonl"):
        return whole.parent.name
    return whole.stem if whole.is_file() else whole.name
