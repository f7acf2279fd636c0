"""Everything that a step differentiates as one module, and what of it is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from layoutgen.conditioning.condition import DenoiserInputs
from layoutgen.domain.layout import Layout
from layoutgen.methods.base import LayoutMethod
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.config import TrainConfig


class Denoiser(nn.Module):
    """Layouts and noisy latents to a prediction; one module, so that DDP, FSDP and DeepSpeed can wrap it.

    Args:
        methods: the ways to tell the U-Net of a layout, in the order in which steps use them; their modules
            are the pipeline's.
    """

    def __init__(self, pipeline: LayoutPipeline, methods: Sequence[LayoutMethod]) -> None:
        super().__init__()
        self.unet, self.text_encoder = pipeline.unet, pipeline.text_encoder
        self.layout_encoder = pipeline.layout_encoder
        self.methods, self.backbone = tuple(methods), pipeline.backbone

    def forward(
        self, turn: int, layouts: Sequence[Layout], unplaced: Tensor, noisy: Tensor, times: Tensor
    ) -> Tensor:
        """Predict (B, C, h, w) from `noisy` latents (B, C, h, w) at `times` (B,).

        Args:
            turn: number of the step; it decides the method.
            layouts: B of them, of one size.
            unplaced: (B,) bool: whose layout is hidden.
        """
        method = self.methods[turn % len(self.methods)]
        condition = method.encode(layouts).to(noisy.device, noisy.dtype).drop_layout(unplaced)
        return self.backbone.predict(noisy, times, DenoiserInputs.of([condition]), denoiser=self.unet)

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Let the U-Net hear all methods."""
        with self.backbone.reading_layouts():
            yield


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the model: its parameters, and how many of them are trained."""

    name: str
    parameters: int
    trained: int


def choose_trained(pipeline: LayoutPipeline, denoiser: Denoiser, config: TrainConfig) -> list[Part]:
    """Let gradients flow to what `config` trains and to nothing else; says what that is, part by part.

    The U-Net as a whole or adapters of its attention, with which its input convolution is trained where that
    has channels for the layout; the modules of the methods; the text encoder if asked for.
    """
    pipeline.vae.requires_grad_(False)
    denoiser.requires_grad_(False)
    if config.lora_rank:
        add_adapters(pipeline.unet, config.lora_rank)
        if pipeline.layout_encoder is not None and pipeline.layout_encoder.config.map_channels:
            pipeline.unet.conv_in.requires_grad_(True)
    else:
        pipeline.unet.requires_grad_(True)
    for module in (module for method in denoiser.methods for module in method.modules()):
        module.requires_grad_(True)
    pipeline.text_encoder.requires_grad_(config.train_text_encoder)
    if config.gradient_checkpointing:
        pipeline.unet.enable_gradient_checkpointing()
        if config.train_text_encoder:
            pipeline.text_encoder.gradient_checkpointing_enable({"use_reentrant": False})
    parts = {
        "U-Net": pipeline.unet,
        "layout encoder": pipeline.layout_encoder,
        "text encoder": pipeline.text_encoder,
        "autoencoder": pipeline.vae,
    }
    return [_part(name, module) for name, module in parts.items() if module is not None]


def add_adapters(unet: UNet2DConditionModel, rank: int) -> None:
    """Low-rank adapters (Hu et al., arXiv 2106.09685) beside the attention's projections."""
    from peft import LoraConfig

    projections = ["to_q", "to_k", "to_v", "to_out.0"]
    unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=projections))


def _part(name: str, module: nn.Module) -> Part:
    parameters = list(module.parameters())
    return Part(
        name, sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)
    )
