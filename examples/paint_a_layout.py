"""Paint two dogs and a cat with the model in the package: python examples/paint_a_layout.py OUT."""

import sys
from pathlib import Path

import torch

from layoutgen import Box, Instance, Layout
from layoutgen.assets import MODEL
from layoutgen.drawing.overlay import overlay
from layoutgen.pipeline import LayoutPipeline

output = Path(sys.argv[1])
output.mkdir(parents=True, exist_ok=True)

layout = Layout(
    256,
    192,
    (
        Instance("dog", Box(24, 40, 64, 96)),
        Instance("dog", Box(96, 88, 136, 144)),
        Instance("cat", Box(176, 48, 216, 96)),
    ),
    prompt="2 dogs and a cat on green ground",
)
pipeline = LayoutPipeline.from_pretrained(MODEL)
pipeline.set_progress_bar_config(disable=True)
(image,) = pipeline(layout, generator=torch.Generator().manual_seed(0))
image.save(output / "image.png")
overlay(image, layout).save(output / "overlay.png")
