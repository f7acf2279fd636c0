"""The pictures that were painted while the editor ran, as PNGs that can be made again."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from pathlib import Path
from tempfile import TemporaryDirectory

from layoutgen.design.painter import Painted
from layoutgen.errors import InvalidOption
from layoutgen.formats.png import write_png

_KEPT = 48


class Pictures:
    """The latest pictures by their numbers; the oldest are forgotten."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[Painted, bytes]] = OrderedDict()
        self._numbers = itertools.count(1)

    def add(self, painted: Painted) -> int:
        """Keep a picture; returns its number."""
        with TemporaryDirectory() as folder:
            path = Path(folder) / "picture.png"
            write_png(painted.image, path, painted.layout, painted.settings)
            content = path.read_bytes()
        number = next(self._numbers)
        self._kept[number] = (painted, content)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return number

    def png(self, number: int) -> bytes:
        """The PNG of picture `number`, with layout and settings inside."""
        return self._get(number)[1]

    def painted(self, number: int) -> Painted:
        """Picture `number`."""
        return self._get(number)[0]

    def _get(self, number: int) -> tuple[Painted, bytes]:
        if number not in self._kept:
            raise InvalidOption("this picture is not kept any more: generate it again")
        return self._kept[number]
