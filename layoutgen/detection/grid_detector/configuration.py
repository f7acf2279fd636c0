"""The shape of a :class:`~layoutgen.detection.grid_detector.model.GridDetector`."""

from __future__ import annotations

from typing import Any

from transformers import PretrainedConfig


class GridDetectorConfig(PretrainedConfig):  # type: ignore[misc]
    """Widths and depths of the network; the labels are transformers' own ``id2label``.

    Args:
        widths: channels at strides 4, 8, 16 and 32.
        depths: residual blocks at these strides.
        head_width: channels of the merged features at stride 8, from which cells are read.
        center: positive cells lie within this share of the box's sides around its middle.
    """

    model_type = "layoutgen_grid_detector"

    def __init__(
        self,
        widths: tuple[int, ...] = (48, 96, 160, 224),
        depths: tuple[int, ...] = (1, 1, 2, 1),
        head_width: int = 96,
        center: float = 0.4,
        **kwargs: Any,
    ) -> None:
        self.widths, self.depths = list(widths), list(depths)
        self.head_width, self.center = head_width, center
        super().__init__(**kwargs)
