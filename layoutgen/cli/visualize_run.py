"""``layoutgen visualize RUN``: what a training run painted, from its first contact sheet to its last."""

from __future__ import annotations

from pathlib import Path

from layoutgen.cli import console
from layoutgen.errors import InvalidFile, InvalidOption

_SHEET = "samples_over_time.jpg"
_MOST = 8  # contact sheets, evenly over the run
_TILE = 768  # pixels a side of each


def is_run(path: Path) -> bool:
    """Whether `path` is the folder of a training run that has noted something."""
    from layoutgen.gallery.training_runs import is_training_run

    return is_training_run(path)


def draw_run(
    run: Path, output: Path, *, limit: int | None, overwrite: bool, as_json: bool, quiet: bool
) -> None:
    """Draw the contact sheets of `run` beside each other, with the number of images before each.

    Raises:
        InvalidFile: it has none yet.
    """
    from PIL import Image

    from layoutgen.drawing.contact_sheet import contact_sheet
    from layoutgen.gallery.training_runs import read_training_run
    from layoutgen.io.output_folder import output_folder

    history = read_training_run(run)
    sheets = _evenly(history.sheets, limit or _MOST)
    if not sheets:
        remedy = "wait for the first one, or train with --report-every"
        raise InvalidFile(run, "has no contact sheets in samples/", remedy=remedy)
    with output_folder(output, (_SHEET,), overwrite=overwrite) as aside:
        pictures = [Image.open(path).convert("RGB") for _, path in sheets]
        captions = [f"after {images:,} images" for images, _ in sheets]
        contact_sheet(pictures, captions, tile=_TILE).save(aside / _SHEET, quality=90)
    file = output / _SHEET
    if as_json:
        console.print_json({"overlays": [], "contact_sheet": str(file)})
    elif not quiet:
        part = f" ({len(sheets)} of {len(history.sheets)})" if len(sheets) < len(history.sheets) else ""
        console.say(f"Samples over time{part}: {file}")


def refuse_layout_options(**given: object) -> None:
    """Refuse options that mean nothing for a training run."""
    wrong = [name for name, value in given.items() if value not in (None, [], False)]
    if wrong:
        raise InvalidOption(f"`{wrong[0]}` is not for a training run: leave it out")


def _evenly(sheets: tuple[tuple[int, Path], ...], most: int) -> list[tuple[int, Path]]:
    """At most so many of `sheets`, the first and the last among them."""
    if len(sheets) <= most or most == 1:
        return list(sheets[-most:])
    return [sheets[round(k * (len(sheets) - 1) / (most - 1))] for k in range(most)]
