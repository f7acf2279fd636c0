"""The words that a model has read in training, by its tokenizer alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

_GENERAL = 5_000
"""Tokens from which a vocabulary is of a language, not of the captions of one data set."""


def known_words(folder: Path) -> frozenset[str] | None:
    """The words of the tokenizer in `folder` of a model; None: it reads any text, or says nothing of words.

    A small model's vocabulary was learnt from its captions (byte pair encoding), so that what is one token
    was in them, and what is not was rare or never.
    """
    vocabulary = _vocabulary(folder / "tokenizer")
    if vocabulary is None or len(vocabulary) >= _GENERAL:
        return None
    whole = [token.removesuffix("</w>") for token in vocabulary if token.endswith("</w>")]
    # With spaces in it (as Ġ) a vocabulary tells words from the ends of words.
    words = [token[1:] for token in whole if token.startswith("Ġ")] or whole
    return frozenset(word for word in words if len(word) > 1 and word.isalpha())


def words_of(text: str) -> Iterator[str]:
    """The words of `text` that a vocabulary can know or not: no numbers, no single letters."""
    return (word for word in re.findall(r"[^\W\d_]+", text.lower()) if len(word) > 1)


def _vocabulary(folder: Path) -> list[str] | None:
    """The tokens in `folder`, which is of transformers, in its newer or older form."""
    for name in ("tokenizer.json", "vocab.json"):
        try:
            content = json.loads((folder / name).read_text(encoding="utf-8"))
            tokens = content["model"]["vocab"] if name == "tokenizer.json" else content
            return [str(token) for token in tokens]
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None
