"""The library that knows one and many of English words, loaded in a hundredth of its usual time."""

from __future__ import annotations

import sys
from functools import lru_cache
from types import ModuleType
from typing import Any


@lru_cache(maxsize=1)
def inflect_engine() -> Any:
    """The engine of ``inflect``.

    Typeguard would compile each of its functions anew, so that their arguments are checked: 3.5 s instead of
    0.04 s. While it loads, a stand-in leaves them as they are; where typeguard is in use it stays so.
    """
    name = "typeguard"
    before = sys.modules.get(name)
    sys.modules[name] = _unchecked(name)
    try:
        import inflect
    finally:
        if before is None:
            del sys.modules[name]
        else:
            sys.modules[name] = before
    return inflect.engine()


def _unchecked(name: str) -> ModuleType:
    """A module in the place of typeguard, whose decorator returns the function that it is given."""
    module = ModuleType(name)
    module.typechecked = lambda function: function  # type: ignore[attr-defined]
    return module
