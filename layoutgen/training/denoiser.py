"""The network that is trained, as one module: text encoder, layout encoder and U-Net."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from layoutgen.conditioning.condition import Condition, DenoiserInputs
from layoutgen.domain.layout import Layout
from layoutgen.methods.base import LayoutMethod
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.config import TrainConfig


class Denoiser(nn.Module):
    """Layouts and noisy latents to a prediction; one module, so that DDP, FSDP and DeepSpeed can wrap it.

    Args:
        methods: how the U-Net is conditioned on a layout; optimizer steps use them in turn. Their modules are
            the pipeline's.
    """

    def __init__(self, pipeline: LayoutPipeline, methods: Sequence[LayoutMethod]) -> None:
        super().__init__()
        self.unet, self.text_encoder = pipeline.unet, pipeline.text_encoder
        self.text_encoder_2 = pipeline.text_encoder_2  # None, but of Stable Diffusion XL
        self.layout_encoder = pipeline.layout_encoder
        self.methods, self.backbone = tuple(methods), pipeline.backbone

    def forward(
        self,
        step: int,
        layouts: Sequence[Layout],
        layout_dropped: Tensor,
        noisy: Tensor,
        timesteps: Tensor,
        sizes: Tensor | None = None,
    ) -> Tensor:
        """Predict (B, C, h, w) from `noisy` latents (B, C, h, w) at `timesteps` (B,).

        Args:
            step: number of the optimizer step; it decides the method.
            layouts: B of them, of one size.
            layout_dropped: (B,) bool: whose layout the U-Net does not see.
            sizes: (B, 6), see :class:`~layoutgen.conditioning.condition.DenoiserInputs`.
        """
        condition = self.encode(step, layouts).to(noisy.device, noisy.dtype).drop_layout(layout_dropped)
        inputs = DenoiserInputs.of([condition])._replace(sizes=sizes)
        return self.backbone.predict(noisy, timesteps, inputs, denoiser=self.unet)

    def encode(self, step: int, layouts: Sequence[Layout]) -> Condition:
        """What the U-Net is told about B `layouts`, by the method of optimizer step `step`."""
        condition = self.methods[step % len(self.methods)].encode(layouts)
        # No caption is what guidance takes for none: zeros in Stable Diffusion XL.
        prompt = self.backbone.as_negative(condition.prompt, [layout.prompt for layout in layouts])
        return replace(condition, prompt=prompt)

    @property
    def reads_maps(self) -> bool:
        """Whether the U-Net has input channels for the layout."""
        return self.layout_encoder is not None and bool(self.layout_encoder.config.map_channels)

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Let the U-Net's attention read layouts; it is left exactly as it was."""
        with self.backbone.reading_layouts():
            yield


@dataclass(frozen=True, slots=True)
class Component:
    """A component of the model: its number of parameters, and how many of them are trained."""

    name: str
    parameters: int
    trained: int


def choose_trained(pipeline: LayoutPipeline, denoiser: Denoiser, config: TrainConfig) -> list[Component]:
    """Let gradients flow to what `config` trains and to nothing else; says what that is.

    The U-Net as a whole or adapters of its attention, with which its input convolution is trained where that
    has channels for the layout; the modules of the methods; the text encoder if asked for.
    """
    pipeline.vae.requires_grad_(False)
    denoiser.requires_grad_(False)
    if config.lora_rank:
        add_adapters(pipeline.unet, config.lora_rank)
        if denoiser.reads_maps:
            pipeline.unet.conv_in.requires_grad_(True)
    else:
        pipeline.unet.requires_grad_(True)
    for method in denoiser.methods:
        for module in method.modules():
            module.requires_grad_(True)
    names = ("text encoder", "second text encoder")
    encoders = {name: part.encoder for name, part in zip(names, pipeline.backbone.text_parts, strict=False)}
    for encoder in encoders.values():
        encoder.requires_grad_(config.train_text_encoder)
    if config.gradient_checkpointing:
        pipeline.unet.enable_gradient_checkpointing()
        if config.train_text_encoder:
            for encoder in encoders.values():
                encoder.gradient_checkpointing_enable({"use_reentrant": False})
    modules = {
        "U-Net": pipeline.unet,
        "layout encoder": pipeline.layout_encoder,
        **encoders,
        "autoencoder": pipeline.vae,
    }
    return [_component(name, module) for name, module in modules.items() if module is not None]


def add_adapters(unet: UNet2DConditionModel, rank: int) -> None:
    """Low-rank adapters (Hu et al., arXiv 2106.09685) of the attention's projections."""
    from peft import LoraConfig

    projections = ["to_q", "to_k", "to_v", "to_out.0"]
    unet.add_adapter(LoraConfig(r=rank, lora_alpha=rank, target_modules=projections))


def _component(name: str, module: nn.Module) -> Component:
    sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
    return Component(name, sum(n for n, _ in sizes), sum(n for n, trained in sizes if trained))
