"""Paints layouts in this process, with a model that is loaded once; torch comes with it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from layoutgen import progress
from layoutgen.denoising.settings import SampleSettings
from layoutgen.domain.layout import Layout
from layoutgen.errors import InvalidOption
from layoutgen.imports import importing
from layoutgen.model_info import ModelInfo, check_labels

if TYPE_CHECKING:
    from PIL import Image

    from layoutgen.pipeline import LayoutPipeline

MOST_VARIATIONS = 8


@dataclass(frozen=True, slots=True)
class Progress:
    """Step `step` of `steps` of picture number `number`; `preview` is what it looks like so far, or None."""

    number: int
    step: int
    steps: int
    preview: Image.Image | None = None


@dataclass(frozen=True, slots=True)
class Painted:
    """Picture number `number` is finished; `settings` make it again, together with `layout`."""

    number: int
    image: Image.Image
    layout: Layout
    settings: dict[str, Any]


class Busy(InvalidOption):
    """Another picture is being painted."""


class Painter:
    """The model `info`, loaded when it is first needed, for one picture at a time."""

    def __init__(self, info: ModelInfo, device: str | None = None, dtype: str | None = None) -> None:
        self.info = info
        self._device, self._dtype = device, dtype
        self._loading, self._painting = threading.Lock(), threading.Lock()
        self._pipeline: LayoutPipeline | None = None
        self._stop = threading.Event()

    def load(self) -> LayoutPipeline:
        """The pipeline; the first call takes some seconds, which nobody has to wait for."""
        with self._loading:
            if self._pipeline is None:
                with importing():
                    from layoutgen.sampling.run import load_pipeline, quiet_libraries

                quiet_libraries()
                self._pipeline = load_pipeline(
                    self.info.source, self._device, self._dtype, note=progress.Progress().note
                )
            return self._pipeline

    def cancel(self) -> None:
        """Stop painting after the step that is being done."""
        self._stop.set()

    def paint(
        self, layout: Layout, settings: SampleSettings, *, count: int = 1, preview_every: int = 0
    ) -> Iterator[Progress | Painted]:
        """Paint `layout` `count` times, with the seeds that follow each other, exactly as ``sample`` does.

        Ends early, without an error, after :meth:`cancel`.

        Args:
            preview_every: every so many steps :class:`Progress` has a preview; 0: never.

        Raises:
            Busy: a picture is being painted already.
            InvalidOption, UnknownLabel: what the model cannot do.
        """
        if not 1 <= count <= MOST_VARIATIONS:
            raise InvalidOption(f"between 1 and {MOST_VARIATIONS} variations can be painted, not {count}")
        check_labels(layout.labels, self.info.labels)
        if not self._painting.acquire(blocking=False):
            raise Busy("another picture is being painted: wait for it, or cancel it")
        try:
            self._stop.clear()
            complete = replace(layout, prompt=layout.prompt or self.info.prompt_for(layout))
            for number in range(count):
                one = replace(settings, seed=settings.seed + number)
                yield from self._paint_one(complete, one, number, preview_every)
                if self._stop.is_set():
                    return
        finally:
            self._painting.release()

    def _paint_one(
        self, layout: Layout, settings: SampleSettings, number: int, preview_every: int
    ) -> Iterator[Progress | Painted]:
        import torch

        from layoutgen.sampling.run import recorded_settings

        pipeline = self.load()
        method = pipeline.method(settings.method, settings.encoding)
        recorded = recorded_settings(pipeline, method, settings)
        generator = torch.Generator().manual_seed(settings.seed)
        for event in pipeline.paint(layout, method, settings=settings, generator=[generator]):
            if isinstance(event, list):
                yield Painted(number, event[0], layout, recorded)
                return
            wanted = preview_every and event.number % preview_every == 0 and event.number < event.total
            yield Progress(number, event.number, event.total, event.preview()[0] if wanted else None)
            if self._stop.is_set():
                return
