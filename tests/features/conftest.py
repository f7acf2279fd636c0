"""A network that needs no download, and sets of drawn images for it."""

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from layoutgen.features.quality import embed
from layoutgen.io.images import find_photos


class Means(nn.Module):
    """Mean colour and the spread of each channel: six features."""

    def forward(self, images):
        values = images.double().flatten(2) / 255
        return torch.cat([values.mean(-1), values.std(-1)], dim=1)


def write_images(folder, count, seed, brightness=0):
    random = np.random.default_rng(seed)
    folder.mkdir()
    for number in range(count):
        size = (12, 16, 3) if number % 3 else (9, 7, 3)
        low = random.integers(0, 60, 3)
        pixels = random.integers(low + brightness, low + brightness + 120, size)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number:03d}.png")
    return find_photos(folder)


@pytest.fixture
def image_set(tmp_path):
    """Draws `count` images by `seed`, and embeds them."""

    def make(name, count, seed, brightness=0):
        return embed(write_images(tmp_path / name, count, seed, brightness), Means())

    return make
