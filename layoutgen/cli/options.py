"""Options that several commands share, so that they are named and explained the same way everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write to.")]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace earlier results of layoutgen in the output folder; other files stay."
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same result.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
