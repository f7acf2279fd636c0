"""What a model computes are numbers: an overflow is an error, not a black image or an empty answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from layoutgen.errors import NotFinite

if TYPE_CHECKING:
    from torch import Tensor


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
