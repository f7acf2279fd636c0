import numpy as np
import pytest
from PIL import Image

from layoutgen.drawing.contact_sheet import contact_sheet

COLORS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]


def extent(sheet: Image.Image, color: tuple[int, int, int]) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero((np.asarray(sheet) == color).all(axis=-1))
    return xs.min(), ys.min(), xs.max() + 1, ys.max() + 1


def test_every_image_is_whole_in_its_place() -> None:
    sizes = [(100, 50), (50, 100), (64, 64), (2000, 10), (3, 5)]
    sheet = contact_sheet(
        [Image.new("RGB", s, c) for s, c in zip(sizes, COLORS, strict=True)], columns=2, tile=80
    )
    extents = [extent(sheet, color) for color in COLORS]
    for (x0, y0, x1, y1), (width, height) in zip(extents, sizes, strict=True):
        assert max(x1 - x0, y1 - y0) == 80
        assert min(x1 - x0, y1 - y0) == pytest.approx(
            max(1, 80 * min(width, height) / max(width, height)), abs=1
        )
    centres = [((x0 + x1) / 2, (y0 + y1) / 2) for x0, y0, x1, y1 in extents]
    assert centres[0][0] == pytest.approx(centres[2][0], abs=1) and centres[0][1] == pytest.approx(
        centres[1][1], abs=1
    )
    assert centres[1][0] - centres[0][0] >= 80 and centres[2][1] - centres[0][1] >= 80


def test_it_is_about_square_by_default() -> None:
    sheet = contact_sheet([Image.new("L", (10, 10))] * 9, tile=50)
    assert sheet.width == sheet.height


def test_captions_stand_below_and_never_run_into_the_next() -> None:
    images = [Image.new("RGB", (80, 80), (255, 0, 0))] * 2
    plain, captioned = (
        contact_sheet(images, columns=2, tile=80),
        contact_sheet(images, ["x" * 500, ""], columns=2, tile=80),
    )
    assert captioned.height > plain.height
    text = np.asarray(captioned.convert("L"))[95:]
    assert text[:, :88].max() > 200, "the caption is there"
    assert text[:, 92:].max() < 60, "and not below its neighbour"


def test_the_inputs_are_left_as_they_were() -> None:
    image = Image.new("RGB", (30, 20), (9, 9, 9))
    contact_sheet([image], ["a caption"])
    assert image.size == (30, 20) and image.getpixel((0, 0)) == (9, 9, 9)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        contact_sheet([])
    with pytest.raises(ValueError, match="1 images but 2 captions"):
        contact_sheet([Image.new("RGB", (3, 3))], ["a", "b"])


def test_a_row_is_as_high_as_its_highest_image() -> None:
    wide = [Image.new("RGB", (100, 20), color) for color in COLORS[:4]]
    sheet = contact_sheet(wide, columns=2, tile=100)
    assert sheet.height < 3 * 8 + 2 * 20 + 1
    tall = contact_sheet([*wide[:3], Image.new("RGB", (100, 150))], columns=2, tile=100, fit=False)
    assert tall.height == 3 * 8 + 20 + 150


def test_captions_of_many_images_are_larger() -> None:
    def height_of_text(count: int) -> int:
        images = [Image.new("RGB", (200, 20), (24, 24, 24))] * count
        sheet = np.asarray(contact_sheet(images, ["name"] * count, tile=200).convert("L"))
        rows = np.nonzero((sheet[:60] > 120).any(axis=1))[0]
        return int(rows.max() - rows.min())

    assert height_of_text(48) > height_of_text(9)
