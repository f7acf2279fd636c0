"""What a call of ``sample`` is going to paint: the model, the settings of each method, the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from layoutgen.api.sample_images import Images, Named, Series, images_asked_for
from layoutgen.api.sample_inputs import in_words_of
from layoutgen.api.sample_settings import check_guided, settings_asked_for
from layoutgen.denoising.settings import SampleSettings
from layoutgen.domain.requests import Quantity
from layoutgen.model_info import ModelInfo, find_model
from layoutgen.preflight.concerns import zoom_note
from layoutgen.preflight.memory import check_memory


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is to be painted, before a model is loaded; `settings` are those of each method."""

    info: ModelInfo
    settings: tuple[SampleSettings, ...]
    images: Images

    def folders(self, output: Path) -> tuple[Path, ...]:
        """Where the images of each method go: one folder below `output` for each, if there are several."""
        if len(self.settings) == 1:
            return (output,)
        return tuple(output / str(one.method) for one in self.settings)

    def costs(self) -> tuple[str, ...]:
        """What is painted larger without being asked for, in a sentence."""
        notes = map(partial(zoom_note, self.images.layouts, self.info), self.settings[:1])
        return tuple(note for note in notes if note is not None)


def make_plan(
    requests: Sequence[Named],
    quantities: Sequence[Quantity],
    series: Series,
    given: Mapping[str, Any],
    *,
    methods: Sequence[str] | None,
    prompt: str | None,
    negative_prompt: str | None,
    canvas: tuple[int | None, int | None] | None,
) -> Plan:
    """What is asked for, as the model paints it best.

    Args:
        given: settings by name; None where they are not given.
        canvas: see :func:`layoutgen.api.sample_inputs.in_words_of`.

    Raises:
        LayoutgenError: there is no such model or setting, or what is asked for has no room.
    """
    painted = [one.settings for _, one in requests]
    info = find_model(given["model"] if given["model"] is not None else painted[0].get("model"))
    requests, quantities = in_words_of(info, requests, quantities, canvas=canvas)
    settings = settings_asked_for(methods, given, painted, info.sampling)
    # Already to arrange objects on a canvas of a million pixels a side would take all memory.
    check_memory([one.layout for _, one in requests], lambda layout: settings[0].zoom or 1)
    images = images_asked_for(requests, quantities, series, info, prompt, negative_prompt)
    settings = [replace(one, seed=images.seeds[0]) for one in settings]
    settings[0].additions.check()
    only_guided = {"negative_prompt": negative_prompt, "guidance_rescale": given["guidance_rescale"]}
    check_guided(only_guided, settings)
    return Plan(info, tuple(settings), images)
