"""Whatever the package imports is declared: as a dependency, or in an extra that users install."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import layoutgen

ROOT = Path(__file__).parent.parent
ASKED_FOR = {"bitsandbytes", "timm"}  # by an option, which says in one line that it is not there
PACKAGE = Path(layoutgen.__file__).parent


def imported():
    """The top-level names that the package imports, also inside functions, and a file that does."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            found |= {name.split(".")[0]: path.relative_to(PACKAGE).as_posix() for name in names}
    return {name: file for name, file in found.items() if name not in sys.stdlib_module_names}


def declared():
    """The dependencies, and those of the extras that users install; Python 3.10 cannot read TOML."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lists = re.findall(
        r"^(?:dependencies|features|huggingface|masks|quality|train) = (\[.*?\])\n",
        text,
        re.DOTALL | re.MULTILINE,
    )
    assert len(lists) == 6
    return {canonicalize_name(Requirement(line).name) for one in lists for line in ast.literal_eval(one)}


def test_the_imports_are_found():
    assert {"torch", "yaml", "PIL", "tokenizers"} <= imported().keys()


def test_every_import_is_declared():
    distributions = packages_distributions()
    undeclared = {
        f"{name} ({file})"
        for name, file in imported().items()
        if name not in {"layoutgen", *ASKED_FOR}
        if not {canonicalize_name(one) for one in distributions.get(name, [name])} & declared()
    }
    assert undeclared == set()
