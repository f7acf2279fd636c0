"""``python -m tests.fuzz``: many thousands of broken inputs, counted, with what they found."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import torch

from tests.fuzz.fuzzing import Finding, Fuzzer, without_painting
from tests.fuzz.inputs import INPUTS

_HEAVY = 25  # inputs that are read by json alone, for one that needs a model


def main() -> int:
    """Run; the exit code is 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=10_000, help="how many in all (10000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first input (0)")
    parser.add_argument("--only", default="", help="only kinds of input whose name holds this")
    parser.add_argument("--report", type=Path, help="write the findings as JSON")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    kinds = [kind for kind in INPUTS if given.only in kind.name]
    weights = [1 if kind.heavy else _HEAVY for kind in kinds]
    found: dict[str, list[Finding]] = {}
    counted: Counter[str] = Counter()
    begun = time.monotonic()
    for kind, weight in zip(kinds, weights, strict=True):
        share, started = round(given.inputs * weight / sum(weights)) + 1, time.monotonic()
        with tempfile.TemporaryDirectory() as home, without_painting(not kind.heavy):
            fuzzer = Fuzzer(kind, Path(home).resolve() / "fuzz")
            for seed in range(given.seed, given.seed + share):
                finding = fuzzer.run(seed)
                counted[kind.name] += 1
                if finding is not None:
                    found.setdefault(f"{kind.name}: {finding.what}", []).append(finding)
                    print(
                        f"        seed {seed}: {finding.command} ({finding.file}): {finding.what}", flush=True
                    )
        print(f"{counted[kind.name]:6,}  {kind.name} ({time.monotonic() - started:.0f} s)", flush=True)
    for what, findings in sorted(found.items(), key=lambda item: -len(item[1])):
        first = findings[0]
        print(f"{len(findings):5} x {what}\n        seed {first.seed}: {first.command} ({first.file})")
    print(
        f"{counted.total():,} inputs, {sum(map(len, found.values())):,} findings of {len(found)} kinds, "
        f"{time.monotonic() - begun:.0f} s"
    )
    if given.report:
        given.report.write_text(
            json.dumps({what: [vars(one) for one in many] for what, many in found.items()}, indent=1)
        )
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
