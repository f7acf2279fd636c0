"""layoutgen puts objects exactly where you say: a layout goes in, an image comes out.

>>> from layoutgen import Box, Instance, Layout
>>> Layout(512, 512, (Instance("dog", Box(40, 60, 180, 220)),), prompt="a dog on green ground")
"""

from layoutgen.domain.layout import Box, Instance, Layout

__version__ = "0.1.0"
__all__ = ["Box", "Instance", "Layout", "__version__"]
