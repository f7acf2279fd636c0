"""What `layoutgen visualize` draws: annotated images, scenes of a recipe, or a layout without an image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.cli import defects
from layoutgen.errors import InvalidOption

if TYPE_CHECKING:
    from layoutgen.domain.annotated_image import Defect
    from layoutgen.domain.requests import Quantity
    from layoutgen.drawing.gallery import Picture
    from layoutgen.formats.read_options import ReadOptions

_LIMIT, _SCENES = 48, 12


@dataclass(frozen=True, slots=True)
class Drawings:
    """`shown` pictures of `count` that there are, and what is wrong in the file that they come from.

    `labels` are those of all of them.
    """

    pictures: Iterable[Picture]
    shown: int
    count: float
    dropped: Sequence[Defect] = ()
    mended: Sequence[Defect] = ()
    labels: Sequence[str] = ()

    def say_defects(self, *, err: bool) -> None:
        """Print what was left out and mended."""
        defects.say_defects(self.dropped, self.mended, err=err)


def words_and_path(words: list[str], numbers: list[str]) -> tuple[Path, list[Quantity]]:
    """The path that is named, and how many of what, as `sample` understands these words.

    Raises:
        InvalidOption: not one path, or labels without numbers.
    """
    from layoutgen.cli.sample_words import parse_words

    if numbers:
        paths, quantities = parse_words(words, numbers)
        if len(paths) == 1:
            return paths[0], quantities
        raise InvalidOption(
            "`number` goes with one layout file, as in: layoutgen visualize layout.yaml -n 9 cats"
        )
    if len(words) != 1:
        told = f"name one path, not {len(words)}: {' '.join(words)}"
        folders = [word for word in words if Path(word).is_dir()]
        if len(words) == 2 and len(folders) == 1:
            (annotations,) = (word for word in words if word not in folders)
            told += f"; if these are annotations and their images: {annotations} `images` {folders[0]}"
        raise InvalidOption(told)
    return Path(words[0]), []


def open_drawings(
    path: Path,
    images: Path | None,
    image_id: int | None,
    limit: int | None,
    options: ReadOptions,
    *,
    quantities: Sequence[Quantity],
    seed: int | None,
    model: str | None,
) -> Drawings:
    """What there is to draw at `path`, up to `limit` pictures.

    Raises:
        InvalidFile, InvalidOption: it cannot be read, or an option is of another kind of path.
    """
    from layoutgen.data.scene_recipe import SCENES_FILE
    from layoutgen.formats import is_layout_file
    from layoutgen.formats.huggingface import INDEX

    recipe = path / SCENES_FILE if path.is_dir() else path
    endless = recipe.name == SCENES_FILE and recipe.is_file() and not (path / INDEX).is_file()
    layout = is_layout_file(path)
    _check(path, layout, {"number": quantities or None, "seed": seed, "model": model})
    if layout or endless:
        this = "a layout" if layout else "a recipe of scenes"
        for name, value in (("images", images), ("image_id", image_id)):
            if value is not None:
                raise InvalidOption(f"`{name}` goes with a COCO json, and {path} is {this}")
    if layout:
        return _layout(path, quantities, seed or 0, model)
    if endless:
        return _scenes(recipe, limit or _SCENES)
    return _annotated(path, images, image_id, limit or _LIMIT, options)


def _check(path: Path, layout: bool, given: dict[str, object]) -> None:
    """Refuse options of a layout file for what is none."""
    named = [name for name, value in given.items() if value is not None]
    if named and not layout:
        raise InvalidOption(f"`{named[0]}` goes with a layout file, and {path} is none")


def _annotated(
    path: Path, images: Path | None, image_id: int | None, limit: int, options: ReadOptions
) -> Drawings:
    from layoutgen.drawing.gallery import blank_pictures_of, pictures_of
    from layoutgen.formats.annotated_source import open_annotated
    from layoutgen.layout_model.wire import holds_model

    unpainted = images is None and holds_model(path)
    source = open_annotated(path, images, image_id=image_id, required=not unpainted, options=options)
    found, defects = len(source.images), (source.data.dropped, source.data.mended)
    pictures = (blank_pictures_of if unpainted else pictures_of)(source, limit)
    return Drawings(pictures, min(found, limit), found, *defects, labels=source.labels)


def _layout(path: Path, quantities: Sequence[Quantity], seed: int, model: str | None) -> Drawings:
    """The layout as `sample` arranges it, on a blank canvas."""
    from layoutgen.domain.requests import arrange_request, asked_for
    from layoutgen.drawing.gallery import blank_picture
    from layoutgen.formats import read_layout_file
    from layoutgen.io.files import STANDARD_INPUT
    from layoutgen.model_info import find_model

    (request,) = read_layout_file(path).requests
    info = find_model(model)
    layout = arrange_request(
        request.in_words_of(info.labels),
        asked_for(quantities, info.labels),
        size_prior=info.size_prior,
        seed=seed,
    )
    name = "stdin" if path == STANDARD_INPUT else path.name
    return Drawings([blank_picture(name, layout)], 1, 1, labels=layout.labels)


def _scenes(recipe: Path, count: int) -> Drawings:
    """The first scenes of those that training would compose."""
    from layoutgen.data.scene_recipe import SceneRecipe
    from layoutgen.drawing.gallery import Picture

    composer = SceneRecipe.read(recipe).composer()

    def pictures() -> Iterator[Picture]:
        for number in range(count):
            scene = composer.compose(number)
            yield Picture(f"scene_{number:06d}.jpg", scene.image, scene.layout)

    return Drawings(pictures(), count, math.inf, labels=composer.labels)
