"""What the command lines of the painter's benchmarks share."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from layoutgen.assets import DETECTOR
from layoutgen.errors import LayoutgenError
from layoutgen.sampling.run import quiet_libraries


def painter_parser(
    description: str, methods: Sequence[str] = ("img2img", "text2img"), seeds: int = 20
) -> argparse.ArgumentParser:
    """Options for data, model, detector, method and seeds; of `description` the first line is shown.

    The first of `methods` is the default.
    """
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--model", help="default: the one in the package")
    parser.add_argument("--detector", default=str(DETECTOR), help="default: the one in the package")
    parser.add_argument("--method", choices=methods, default=methods[0])
    parser.add_argument("--seeds", type=int, default=seeds)
    return parser


def parsed(parser: argparse.ArgumentParser, arguments: list[str] | None) -> argparse.Namespace:
    """What `arguments`, or the command line, choose; ends the process where they make no sense."""
    chosen = parser.parse_args(arguments)
    if chosen.seeds < 2:
        parser.error("--seeds must be at least 2: real scenes of even and odd seeds show different animals")
    return chosen


def run(benchmark: Callable[[argparse.Namespace], None], chosen: argparse.Namespace) -> None:
    """Run `benchmark` as `chosen`; what a user can mend ends it in one line."""
    quiet_libraries()
    try:
        benchmark(chosen)
    except LayoutgenError as error:
        sys.exit(f"error: {error}")
