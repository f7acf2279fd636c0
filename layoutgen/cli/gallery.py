"""The page that ``visualize --html`` and ``evaluate --html`` write."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.api.evaluation_page import name_of
from layoutgen.api.inputs import beside
from layoutgen.cli import console
from layoutgen.evaluation.output import PAGE

if TYPE_CHECKING:
    from layoutgen.gallery.records import Gallery, GalleryImage


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
            raise InvalidOption(
                f"--compare {run} is no training run, and {shown.path} is one: name another run"
            )
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
    compared = "" if compare is None else name_of(compare)
    return Gallery(name_of(shown.path), str(shown.path), images, compared=compared)


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
