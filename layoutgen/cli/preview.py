"""``sample --preview``: a PNG that shows the picture as it forms, and shows it in terminals that can."""

from __future__ import annotations

import base64
import io
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from layoutgen.errors import CannotSave, InvalidOption
from layoutgen.io.files import replacing
from layoutgen.io.output_path import check_file

if TYPE_CHECKING:
    from PIL import Image

_MARK = "layoutgen preview"  # in the PNG
_EVERY = 2  # steps
_ROWS = 18  # lines of the terminal that the picture takes
_PIECE = 4096  # characters that kitty takes at once


Look = Callable[[], "list[Image.Image]"]
"""Decodes what images look like so far; see :class:`layoutgen.denoising.step.Step`."""


def open_preview(path: Path | None, *, inline: bool) -> Preview:
    """The preview that is kept at `path`, none if that is None; with `inline` also in the terminal.

    Raises:
        InvalidOption: `path` is no PNG, or its folder is missing.
        OutputExists: another picture is there.
    """
    if path is None:
        return Preview(None)
    if path.suffix.lower() != ".png":
        raise InvalidOption(f"`preview` {path} must end in .png")
    if not path.absolute().parent.is_dir():
        raise InvalidOption(f"`preview` {path} has no folder: make {path.parent}, or name another file")
    target = check_file(path, _MARK.encode(), "preview")
    return Preview(target, InlineImage.of(sys.stderr) if inline else None)


class Preview:
    """Keeps the PNG at `path` up to date, and the image in the `terminal`; without a path it does nothing."""

    def __init__(self, path: Path | None, terminal: InlineImage | None = None) -> None:
        self._path, self._terminal, self._step = path, terminal, 0

    @property
    def inline(self) -> bool:
        """Whether the terminal shows it, which leaves no place for a bar of progress."""
        return self._terminal is not None

    def __enter__(self) -> Preview:
        return self

    def __exit__(self, *_: object) -> None:
        if self._terminal is not None:
            self._terminal.close()

    def update(self, look: Look | None) -> None:
        """Show the first of the images of `look`, if there is one; only every few calls, as it takes time.

        Raises:
            CannotSave: the disk is full, or may not be written.
        """
        if self._path is None or look is None:
            return
        self._step += 1
        if self._step % _EVERY:
            return
        from PIL.PngImagePlugin import PngInfo

        buffer = io.BytesIO()
        info = PngInfo()
        info.add_text("Software", _MARK)
        look()[0].save(buffer, "PNG", pnginfo=info)
        try:
            with replacing(self._path) as aside:
                aside.write_bytes(buffer.getvalue())
        except OSError as error:
            raise CannotSave(
                f"`preview` {self._path} cannot be written: {error.strerror}; name another file"
            ) from error
        if self._terminal is not None:
            self._terminal.show(buffer.getvalue())


class InlineImage:
    """A picture between the lines of a terminal, replaced in its place.

    Kitty's protocol (also Ghostty's), or that of iTerm2 (also WezTerm's).
    """

    def __init__(self, stream: TextIO, kitty: bool) -> None:
        self._stream, self._kitty, self._begun = stream, kitty, False

    @staticmethod
    def of(stream: TextIO, environment: Mapping[str, str] = os.environ) -> InlineImage | None:
        """For the terminal that `stream` writes to; None if it shows no pictures, or is none."""
        name = environment.get("TERM_PROGRAM", "").lower()
        kitty = (
            "KITTY_WINDOW_ID" in environment or "kitty" in environment.get("TERM", "") or name == "ghostty"
        )
        if not stream.isatty() or "TMUX" in environment or not (kitty or name in ("iterm.app", "wezterm")):
            return None
        return InlineImage(stream, kitty)

    def show(self, png: bytes) -> None:
        """Show `png` instead of what was shown before."""
        if not self._begun:
            # Make room first: a picture at the lower edge would scroll away from where it is replaced.
            self._stream.write("\n" * _ROWS + f"\x1b[{_ROWS}A\x1b7")
            self._begun = True
        self._stream.write("\x1b8" + (_kitty(png) if self._kitty else _iterm(png)))
        self._stream.flush()

    def close(self) -> None:
        """Go on below it."""
        if self._begun:
            self._stream.write(f"\x1b8\x1b[{_ROWS}B\n")
            self._stream.flush()


def _iterm(png: bytes) -> str:
    text = base64.b64encode(png).decode()
    return f"\x1b]1337;File=inline=1;height={_ROWS};preserveAspectRatio=1;doNotMoveCursor=1:{text}\a"


def _kitty(png: bytes) -> str:
    """In pieces; image 1 takes the place of the one before, and the cursor stays."""
    text = base64.b64encode(png).decode()
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    keys = [f"a=T,f=100,i=1,p=1,r={_ROWS},C=1,q=2,"] + [""] * (len(pieces) - 1)
    more = [1] * (len(pieces) - 1) + [0]
    return "".join(
        f"\x1b_G{key}m={rest};{piece}\x1b\\" for key, rest, piece in zip(keys, more, pieces, strict=True)
    )
