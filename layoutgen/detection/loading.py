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
from layoutgen.detection.zero_shot import GROUNDING, OWL, GroundingDetector, OwlDetector
from layoutgen.devices import resolve_device
from layoutgen.errors import InvalidOption, first_line
from layoutgen.hub import check_hub_model
from layoutgen.model_files import SAFE, check_model_files
from layoutgen.model_kind import UNKNOWN, Role, kind_of


def load_detector(name: str | None = None, device: str | None = None) -> Detector:
    """The detector `name`, a local folder or a hub id; None: the small one in the package (cat and dog).

    Args:
        device: default: CUDA if there is one.

    Raises:
        InvalidOption: there is no such detector or device, or the checkpoint detects nothing.
    """
    device = resolve_device(device)
    source = str(DETECTOR) if name is None else name
    if name is not None and not Path(name).expanduser().exists() and len(name.split("/")) != 2:
        raise InvalidOption(
            f"`detector` {name}: there is no such folder, and a hub id looks like google/owlv2-base"
        )
    check_hub_model(name, "detector")
    folder = Path(source).expanduser()
    if folder.is_dir():
        _check_detector(folder, source)
    _quiet()
    try:
        return _load(str(folder) if folder.exists() else source, device)
    except Exception as error:  # what the libraries raise on a broken folder is anything
        reason = first_line(error)
        raise InvalidOption(f"`detector` {source} cannot be loaded on {device}: {reason}") from error


def _check_detector(folder: Path, name: str) -> None:
    """Refuse what is certainly no detector; of the rest transformers knows more."""
    kind = kind_of(folder)
    if kind is not None and kind.role is not Role.DETECTOR and kind != UNKNOWN:
        raise InvalidOption(f"`detector` {name} is {kind.what}: give {Role.DETECTOR.value} of transformers")
    check_model_files(folder)


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
