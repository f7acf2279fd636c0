"""Figures that others publish by the protocols, of other images and with another detector."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """Figures by method, under the names that our protocol gives them."""

    source: str
    figures: Mapping[str, Mapping[str, float]]


PUBLISHED: Mapping[str, Published] = {
    "coco-mig": Published(
        "DreamRenderer (arXiv 2503.12885) and the papers it compares; with colours, which are not asked here",
        {
            "GLIGEN": {"instance_success": 0.297},
            "InstanceDiffusion": {"instance_success": 0.513},
            "MIGC": {"instance_success": 0.671},
            "3DIS + DreamRenderer": {"instance_success": 0.719},
        },
    ),
    "coco-position": Published(
        "ConsistCompose (arXiv 2511.18333), README of its repository",
        {
            name: dict(
                zip(
                    ("instance_success", "image_success", "mean_iou", "AP", "AP50", "AP75"),
                    (value / 100 for value in values),
                    strict=True,
                )
            )
            for name, values in {
                "CreatiLayout": (74.0, 42.5, 64.9, 32.4, 61.1, 31.6),
                "PlanGen": (82.5, 50.3, 66.2, 31.9, 74.0, 21.5),
                "GLIGEN": (82.6, 52.1, 69.0, 40.5, 75.9, 39.1),
                "MIGC++": (86.8, 63.4, 74.9, 48.3, 79.2, 52.6),
                "InstanceDiffusion": (87.8, 65.5, 78.1, 57.2, 83.6, 65.5),
                "ConsistCompose": (92.6, 76.1, 85.3, 70.9, 89.1, 76.9),
            }.items()
        },
    ),
}
