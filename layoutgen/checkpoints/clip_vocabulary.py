"""CLIP's tokenizer, which all Stable Diffusion models share, from the merges in the package.

Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision".
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from layoutgen.assets import CLIP_MERGES

CLIP_WORDS = 49_408
"""How many tokens it has."""
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")


def write_clip_tokenizer(folder: Path, config: Mapping[str, Any]) -> None:
    """Write the files of a CLIPTokenizer with this tokenizer_config.json to `folder`."""
    merges = gzip.decompress(CLIP_MERGES.read_bytes()).decode("utf-8")
    words = [*_bytes(), *(byte + "</w>" for byte in _bytes())]
    words += ["".join(line.split()) for line in merges.splitlines()[1:]]
    vocabulary = {word: number for number, word in enumerate([*words, *_SPECIAL])}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "merges.txt").write_text(merges, encoding="utf-8")
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(dict(config)), encoding="utf-8")


def _bytes() -> list[str]:
    """The 256 bytes as printable characters, in CLIP's order: printable ones first."""
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    others = 256 - len(printable)
    return [chr(code) for code in printable] + [chr(256 + number) for number in range(others)]
