"""Photos as their annotations see them: as stored or turned upright, as the annotated size says, and RGB."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageOps

from layoutgen.errors import InvalidFile
from layoutgen.io.files import check_regular

PHOTO_SUFFIXES = {".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG"}
"""The suffixes, in lower case, and formats of the photos that we write."""
MOST_PIXELS = 2 * (Image.MAX_IMAGE_PIXELS or 0)
"""Larger images are refused before they are decoded: a small file may hold any number of equal pixels."""
_TO_LEARN_FROM, _TO_LOOK_AT = 95, 92  # JPEG qualities: no visible loss; smaller, with crisp lines
_RANGES = (1.0, 255.0, 65535.0)  # fractions, 8 bits and 16 bits in more
# What Pillow raises on files that are broken or no images.
_BROKEN = (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError)


def read_photo(
    path: Path, width: int | None = None, height: int | None = None, *, any_size: bool = False
) -> Image.Image:
    """The photo at `path`, annotated as `width` x `height` pixels, as an RGB image of that size.

    COCO's boxes refer to the stored pixels, so an EXIF orientation is ignored - unless only the turned photo
    has the annotated size, which is how tools annotate that turn it first. A photo without annotations, so
    without a size, is turned upright. Transparent parts become white.

    Args:
        any_size: a photo that has another size either way is taken as it is stored.

    Raises:
        InvalidFile: missing, no image, truncated, or, unless `any_size`, of another size.
    """
    try:
        check_regular(path)
        with Image.open(path) as file:
            file.load()
            photo: Image.Image = file.copy()
    except FileNotFoundError:
        raise InvalidFile(path, "there is no such file", remedy="check the path") from None
    except Image.DecompressionBombError:
        problem = f"has more than the {MOST_PIXELS:,} pixels that are read at once"
        raise InvalidFile(path, problem, remedy="scale it down, or cut it into parts") from None
    except MemoryError:
        raise InvalidFile(path, "needs more memory than there is", remedy="scale it down") from None
    except _BROKEN as error:
        reason = "" if str(path) in str(error) else f" ({error})"
        raise InvalidFile(path, f"is not an image that can be read{reason}", remedy="replace it") from None
    if width is None:
        photo = ImageOps.exif_transpose(photo)
    elif photo.size != (width, height):
        turned = ImageOps.exif_transpose(photo)
        if turned.size == (width, height):
            photo = turned
        elif not any_size:
            remedy = "are these the images that were annotated?"
            problem = f"has {photo.width} x {photo.height} pixels, but the annotations say {width} x {height}"
            raise InvalidFile(path, problem, remedy=remedy)
    try:
        return _rgb(photo)
    except ValueError as error:
        raise InvalidFile(path, str(error), remedy="save it with 8 bits per colour") from None


def is_plain(path: Path) -> bool:
    """Whether any program reads the image at `path` as :func:`read_photo` does, so that it can be copied."""
    with Image.open(path) as file:
        upright = file.getexif().get(ExifTags.Base.Orientation, 1) == 1
        opaque = file.mode == "RGB" and "transparency" not in file.info
        return upright and opaque and file.format == PHOTO_SUFFIXES.get(path.suffix.lower())


def save_photo(photo: Image.Image, path: Path) -> None:
    """Write `photo` at `path`, as its suffix says: JPEG without visible loss, or PNG."""
    if PHOTO_SUFFIXES[path.suffix.lower()] == "JPEG":
        photo.save(path, "JPEG", quality=_TO_LEARN_FROM, subsampling=0)
    else:
        photo.save(path, "PNG")


def save_drawing(drawing: Image.Image, path: Path) -> None:
    """Write `drawing`, for people to look at, as a JPEG at `path`, whose folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    drawing.save(path, "JPEG", quality=_TO_LOOK_AT, subsampling=0)


def _rgb(photo: Image.Image) -> Image.Image:
    if photo.mode.startswith("I;16"):
        # Pillow would cut the values at 255 instead of scaling them.
        return photo.convert("I").point(lambda value: value * (1 / 256)).convert("L").convert("RGB")
    if photo.mode in ("I", "F"):
        return _scaled(
            np.asarray(photo, dtype=np.float64), _RANGES if photo.mode == "F" else _RANGES[1:]
        ).convert("RGB")
    if photo.has_transparency_data:
        white = Image.new("RGBA", photo.size, "white")
        return Image.alpha_composite(white, photo.convert("RGBA")).convert("RGB")
    return photo.convert("RGB")


def _scaled(values: npt.NDArray[np.float64], ranges: Sequence[float]) -> Image.Image:
    """Pixels (H, W) of 32 bits or of floats as 8 bits, by the first of the `ranges` that holds them all.

    Usual ranges rather than what each photo uses: the photos of a data set keep their exposure.

    Raises:
        ValueError: a pixel is no finite number.
    """
    if not np.isfinite(values).all():
        raise ValueError("has pixels that are no finite numbers")
    low, high = float(values.min()), float(values.max())
    if low >= 0:
        low, high = 0.0, next((top for top in ranges if high <= top), high)
    return Image.fromarray(np.rint((values - low) / max(high - low, 1e-12) * 255).astype(np.uint8))


def find_photos(folder: Path) -> list[Path]:
    """The images in `folder`, sorted by name, but hidden ones: macOS puts ``._photo.jpg`` into archives.

    Raises:
        InvalidFile: it is no folder, or holds fewer than two.
    """
    if not folder.is_dir():
        raise InvalidFile(folder, "there is no such folder", remedy="name a folder of real images")
    suffixes = Image.registered_extensions()
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in suffixes)
    found = [p for p in paths if not any(part.startswith(".") for part in p.relative_to(folder).parts)]
    if len(found) < 2:
        raise InvalidFile(folder, f"holds {len(found)} images", remedy="a comparison needs at least two")
    return found
