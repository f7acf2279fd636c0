"""The shape of a :class:`~layoutgen.detection.grid_detector.model.GridDetector`."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig

BACKBONES = ("residual", "efficientnet-lite0")


class GridDetectorConfig(PretrainedConfig):  # type: ignore[misc]
    """The shape of the network; the labels are transformers' own ``id2label``.

    Args:
        backbone: residual, or efficientnet-lite0.
        widths, depths: of a residual one: channels and blocks at strides 4, 8, 16 and 32.
        enlarge: 1, or 2: how many times images are enlarged before the backbone sees them, so that small
            objects are as large to it as those that it has learnt to tell apart.
        head_width: channels of the merged features, from which cells are read.
        center: positive cells lie within this share of the box's sides around its middle.
    """

    model_type = "layoutgen_grid_detector"

    def __init__(
        self,
        backbone: str = "residual",
        widths: tuple[int, ...] = (48, 96, 160, 224),
        depths: tuple[int, ...] = (1, 1, 2, 1),
        enlarge: int = 1,
        head_width: int = 96,
        center: float = 0.4,
        **kwargs: Any,
    ) -> None:
        if backbone not in BACKBONES or enlarge not in (1, 2):
            raise ValueError(
                f"a grid detector has one of the backbones {', '.join(BACKBONES)}, enlarged 1 or 2 times"
            )
        self.backbone, self.enlarge = backbone, enlarge
        self.widths, self.depths = list(widths), list(depths)
        self.head_width, self.center = head_width, center
        super().__init__(**kwargs)
