"""One file per format: file -> Layouts and back. Other coordinates than pixel corners exist only in here."""

from __future__ import annotations

from pathlib import Path

from layoutgen.domain.layout import Layout
from layoutgen.domain.size_prior import ANY_SIZE, SizePrior
from layoutgen.errors import InvalidFile, InvalidLayout, InvalidOption

_YAML, _COCO, _PNG = (".yaml", ".yml"), (".json",), (".png",)


def read_layouts(
    path: Path,
    *,
    image_id: int | None = None,
    seed: int = 0,
    size_prior: SizePrior = ANY_SIZE,
    ask: tuple[int, str] | None = None,
) -> tuple[Layout, ...]:
    """The layouts of a file: one of a YAML file or a PNG that layoutgen made, one per image of a COCO json.

    Args:
        path: the file; its suffix says what it is.
        image_id: only this image of a COCO json.
        seed: of the places of groups, unless the file has its own, and of what `ask` adds.
        size_prior: what the boxes that are arranged here are chosen from.
        ask: exactly so many instances of a label: ``(100, "dogs")``; see
            :func:`layoutgen.domain.arrange.ask_for`.

    Raises:
        InvalidFile: the file is missing or broken, of no known format, or has a box outside its canvas.
        InvalidOption: `image_id` without a COCO json, or with one that does not have it.
        DoesNotFit: there is no room for a group, or for what is asked for.
    """
    from layoutgen.domain.arrange import ask_for
    from layoutgen.formats.layout_file import read_yaml
    from layoutgen.formats.png import read_png

    path = Path(path)
    suffix = path.suffix.lower()
    if image_id is not None and suffix not in _COCO:
        raise InvalidOption(f"--image-id goes with a COCO json, and {path} is none")
    if suffix in _YAML:
        return (read_yaml(path, seed=seed, size_prior=size_prior, ask=ask),)
    if suffix in _COCO:
        layouts = _coco_layouts(path, image_id)
    elif suffix in _PNG:
        layouts = (read_png(path)[0],)
    else:
        remedy = "give a .yaml layout, a COCO .json, or a .png that layoutgen made"
        problem = f"is no layout file: {suffix or 'no suffix'}" if path.exists() else "there is no such file"
        raise InvalidFile(path, problem, remedy=remedy)
    if ask is None:
        return layouts
    return tuple(ask_for(layout, *ask, size_prior=size_prior, seed=seed) for layout in layouts)


def _coco_layouts(path: Path, image_id: int | None) -> tuple[Layout, ...]:
    """One layout per image; the fractions of a pixel by which COCO's boxes leave the picture are cut off.

    Stricter than `read_coco`: whoever draws a layout wants to know of a box that will not be drawn.
    """
    from layoutgen.formats.coco import read_coco

    images = read_coco(path, masks=False)
    if not images:
        raise InvalidFile(path, "holds no image", where="images", remedy="give a file with annotated images")
    chosen = [image for image in images if image_id is None or image.id == image_id]
    if not chosen:
        some = ", ".join(str(image.id) for image in images[:8])
        raise InvalidOption(f"--image-id {image_id}: {path} has no such image; it has {some}")
    layouts = []
    for image in chosen:
        if image.dropped:
            where = f"annotations[{image.dropped[0]}].bbox"
            problem = f"the box has no area inside the picture (image id {image.id})"
            raise InvalidFile(path, problem, where=where, remedy="mend it, or remove the annotation")
        try:
            layouts.append(image.layout().check_inside().clip())
        except InvalidLayout as error:
            raise InvalidFile(path, str(error), where=f"image id {image.id}") from None
    return tuple(layouts)
