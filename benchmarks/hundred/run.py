"""The whole benchmark: paint cell by cell what is not there yet, look, and write the tables."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.hundred.ceiling import Ceiling
from benchmarks.hundred.layouts import PLAIN, PRESETS, Cell, Preset, write_layouts
from benchmarks.hundred.painters import NAMES, Painter, painters
from benchmarks.hundred.scorer import Looked, find_image, look_at
from benchmarks.hundred.table import Cost, Results, report
from layoutgen import __version__
from layoutgen.denoising.evaluations import counting
from layoutgen.domain.layout import Layout
from layoutgen.errors import InvalidOption, OutputExists
from layoutgen.evaluation.benchmark_protocols import find_protocol
from layoutgen.evaluation.evaluator import Evaluator, EvaluatorOptions
from layoutgen.io.files import read_json, replacing, write_json
from layoutgen.io.output_path import check_folder
from layoutgen.model_info import find_model
from layoutgen.sampling.run import load_pipeline
from tests.benchmarks.painter_scenes import fingerprint

CEILING = "real scenes (the ceiling)"
TABLES = "RESULTS.md"


@dataclass(frozen=True, slots=True)
class Run:
    """What is run, and where it is kept.

    Attributes:
        budget: evaluations that an image may take, as far as they can be told before.
        most: objects in an image, at most; cells of more are said to be left out.
        data: of the ceiling; None: it is left out.
    """

    output: Path
    preset: str
    seeds: int
    methods: tuple[str, ...] = NAMES
    model: str | None = None
    detector: str | None = None
    device: str | None = None
    data: Path | None = None
    budget: float = 20_000
    most: int = 1000

    def __post_init__(self) -> None:
        for name in self.methods:
            if name not in NAMES:
                raise InvalidOption(f"there is no method {name}, only {', '.join(NAMES)}")

    @property
    def cells(self) -> Sequence[Cell]:
        """Those of the preset: those by number first, and the cheapest of them."""
        cells = find_preset(self.preset).cells(self.seeds)
        return sorted(cells, key=lambda one: (one.labels, one.arrangement) != PLAIN)


def find_preset(name: str) -> Preset:
    """The preset called `name`."""
    if name not in PRESETS:
        raise InvalidOption(f"there is no preset {name}, only {', '.join(PRESETS)}")
    return PRESETS[name]


def evaluator_for(preset: str, detector: str | None, device: str | None) -> Evaluator:
    """What looks: a detector, and the protocol of the preset if it has one."""
    protocol = find_preset(preset).protocol
    options = EvaluatorOptions(
        detector=detector, device=device, protocol=None if protocol is None else find_protocol(protocol)
    )
    return Evaluator(options)


def run(asked: Run) -> Iterator[str]:
    """Run what is not there yet; yields what was done. The tables are written anew before every image.

    Raises:
        LayoutgenError: model, detector or data cannot be had, or the folder holds something else.
    """
    check_folder(asked.output)
    evaluator = evaluator_for(asked.preset, asked.detector, asked.device)
    ceiling = None if asked.data is None else Ceiling.of(asked.data)
    why = "" if ceiling else "no folder of real photos was given"
    info = find_model(asked.model)
    pipeline = load_pipeline(info.source, asked.device, "auto")
    _check_same(asked, {"weights": fingerprint(pipeline), "preset": asked.preset, "seeds": asked.seeds})
    ways = {name: one for name, one in painters(pipeline).items() if name in asked.methods}
    layouts = write_layouts(asked.output / "layouts", asked.cells)
    composed = ceiling.compose(layouts, asked.output / "images" / _folder(CEILING)) if ceiling else {}
    tables = _Tables(asked, evaluator, tuple(layouts))
    for cell, layout in layouts.items():
        tables.add(CEILING, cell, composed.get(cell, layout), why)
        for name, way in ways.items():
            there = find_image(asked.output / "images" / _folder(name), cell) is not None
            left_out = "" if there else _left_out(asked, way, cell, layout)
            if not there and not left_out:
                tables.write()  # what there is, while this is painted
                cost = _paint(asked, name, way, cell, layout)
                yield f"{name}, {cell.name}: {cost.evaluations:,.0f} evaluations, {cost.seconds:,.0f} s"
            tables.add(name, cell, layout, left_out)
    tables.write()
    yield f"{asked.output / TABLES}"


def _check_same(asked: Run, about: dict[str, object]) -> None:
    """Refuse to go on in a folder of another run, or to write over tables of no run."""
    file, tables = asked.output / "run.json", asked.output / TABLES
    before = read_json(file) if file.is_file() else None
    if before is None and tables.exists():
        raise OutputExists(f"{tables} is of no run that {asked.output} holds: choose another folder")
    if before is not None and {key: before.get(key) for key in about} != about:
        raise InvalidOption(f"{asked.output} holds a run of other weights or cells: choose another folder")
    write_json(file, about | {"version": __version__})


def _left_out(asked: Run, way: Painter, cell: Cell, layout: Layout) -> str:
    """Why the image of a cell is not painted; "": it is."""
    if way.paint is None:
        return way.problem
    if cell.count > asked.most:
        return f"more than {asked.most:,} objects, which this run was limited to"
    needed = 0 if way.forecast is None else way.forecast(layout)
    if needed > asked.budget:
        return f"it takes {needed:,.0f} evaluations, more than the {asked.budget:,.0f} that an image may here"
    return ""


def _paint(asked: Run, name: str, way: Painter, cell: Cell, layout: Layout) -> Cost:
    """Paint the image of a cell: what it took."""
    assert way.paint is not None  # what cannot paint is left out
    started = time.perf_counter()
    with counting(way.backbone) as counter:
        image = way.paint(layout, cell.seed)
    cost = Cost(round(counter.windows, 3), round(time.perf_counter() - started, 1))
    write_json(_cost_file(asked, name, cell), asdict(cost))
    with replacing(asked.output / "images" / _folder(name) / f"{cell.name}.png") as aside:
        image.save(aside)
    return cost


class _Tables:
    """The tables of a run, of what is there so far."""

    def __init__(self, asked: Run, evaluator: Evaluator, cells: Sequence[Cell]) -> None:
        self._asked, self._evaluator, self._cells = asked, evaluator, cells
        names = (*asked.methods, CEILING)
        self._looked: dict[str, list[Looked]] = {name: [] for name in names}
        self._costs: dict[str, dict[Cell, Cost]] = {name: {} for name in names}
        self._skipped: dict[str, dict[Cell, str]] = {name: {} for name in names}

    def add(self, name: str, cell: Cell, layout: Layout, why: str) -> None:
        """Look at the image of a method and a cell; or say `why` there is none."""
        if why:
            self._skipped[name][cell] = why
            return
        folder = self._asked.output / "images" / _folder(name)
        kept = self._asked.output / "detections" / _folder(name)
        self._looked[name].append(look_at(self._evaluator, folder, cell, layout, kept))
        file = _cost_file(self._asked, name, cell)
        if file.is_file():
            self._costs[name][cell] = Cost(**read_json(file))

    def write(self) -> None:
        """Write them."""
        results = {
            name: Results(tuple(looked), self._costs[name], self._skipped[name])
            for name, looked in self._looked.items()
        }
        text = report(self._evaluator, results, self._cells)
        with replacing(self._asked.output / TABLES) as aside:
            aside.write_text(text, encoding="utf-8")


def _cost_file(asked: Run, name: str, cell: Cell) -> Path:
    return asked.output / "costs" / _folder(name) / f"{cell.name}.json"


def _folder(name: str) -> str:
    """The name of a method as that of a folder."""
    return name.partition(" (")[0].replace(" --", "-").replace(" ", "-")
