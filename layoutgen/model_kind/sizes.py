"""On images of which size a model was trained, by what its files say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from layoutgen.io.files import read_json

PREDICTION, RESOLUTION = "modelspec.prediction_type", "modelspec.resolution"
"""What a file may say of itself (https://github.com/Stability-AI/ModelSpec)."""
V2_OF_NOISE = 512
"""Side of the images that the kind of v2 was trained on that predicts noise; the other kind predicts v."""
_SIDES = {"sd1": 512, "sd2": 768, "sdxl": 1024}
_PREDICTIONS = {"epsilon": "epsilon", "v": "v_prediction"}
_USUAL_CELLS, _USUAL_PIXELS = 64, 8


def stated_prediction(metadata: Mapping[str, str]) -> str | None:
    """What a file with this `metadata` predicts: epsilon or v_prediction; None: it does not say."""
    return _PREDICTIONS.get(metadata.get(PREDICTION, ""))


def stated_side(metadata: Mapping[str, str]) -> int | None:
    """Side, in pixels, of the images that a file with `metadata` was trained on; None: it does not say."""
    width = metadata.get(RESOLUTION, "").lower().split("x")[0]
    sensible = width.isdecimal() and int(width) % 64 == 0 and 64 <= int(width) <= 2048
    return int(width) if sensible else None


def side_of_file(base: str, metadata: Mapping[str, str]) -> int:
    """Side, in pixels, of the images that a single file of `base` was trained on, as far as its head tells.

    A file of v2 that does not say what it predicts is taken for one of v until it is opened.
    """
    usual = V2_OF_NOISE if base == "sd2" and stated_prediction(metadata) == "epsilon" else _SIDES[base]
    return stated_side(metadata) or usual


def side_is_known(base: str, metadata: Mapping[str, str]) -> bool:
    """Whether :func:`side_of_file` is right in any case: a file of v2 may say neither size nor prediction."""
    said = stated_prediction(metadata) is not None or stated_side(metadata) is not None
    return base != "sd2" or said


def side_of_folder(folder: Path) -> int:
    """Side, in pixels, of the images that the model in the diffusers folder `folder` was trained on."""
    file = folder / "unet" / "config.json"
    unet = read_json(file) if file.is_file() else {}
    return pixels_per_latent(folder) * latent_side(unet.get("sample_size"))


def latent_side(sample_size: Any) -> int:
    """Side, in latent cells, of a U-Net's `sample_size`: a number, height and width, or nothing."""
    sides = sample_size if isinstance(sample_size, list | tuple) else [sample_size]
    return max((side for side in sides if isinstance(side, int) and side > 0), default=_USUAL_CELLS)


def pixels_per_latent(folder: Path) -> int:
    """Pixels a side of a latent of the model in `folder`."""
    file = folder / "vae" / "config.json"
    vae = read_json(file) if file.is_file() else {}
    patch, widths = vae.get("patch_size"), vae.get("block_out_channels")
    if isinstance(patch, int) and patch > 0:
        return patch
    return 2 ** (len(widths) - 1) if isinstance(widths, list) and widths else _USUAL_PIXELS
