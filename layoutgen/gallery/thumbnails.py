"""Small copies of images that travel inside the page, so that it shows at once and alone."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import ExifTags, Image

from layoutgen.gallery.records import GalleryImage
from layoutgen.io.images import read_photo

SIDE = 256
"""Longer side of a thumbnail, in pixels."""
_LARGE_SIDE = 1024  # of the copy of an image that browsers cannot show as its annotations see it
_SHOWN = {"PNG", "JPEG", "WEBP", "GIF", "BMP"}  # what every browser can
_AHEAD = 32  # images that are read before they are asked for


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """The bytes of a JPEG, and of a larger one where a browser cannot show the file itself.

    That is so for formats such as TIFF, and for photos that are annotated as they are stored but that
    browsers turn upright.
    """

    small: bytes
    large: bytes | None = None


def thumbnails(images: Sequence[GalleryImage]) -> Iterator[Thumbnail | None]:
    """The thumbnail of each image in order; None of one without a file.

    Raises:
        InvalidFile: a file is missing, no image, or neither it nor its turned self has the layout's shape.
    """
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        for start in range(0, len(images), _AHEAD):
            yield from pool.map(thumbnail, images[start : start + _AHEAD])


def thumbnail(image: GalleryImage) -> Thumbnail | None:
    """The thumbnail of `image`, of the shape of its layout; see :func:`thumbnails`."""
    if image.path is None:
        return None
    # As its boxes see it; a model may have painted it in another size than its layout.
    photo = read_photo(image.path, image.width, image.height, any_size=True)
    large = None if _browsers_agree(image, photo) else _jpeg(photo, _LARGE_SIDE)
    return Thumbnail(_jpeg(photo, SIDE), large)


def data_url(jpeg: bytes) -> str:
    """The bytes of a JPEG as a URL."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"


def _browsers_agree(image: GalleryImage, photo: Image.Image) -> bool:
    """Whether a browser, which turns every photo upright, shows what `photo` is."""
    assert image.path is not None
    with Image.open(image.path) as file:
        turned = file.getexif().get(ExifTags.Base.Orientation, 1) != 1
        return file.format in _SHOWN and not (turned and file.size == photo.size)


def _jpeg(photo: Image.Image, side: int) -> bytes:
    small = photo.copy()
    small.thumbnail((side, side), Image.Resampling.BICUBIC, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
