"""Snapshots of a run: the averaged weights as a pipeline, written to ``model/`` and painted with."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from accelerate import Accelerator, init_empty_weights
from diffusers import UNet2DConditionModel
from diffusers.training_utils import EMAModel
from safetensors.torch import save_file
from torch import Tensor, nn

from layoutgen.conditioning.encoder import LayoutEncoder
from layoutgen.domain.layout import Layout
from layoutgen.drawing.contact_sheet import contact_sheet
from layoutgen.drawing.overlay import overlay
from layoutgen.io.files import replacing
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.checkpoint import flush, replace_folder, saving
from layoutgen.training.config import TrainConfig
from layoutgen.training.denoiser import Denoiser, add_adapters
from layoutgen.training.visible_boxes import visible_share

_PAINT_STEPS = 20

State = dict[str, Tensor]


@dataclass(frozen=True)
class Snapshots:
    """Takes snapshots of `model`, which is `denoiser` as accelerate wraps it, averaged by `ema`.

    Attributes:
        run: the run folder.
        validation: the layouts of the contact sheets.
    """

    pipeline: LayoutPipeline
    denoiser: Denoiser
    model: nn.Module
    ema: EMAModel
    config: TrainConfig
    run: Path
    accelerator: Accelerator
    validation: Sequence[Layout]

    def take(self, images: int, *, paint: bool, write: bool) -> float | None:
        """Paint a contact sheet, or write ``model/``, or both; every process must call it.

        Returns:
            The share of the painted boxes that stand out; None: nothing was painted here.

        Args:
            images: examples that were trained on.

        Raises:
            CannotSave: the disk is full; what was there is untouched.
        """
        # To paint, a second model is needed on the device; to write, one in main memory is enough.
        device = self.accelerator.device if paint else "cpu"
        trained = [p for p in self.model.parameters() if p.requires_grad]
        visible = None
        state = averaged_state(self.accelerator, self.model, trained, self.ema, device)
        if self.accelerator.is_main_process:
            averaged = as_pipeline(self.pipeline, state, lora_rank=self.config.lora_rank)
            if paint:
                visible = self._paint(averaged, images)
            if write:
                with saving(self.run / "model", self.run / "checkpoints"):
                    write_model(averaged, self.run / "model")
                    if self.config.lora_rank:
                        write_lora(state, self.run / "lora.safetensors")
        self.accelerator.wait_for_everyone()
        return visible

    def _paint(self, averaged: LayoutPipeline, images: int) -> float | None:
        """Paint the validation layouts by each method, each with its own seed, into a contact sheet.

        Returns:
            The share of their boxes that stand out.
        """
        painted, captions, pictures = [], [], []
        steps = (averaged.config.get("sampling") or {}).get("steps", _PAINT_STEPS)
        for method in dict.fromkeys(self.denoiser.methods):
            by = averaged.method(method.info.name, method.encoding)
            for number, layout in enumerate(self.validation):
                generator = torch.Generator().manual_seed(number)
                image = averaged(layout, method=by, steps=steps, generator=generator)[0]
                pictures.append((image, layout))
                painted += [image, overlay(image, layout)]
                count = len(layout.instances)
                captions += [f"{method.info.name}: {layout.prompt}", f"{count} box{'es' * (count != 1)}"]
        path = self.run / "samples" / f"images-{images:010d}.png"
        with saving(path, self.run / "checkpoints"), replacing(path) as aside:
            contact_sheet(painted, captions, columns=4).save(aside, format="PNG")
        return visible_share(pictures)


def averaged_state(
    accelerator: Accelerator,
    model: nn.Module,
    parameters: list[nn.Parameter],
    ema: EMAModel,
    device: torch.device | str,
) -> State:
    """A copy, on `device`, of the model's whole state with averaged weights; every process must call it.

    Afterwards the trained weights are bit for bit as before.
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
        text_encoder, text_encoder_2 = (
            encoder and type(encoder)(encoder.config)
            for encoder in (pipeline.text_encoder, pipeline.text_encoder_2)
        )
        layout_encoder = pipeline.layout_encoder and LayoutEncoder.from_config(pipeline.layout_encoder.config)
    for name, module in (
        ("unet", unet),
        ("text_encoder", text_encoder),
        ("text_encoder_2", text_encoder_2),
        ("layout_encoder", layout_encoder),
    ):
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
    averaged = LayoutPipeline(
        pipeline.vae,
        text_encoder,
        pipeline.tokenizer,
        unet,
        pipeline.scheduler,
        layout_encoder,
        sampling=pipeline.config.get("sampling"),
        text_encoder_2=text_encoder_2,
        tokenizer_2=pipeline.tokenizer_2,
        **pipeline.text_settings,
    )
    averaged.set_progress_bar_config(disable=True)
    return averaged


def write_lora(state: State, path: Path) -> None:
    """Write the U-Net's adapters in `state` as a file that other tools load, in the names of diffusers.

    Their alpha is their rank, as it is where a file says nothing of it.
    """
    adapters = {
        name.replace(".default.", "."): value.contiguous().cpu()
        for name, value in state.items()
        if name.startswith("unet.") and (".lora_A." in name or ".lora_B." in name)
    }
    with replacing(path) as aside:
        save_file(adapters, aside, metadata={"format": "pt"})


def write_model(
    pipeline: LayoutPipeline, target: Path, texts: Mapping[str, str] = MappingProxyType({})
) -> None:
    """Write `pipeline` to the folder `target`; what was there is replaced when the new one is complete.

    Args:
        texts: content of further files in the folder, by name.
    """
    aside = target.with_name(f".{target.name}.partial")
    shutil.rmtree(aside, ignore_errors=True)
    pipeline.save_pretrained(aside)
    for name, text in texts.items():
        (aside / name).write_text(text, encoding="utf-8")
    flush(aside)
    replace_folder(aside, target)
