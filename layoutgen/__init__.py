"""layoutgen puts objects exactly where you say: a layout goes in, an image comes out.

>>> import layoutgen
>>> from layoutgen import Box, Instance, Layout
>>> layout = Layout(256, 256, (Instance("dog", Box(40, 60, 88, 120)),), prompt="a dog on green ground")
>>> layoutgen.sample(layout, output="out/dog")

The commands are functions: :func:`prepare_coco`, :func:`train`, :func:`layouts`, :func:`sample`,
:func:`evaluate`, :func:`augment`.
:func:`load_pipeline` gives a diffusers pipeline that paints in memory. Nothing heavy is loaded before one of
them needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from layoutgen.domain.layout import Box, Instance, Layout

if TYPE_CHECKING:
    from layoutgen.api.augment import augment as augment
    from layoutgen.api.evaluate import evaluate as evaluate
    from layoutgen.api.layouts import layouts as layouts
    from layoutgen.api.pipelines import load_pipeline as load_pipeline
    from layoutgen.api.prepare_coco import prepare_coco as prepare_coco
    from layoutgen.api.sample import sample as sample
    from layoutgen.api.train import train as train
    from layoutgen.errors import LayoutgenError as LayoutgenError
    from layoutgen.progress import Progress as Progress

__version__ = "0.1.0"
_LATER = {
    "LayoutgenError": "layoutgen.errors",
    "Progress": "layoutgen.progress",
    "augment": "layoutgen.api.augment",
    "evaluate": "layoutgen.api.evaluate",
    "layouts": "layoutgen.api.layouts",
    "load_pipeline": "layoutgen.api.pipelines",
    "prepare_coco": "layoutgen.api.prepare_coco",
    "sample": "layoutgen.api.sample",
    "train": "layoutgen.api.train",
}
"""What is loaded when it is first asked for, and from where."""
__all__ = ["Box", "Instance", "Layout", "__version__", *_LATER]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_LATER[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
