"""All that the editor works with: the file, the model, the detector and the pictures so far."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from layoutgen.design.document import Document
from layoutgen.design.evaluator import PictureEvaluator
from layoutgen.design.painter import Painter
from layoutgen.design.pictures import Pictures
from layoutgen.drawing.colors import Color, label_colors


@dataclass(slots=True)
class Session:
    """The parts of an editor that runs.

    Attributes:
        model: the name that the user gave the model; None: the one in the package.
        colors: of all labels that the page has asked for; they stay while others come.
    """

    document: Document
    painter: Painter
    evaluator: PictureEvaluator
    model: str | None = None
    pictures: Pictures = field(default_factory=Pictures)
    colors: dict[str, Color] = field(default_factory=dict)
    _unsaved: set[str] = field(default_factory=set)

    def colors_of(self, labels: Collection[str]) -> dict[str, Color]:
        """The colour of each label: of those that are new, one that differs from all before."""
        known = label_colors(labels, fixed=self.colors)
        self.colors = known
        return {label: known[label] for label in labels}

    def note(self, tab: str, *, unsaved: bool) -> None:
        """Remember whether the page `tab` has changes that are not in the file."""
        (self._unsaved.add if unsaved else self._unsaved.discard)(tab)

    @property
    def unsaved(self) -> bool:
        """Whether a page has changes that would be lost."""
        return bool(self._unsaved)
