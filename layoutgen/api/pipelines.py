"""``layoutgen.load_pipeline``: a model as a diffusers pipeline that paints layouts in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from layoutgen.additions import Additions
from layoutgen.api.inputs import PathLike, as_name, as_names
from layoutgen.hub import check_hub_model
from layoutgen.imports import importing
from layoutgen.model_info import find_model
from layoutgen.preflight.options import check_device_names
from layoutgen.progress import Progress

if TYPE_CHECKING:
    from layoutgen.pipeline import LayoutPipeline


def load_pipeline(
    model: PathLike | None = None,
    *,
    vae: PathLike | None = None,
    lora: PathLike | Sequence[PathLike] = (),
    embedding: PathLike | Sequence[PathLike] = (),
    clip_skip: int | None = None,
    device: str | None = None,
    dtype: str = "auto",
) -> LayoutPipeline:
    """The pipeline of `model`, ready to paint, without a bar.

    >>> pipeline = layoutgen.load_pipeline()
    >>> (image,) = pipeline(layout, steps=12)

    Args:
        model: run folder of ``train``, checkpoint (a folder or one file), or hub id; None: the small one in
            the package.
        vae, lora, embedding, clip_skip: see :class:`~layoutgen.additions.Additions`.
        device: cpu, cuda, cuda:1; None: cuda if there is one.
        dtype: fp32, bf16, fp16, or auto: the fastest of them on the device.

    Raises:
        InvalidOption, InvalidFile: there is no such model or device, or it is broken.
    """
    check_device_names(device, dtype)
    info = find_model(as_name(model))
    additions = Additions(as_name(vae), as_names(lora), as_names(embedding), clip_skip)
    additions.check()
    check_hub_model(info.source, "model")
    with importing():
        from layoutgen.sampling.run import load_pipeline, quiet_libraries

    quiet_libraries()
    return load_pipeline(info.source, device, dtype, additions, note=Progress().note)
