"""The recipe of an endless scene data set: where its cut-outs and backgrounds are, and how scenes look."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from layoutgen.data.scene_sources import SceneSource, read_all_backgrounds, read_cutouts
from layoutgen.data.scenes import SceneComposer, SceneConfig
from layoutgen.errors import InvalidFile
from layoutgen.io.files import read_json, write_json

SCENES_FILE = "scenes.json"


@dataclass(frozen=True, slots=True)
class SceneRecipe:
    """What an endless scene dataset is made of; kept as ``scenes.json``."""

    cutouts: tuple[SceneSource, ...]
    backgrounds: tuple[SceneSource, ...]
    labels: tuple[str, ...]
    config: SceneConfig

    def with_labels(self, labels: tuple[str, ...]) -> SceneRecipe:
        """The same recipe for objects of `labels`."""
        return replace(self, labels=labels)

    def write(self, path: Path) -> None:
        """Write as json."""
        write_json(path, asdict(self), indent=1)

    @staticmethod
    def read(path: Path) -> SceneRecipe:
        """Read what :meth:`write` wrote.

        Raises:
            InvalidFile: it is not such a file.
        """
        try:
            data = read_json(path)
            config: dict[str, Any] = {
                k: tuple(v) if isinstance(v, list) else v for k, v in data["config"].items()
            }
            cutouts, backgrounds = (
                tuple(SceneSource(**s) for s in data[k]) for k in ("cutouts", "backgrounds")
            )
            return SceneRecipe(cutouts, backgrounds, tuple(data["labels"]), SceneConfig(**config))
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            problem, remedy = (
                f"is not a scene recipe: {error!r}",
                "make one with `layoutgen prepare scenes --endless`",
            )
            raise InvalidFile(path, problem, remedy=remedy) from error

    def composer(self) -> SceneComposer:
        """Read the sources; takes seconds."""
        side = int(max(self.config.size) * 1.25)
        cutouts = [
            c for s in self.cutouts for c in read_cutouts(s, labels=self.labels or None, max_side=side)
        ]
        return SceneComposer(cutouts, read_all_backgrounds(self.backgrounds), self.config)
