"""What a model computes are numbers: an overflow is an error, not a black image or an empty answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from layoutgen.errors import NotFinite

if TYPE_CHECKING:
    from torch import Tensor, nn


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
