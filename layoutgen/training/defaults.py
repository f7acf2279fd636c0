"""What a run's settings are where nobody asks for anything else: they depend on the model that is trained.

``TrainConfig`` has those of a new small model. The others are here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from layoutgen.devices import resolve_device
from layoutgen.training.config import TrainConfig

if TYPE_CHECKING:
    from layoutgen.training.start_info import StartInfo

SMALL: dict[str, Any] = {
    "images": 20_000,
    "batch_size": 8,
    "learning_rate": 3e-4,
    "schedule": "warmup_stable_decay",
    "save_every": 2_000,
    "report_every": 2_000,
}
"""Of the small model in the package and its descendants: an hour on a laptop's CPU (recipes/LOG.md)."""

STABLE_DIFFUSION: dict[str, Any] = {
    "residual_tokens": True,
    "learning_rate": 1e-4,
    "unet_lr_factor": 0.1,
    "text_lr_factor": 0.05,
    "warmup": 1_000,
    "schedule": "cosine",
    "drop_caption": 0.05,
    "drop_layout": 0.05,
    "drop_both": 0.1,
}
"""Of a Stable Diffusion checkpoint, of which all but what reads the layout has learnt already.

Rates: GLIGEN trains new layers alone, at 5e-5 (arXiv 2301.07093); LayoutDiffusion all at 1e-5 (2303.17189);
GeoDiffusion the text encoder below the rest (2306.04607). Shares: guidance reads an example without caption
and layout in every step (Ho and Salimans, 2207.12598), which is 1 % of them where each is dropped by itself.
"""

STABLE_DIFFUSION_ON_CUDA: dict[str, Any] = {"mixed_precision": "bf16", "tf32": True}
"""Of the same on a GPU that computes in bf16 and TF32 (NVIDIA Ampere and later)."""

_MOST_WARMUP = 0.2  # of all steps: a short run would end before it learns


def default_settings(
    start: StartInfo, asked: Mapping[str, Any], *, processes: int = 1, distils: bool = False
) -> dict[str, Any]:
    """The settings that a run takes from the model that it begins with, where nothing else is asked for.

    A model of a fixed list of labels learns new ones, so its text encoder must learn their words.

    Args:
        asked: what the user asks for; some settings have a use only with others.
        processes: that train together.
        distils: the run makes a painter of few steps, which learns no new labels.
    """
    chosen: dict[str, Any] = {} if start.window is None else {"resolution": start.window}
    if start.methods:
        chosen["methods"] = start.methods
    if "text2img" in start.methods and start.encodings:
        chosen["encoding"] = start.encodings[0]
    if not distils and start.labels is None:
        chosen = STABLE_DIFFUSION | chosen | {"warmup": _warmup(asked, processes)}
    elif not distils:
        chosen = {**chosen, "train_text_encoder": True} | ({} if start.shape is not None else SMALL)
    if start.methods:
        chosen["residual_tokens"] = start.residual_tokens
    for name in _useless({**chosen, **asked}):
        chosen.pop(name, None)
    return chosen


def device_settings(start: StartInfo, device: str | None, *, distils: bool = False) -> dict[str, Any]:
    """What of :func:`default_settings` depends on `device`; loads torch, to ask it.

    Raises:
        InvalidOption: this machine has no such device.
    """
    if start.labels is not None or distils or resolve_device(device) == "cpu":
        return {}
    import torch

    has_both = torch.cuda.get_device_capability()[0] >= 8  # earlier ones emulate bf16, and slowly
    return dict(STABLE_DIFFUSION_ON_CUDA) if has_both else {}


def _warmup(asked: Mapping[str, Any], processes: int) -> int:
    """Steps of the usual warm-up, or fewer in a short run."""
    usual = TrainConfig()
    batch = asked.get("batch_size", usual.batch_size) * processes
    steps = asked.get("images", usual.images) // max(1, batch)
    return max(0, min(int(STABLE_DIFFUSION["warmup"]), int(_MOST_WARMUP * steps)))


def _useless(settings: Mapping[str, Any]) -> Iterator[str]:
    """The names of settings that have no use with the others, so that they cannot be a default."""
    usual = TrainConfig()
    if settings.get("lora_rank"):
        yield "unet_lr_factor"  # adapters alone are trained
    if not settings.get("train_text_encoder"):
        yield "text_lr_factor"
    methods, encoding = settings.get("methods", usual.methods), settings.get("encoding", usual.encoding)
    if "text2img" not in methods or encoding != "box":
        yield "residual_tokens"
