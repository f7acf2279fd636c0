"""The order of the package: a room imports only from rooms above it, and the first ones never load torch.

A room is a module or a folder of `layoutgen`. Inside a room, modules import each other without circles.
"""

import ast
import json
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import layoutgen

ROOMS = (
    "errors",
    "progress",
    "devices",
    "hub",
    "machine",
    "imports",
    "numerics",
    "domain",
    "io",
    "formats",
    "drawing",
    "layout_model",
    "assets",
    "model_files",
    "model_kind",
    "model_words",
    "model_info",
    "additions",
    "autoencoder",
    "checkpoints",
    "data",
    "conditioning",
    "backbones",
    "methods",
    "denoising",
    "preflight",
    "features",
    "detection",
    "evaluation",
    "sprites",
    "pipeline",
    "sampling",
    "training",
    "augmentation",
    "gallery",
    "design",
    "api",
    "cli",
    "__main__",
)
TORCH_FREE_ROOMS = (
    "errors",
    "progress",
    "devices",
    "hub",
    "machine",
    "imports",
    "numerics",
    "domain",
    "io",
    "formats",
    "drawing",
    "layout_model",
    "assets",
    "model_files",
    "model_kind",
    "model_words",
    "model_info",
    "preflight",
    "additions",
    "evaluation",
    "augmentation",
    "gallery",
    "design",
    "api",
    "cli",
)
TORCH_FREE_MODULES = (
    "layoutgen",
    "layoutgen.denoising.schedulers",
    "layoutgen.sampling.jobs",
    "layoutgen.sampling.processes",
    "layoutgen.denoising.settings",
    "layoutgen.features.embedding_names",
    "layoutgen.features.image_quality",
    "layoutgen.data.box_masks",
    "layoutgen.data.health",
    "layoutgen.data.health_page",
    "layoutgen.data.prepare_coco",
    "layoutgen.data.scene_recipe",
    "layoutgen.training.config",
    "layoutgen.training.request",
    "layoutgen.training.outlook",
    "layoutgen.training.visible_boxes",
    "layoutgen.training.waiting",
    "layoutgen.data.listing",
    "layoutgen.detection.names",
)
HEAVY = ("torch", "diffusers", "transformers", "accelerate")

PACKAGE = Path(layoutgen.__file__).parent


def module_name(path):
    """`layoutgen.formats.coco` for the file of that module; a package bears the name of its folder."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(module):
    return module.split(".")[1]


def imports_of(source, module, is_package):
    """The modules of `layoutgen` that a source imports, also inside functions and for type checking.

    What is imported from a package is a module if the package has one of that name, else the package's own.
    """
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")
                kept = parents[: len(parents) - node.level + is_package]
                base = ".".join([*kept, *([node.module] if node.module else [])])
            found |= {n if (n := f"{base}.{alias.name}") in SOURCES else base for alias in node.names}
    return {name for name in found if name.split(".")[0] == "layoutgen"}


GRAPH = {
    module: imports_of(path.read_text(encoding="utf-8"), module, path.name == "__init__.py")
    for module, path in SOURCES.items()
}
INNER = {module: imported for module, imported in GRAPH.items() if module != "layoutgen"}


def test_imports_are_found_in_all_their_forms():
    source = """
import os, layoutgen.errors
from layoutgen import __version__, pipeline
from . import condition
from .encoder import LayoutEncoder
from layoutgen.formats import coco
def later():
    from layoutgen.domain.windows import cover
"""
    assert imports_of(source, "layoutgen.conditioning.attention", False) == {
        "layoutgen",
        "layoutgen.errors",
        "layoutgen.pipeline",
        "layoutgen.conditioning.condition",
        "layoutgen.conditioning.encoder",
        "layoutgen.formats.coco",
        "layoutgen.domain.windows",
    }
    assert imports_of("from . import coco", "layoutgen.formats", True) == {"layoutgen.formats.coco"}
    assert imports_of("from ..errors import X", "layoutgen.formats.coco", False) == {"layoutgen.errors"}


def test_every_module_has_a_room():
    strangers = sorted({room_of(module) for module in INNER} - set(ROOMS))
    assert not strangers, f"say in ROOMS where {strangers} stand"


@pytest.mark.parametrize("module", INNER)
def test_a_module_imports_only_from_rooms_above_it(module):
    for imported in INNER[module] - {"layoutgen"}:
        assert ROOMS.index(room_of(imported)) <= ROOMS.index(room_of(module)), f"{module} imports {imported}"


@pytest.mark.parametrize("module", INNER)
def test_only_the_version_is_taken_from_the_front_of_the_package(module):
    # The front re-exports from many rooms: whoever imports them from there goes round the order.
    tree = ast.parse(SOURCES[module].read_text(encoding="utf-8"))
    fronts = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module == "layoutgen"]
    names = {alias.name for node in fronts for alias in node.names}
    assert {n for n in names if f"layoutgen.{n}" not in SOURCES} <= {"__version__"}


def test_modules_do_not_import_each_other_in_a_circle():
    TopologicalSorter(INNER).prepare()  # raises CycleError, which names the circle


def run_fresh(program):
    """What a program prints last, as json, in a process that has loaded nothing yet."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def first_to_load(modules, heavy):
    """Import `modules` one by one: which of the `heavy` packages came with which of them."""
    return run_fresh(f"""
import importlib, json, sys
blame = {{}}
for module in {list(modules)!r}:
    importlib.import_module(module)
    for name in {list(heavy)!r}:
        if name in sys.modules:
            blame.setdefault(name, module)
print(json.dumps(blame))
""")


def test_the_torch_free_rooms_load_no_torch():
    modules = [
        m for m in SOURCES if m in TORCH_FREE_MODULES or (m in INNER and room_of(m) in TORCH_FREE_ROOMS)
    ]
    assert "layoutgen.evaluation.evaluator" in modules
    assert modules[0] == "layoutgen" and "layoutgen.domain.layout" in modules
    assert first_to_load(modules, HEAVY) == {}


def test_what_is_loaded_is_noticed():
    assert first_to_load(["json", "wave", "layoutgen"], ["wave", "torch"]) == {"wave": "wave"}


def test_the_help_of_every_command_answers_without_torch():
    loaded_by = run_fresh(f"""
import json, sys
from typer.main import get_command
from layoutgen.cli import app

def paths(command, path=()):
    yield path
    for name, child in getattr(command, "commands", {{}}).items():
        yield from paths(child, (*path, name))

loaded = {{}}
for path in paths(get_command(app)):
    app([*path, "--help"], prog_name="layoutgen", standalone_mode=False)
    loaded[" ".join(path)] = sorted(set({list(HEAVY)!r}) & set(sys.modules))
print(json.dumps(loaded))
""")
    assert loaded_by.keys() >= {"", "prepare coco", "visualize", "evaluate"}
    assert {command: names for command, names in loaded_by.items() if names} == {}
