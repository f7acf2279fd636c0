"""What ``layoutgen train`` shows before it begins: settings, what is trained, the plan of ``--dry-run``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.table import Table

from layoutgen.training.config import TrainConfig

if TYPE_CHECKING:
    from layoutgen.training.plan import Plan
    from layoutgen.training.request import TrainingRequest
    from layoutgen.training.run import Run


def settings_table(request: TrainingRequest) -> Table:
    """The settings that differ from those which the model usually trains with, or these from the help's."""
    usual, differing = request.usual(), request.differing()
    helps = asdict(TrainConfig())
    shown = [name for name in usual if name in differing or usual[name] != helps[name]]
    table = Table("setting", "this run", "usual for this model", title="Settings", title_justify="left")
    for name in shown:
        table.add_row(name, _shown(getattr(request.config, name)), _shown(usual[name]))
    if not shown:
        table.add_row("all", "as usual", "")
    return table


def run_content(
    request: TrainingRequest, run: Run, *, images: int | None = None, plan: Plan | None = None
) -> dict[str, Any]:
    """What the tables say, for other programs; `images`: it has been trained on so many."""
    components = [
        {"name": one.name, "parameters": one.parameters, "trained": one.trained} for one in run.components
    ]
    return {
        "output": str(request.output),
        "model": str(request.output / "model"),
        "data": str(request.data),
        "labels": list(request.listing.labels),
        "starts_from": request.start.name,
        "settings": asdict(request.config),
        "components": components,
        "images": request.done if images is None else images,
        "plan": None if plan is None else asdict(plan),
    }


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) else "none" if value is None else str(value)


def components_table(run: Run) -> Table:
    """Which components of the model are trained."""
    table = Table("component", "parameters", "trained")
    for column in table.columns[1:]:
        column.justify = "right"
    for component in run.components:
        trained = f"{component.trained:,}" if component.trained else "frozen"
        table.add_row(component.name, f"{component.parameters:,}", trained)
    return table


def plan_table(run: Run) -> Table:
    """What the run would do."""
    from layoutgen.training.outlook import spoken_time

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
    left = spoken_time(plan.seconds)
    table.add_row("time", f"about {left} on this machine as busy as it is now, without contact sheets")
    table.add_row(
        "disk", f"{plan.disk_bytes / 2**20:,.0f} MiB for checkpoints and model, beside contact sheets"
    )
    return table


def _order(three: tuple[float, float, float]) -> tuple[float, float, float]:
    """(lowest, median, highest) -> (lowest, highest, median), as a line reads."""
    return three[0], three[2], three[1]
