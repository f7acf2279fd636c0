"""What our sampling is compared with: plain Stable Diffusion, GLIGEN, and MultiDiffusion with regions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor

from layoutgen.denoising.multidiffusion import windows_for
from layoutgen.domain.layout import Layout
from layoutgen.pipeline import LayoutPipeline

Paint = Callable[[Layout, int, float], Any]
"""Paints a layout in a number of steps with a guidance scale."""

_REGION_BATCH = 8  # regions through the U-Net at once


def plain(ours: LayoutPipeline, *, whole: bool) -> Paint:
    """diffusers' own pipeline, without layout: the `whole` canvas at once, or its windows, decoded as one."""
    from diffusers import StableDiffusionPipeline  # loading it warns of torchvision, even where nobody paints

    parts = {
        k: v for k, v in ours.components.items() if v is not None and k not in ("layout_encoder", "unet")
    }
    pipeline = StableDiffusionPipeline(
        **parts,
        unet=without_layout(ours.unet),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)

    def paint(layout: Layout, steps: int, guidance: float) -> object:
        options = {"num_inference_steps": steps, "guidance_scale": guidance, "prompt": layout.prompt}
        if whole:
            return pipeline(width=layout.width, height=layout.height, **options).images[0]
        height, width = (
            layout.height // ours.backbone.pixels_per_latent,
            layout.width // ours.backbone.pixels_per_latent,
        )
        count = len(windows_for(ours.backbone, height, width))
        side = min(ours.window, layout.width, layout.height)
        for start in range(0, count, _REGION_BATCH):
            rows = min(_REGION_BATCH, count - start)
            pipeline(width=side, height=side, num_images_per_prompt=rows, output_type="latent", **options)
        with torch.no_grad():
            noise = torch.zeros(1, ours.vae.config.latent_channels, height, width)
            return ours.vae.decode(noise.to(ours.device, ours.vae.dtype))

    return paint


def region_multidiffusion(ours: LayoutPipeline) -> Paint:
    """MultiDiffusion with a prompt for each region (Bar-Tal et al., ICML 2023, eq. 3-5; Algorithm 1).

    Every step, each region and the background get a prediction and a scheduler step of their own over the
    whole canvas; latents are their mean, weighted by the masks. The bootstrapping of the first steps, which
    is not about regions' number and costs little, is left out in its favour.
    """
    unet = without_layout(ours.unet)

    @torch.no_grad()
    def paint(layout: Layout, steps: int, guidance: float) -> object:
        height, width = (
            layout.height // ours.backbone.pixels_per_latent,
            layout.width // ours.backbone.pixels_per_latent,
        )
        prompts = [layout.prompt, *(f"a photo of a {i.label}" for i in layout.instances)]
        told, untold = (_embedded(ours, texts) for texts in (prompts, [""] * len(prompts)))
        masks = _masks(layout, height, width).to(ours.device)  # (N + 1, 1, h, w)
        latents = torch.randn(1, ours.vae.config.latent_channels, height, width).to(ours.device)
        ours.scheduler.set_timesteps(steps, device=ours.device)
        for time in ours.scheduler.timesteps:
            value, count = torch.zeros_like(latents), torch.zeros_like(latents)
            for start in range(0, len(prompts), _REGION_BATCH):
                part = slice(start, start + _REGION_BATCH)
                seen = latents.expand(len(told[part]), -1, -1, -1)
                context = torch.cat([told[part], untold[part]])
                both = torch.cat([seen, seen]).to(unet.dtype)
                on, off = (
                    unet(both, time, encoder_hidden_states=context, return_dict=False)[0].float().chunk(2)
                )
                moved = ours.scheduler.step(off + guidance * (on - off), time, seen, return_dict=False)[0]
                value += (moved * masks[part]).sum(0, keepdim=True)
                count += masks[part].sum(0, keepdim=True)
            latents = value / count
        return ours.vae.decode((latents / ours.vae.config.scaling_factor).to(ours.vae.dtype))

    return paint


def gligen(ours: LayoutPipeline) -> Paint:
    """diffusers' GLIGEN: grounding tokens through gated self-attention in every block; 30 boxes at most."""
    from diffusers import StableDiffusionGLIGENPipeline

    plain_unet = without_layout(ours.unet)
    config = dict(plain_unet.config) | {"attention_type": "gated"}
    unet = UNet2DConditionModel.from_config(config).to(ours.device, ours.unet.dtype).eval()
    parts = {
        k: v for k, v in ours.components.items() if v is not None and k not in ("layout_encoder", "unet")
    }
    pipeline = StableDiffusionGLIGENPipeline(
        **parts, unet=unet, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipeline.set_progress_bar_config(disable=True)

    def paint(layout: Layout, steps: int, guidance: float) -> object:
        shown = layout.instances[:30]
        return pipeline(
            prompt=layout.prompt,
            gligen_phrases=[i.label for i in shown],
            gligen_boxes=[list(i.box.scale(1 / layout.width, 1 / layout.height).xyxy) for i in shown],
            gligen_scheduled_sampling_beta=1.0,
            width=layout.width,
            height=layout.height,
            num_inference_steps=steps,
            guidance_scale=guidance,
        )

    return paint


def without_layout(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """The same network with input channels for the latents only; all other weights are shared."""
    latents = int(unet.config.out_channels)
    if unet.config.in_channels == latents:
        return unet
    made = UNet2DConditionModel.from_config(dict(unet.config) | {"in_channels": latents})
    made.to(unet.device, unet.dtype)
    weights = unet.state_dict()
    weights["conv_in.weight"] = weights["conv_in.weight"][:, :latents].clone()
    made.load_state_dict(weights, assign=True)
    return made.eval()


def _embedded(ours: LayoutPipeline, texts: list[str]) -> Tensor:
    options = {"padding": "max_length", "truncation": True, "return_tensors": "pt"}
    ids = ours.tokenizer(texts, max_length=ours.tokenizer.model_max_length, **options).input_ids
    return ours.text_encoder(ids.to(ours.device)).last_hidden_state


def _masks(layout: Layout, height: int, width: int) -> Tensor:
    """(N + 1, 1, h, w): the background, then each region; every cell is in at least one."""
    masks = torch.zeros(len(layout.instances) + 1, 1, height, width)
    for number, instance in enumerate(layout.instances, start=1):
        box = instance.box.scale(width / layout.width, height / layout.height)
        masks[number, 0, int(box.y0) : -(-box.y1 // 1).__int__(), int(box.x0) : -(-box.x1 // 1).__int__()] = 1
    masks[0] = (masks.sum(0) == 0).float()
    return masks
