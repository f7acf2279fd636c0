"""sprites: a few objects painted alone by another method, cut out, and pasted into every box."""

from __future__ import annotations

from collections.abc import Sequence

from layoutgen.conditioning.condition import Condition
from layoutgen.domain.layout import Layout
from layoutgen.methods.base import LayoutMethod
from layoutgen.methods.registry import SPRITES


class Sprites(LayoutMethod):
    """Any number of small objects by a checkpoint that draws large ones; see :mod:`layoutgen.sprites`.

    Args:
        painter: the method that paints background and objects, and harmonises them.
    """

    info = SPRITES

    def __init__(self, painter: LayoutMethod) -> None:
        super().__init__(painter.backbone, painter.layout_encoder)
        self.painter = painter

    def encode(self, layouts: Sequence[Layout]) -> Condition:
        """See :meth:`LayoutMethod.encode`: as the painter does."""
        return self.painter.encode(layouts)
