"""Pascal VOC: an XML file per image in ``Annotations``, its image in ``JPEGImages`` or beside it.

The devkit counts pixels from 1: its box ``(1, 1, 10, 10)`` has its corners at 0 and 10. Files that name VOC
as their source are read so, and so are those we write; labelImg, CVAT, Roboflow and the like write corners
from 0. Outlines are supervision's ``<polygon>`` elements.

Own code: labelformat drops fractions of a pixel and outlines and stops at the first bad file, and
supervision reads every file as if its pixels counted from 1.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Mask
from layoutgen.errors import InvalidFile
from layoutgen.formats.collector import NOT_NUMBERS, TURNED, Collector, empty_image, numbered
from layoutgen.formats.dataset_format import OUTLINES, SEVERAL_OUTLINES, DatasetFormat
from layoutgen.formats.dialects import number, pixel_size, polygons_corners
from layoutgen.formats.image_files import ImageFiles, image_size, relative_name
from layoutgen.formats.outlines import polygons_of
from layoutgen.formats.read_options import ReadOptions
from layoutgen.formats.xml_files import read_xml

_SOURCE = "layoutgen, in the pixels of PASCAL VOC"


def recognises(path: Path) -> bool:
    """An XML file of VOC, or a folder that holds some."""
    file = path if path.is_file() else _first_xml(path)
    return file is not None and file.suffix.lower() == ".xml" and _root(file) is not None


def read(path: Path, options: ReadOptions) -> tuple[AnnotatedImages, Path]:
    """The images of all XML files at `path`, by name.

    Raises:
        InvalidFile: no file can be read.
    """
    home = path.parent if path.is_file() else path
    files = [path] if path.is_file() else sorted(home.rglob("*.xml"))
    root = options.images or (home.parent if home.name == "Annotations" else home)
    images, found = ImageFiles(root), Collector(path, options)
    for file in files:
        annotation = _root(file)
        if annotation is None:
            found.drop(str(file), "XML file that is not an annotation")
            continue
        image = _image(annotation, file, images, len(found) + 1)
        if image is None:
            found.drop(str(file), "image of unknown size")
            continue
        found.add_image(image)
        first = 1.0 if _counts_from_one(annotation) else 0.0
        for index, entry in enumerate(annotation.iter("object")):
            _read_object(found, image.id, entry, f"{file}, object {index + 1}", first)
    if not len(found):
        raise InvalidFile(path, "holds no annotated image", remedy="give the folder with the XML files")
    labels = {entry.findtext("name", "").strip() for file in files for entry in _objects(file)}
    return found.finish(numbered(labels - {""})), root


def write(data: AnnotatedImages, folder: Path) -> None:
    """Write ``Annotations/`` and the list of all images, ``ImageSets/Main/train.txt``."""
    names = []
    for image in data.images:
        name = Path(image.file_name).relative_to(FORMAT.image_folder)
        target = folder / "Annotations" / name.with_suffix(".xml")
        target.parent.mkdir(parents=True, exist_ok=True)
        tree = ElementTree.ElementTree(_annotation(image, name.as_posix()))
        ElementTree.indent(tree)
        tree.write(target, encoding="utf-8")
        names.append(name.with_suffix("").as_posix())
    listed = folder / "ImageSets" / "Main" / "train.txt"
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")


FORMAT = DatasetFormat(
    "voc",
    "Pascal VOC (XML)",
    recognises,
    read,
    write,
    image_folder="JPEGImages",
    writes=("JPEGImages", "Annotations", "ImageSets"),
    holds=frozenset({OUTLINES, SEVERAL_OUTLINES}),
)


def _first_xml(folder: Path) -> Path | None:
    places = [folder / "Annotations", folder, *sorted(one for one in folder.iterdir() if one.is_dir())]
    files = (file for place in places if place.is_dir() for file in sorted(place.glob("*.xml")))
    return next(files, None)


def _root(file: Path) -> ElementTree.Element | None:
    try:
        root = read_xml(file)
    except InvalidFile:
        return None
    one = root.tag == "annotation" and (root.find("filename") is not None or root.find("size") is not None)
    return root if one else None


def _objects(file: Path) -> list[ElementTree.Element]:
    root = _root(file)
    return [] if root is None else list(root.iter("object"))


def _counts_from_one(annotation: ElementTree.Element) -> bool:
    source = annotation.find("source")
    said = "" if source is None else " ".join(source.itertext())
    return "VOC" in said.upper()


def _image(
    annotation: ElementTree.Element, file: Path, images: ImageFiles, number_: int
) -> AnnotatedImage | None:
    said = annotation.findtext("filename", "").strip() or annotation.findtext("path", "").strip()
    name = images.find(said) or _same_stem(images, file)
    size = pixel_size(*(annotation.findtext(f"size/{side}", "").strip() for side in ("width", "height")))
    if size is None and name is not None:
        size = image_size(images.root / name)
    return None if size is None else empty_image(number_, name or relative_name(said), size)


def _same_stem(images: ImageFiles, file: Path) -> str | None:
    """The image that is called as its annotations are: people rename both and forget what is inside."""
    stems = (images.find(file.with_suffix(suffix).name) for suffix in (".jpg", ".jpeg", ".png"))
    return next((name for name in stems if name is not None), None)


def _read_object(
    found: Collector, image_id: int, entry: ElementTree.Element, where: str, first: float
) -> None:
    outlines = [one for one in (_outline(part, first) for part in entry.findall("polygon")) if one]
    sides = [number(entry.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")]
    x0, y0, x1, y1 = sides
    if x0 is not None and y0 is not None and x1 is not None and y1 is not None:
        if x1 < x0 or y1 < y0:
            found.mend(where, TURNED, image_id)
            x0, x1, y0, y1 = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
        corners = (x0 - first, y0 - first, x1, y1)
    elif outlines:
        corners = polygons_corners(outlines)
        found.mend(where, "box taken from the outline", image_id)
    else:
        return found.drop(where, NOT_NUMBERS, image_id)
    mask = Mask(outlines) if outlines else None
    found.add(image_id, entry.findtext("name", "").strip(), corners, where, mask=mask)
    return None


def _outline(part: ElementTree.Element, first: float) -> list[float] | None:
    texts = {one.tag: one.text or "" for one in reversed(part)}  # findtext would search all for each
    values = []
    for index in range(1, len(part) // 2 + 1):
        x, y = (number(texts.get(f"{axis}{index}")) for axis in "xy")
        if x is None or y is None:
            return None
        values += [x - first, y - first]
    return values if len(values) >= 6 else None


def _annotation(image: AnnotatedImage, name: str) -> ElementTree.Element:
    width, height = image.size
    root = ElementTree.Element("annotation")
    _text(root, "folder", FORMAT.image_folder)
    _text(root, "filename", name)
    _text(ElementTree.SubElement(root, "source"), "database", _SOURCE)
    size = ElementTree.SubElement(root, "size")
    for side, pixels in (("width", width), ("height", height), ("depth", 3)):
        _text(size, side, str(pixels))
    _text(root, "segmented", str(int(any(image.masks))))
    for index, one in enumerate(image.instances):
        entry = ElementTree.SubElement(root, "object")
        _text(entry, "name", one.label)
        for key, text in (("pose", "Unspecified"), ("truncated", "0"), ("difficult", "0")):
            _text(entry, key, text)
        box, mask = ElementTree.SubElement(entry, "bndbox"), image.mask_of(index)
        corners = (one.box.x0 + 1, one.box.y0 + 1, one.box.x1, one.box.y1)
        for side, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True):
            _text(box, side, _written(value))
        for outline in polygons_of(mask.segmentation, height, width) or () if mask else ():
            part = ElementTree.SubElement(entry, "polygon")
            for at in range(0, len(outline), 2):
                _text(part, f"x{at // 2 + 1}", _written(outline[at] + 1))
                _text(part, f"y{at // 2 + 1}", _written(outline[at + 1] + 1))
    return root


def _written(value: float) -> str:
    """`value` as whole as it is: readers of VOC expect whole numbers."""
    return str(int(value)) if value == int(value) else f"{value:.15g}"


def _text(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text
