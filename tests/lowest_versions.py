"""Prints the lowest versions that pyproject.toml allows of the packages named, as requirements for pip.

python tests/lowest_versions.py numpy pillow rich
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"


def lowest(names: list[str]) -> list[str]:
    """A requirement for each of `names`, at its lowest version where one is said."""
    text = PROJECT.read_text(encoding="utf-8")
    lists = re.findall(r"^(?:dependencies|huggingface|test) = (\[.*?\])\n", text, re.DOTALL | re.MULTILINE)
    said = dict(line.split(">=") for one in lists for line in ast.literal_eval(one) if ">=" in line)
    return [f"{name}=={said[name]}" if name in said else name for name in names]


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest(sys.argv[1:])) + "\n")
