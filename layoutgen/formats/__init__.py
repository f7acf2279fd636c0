"""One file per format: file -> layouts and back. Other coordinates than pixel corners exist only in here."""

from __future__ import annotations

from pathlib import Path

from layoutgen.domain.requests import LayoutRequest
from layoutgen.errors import InvalidFile, InvalidLayout, InvalidOption

_YAML, _COCO, _PNG = (".yaml", ".yml"), (".json",), (".png",)


def read_layouts(path: Path, *, image_id: int | None = None) -> tuple[LayoutRequest, ...]:
    """What a file asks for: one of a YAML file or a PNG that layoutgen made, one per image of a COCO json.

    Nothing is arranged yet, see :func:`layoutgen.domain.requests.arrange_request`.

    Args:
        path: the file; its suffix says what it is.
        image_id: only this image of a COCO json.

    Raises:
        InvalidFile: the file is missing or broken, of no known format, or has a box outside its canvas.
        InvalidOption: `image_id` without a COCO json, or with one that does not have it.
    """
    from layoutgen.formats.layout_file import read_yaml
    from layoutgen.formats.png import read_png

    path = Path(path)
    suffix = path.suffix.lower()
    if image_id is not None and suffix not in _COCO:
        raise InvalidOption(f"`image_id` goes with a COCO json, and {path} is none")
    if suffix in _YAML:
        return (read_yaml(path),)
    if suffix in _COCO:
        return _coco_layouts(path, image_id)
    if suffix in _PNG:
        layout, settings = read_png(path)
        return (LayoutRequest(layout, settings=settings),)
    remedy = "give a .yaml layout, a COCO .json, or a .png that layoutgen made"
    problem = f"is no layout file: {suffix or 'no suffix'}" if path.exists() else "there is no such file"
    raise InvalidFile(path, problem, remedy=remedy)


def _coco_layouts(path: Path, image_id: int | None) -> tuple[LayoutRequest, ...]:
    """One layout per image; the fractions of a pixel by which COCO's boxes leave the image are cut off.

    Stricter than `read_coco`: whoever draws a layout wants to know of a box that will not be drawn.
    """
    from layoutgen.formats.coco import only_image, read_coco

    data = read_coco(path, masks=False)
    if not data.images:
        raise InvalidFile(path, "holds no image", where="images", remedy="give a file with annotated images")
    if image_id is not None:
        data = only_image(path, data, image_id)
    if data.dropped:
        entry = data.dropped[0]
        problem = f"the box has {entry.reason} (image id {entry.image_id})"
        raise InvalidFile(path, problem, where=entry.where, remedy="mend it, or remove the annotation")
    requests = []
    for image in data.images:
        try:
            requests.append(LayoutRequest(image.layout.check_inside().clip()))
        except InvalidLayout as error:
            raise InvalidFile(path, str(error), where=f"image id {image.id}") from None
    return tuple(requests)
