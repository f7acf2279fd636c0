import numpy as np

from layoutgen.drawing.fonts import font, printable, shorten


def test_every_letter_that_is_drawn_has_a_shape_of_its_own() -> None:
    missing = bytes(font(20).getmask("\ue000"))
    drawn = printable("Café 猫 naïve\n" + "".join(map(chr, range(33, 127)))) + "…"
    assert drawn.startswith("Cafe ? naive?!")
    assert all(bytes(font(20).getmask(letter)) != missing for letter in set(drawn))


def test_what_fits_stays_and_what_does_not_is_cut() -> None:
    width = font(13).getlength("a long caption")
    assert shorten("a long caption", 13, width) == "a long caption"
    cut = shorten("a long caption", 13, width - 1)
    assert cut.startswith("a long") and cut.endswith("…") and font(13).getlength(cut) <= width - 1


def test_sizes_are_pixels() -> None:
    heights = [np.diff(np.array(font(size).getbbox("H"))[[1, 3]])[0] for size in (20, 40)]
    assert 1.8 < heights[1] / heights[0] < 2.2
