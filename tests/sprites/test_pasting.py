"""Sprites are chosen for boxes, varied, and pasted into them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from layoutgen import Box, Instance, Layout
from layoutgen.sprites.cutout import Sprite
from layoutgen.sprites.pasting import Look, Pool, paste, with_parts


def sprite(width: int, height: int, label: str = "dog", color: int = 200) -> Sprite:
    pixels = np.full((height, width, 4), color, np.uint8)
    pixels[..., 3] = 255
    return Sprite(label, pixels)


def dogs(*sides: tuple[float, float]) -> Layout:
    return Layout(64, 64, tuple(Instance("dog", Box(0, 0, *side)) for side in sides))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_a_sprite_has_the_label_and_the_aspect_of_its_box() -> None:
    sprites = [sprite(40, 40), sprite(20, 40), sprite(20, 40, "cat")]
    cat = Instance("cat", Box(0, 0, 30, 30))
    found = Pool(sprites, rng()).choose(Layout(64, 64, (*dogs((10, 20), (20, 20)).instances, cat)))
    assert [one.sprite for one in found] == [1, 0, 2]


def test_sprites_are_used_equally_often_and_varied_when_used_again() -> None:
    sprites = [sprite(20, 40), sprite(21, 40), sprite(22, 40)]
    found = Pool(sprites, rng()).choose(dogs(*[(10, 20)] * 12))
    assert Counter(one.sprite for one in found) == {0: 4, 1: 4, 2: 4}
    looks = [one.look for one in found]
    assert looks.count(Look()) == 3
    assert len(set(looks)) == 10
    assert {look.mirrored for look in looks} == {True, False}
    assert all(0.8 < gain < 1.25 for look in looks for gain in look.gains)


def test_what_was_refused_in_a_box_is_not_tried_there_again() -> None:
    layout = dogs((10, 20), (10, 20))
    for seed in range(8):
        pool = Pool([sprite(20, 40), sprite(20, 40), sprite(20, 40)], np.random.default_rng(seed))
        tried = [pool.choose(layout)]
        for _ in range(3):
            tried.append(pool.choose(layout, tried[-1], (1,)))
        assert all(one[0] == tried[0][0] for one in tried)  # the other box keeps its own
        assert {one[1].sprite for one in tried[:3]} == {0, 1, 2}
        assert len(tried[3]) == 2  # all were tried: some sprite is better than none


@pytest.mark.parametrize(
    ("sides", "filled"),
    [
        ((20, 40), (20, 40)),  # as it is
        ((24, 40), (24, 40)),  # a fifth wider
        ((40, 40), (25, 40)),  # a quarter wider, in the middle
        ((20, 80), (20, 50)),  # a quarter higher, at the foot
    ],
)
def test_an_aspect_is_changed_by_a_quarter_at_most(sides: tuple[int, int], filled: tuple[int, int]) -> None:
    canvas, box = Image.new("RGB", (100, 100)), Box(10, 5, 10 + sides[0], 5 + sides[1])
    paste(canvas, sprite(20, 40), box, Look())
    rows, columns = np.nonzero(np.array(canvas)[..., 0] > 100)
    assert (np.ptp(columns) + 1, np.ptp(rows) + 1) == pytest.approx(filled, abs=1)
    assert rows.max() + 1 == box.y1
    assert (columns.min() + columns.max() + 1) / 2 == pytest.approx((box.x0 + box.x1) / 2, abs=0.5)


def test_a_look_mirrors_and_tints() -> None:
    half = sprite(20, 40)
    half.pixels[:, :10, 3] = 0
    canvas = Image.new("RGB", (20, 40))
    paste(canvas, half, Box(0, 0, 20, 40), Look(mirrored=True, gains=(1.0, 0.5, 2.0)))
    assert canvas.getpixel((2, 20)) == (200, 100, 255)
    assert canvas.getpixel((17, 20)) == (0, 0, 0)


def test_ground_does_not_shine_through_where_a_sprite_is_reduced() -> None:
    edge = sprite(40, 40)
    edge.pixels[:, :20] = (0, 255, 0, 0)  # ground that was cut away
    canvas = Image.new("RGB", (10, 10), (200, 200, 200))
    paste(canvas, edge, Box(0, 0, 10, 10), Look())
    red, green, _ = np.array(canvas).astype(int).transpose(2, 0, 1)
    assert np.abs(green - red).max() <= 1


def test_parts_of_another_picture_fade_out_beside_their_boxes() -> None:
    black, white = Image.new("RGB", (60, 60)), Image.new("RGB", (60, 60), "white")
    mixed = np.array(with_parts(black, white, [Box(20, 20, 40, 40)]))[..., 0]
    assert (mixed[21:39, 21:39] > 240).all()
    assert (mixed[:15] == 0).all()
    assert mixed.max() == 255
