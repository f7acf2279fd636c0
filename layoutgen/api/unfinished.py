"""What a run that was interrupted has finished: said, with where it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from layoutgen.progress import Progress


@contextmanager
def unfinished_noted(folders: Sequence[Path], watch: Progress) -> Iterator[None]:
    """Tell `watch` what is kept for the output `folders` when the block is interrupted or fails.

    At its end, tell what runs with other settings have left: nobody else would ever look at it.
    """
    try:
        yield
    except BaseException:
        for place, count in _kept(folders):
            watch.note(f"{count:,} finished images are kept in {place}; the same command goes on there")
        raise
    for place, count in _kept(folders):
        watch.note(f"{place} holds {count:,} images of an interrupted run with other settings")


def _kept(folders: Sequence[Path]) -> Iterator[tuple[Path, int]]:
    """Where finished images are, and how many."""
    from layoutgen.io.output_folder import unfinished_folders

    for folder in folders:
        for one in unfinished_folders(folder):
            count = sum(path.name[0] != "." for path in (one / "images").glob("*.png"))
            if count:
                # As the user wrote it, as far as that goes.
                home = folder if one.parent == folder.resolve() else folder.parent
                yield home / one.name / "images", count
