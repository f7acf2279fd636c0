"""The images of a run of ``sample``, one by one: how they are written, and which ones are there already."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from layoutgen.domain.layout import Layout
from layoutgen.drawing.contact_sheet import contact_sheet
from layoutgen.drawing.overlay import overlay
from layoutgen.errors import CannotSave, InvalidFile
from layoutgen.formats.layout_file import layout_to_dict
from layoutgen.formats.png import read_png, write_png
from layoutgen.io.files import replacing
from layoutgen.io.images import save_drawing
from layoutgen.io.output_folder import GRID

_GRID_LIMIT, _GRID_COLUMNS, _GRID_TILE = 100, 16, 320
_PATIENCE = 1800  # seconds without a new image after which other processes count as dead


@dataclass(frozen=True, slots=True)
class Job:
    """An image to paint.

    Attributes:
        seed: as it was asked for.
        image_id: of the layout in its data set; None: it is of none.
    """

    name: str
    layout: Layout
    seed: int
    image_id: int | None = None

    @property
    def noise_seed(self) -> int:
        """The seed of its noise: layouts of one data set do not begin from the same noise."""
        if self.image_id is None:
            return self.seed
        return int.from_bytes(hashlib.sha256(f"{self.seed} {self.image_id}".encode()).digest()[:4], "big")

    @property
    def file(self) -> str:
        """The name of its image."""
        return f"{self.name}_{self.seed}.png"

    @property
    def overlay(self) -> str:
        """The name of its overlay."""
        return f"{self.name}_{self.seed}.jpg"


def jobs_of(
    layouts: Sequence[tuple[str, Layout]],
    seeds: Sequence[int],
    num_images: int,
    image_ids: Sequence[int | None] | None = None,
) -> list[Job]:
    """The images of the named `layouts`, `num_images` of each, with seeds from its one of `seeds` on."""
    ids = [None] * len(layouts) if image_ids is None else image_ids
    return [
        Job(name, layout, seed + number, image_id)
        for (name, layout), seed, image_id in zip(layouts, seeds, ids, strict=True)
        for number in range(num_images)
    ]


def write_job(aside: Path, job: Job, image: Image.Image, options: dict[str, Any]) -> None:
    """Write overlay and image; the image last, as it says that the job is finished."""
    with replacing(aside / "overlays" / job.overlay) as temporary:
        save_drawing(overlay(image, job.layout), temporary)
    write_png(image, aside / "images" / job.file, job.layout, options | {"seed": job.noise_seed})


def write_grid(aside: Path, jobs: Sequence[Job]) -> None:
    """Write the images of `jobs` side by side where a layout has several; the first of them if they are many.

    Of several layouts each has a row.
    """
    names = list(dict.fromkeys(job.name for job in jobs))
    if len(names) == len(jobs):
        return
    shown = jobs[:_GRID_LIMIT]
    each = len(jobs) // len(names)
    tiles = []
    for job in shown:
        with Image.open(aside / "images" / job.file) as image:
            image.thumbnail((_GRID_TILE, _GRID_TILE))
            tiles.append(image.copy())
    captions = [f"seed {job.seed}" if len(names) == 1 else job.file for job in shown]
    columns = each if len(names) > 1 and each <= _GRID_COLUMNS else None
    with replacing(aside / GRID) as temporary:
        save_drawing(contact_sheet(tiles, captions, columns, tile=_GRID_TILE), temporary)


def is_finished(aside: Path, job: Job, options: dict[str, Any]) -> bool:
    """Whether the image of `job` is there, whole and of these settings."""
    path = aside / "images" / job.file
    if not path.is_file():
        return False
    try:
        layout, settings = read_png(path)
    except InvalidFile:
        return False
    same = settings == options | {"seed": job.noise_seed}
    return same and layout_to_dict(layout) == layout_to_dict(job.layout)


def key_of(jobs: Sequence[Job], options: dict[str, Any]) -> str:
    """A short name of what is asked for, for those who come to finish it."""
    digest = hashlib.sha256(json.dumps(options, sort_keys=True).encode())
    for job in jobs:
        digest.update(json.dumps([job.file, layout_to_dict(job.layout)], sort_keys=True).encode())
    return digest.hexdigest()[:8]


def wait_for(aside: Path, jobs: Sequence[Job]) -> None:
    """Wait until the other processes have finished their shares.

    Raises:
        CannotSave: nothing new comes.
    """
    missing, since = {job.file for job in jobs}, time.monotonic()
    while True:
        still = {name for name in missing if not (aside / "images" / name).is_file()}
        if not still:
            return
        if len(still) < len(missing):
            since = time.monotonic()
        elif time.monotonic() - since > _PATIENCE:
            raise CannotSave(
                f"{len(still):,} images of other processes are missing, such as {min(still)}: "
                "the same command finishes them"
            )
        missing = still
        time.sleep(0.5)
