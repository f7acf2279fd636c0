"""What `layoutgen sample` says of work that nobody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layoutgen.cli import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from layoutgen.denoising.settings import SampleSettings
    from layoutgen.domain.layout import Layout
    from layoutgen.pipeline import LayoutPipeline


def say_zoom(pipeline: LayoutPipeline, layouts: Sequence[Layout], settings: SampleSettings) -> None:
    """Say how many layouts are painted larger because their boxes are small, and what that costs."""
    zooms = [pipeline.zoom(layout, settings) for layout in layouts]
    enlarged = [zoom for zoom in zooms if zoom > 1]
    if not enlarged:
        return
    most = max(enlarged)
    count = "the canvas is" if len(layouts) == 1 else f"{len(enlarged):,} of {len(layouts):,} canvases are"
    times = f"{most} times" if len(set(enlarged)) == 1 else f"up to {most} times"
    console.warn(
        f"Half of the boxes are shorter than the {pipeline.drawn_well:g} px from which the model draws well: "
        f"{count} painted {times} as large and reduced, {times.removesuffix(f'{most} times')}"
        f"{most * most} times the work (--zoom 1: as it is)"
    )
