"""Options that a model, or this machine, certainly cannot do, by names alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from layoutgen.denoising.settings import SampleSettings
from layoutgen.devices import DTYPES
from layoutgen.errors import InvalidOption
from layoutgen.methods.registry import METHODS, check_sprites, check_strength, choose_method
from layoutgen.model_info import ModelInfo

_DEVICES = re.compile(r"(cpu|mps|(cuda|xpu|hpu|npu)(:\d+)?)")


def check_settings(settings: Sequence[SampleSettings], info: ModelInfo) -> None:
    """Refuse methods that the model `info` was not trained for, as it would itself once it is loaded.

    Raises:
        InvalidOption: says which, and what to pass instead.
    """
    for one in settings:
        if one.method is not None and one.method not in METHODS:
            raise InvalidOption(f"`method` must be one of {', '.join(METHODS)}, not {one.method}")
        composes = one.method is not None and METHODS[one.method].composes
        check_sprites(one.variety, verify=one.verify, composes=composes)
        if info.training is None:
            continue
        trained = info.training.methods
        method, _ = choose_method(
            one.method,
            one.encoding,
            trained=trained,
            trained_encodings=info.training.encodings,
            closed=info.labels is not None,
        )
        drawn = method.draws_layout and method.name not in trained
        check_strength(one.strength, starts_from_drawing=drawn)


def check_device_names(device: str | None, dtype: str | None = None) -> None:
    """Refuse a device or a number format that there is not, on any machine.

    Raises:
        InvalidOption: says what there is.
    """
    if dtype not in (None, "auto", *DTYPES):
        raise InvalidOption(f"`dtype` must be one of auto, {', '.join(DTYPES)}, not {dtype}")
    if device is not None and not _DEVICES.fullmatch(device):
        raise InvalidOption(f"`device` must be cpu, cuda, or one of several as cuda:1, not {device}")
