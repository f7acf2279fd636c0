"""The averaged weights of a run as a pipeline of its own, beside the one that is trained."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch
from accelerate import Accelerator, init_empty_weights
from diffusers import UNet2DConditionModel
from diffusers.training_utils import EMAModel
from torch import Tensor, nn

from layoutgen.conditioning.encoder import LayoutEncoder
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.checkpoint import flush, replace_folder
from layoutgen.training.denoiser import add_adapters

State = dict[str, Tensor]


def averaged_state(
    accelerator: Accelerator,
    model: nn.Module,
    parameters: list[nn.Parameter],
    ema: EMAModel,
    device: torch.device | str,
) -> State:
    """A copy, on `device`, of the model's whole state with averaged weights; every process must call it.

    The trained weights come back bit for bit.
    """
    ema.store(parameters)
    ema.copy_to(parameters)
    try:
        state = accelerator.get_state_dict(model)
        return {name: value.detach().to(device, copy=True) for name, value in (state or {}).items()}
    finally:
        ema.restore(parameters)


def as_pipeline(pipeline: LayoutPipeline, state: State, *, lora_rank: int) -> LayoutPipeline:
    """A new pipeline with the weights of `state`; adapters are merged into the weights they belong to."""
    with init_empty_weights():
        unet = UNet2DConditionModel.from_config(pipeline.unet.config)
        if lora_rank:
            add_adapters(unet, lora_rank)
        text_encoder = type(pipeline.text_encoder)(pipeline.text_encoder.config)
        layout_encoder = pipeline.layout_encoder and LayoutEncoder.from_config(pipeline.layout_encoder.config)
    for name, module in (("unet", unet), ("text_encoder", text_encoder), ("layout_encoder", layout_encoder)):
        if module is not None:
            prefix = f"{name}."
            weights = {
                key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)
            }
            module.load_state_dict(weights, assign=True)
            module.eval().requires_grad_(False)
    if lora_rank:
        unet.fuse_lora()
        unet.unload_lora()
    made = LayoutPipeline(
        pipeline.vae, text_encoder, pipeline.tokenizer, unet, pipeline.scheduler, layout_encoder
    )
    made.set_progress_bar_config(disable=True)
    return made


def write_model(
    pipeline: LayoutPipeline, target: Path, notes: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Write `pipeline` to the folder `target`; what was there is replaced when the new one is whole.

    Args:
        notes: text files beside it, by name.
    """
    aside = target.with_name(f".{target.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    pipeline.save_pretrained(aside)
    for name, text in notes.items():
        (aside / name).write_text(text, encoding="utf-8")
    flush(aside)
    replace_folder(aside, target)
