"""``layoutgen doctor``: what this machine has, and what would run where."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layoutgen import __version__
from layoutgen.cli import console
from layoutgen.cli.options import Json
from layoutgen.cli.tables import print_table

if TYPE_CHECKING:
    from layoutgen.machine import DeviceInfo, Work


def doctor(as_json: Json = False) -> None:
    """Say what this machine has: devices, number formats, memory, versions; and what would run where."""
    from layoutgen import machine
    from layoutgen.assets import MODEL
    from layoutgen.model_info import find_model

    with console.progress(as_json) as bar:
        bar.add_task("looking at the machine", total=None)
        versions = {"layoutgen": __version__, **machine.versions()}
        found = machine.devices()
        plan = machine.plan(found[0], _parameters(MODEL))
        problems, missing = machine.problems(Path.cwd()), machine.missing_extras()
        info = find_model(None)
    if as_json:
        content: dict[str, Any] = {
            "versions": versions,
            "devices": [asdict(one) for one in found],
            "plan": [asdict(one) for one in plan],
            "model": {"folder": info.source, "labels": info.labels, "window": info.window},
            "missing_extras": missing,
            "problems": problems,
        }
        console.print_json(content)
        return
    print_table(("package", "version"), list(versions.items()))
    print_table(("device", "what", "number formats", "free GiB", "GiB"), [_device(one) for one in found])
    print_table(("would run", "on", "as", "weights GiB", "fits"), [_work(one) for one in plan])
    labels = ", ".join(info.labels) if info.labels is not None else "any text"
    console.say(f"The model in the package knows {labels}: {info.source}")
    for extra, packages in missing.items():
        console.say(f'Not installed: {", ".join(packages)}, by pip install "layoutgen[{extra}]"')
    for problem in problems:
        console.say(f"Look at this: {problem}")
    if not problems:
        console.say("Nothing is wrong that could be seen.")


def _device(one: DeviceInfo) -> tuple[str, ...]:
    formats = ", ".join(f"{name} (used)" if name == one.dtype else name for name in one.dtypes)
    return one.name, one.title, formats, f"{one.free / 2**30:.1f}", f"{one.total / 2**30:.1f}"


def _work(one: Work) -> tuple[str, ...]:
    return one.what, one.device, one.dtype, f"{one.weights / 2**30:.2f}", "yes" if one.fits else "no"


def _parameters(model: Path) -> int:
    """How many numbers the weights of the model in a folder are."""
    from math import prod

    from safetensors import safe_open

    count = 0
    for file in model.rglob("*.safetensors"):
        with safe_open(file, framework="numpy") as weights:
            names = weights.keys()
            count += sum(prod(weights.get_slice(name).get_shape()) for name in names)
    return count
