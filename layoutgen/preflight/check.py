"""All checks of a painting, in the order in which they cost time, before anything heavy is loaded."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from layoutgen.denoising.settings import SampleSettings
from layoutgen.errors import Problems
from layoutgen.hub import check_hub_model
from layoutgen.model_info import ModelInfo, check_labels
from layoutgen.preflight.concerns import Named, check_strictly, concerns, zoom_of
from layoutgen.preflight.memory import check_memory
from layoutgen.preflight.options import check_settings


def check_request(labels: Collection[str], info: ModelInfo, settings: Sequence[SampleSettings]) -> None:
    """Refuse what the model `info` cannot paint, by names alone.

    Args:
        labels: those that are asked for.
        settings: of each of the ways to paint.

    Raises:
        UnknownLabel: labels that the model has not learnt.
        InvalidOption: what the model cannot do, a hub that cannot be reached; or several of all these.
    """
    wrong = Problems()
    with wrong.noted():
        check_labels(labels, info.labels)
    with wrong.noted():
        check_settings(settings, info)
    with wrong.noted():
        check_hub_model(info.source, "model")
    wrong.say()


def check_painting(
    named: Sequence[Named], info: ModelInfo, settings: Sequence[SampleSettings], *, strict: bool = False
) -> tuple[str, ...]:
    """Refuse what does not fit into memory, and say what of the `named` layouts will not be good.

    Args:
        settings: of each of the ways in which all layouts are painted.
        strict: refuse that, too.

    Raises:
        DoesNotFit: a canvas needs more memory than there is.
        InvalidOption: with `strict`: a concern.
    """
    layouts = [layout for _, layout in named]
    for one in settings:
        check_memory(layouts, partial(zoom_of, info=info, settings=one))
    found = concerns(named, info, settings[0])
    if strict:
        check_strictly(found)
    return found
