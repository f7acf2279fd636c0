"""All checks of a painting, in the order in which they cost time, before anything heavy is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from layoutgen.denoising.settings import SampleSettings
from layoutgen.hub import check_hub_model
from layoutgen.model_info import ModelInfo, check_labels
from layoutgen.preflight.concerns import Named, check_strictly, concerns, zoom_of
from layoutgen.preflight.memory import check_memory
from layoutgen.preflight.options import check_settings


def check_painting(
    named: Sequence[Named], info: ModelInfo, settings: Sequence[SampleSettings], *, strict: bool = False
) -> tuple[str, ...]:
    """Refuse what the model `info` cannot paint, and say what of the `named` layouts will not be good.

    Args:
        settings: of each of the ways in which all layouts are painted.
        strict: refuse that, too.

    Raises:
        UnknownLabel: a label that the model has not learnt.
        InvalidOption: what the model cannot do, a hub that cannot be reached; or with `strict` a concern.
        DoesNotFit: a canvas needs more memory than there is.
    """
    layouts = [layout for _, layout in named]
    check_labels({label for layout in layouts for label in layout.labels}, info.labels)
    check_settings(settings, info)
    for one in settings:
        check_memory(layouts, partial(zoom_of, info=info, settings=one))
    found = concerns(named, info, settings[0])
    if strict:
        check_strictly(found)
    check_hub_model(info.source, "model")
    return found
