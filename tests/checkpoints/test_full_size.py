"""The configurations in the package are those of the real models: as large as is published."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import diffusers
import pytest
import transformers
from accelerate import init_empty_weights

from layoutgen.checkpoints.configuration import configuration_of
from layoutgen.model_kind import kind_of_tensors
from tests.original_layout import original_weights
from tests.real_shapes import configuration

PUBLISHED = {
    "sd1": {"unet": 859_520_964, "vae": 83_653_863, "text_encoder": 123_060_480},
    "sd2": {"unet": 865_910_724, "vae": 83_653_863, "text_encoder": 340_387_840},
    "sdxl": {
        "unet": 2_567_463_684,
        "vae": 83_653_863,
        "text_encoder": 123_060_480,
        "text_encoder_2": 694_659_840,
    },
}
"""Numbers of parameters."""


def without_values(base: str) -> Any:
    """The components of `base` at their own size, without memory for their weights."""
    config = configuration(base, narrow=False)
    parts = {}
    with init_empty_weights():
        for name in PUBLISHED[base]:
            library, kind = config["model_index"][name]
            if library == "transformers":
                parts[name] = getattr(transformers, kind)(transformers.CLIPTextConfig(**config[name]))
            else:
                parts[name] = getattr(diffusers, kind).from_config(config[name])
    return SimpleNamespace(**parts)


@pytest.mark.parametrize("base", PUBLISHED)
def test_the_real_size_is_that_of_the_configuration(base: str) -> None:
    model = without_values(base)
    sizes = {name: sum(value.numel() for value in part.parameters()) for name, part in vars(model).items()}
    assert sizes == PUBLISHED[base]
    shapes = {name: tuple(value.shape) for name, value in original_weights(model).items()}
    assert kind_of_tensors(shapes).base == base
    assert configuration_of(base, shapes, {}) == configuration(base, narrow=False)
