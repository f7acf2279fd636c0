"""Options that a model, or this machine, certainly cannot do, by names alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

from layoutgen.denoising.settings import SampleSettings
from layoutgen.devices import DTYPES
from layoutgen.errors import InvalidOption, Problems
from layoutgen.methods.registry import METHODS, check_sprites, check_strength, choose_method
from layoutgen.model_info import ModelInfo

_DEVICES = re.compile(r"(cpu|mps|(cuda|xpu|hpu|npu)(:\d+)?)")


def check_settings(settings: Sequence[SampleSettings], info: ModelInfo) -> None:
    """Refuse methods that the model `info` was not trained for, as it would itself once it is loaded.

    Raises:
        InvalidOption: says which, and what to pass instead.
    """
    wrong = Problems()
    for one in settings:
        if one.method is not None and one.method not in METHODS:
            wrong.check(False, f"`method` must be one of {', '.join(METHODS)}, not {one.method}")
            continue
        composes = one.method is not None and METHODS[one.method].composes
        with wrong.noted():
            check_sprites(one.variety, verify=one.verify, composes=composes)
        if info.training is None:
            continue
        trained = info.training.methods
        with wrong.noted():
            method, _ = choose_method(
                one.method,
                one.encoding,
                trained=trained,
                trained_encodings=info.training.encodings,
                closed=info.labels is not None,
            )
            drawn = method.draws_layout and method.name not in trained
            check_strength(one.strength, starts_from_drawing=drawn)
    wrong.say()


def check_device_names(device: str | None, dtype: str | None = None) -> None:
    """Refuse a device or a number format that there is not, on any machine.

    Raises:
        InvalidOption: says what there is.
    """
    wrong = Problems()
    known = dtype in (None, "auto", *DTYPES)
    wrong.check(known, f"`dtype` must be one of auto, {', '.join(DTYPES)}, not {dtype}")
    known = device is None or _DEVICES.fullmatch(device) is not None
    wrong.check(known, f"`device` must be cpu, cuda, or one of several as cuda:1, not {device}")
    wrong.say()


def check_batch_size(windows: int | None) -> None:
    """Refuse a number of windows at once that cannot be; None: what fits.

    Raises:
        InvalidOption: says what can be.
    """
    if windows is not None and windows < 1:
        raise InvalidOption(f"`batch_size` must be auto or a number of windows from 1, not {windows}")
