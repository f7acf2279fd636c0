"""The layout file that is being edited: what was read is what is replaced, or nothing is."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from layoutgen.domain.layout import Layout
from layoutgen.domain.requests import LayoutRequest, arrange_request
from layoutgen.domain.size_prior import ANY_SIZE, SizePrior
from layoutgen.errors import CannotSave, InvalidFile, InvalidOption, OutputExists
from layoutgen.formats import read_layouts
from layoutgen.formats.layout_file import write_yaml
from layoutgen.formats.read_options import ReadOptions
from layoutgen.io.files import read_bytes

SUFFIXES = (".yaml", ".yml")
NEW = ""
"""The revision of a file that is not there yet."""

_STRICT = ReadOptions(strict=True)  # what would be dropped would be lost when the layout is saved


@dataclass(frozen=True, slots=True)
class Version:
    """What a file holds at a moment.

    Attributes:
        revision: changes with every byte of the file.
        rewritten: whether saving the same layout would change the file: comments, groups, another spelling.
    """

    revision: str
    layout: Layout
    rewritten: bool


class Document:
    """A layout file, or a new layout that has no file yet.

    Args:
        path: what the user named: a YAML file, which need not exist, or anything else with one layout in it.
        empty: the layout to begin with where there is no file.
    """

    def __init__(
        self,
        path: Path | None,
        empty: Layout,
        *,
        image_id: int | None = None,
        size_prior: SizePrior = ANY_SIZE,
    ) -> None:
        self.folder = path.resolve().parent if path is not None else Path.cwd()
        self._empty, self._size_prior = empty, size_prior
        self._lock = threading.Lock()
        self.path: Path | None = None
        if path is None:
            return
        if not self.folder.is_dir():
            raise InvalidFile(path, f"there is no folder {path.parent}", remedy="make it, or check the path")
        if path.suffix.lower() in SUFFIXES:
            self.path = path
            if image_id is not None:
                raise InvalidOption(f"`image_id` goes with a COCO json, and {path} is none")
            self.read()
        else:
            self._empty = arrange_request(_only_one(path, image_id), size_prior=size_prior)

    @property
    def suggested(self) -> str:
        """A name to save under."""
        return "layout.yaml" if self.path is None else self.path.name

    def read(self) -> Version:
        """What the file holds now.

        Raises:
            InvalidFile: it is broken.
        """
        if self.path is None or not self.path.exists():
            return Version(NEW, self._empty, False)
        content = read_bytes(self.path)
        layout = arrange_request(read_layouts(self.path, options=_STRICT)[0], size_prior=self._size_prior)
        return Version(_digest(content), layout, content != written(layout))

    def save(self, layout: Layout, revision: str, name: str | None = None, *, replace: bool = False) -> str:
        """Write `layout`; returns the new revision.

        Args:
            revision: of what the layout was made from; the file must still be that.
            name: save as this file, in the folder of the first, instead, and go on with it.
            replace: whatever the file is now.

        Raises:
            OutputExists: the file is another one by now, or `name` is there already.
            InvalidOption: `name` is no name of a layout file.
            CannotSave: the disk is full, or may not be written.
        """
        with self._lock:
            path = self.path if name is None else self._named(name)
            if path is None:
                raise InvalidOption("the layout has no file yet: save it under a name")
            if path != self.path:
                revision = NEW
            if not replace and _revision(path) != revision:
                raise OutputExists(f"{path.name} has changed since it was opened here")
            try:
                write_yaml(path.resolve(), layout)  # a link stays one
            except OSError as error:
                raise CannotSave(
                    f"{path} cannot be written: {error.strerror}; save it under another name"
                ) from error
            self.path = path
            return _revision(path)

    def _named(self, name: str) -> Path:
        plain = name.strip()
        if not plain or Path(plain).name != plain or plain.startswith(".") or not plain.isprintable():
            raise InvalidOption(
                f"{name!r} is no name of a file in {self.folder}; write one such as layout.yaml"
            )
        if Path(plain).suffix.lower() not in SUFFIXES:
            plain += ".yaml"
        return self.folder / plain


def written(layout: Layout) -> bytes:
    """The bytes of the layout file of `layout`."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "layout.yaml"
        write_yaml(path, layout)
        return path.read_bytes()


def _only_one(path: Path, image_id: int | None) -> LayoutRequest:
    layouts = read_layouts(path, image_id=image_id, options=_STRICT)
    if len(layouts) > 1:
        raise InvalidOption(f"{path} holds {len(layouts):,} layouts: choose one with `image_id`")
    return layouts[0]


def _revision(path: Path) -> str:
    return _digest(read_bytes(path)) if path.exists() else NEW


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
