"""Numbers are finite: an overflow of a model is an error, not a black image; a NaN in a file is no number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from layoutgen.errors import NotFinite

if TYPE_CHECKING:
    from torch import Tensor, nn


def is_number(value: object) -> bool:
    """Whether `value` is a finite number that a float can hold."""
    if type(value) is float:
        return math.isfinite(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number of 400 digits
        return False


def check_finite(values: Tensor, what: str) -> Tensor:
    """`values` of `what`, if none of them is NaN or infinite.

    Raises:
        NotFinite: says what to change.
    """
    if not values.isfinite().all():
        raise NotFinite(
            f"{what} computes numbers that are not finite (NaN or infinity): compute in another number "
            "format, such as fp32, or check the model's weights"
        )
    return values


@contextmanager
def in_full_precision(module: nn.Module) -> Iterator[None]:
    """Let `module` compute in fp32; afterwards it is in its own number format again."""
    import torch  # here, so that modules that load no torch can import this one

    own: Any = module.dtype
    module.to(dtype=torch.float32)
    try:
        yield
    finally:
        module.to(dtype=own)
