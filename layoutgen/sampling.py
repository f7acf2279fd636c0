"""Layouts -> images, overlays and COCO annotations on disk; every image can be made again from itself."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from layoutgen.drawing.overlay import overlay
from layoutgen.errors import InvalidOption
from layoutgen.formats.coco import write_coco
from layoutgen.formats.png import write_png
from layoutgen.layout import Layout
from layoutgen.output import SAMPLES, output_folder
from layoutgen.pipeline import LayoutPipeline

_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """All that an image depends on besides its layout; kept inside the PNG."""

    model: str | None = None
    method: str | None = None
    encoding: str | None = None
    steps: int = 30
    guidance: float = 3.0
    strength: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InvalidOption(f"--steps must be at least 1, not {self.steps}")
        if not 0 <= self.guidance < 100:
            raise InvalidOption(f"--guidance must be between 0 and 100, not {self.guidance}")
        if self.seed < 0:
            raise InvalidOption(f"--seed must be 0 or more, not {self.seed}")


@dataclass(frozen=True, slots=True)
class Painting:
    """Progress of :func:`sample`: step `step` of `steps` over all images; `finished`: a new image's path."""

    step: int
    steps: int
    finished: Path | None = None


def load_pipeline(source: str, device: str | None = None, dtype: str | None = None) -> LayoutPipeline:
    """Load the pipeline at `source` onto `device` (default: CUDA if there is one), fp16 on CUDA, else fp32.

    Raises:
        InvalidOption: there is no such device, or it cannot do `dtype`.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InvalidOption(f"--device {device}: this machine has no CUDA device; leave it out, or use cpu")
    dtype = dtype or ("fp16" if device.startswith("cuda") else "fp32")
    if dtype not in _DTYPES:
        raise InvalidOption(f"--dtype must be one of {', '.join(_DTYPES)}, not {dtype}")
    if dtype == "fp16" and device == "cpu":
        raise InvalidOption("--dtype fp16 needs a CUDA device: use fp32 or bf16 on the CPU")
    try:
        pipeline: LayoutPipeline = LayoutPipeline.from_pretrained(source, torch_dtype=_DTYPES[dtype])
        pipeline.to(device)
    except (OSError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InvalidOption(f"--model {source} cannot be loaded on {device}: {reason}") from error
    pipeline.unet.to(memory_format=torch.channels_last)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def sample(
    pipeline: LayoutPipeline,
    layouts: Sequence[tuple[str, Layout]],
    settings: SampleSettings,
    output: Path,
    *,
    num_images: int = 1,
    overwrite: bool = False,
) -> Iterator[Painting]:
    """Paint each of the named `layouts` `num_images` times into `output`, which appears when all are done.

    Image k of a layout has the seed ``settings.seed + k``; the same seed gives the same image on the same
    kind of device.

    Raises:
        OutputExists: `output` holds results and `overwrite` is not set.
        InvalidOption, UnknownLabel: what the model cannot do.
    """
    method = pipeline.method(settings.method, settings.encoding)
    for _, layout in layouts:
        pipeline.check(layout, method, settings.strength)
    jobs = [(name, layout, settings.seed + k) for name, layout in layouts for k in range(num_images)]
    made: list[tuple[str, Layout]] = []
    options: dict[str, Any] = asdict(settings) | {
        "method": method.name,
        "encoding": getattr(method, "encoding", None),
    }
    with output_folder(output, SAMPLES, overwrite=overwrite) as aside:
        for folder in SAMPLES[:2]:
            (aside / folder).mkdir()
        for number, (name, layout, seed) in enumerate(jobs):
            image = None
            generator = torch.Generator().manual_seed(seed)
            chosen = {key: options[key] for key in ("method", "encoding", "steps", "guidance", "strength")}
            for event in pipeline.paint(layout, generator=generator, **chosen):
                if isinstance(event, int):
                    yield Painting(number * settings.steps + event, len(jobs) * settings.steps)
                else:
                    image = event[0]
            assert image is not None  # the last event
            file = f"{name}_{seed}.png"
            write_png(image, aside / "images" / file, layout, options | {"seed": seed})
            overlay(image, layout).save(aside / "overlays" / f"{name}_{seed}.jpg", quality=92, subsampling=0)
            made.append((file, layout))
            yield Painting(
                (number + 1) * settings.steps, len(jobs) * settings.steps, output / "images" / file
            )
        write_coco(aside / "annotations.json", made, info={"settings": options})


def quiet_libraries() -> None:
    """Silence what diffusers and transformers print while loading; errors stay."""
    import diffusers
    import transformers

    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", module="diffusers|transformers|huggingface_hub")
