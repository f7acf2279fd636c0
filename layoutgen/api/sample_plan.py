"""What a call of ``sample`` is going to paint: the model, the settings of each method, the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from layoutgen.additions import Additions
from layoutgen.api.sample_images import Images, Named, Series, images_asked_for
from layoutgen.api.sample_inputs import in_words_of, labels_of
from layoutgen.api.sample_settings import check_guided, settings_asked_for
from layoutgen.denoising.settings import SampleSettings
from layoutgen.detection.names import check_detector
from layoutgen.domain.requests import Quantity
from layoutgen.errors import Problems
from layoutgen.model_info import ModelInfo, find_model
from layoutgen.preflight.check import check_request
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
        """What is painted larger without being asked for, in a sentence, and what that rests on."""
        notes = map(partial(zoom_note, self.images.layouts, self.info), self.settings[:1])
        return tuple(note for note in (self.info.size_note, *notes) if note is not None)


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
    wrong: Problems,
) -> Plan | None:
    """What is asked for, as the model paints it best; None if something is wrong.

    Args:
        requests: none where they could not be read; the rest is checked all the same.
        given: settings by name; None where they are not given.
        canvas: see :func:`layoutgen.api.sample_inputs.in_words_of`.
        wrong: gets what cannot be done: there is no such model or setting, or what is asked for has no room.
    """
    painted = [one.settings for _, one in requests] or [{}]
    info = images = None
    with wrong.noted():
        info = find_model(given["model"] if given["model"] is not None else painted[0].get("model"))
    settings = _settings(methods, given, painted, info.sampling if info else {}, wrong)
    with wrong.noted():
        names = ("guidance_rescale", "background_guidance")
        only_guided = {"negative_prompt": negative_prompt} | {name: given[name] for name in names}
        check_guided(only_guided, settings)
    with wrong.noted():
        (settings[0].additions if settings else _additions(given)).check()
    for detector in {one.detector for one in settings}:
        with wrong.noted():
            check_detector(detector)
    if info is None:
        return None
    with wrong.noted():
        requests, quantities = in_words_of(info, requests, quantities, canvas=canvas)
        with wrong.noted():
            check_request(labels_of(requests, quantities), info, settings)
        # Already to arrange objects on a canvas of a million pixels a side would take all memory.
        zoom = (settings[0].zoom if settings else None) or 1
        check_memory([one.layout for _, one in requests], lambda layout: zoom)
        images = images_asked_for(requests, quantities, series, info, prompt, negative_prompt)
    if not settings or images is None or not images.seeds:
        return None
    return Plan(info, tuple(replace(one, seed=images.seeds[0]) for one in settings), images)


_NAMES = ("model", "vae", "lora", "embedding", "encoding", "verify", "detector", "strength")
"""Settings that a model may know or not, whatever the others are."""


def _settings(
    methods: Sequence[str] | None,
    given: Mapping[str, Any],
    painted: Sequence[Mapping[str, Any]],
    sampling: Mapping[str, Any],
    wrong: Problems,
) -> list[SampleSettings]:
    """The settings of each method; where some are `wrong`, those of names alone; else none."""
    with wrong.noted():
        return settings_asked_for(methods, given, painted, sampling)
    with wrong.noted():
        names = {name: value if name in _NAMES else None for name, value in given.items()}
        return settings_asked_for(methods, names, painted, sampling)
    return []


def _additions(given: Mapping[str, Any]) -> Additions:
    """Those among the settings that are `given`."""
    return Additions(
        given["vae"], tuple(given["lora"] or ()), tuple(given["embedding"] or ()), given["clip_skip"]
    )
