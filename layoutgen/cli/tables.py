"""Tables that keep their figures in a narrow terminal: what has no room beside stands below."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from layoutgen.cli import console

_TEXT = 16  # characters that a column of text keeps at least, where it is folded
_FIGURE = re.compile(r"[-+]?[\d.,]*[ %]*")

Row = Sequence[str]


def print_table(header: Row, rows: Sequence[Row], *, caption: str = "") -> None:
    """Print `rows` under `header`, as wide as the terminal; see :func:`tables`."""
    for table in tables(header, rows, console.out.width, caption=caption):
        console.out.print(table)


def tables(header: Row, rows: Sequence[Row], width: int, *, caption: str = "") -> list[Table]:
    """A table; or, where `width` characters are too few, several, each with a part of the columns.

    All have the first column.

    Figures stand to the right and are never cut; texts are folded where they must be.
    """
    columns = [_Column(name, [row[number] for row in rows]) for number, name in enumerate(header)]
    parts = [[columns[0]]]
    for column in columns[1:]:
        if len(parts[-1]) > 1 and _least_width([*parts[-1], column]) > width:
            parts.append([columns[0]])
        parts[-1].append(column)
    made = [_table(part, len(rows)) for part in parts]
    made[-1].caption = caption or None
    return made


class _Column:
    """A column with its cells: figures if all of them are, else text."""

    def __init__(self, header: str, cells: Sequence[str]) -> None:
        self.header, self.cells = header, cells
        self.figures = all(_FIGURE.fullmatch(cell) for cell in cells)
        widest = max(map(len, (header, *cells)))
        self.least = widest if self.figures else min(widest, _TEXT)


def _least_width(columns: Sequence[_Column]) -> int:
    """The characters that a table of these columns takes at least."""
    console = Console(width=1000)
    return Measurement.get(console, console.options, _table(columns, 0)).minimum


def _table(columns: Sequence[_Column], rows: int) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in columns:
        table.add_column(
            column.header,
            justify="right" if column.figures else "left",
            no_wrap=column.figures,
            min_width=column.least,
            overflow="fold",
        )
    for row in range(rows):
        table.add_row(*(column.cells[row] for column in columns))
    return table
