"""What ``layoutgen train`` shows before it begins: what is trained, and the plan of ``--dry-run``."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from layoutgen.training.run import Run


def components_table(run: Run) -> Table:
    """The settings of the run, and which components of the model are trained."""
    settings = ", ".join(f"{f.name} {getattr(run.config, f.name)}" for f in fields(run.config))
    table = Table("component", "parameters", "trained", title=settings, title_justify="left")
    for component in run.components:
        trained = f"{component.trained:,}" if component.trained else "frozen"
        table.add_row(component.name, f"{component.parameters:,}", trained)
    return table


def plan_table(run: Run) -> Table:
    """What the run would do."""
    plan = run.plan()
    table = Table("plan", "", show_header=False)
    images = f"{plan.images:,} images" if plan.images else "new scenes all the time"
    table.add_row("data", f"{images}; the figures below are from {plan.sampled} examples")
    table.add_row("labels", ", ".join(f"{label} {count}" for label, count in plan.labels.items()) or "none")
    table.add_row("instances", "{:g} to {:g}, median {:g}".format(*_order(plan.instances)))
    table.add_row(
        "longer sides of boxes", "{:.0f} to {:.0f} px, median {:.0f} px".format(*_order(plan.sides))
    )
    shown = f", each image {plan.epochs:.1f} times" if plan.images else ""
    if plan.done:
        table.add_row("continues", f"after {plan.done:,} examples")
    table.add_row("steps", f"{plan.steps:,} of {plan.step_size} examples{shown}")
    table.add_row(
        "weights, gradients, optimizer, averaged weights", f"{plan.state_bytes / 2**30:.2f} GiB a process"
    )
    table.add_row("activations", f"{plan.activation_bytes / 2**30:.2f} GiB a process, from one example")
    table.add_row("checkpoints", f"every {run.config.save_every:,} examples into {run.folder.checkpoints}")
    return table


def _order(three: tuple[float, float, float]) -> tuple[float, float, float]:
    """(lowest, median, highest) -> (lowest, highest, median), as a line reads."""
    return three[0], three[2], three[1]
