"""`sample --preview`: the image as it forms, in a file and in terminals that can show it."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import pytest
from PIL import Image

from layoutgen.cli.preview import InlineImage, Preview


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def looks(size, calls):
    """Pictures of `size`, each of another colour; notes that it was called."""

    def look():
        calls.append(1)
        return [Image.new("RGB", size, (len(calls), 0, 0)), Image.new("RGB", (9, 9))]

    return look


def test_the_file_is_replaced_every_second_step(tmp_path: Path) -> None:
    calls: list[int] = []
    path, look = tmp_path / "now.png", looks((6, 4), calls)
    preview = Preview(path)
    preview.update(look)
    assert not path.exists() and not calls  # a preview takes time: nobody decoded it
    seen = []
    for _ in range(5):
        preview.update(look)
        with Image.open(path) as image:
            seen.append((image.size, image.getpixel((0, 0))[0]))
    assert seen == [((6, 4), 1), ((6, 4), 1), ((6, 4), 2), ((6, 4), 2), ((6, 4), 3)]
    preview.update(None)  # nothing is being painted
    assert [p.name for p in tmp_path.iterdir()] == ["now.png"]


def pieces(text: str) -> bytes:
    """The picture inside kitty's escape sequences."""
    found = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", text)
    assert [keys.rpartition("m=")[2] for keys, _ in found] == ["1"] * (len(found) - 1) + ["0"]
    assert all(len(data) <= 4096 for _, data in found)
    return base64.b64decode("".join(data for _, data in found))


def test_kitty_gets_it_in_pieces_in_one_place() -> None:
    stream = Terminal()
    terminal = InlineImage.of(stream, {"TERM": "xterm-kitty"})
    assert terminal is not None
    png = bytes(range(256)) * 40
    terminal.show(png)
    assert pieces(stream.getvalue()) == png
    first = len(stream.getvalue())
    terminal.show(png)
    again = stream.getvalue()[first:]
    assert again.startswith("\x1b8\x1b_Ga=T,f=100,i=1,p=1,") and "\n" not in again
    terminal.close()
    assert stream.getvalue().endswith("B\n")


def test_iterm_gets_it_whole() -> None:
    stream = Terminal()
    terminal = InlineImage.of(stream, {"TERM_PROGRAM": "iTerm.app"})
    assert terminal is not None
    terminal.show(b"picture")
    assert "\x1b]1337;File=inline=1;" in stream.getvalue()
    assert f":{base64.b64encode(b'picture').decode()}\a" in stream.getvalue()


@pytest.mark.parametrize(
    "environment", [{}, {"TERM": "xterm-256color"}, {"TERM": "xterm-kitty", "TMUX": "1"}]
)
def test_other_terminals_get_nothing(environment: dict[str, str]) -> None:
    assert InlineImage.of(Terminal(), environment) is None
    assert InlineImage.of(io.StringIO(), {"TERM": "xterm-kitty"}) is None


def test_sample_keeps_it(run, refused, tmp_path: Path) -> None:
    words = ["sample", "-n", 1, "dog", "--width", 192, "--height", 128, "--steps", 4, "--device", "cpu"]
    result = run(*words, "-o", tmp_path / "out", "--preview", tmp_path / "now.png")
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "now.png") as image, Image.open(tmp_path / "out/images/sample_0.png") as final:
        assert image.size == final.size == (192, 128)
    assert run(*words, "-o", tmp_path / "plain").exit_code == 0
    plain, kept = (tmp_path / name / "images" / "sample_0.png" for name in ("plain", "out"))
    assert plain.read_bytes() == kept.read_bytes()  # looking changes nothing
    assert "must end in .png" in refused(*words, "--preview", tmp_path / "now.jpg")
    assert "--preview" in refused(*words, "--preview", tmp_path / "none" / "now.png")
