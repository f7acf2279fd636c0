"""Which detector a name means, and how it is opened."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import transformers
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForObjectDetection,
    AutoModelForZeroShotObjectDetection,
    AutoProcessor,
)

import layoutgen.detection.grid_detector  # noqa: F401  makes our own class known to transformers
from layoutgen.assets import DETECTOR
from layoutgen.detection.detectors import ClosedDetector, Detector
from layoutgen.detection.names import GROUNDING, OWL, check_detector
from layoutgen.detection.zero_shot import GroundingDetector, OwlDetector
from layoutgen.devices import resolve_device
from layoutgen.errors import InvalidOption, first_line
from layoutgen.model_files import SAFE


def load_detector(name: str | None = None, device: str | None = None) -> Detector:
    """The detector `name`, a local folder or a hub id; None: the small one in the package (cat and dog).

    Args:
        device: default: CUDA if there is one.

    Raises:
        InvalidOption: there is no such detector or device, or the checkpoint detects nothing.
    """
    device = resolve_device(device)
    source = str(DETECTOR) if name is None else name
    check_detector(name)
    folder = Path(source).expanduser()
    _quiet()
    try:
        return _load(str(folder) if folder.exists() else source, device)
    except Exception as error:  # what the libraries raise on a broken folder is anything
        reason = first_line(error)
        raise InvalidOption(
            f"`detector` {source} cannot be loaded on {device}: {reason}; take another one"
        ) from error


def _load(source: str, device: str) -> Detector:
    kind = AutoConfig.from_pretrained(source, trust_remote_code=False).model_type
    classes: dict[str, Any] = dict.fromkeys(OWL, OwlDetector) | dict.fromkeys(GROUNDING, GroundingDetector)
    if kind in classes:
        model = AutoModelForZeroShotObjectDetection.from_pretrained(source, **SAFE)
        detector: Detector = classes[kind](
            model.float().eval().to(device),
            AutoProcessor.from_pretrained(source, trust_remote_code=False),
            device,
        )
        return detector
    model = AutoModelForObjectDetection.from_pretrained(source, **SAFE)
    processor = AutoImageProcessor.from_pretrained(source, trust_remote_code=False)
    return ClosedDetector(model.float().eval().to(device), processor, device)


def _quiet() -> None:
    """Silence what transformers prints while loading; errors stay."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", module="transformers|huggingface_hub")
