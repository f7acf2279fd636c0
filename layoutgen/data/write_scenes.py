"""Scenes on disk, composed by many processes, or their recipe alone, to be composed while training."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from layoutgen.data.scene_recipe import SCENES_FILE, SceneRecipe
from layoutgen.data.scenes import SceneComposer
from layoutgen.data.workers import by_workers
from layoutgen.domain.annotated_image import AnnotatedImage
from layoutgen.formats.prepared import write_prepared
from layoutgen.io.disk_space import check_space
from layoutgen.io.images import save_photo
from layoutgen.io.output_folder import output_folder

WRITES = ("images", "metadata.jsonl")
"""What :func:`write_scenes` writes into its output folder."""
ENDLESS_WRITES = (SCENES_FILE,)
"""What :func:`write_recipe` writes into its output folder."""

_BYTES = 0.1  # of a pixel of a plain scene, at least
_composer: SceneComposer  # of a worker process


def write_scenes(
    composer: SceneComposer, count: int, output: Path, *, workers: int = 1, overwrite: bool = False
) -> Generator[AnnotatedImage, None, None]:
    """Write scenes 0 to `count` - 1 as prepared data; yield each when its image is there.

    The bytes do not depend on the number of `workers` (processes).

    Raises:
        OutputExists: `output` holds results and `overwrite` is not set.
        CannotSave: a worker died, or the disk is full.
    """
    done = []
    pixels = count * composer.config.width * composer.config.height
    check_space(output, int(pixels * _BYTES), "ask for fewer by `count`, or for none by `endless`")
    with output_folder(output, WRITES, overwrite=overwrite) as aside:
        (aside / "images").mkdir()
        jobs = ((number, str(aside)) for number in range(count))
        if workers <= 1:
            _start(composer)
            for job in jobs:
                done.append(_write(job))
                yield done[-1]
        else:
            for image in by_workers(_write, jobs, workers, start=_start, arguments=(composer,)):
                done.append(image)
                yield image
        write_prepared(aside, done)


def write_recipe(recipe: SceneRecipe, output: Path, *, overwrite: bool = False) -> None:
    """Write the recipe of an endless data set; ``train`` composes its scenes as it needs them.

    Raises:
        OutputExists: `output` holds one and `overwrite` is not set.
    """
    with output_folder(output, ENDLESS_WRITES, overwrite=overwrite) as aside:
        recipe.write(aside / SCENES_FILE)


def _start(composer: SceneComposer) -> None:
    global _composer
    _composer = composer


def _write(job: tuple[int, str]) -> AnnotatedImage:
    number, folder = job
    scene = _composer.compose(number)
    name = f"images/scene_{number:06d}.jpg"
    save_photo(scene.image, Path(folder, name))
    return AnnotatedImage(number, name, scene.layout)
