"""Importing the large libraries: torch, diffusers, transformers."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Import without garbage collections in between; the collector is left as it was.

    >>> with importing():
    ...     import torch

    What is imported stays, so there is nothing to collect. The collector would look through all of it again
    and again, as it does after so many new objects.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
