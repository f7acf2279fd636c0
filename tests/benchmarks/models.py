"""Models of several sizes with random weights, for the benchmarks; speed does not ask for learnt ones."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from layoutgen.pipeline import LayoutPipeline
from tests.toy import sd_pipeline, toy_pipeline

_SMALL = {
    "text": {"hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 4},
    "unet": {
        "sample_size": 32,
        "block_out_channels": (64, 128, 256, 256),
        "attention_head_dim": 4,
        "layers_per_block": 1,
        "norm_num_groups": 16,
    },
    "vae": {"block_out_channels": (32, 64, 64, 64), "norm_num_groups": 16, "layers_per_block": 1},
}

BUILDERS: dict[str, Callable[[Path], LayoutPipeline]] = {
    "toy": toy_pipeline,
    "small": partial(sd_pipeline, **_SMALL),
    "sd": sd_pipeline,
}
