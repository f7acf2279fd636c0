"""The commands that README.md and docs/ show, in their order."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
OWLV2 = "google/owlv2-base-patch16-ensemble"
"""A detector that is downloaded."""


@dataclass(frozen=True)
class Command:
    """A command of a document: what stands there, and the words of `layoutgen` in it."""

    text: str
    words: tuple[str, ...]


def commands(document: str, instead: Mapping[str, str]) -> list[Command]:
    """All commands of `document`, with words of theirs replaced."""
    found = []
    for line in (line for block in _blocks(document) for line in block.splitlines()):
        words = shlex.split(line, comments=True)
        text = " ".join(words)
        if text == "make dogs":
            makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
            recipe = re.search(r"\$\(BIN\)/layoutgen (sample .*) -o \$\(OUT\)\n", makefile)
            assert recipe is not None
            found.append(Command(text, (*recipe[1].split(), "-o", "out/100_dogs")))
            continue
        start = words.index("layoutgen") if "layoutgen" in words else len(words) - 1
        found.append(Command(text, tuple(instead.get(word, word) for word in words[start + 1 :])))
    return found


def _blocks(document: str) -> Iterator[str]:
    """The indented blocks that hold commands, with lines that end in a backslash joined."""
    for block in re.findall(r"(?:^    .*\n)+", document, re.MULTILINE):
        text = "\n".join(line[4:] for line in block.replace("\\\n", " ").splitlines())
        if re.match(r"(layoutgen|accelerate|make|pip) ", text):
            yield text
