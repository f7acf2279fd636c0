"""What is compared on one model's weights: our methods, region MultiDiffusion, plain diffusion."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from diffusers import DDIMScheduler
from PIL import Image

from layoutgen.backbones.base import Backbone
from layoutgen.domain.layout import Layout
from layoutgen.errors import InvalidOption
from layoutgen.pipeline import LayoutPipeline
from tests.benchmarks.peers import region_multidiffusion, without_layout

_STEPS, _GUIDANCE = 20, 5.0  # of what is not ours: DDIM as its authors have it


@dataclass(frozen=True, slots=True)
class Painter:
    """A way to paint a layout.

    Attributes:
        paint: a layout and a seed to an image of its size.
        backbone: whose evaluations are counted.
        forecast: the evaluations that a layout takes; None: few enough to need none.
        problem: why it cannot paint; "": it can.
    """

    paint: Callable[[Layout, int], Image.Image] | None
    backbone: Backbone
    forecast: Callable[[Layout], float] | None = None
    problem: str = ""


OURS: Mapping[str, dict[str, Any]] = {
    "text2img": {"method": "text2img"},
    "img2img": {"method": "img2img"},
    "sprites": {"method": "sprites"},
    "sprites --verify": {"method": "sprites", "verify": True},
}
BARE = ("regional", "region MultiDiffusion", "plain diffusion")
"""What uses the same weights without what they have learnt of layouts."""
NAMES = (*OURS, *BARE)


def painters(pipeline: LayoutPipeline) -> dict[str, Painter]:
    """All of them, by name."""
    bare = _bare(pipeline)
    return {name: _ours(pipeline, options) for name, options in OURS.items()} | {
        "regional": _ours(bare, {"method": "regional"}),
        "region MultiDiffusion": Painter(
            _multidiffusion(bare), bare.backbone, lambda one: regions_cost(one, bare.window)
        ),
        "plain diffusion": Painter(_plain(bare), bare.backbone),
    }


def _ours(pipeline: LayoutPipeline, options: dict[str, Any]) -> Painter:
    try:
        pipeline.method(options["method"])
    except InvalidOption as error:
        return Painter(None, pipeline.backbone, problem=str(error))

    def paint(layout: Layout, seed: int) -> Image.Image:
        (image,) = pipeline(layout, generator=torch.Generator().manual_seed(seed), **options)
        return image

    return Painter(paint, pipeline.backbone)


def _plain(bare: LayoutPipeline) -> Callable[[Layout, int], Image.Image]:
    """The prompt alone says what is in the image."""

    def paint(layout: Layout, seed: int) -> Image.Image:
        generator = torch.Generator().manual_seed(seed)
        (image,) = bare(replace(layout, instances=()), "regional", generator=generator)
        return image

    return paint


def _multidiffusion(bare: LayoutPipeline) -> Callable[[Layout, int], Image.Image]:
    regions = region_multidiffusion(bare)

    def paint(layout: Layout, seed: int) -> Image.Image:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            decoded = regions(layout, _STEPS, _GUIDANCE)
        pixels = (decoded.sample[0].float() / 2 + 0.5).clamp(0, 1).movedim(0, -1) * 255
        return Image.fromarray(pixels.round().byte().cpu().numpy())

    return paint


def regions_cost(layout: Layout, window: int) -> float:
    """Every region and the background, guided, in every step, over the whole canvas."""
    canvases = layout.width * layout.height / window**2
    return 2 * _STEPS * (len(layout.instances) + 1) * canvases


def _bare(pipeline: LayoutPipeline) -> LayoutPipeline:
    """The same weights without inputs for layouts, and with the scheduler of MultiDiffusion's paper."""
    parts = {name: part for name, part in pipeline.components.items() if name != "layout_encoder"}
    parts["unet"] = without_layout(pipeline.unet)
    parts["scheduler"] = DDIMScheduler.from_config(pipeline.scheduler.config)
    return LayoutPipeline(**parts)
