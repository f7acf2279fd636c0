"""The benchmark's command line: see README.md.

python -m benchmarks.hundred run OUT [--data DATA]       everything; the same command goes on
python -m benchmarks.hundred layouts OUT                 the layouts, for any tool
python -m benchmarks.hundred score IMAGES                the images of any tool
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks.hundred.layouts import PRESETS, write_layouts
from benchmarks.hundred.painters import NAMES
from benchmarks.hundred.run import Run, evaluator_for, find_preset, run
from benchmarks.hundred.scorer import look
from benchmarks.hundred.table import Results, report
from layoutgen.io.files import saving
from tests.benchmarks import painter_command


def main(arguments: list[str] | None = None) -> None:
    """Do what the command line says; what a user can mend ends it in one line."""
    chosen = _parser().parse_args(arguments)
    if chosen.seeds is None:
        chosen.seeds = PRESETS[chosen.preset].seeds
    painter_command.run(chosen.command, chosen)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.hundred", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--preset", choices=list(PRESETS), default="quick")
    shared.add_argument(
        "--seeds", type=_positive, metavar="N", help="of each kind of layout; default: the preset's"
    )
    looking = argparse.ArgumentParser(add_help=False)
    looking.add_argument("--detector", help="folder or hub id; default: the small one in the package")
    looking.add_argument("--device")
    everything = commands.add_parser("run", parents=[shared, looking], help="paint, look, write RESULTS.md")
    everything.add_argument("output", type=Path)
    everything.add_argument("--data", type=Path, help="folder with pets/ and coco/, for the ceiling")
    everything.add_argument("--methods", nargs="+", choices=NAMES, default=list(NAMES), metavar="METHOD")
    everything.add_argument("--model", help="default: the one in the package")
    everything.add_argument("--budget", type=float, default=20_000, help="evaluations of an image, at most")
    everything.add_argument("--most", type=int, default=1000, help="objects of an image, at most")
    everything.set_defaults(command=_run)
    layouts = commands.add_parser("layouts", parents=[shared], help="write the layouts")
    layouts.add_argument("output", type=Path)
    layouts.set_defaults(command=_layouts)
    scoring = commands.add_parser("score", parents=[shared, looking], help="score images of any tool")
    scoring.add_argument("images", type=Path)
    scoring.add_argument("--keep", type=Path, help="folder for what was seen, so that it is seen once")
    scoring.set_defaults(command=_score)
    return parser


def _positive(text: str) -> int:
    """The whole number in `text`, which must be 1 or more."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, not {text}")
    return int(text)


def _run(chosen: argparse.Namespace) -> None:
    asked = Run(
        chosen.output,
        chosen.preset,
        chosen.seeds,
        tuple(chosen.methods),
        chosen.model,
        chosen.detector,
        chosen.device,
        chosen.data,
        chosen.budget,
        chosen.most,
    )
    try:
        with saving("the benchmark", asked.output):
            for line in run(asked):
                print(line, flush=True)
    except KeyboardInterrupt:
        print("interrupted: the same command goes on", file=sys.stderr)
        sys.exit(130)


def _layouts(chosen: argparse.Namespace) -> None:
    with saving("the layouts", chosen.output):
        write_layouts(chosen.output, find_preset(chosen.preset).cells(chosen.seeds))


def _score(chosen: argparse.Namespace) -> None:
    cells = find_preset(chosen.preset).cells(chosen.seeds)
    evaluator = evaluator_for(chosen.preset, chosen.detector, chosen.device)
    with tempfile.TemporaryDirectory() as name:
        kept = chosen.keep or Path(name)
        with saving("what was seen", kept):
            looked = tuple(look(evaluator, chosen.images, cells, kept))
    print(report(evaluator, {chosen.images.name: Results(looked)}, cells), end="")


if __name__ == "__main__":
    main()
