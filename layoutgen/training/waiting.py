"""How far something is that takes a while; whoever shows it decides how."""

from __future__ import annotations

from typing import Protocol


class Waiting(Protocol):
    """Told again and again of one thing: what it is, in words, and how much of how much is done."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show it, or not."""


def no_waiting(what: str, done: int, total: int) -> None:
    """Show nothing."""
