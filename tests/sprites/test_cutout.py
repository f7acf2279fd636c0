"""Objects are cut out of the ground around them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from layoutgen import Box
from layoutgen.sprites.cutout import cut_out, object_mask, whole_box

BOX = Box(20, 16, 52, 64)


def ground(seed: int = 0) -> Image.Image:
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 6, (80, 72, 3)) + np.array([60, 140, 40])
    return Image.fromarray(noise.round().clip(0, 255).astype(np.uint8))


def with_ellipses(*boxes: tuple[int, int, int, int]) -> tuple[Image.Image, np.ndarray]:
    picture, shape = ground(1), Image.new("1", (72, 80))
    for box in boxes:
        ImageDraw.Draw(picture).ellipse(box, fill=(150, 110, 90))
        ImageDraw.Draw(shape).ellipse(box, fill=1)
    return picture, np.array(shape)


def test_the_mask_is_the_object() -> None:
    picture, shape = with_ellipses((20, 16, 51, 63))
    mask, whole = object_mask(np.array(picture), np.array(ground()), BOX)
    assert (mask & shape).sum() / (mask | shape).sum() > 0.92
    assert whole == 1


def test_a_sprite_is_cut_to_its_own_box_and_has_no_ground() -> None:
    picture, _ = with_ellipses((24, 20, 49, 61))
    found = cut_out("dog", picture, ground(), BOX)
    assert found is not None
    sprite, own = found
    assert np.abs(np.array(own.xyxy) - (24, 20, 50, 62)).max() <= 1
    assert sprite.pixels.shape == (int(own.height), int(own.width), 4)
    assert sprite.aspect == own.width / own.height
    solid = sprite.pixels[sprite.pixels[..., 3] > 250, :3]
    assert np.abs(solid.astype(int) - (150, 110, 90)).max() <= 6
    assert sprite.pixels[0, 0, 3] == 0


@pytest.mark.parametrize(
    "boxes",
    [
        (),  # nothing is there
        ((33, 38, 40, 44),),  # a crumb
        ((21, 17, 33, 63), (39, 17, 51, 63)),  # two halves
    ],
)
def test_what_is_no_object_is_refused(boxes: tuple[tuple[int, int, int, int], ...]) -> None:
    picture, _ = with_ellipses(*boxes)
    assert cut_out("dog", picture, ground(), BOX) is None


def test_what_the_border_cuts_is_refused() -> None:
    picture, _ = with_ellipses((0, 16, 40, 63))
    assert cut_out("dog", picture, ground(), Box(2, 16, 40, 64)) is None


def test_a_whole_box_is_round() -> None:
    sprite = whole_box("dog", ground(), BOX)
    assert sprite.pixels.shape == (48, 32, 4)
    assert sprite.pixels[0, 0, 3] == 0
    assert sprite.pixels[24, 16, 3] == 255


def heard(shape: np.ndarray, *, inside: float = 0.3, outside: float = 0.05) -> np.ndarray:
    """Attention to a label that is where `shape` is, as soft as that of a coarse level."""
    return ndimage.gaussian_filter(np.where(shape, inside, outside), 3)


def overlap(mask: np.ndarray, shape: np.ndarray) -> float:
    return float((mask & shape).sum() / (mask | shape).sum())


def test_attention_finds_what_is_coloured_like_the_ground() -> None:
    picture, shape = with_ellipses((20, 16, 51, 63))
    pixels, faint = np.array(picture), shape.copy()
    faint[:40] = False
    pixels[faint] = (np.array(ground(1))[faint] + np.array([8.0, -8, 8])).round().clip(0, 255)
    alone, _ = object_mask(pixels, np.array(ground()), BOX)
    together, whole = object_mask(pixels, np.array(ground()), BOX, heard(shape))
    assert overlap(alone, shape) < 0.6
    assert overlap(together, shape) > 0.9
    assert whole > 0.95


def test_attention_leaves_out_what_is_something_else() -> None:
    picture, shape = with_ellipses((20, 16, 51, 63))
    pixels = np.array(picture)
    pixels[56:64, 21:52] = (72, 128, 52)  # a stick below it, a little unlike the ground
    shape[50:] = False
    alone, _ = object_mask(pixels, np.array(ground()), BOX)
    together, _ = object_mask(pixels, np.array(ground()), BOX, heard(shape))
    assert alone[57:63, 22:30].all()
    assert not together[57:63, 22:30].any()


def test_attention_that_does_not_tell_the_box_from_its_surroundings_changes_nothing() -> None:
    picture, shape = with_ellipses((20, 16, 51, 63))
    alone, whole = object_mask(np.array(picture), np.array(ground()), BOX)
    for inside in (0.05, 0.055, 0.02):
        attention = heard(shape, inside=inside)
        mask, again = object_mask(np.array(picture), np.array(ground()), BOX, attention)
        assert (mask == alone).all() and again == whole
