"""All that the editor works with: the file, the model, the detector and the pictures so far."""

from __future__ import annotations

from dataclasses import dataclass, field

from layoutgen.design.document import Document
from layoutgen.design.evaluator import PictureEvaluator
from layoutgen.design.painter import Painter
from layoutgen.design.pictures import Pictures


@dataclass(slots=True)
class Session:
    """The parts of an editor that runs.

    Attributes:
        model: the name that the user gave the model; None: the one in the package.
    """

    document: Document
    painter: Painter
    evaluator: PictureEvaluator
    model: str | None = None
    pictures: Pictures = field(default_factory=Pictures)
    _unsaved: set[str] = field(default_factory=set)

    def note(self, tab: str, *, unsaved: bool) -> None:
        """Remember whether the page `tab` has changes that are not in the file."""
        (self._unsaved.add if unsaved else self._unsaved.discard)(tab)

    @property
    def unsaved(self) -> bool:
        """Whether a page has changes that would be lost."""
        return bool(self._unsaved)
