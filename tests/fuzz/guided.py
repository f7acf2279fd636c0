"""``python -m tests.fuzz.guided KIND``: broken inputs of one kind, steered by atheris into code not yet reached.

It needs ``pip install atheris`` (Linux, CPython), and runs until it finds something or for as long as atheris' own
options say, which follow KIND: ``python -m tests.fuzz.guided "COCO" -max_total_time=600``.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path
from random import Random
from typing import Any

try:
    import atheris
except ImportError:
    sys.exit("pip install atheris")

with atheris.instrument_imports(include=["layoutgen"], enable_loader_override=False):
    from tests.fuzz.fuzzing import Fuzzer, without_painting
    from tests.fuzz.inputs import INPUTS


class SteeredRandom(Random):
    """All its choices are read from `data`, so that what changes `data` changes the input's mutations."""

    def __init__(self, data: bytes) -> None:
        super().__init__(0)
        self._data: Any = atheris.FuzzedDataProvider(data)

    def random(self) -> float:
        """The next number from 0 to below 1."""
        return min(float(self._data.ConsumeProbability()), 1 - 2**-53)

    def getrandbits(self, k: int, /) -> int:
        """The next `k` bits; 0 after the end of the data."""
        return int.from_bytes(self._data.ConsumeBytes((k + 7) // 8), "little") % 2**k


def main() -> None:
    """Run until something is found."""
    names = [kind.name for kind in INPUTS]
    if len(sys.argv) < 2 or sys.argv[1] not in names:
        sys.exit(f"name one of: {', '.join(names)}")
    kind = INPUTS[names.index(sys.argv.pop(1))]
    warnings.simplefilter("ignore")
    home = tempfile.TemporaryDirectory()
    fuzzer = Fuzzer(kind, Path(home.name).resolve() / "fuzz")

    def one(data: bytes) -> None:
        finding = fuzzer.run_with(SteeredRandom(data))
        if finding is not None:
            raise AssertionError(f"{finding.command} ({finding.file}): {finding.what}")

    with without_painting(not kind.heavy):
        atheris.Setup(sys.argv, one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
