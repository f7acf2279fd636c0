"""A new small model of Stable Diffusion's kind: autoencoder, tokenizer, text encoder, U-Net."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from torch import Tensor
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from layoutgen.autoencoder import PatchAutoencoder
from layoutgen.conditioning.encoder import LayoutEncoder
from layoutgen.data.dataset import LayoutDataset
from layoutgen.methods.registry import extra_channels
from layoutgen.methods.text2img import LOCATIONS, add_location_tokens
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.config import ScratchConfig
from layoutgen.training.waiting import Waiting, no_waiting

_START, _END = "<|startoftext|>", "<|endoftext|>"


def build_model(
    config: ScratchConfig,
    dataset: LayoutDataset,
    methods: tuple[str, ...],
    encoding: str,
    *,
    seed: int,
    residual_tokens: bool = False,
    waiting: Waiting = no_waiting,
) -> LayoutPipeline:
    """A new model; its autoencoder is fitted to `dataset`, the other components have random weights."""
    torch.manual_seed(seed)
    vae = fit_autoencoder(config, dataset, seed=seed, waiting=waiting)
    tokenizer = build_tokenizer(_captions(dataset, 256), config)
    location_tokens = LOCATIONS if "text2img" in methods and encoding == "text" else 0
    if location_tokens:
        add_location_tokens(tokenizer)
    text_encoder = _text_encoder(config, tokenizer)
    layout_encoder = LayoutEncoder(
        text_dim=config.text_dim,
        frequencies=config.frequencies,
        hidden_dim=2 * config.text_dim,
        map_channels=extra_channels(methods, config.latent_channels),
        methods=methods,
        encodings=(encoding,) if "text2img" in methods else (),
        labels=dataset.labels,
        smallest=config.smallest,
        largest=config.largest if math.isfinite(config.largest) else None,
        aspect=config.aspect,
        window=config.window,
        location_tokens=location_tokens,
        grid=config.grid,
        adds_label=residual_tokens,
    )
    unet = _unet(config, config.latent_channels + layout_encoder.config.map_channels)
    scheduler = DDIMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        clip_sample=False,
        set_alpha_to_one=True,
        timestep_spacing="trailing",
    )
    return LayoutPipeline(vae, text_encoder, tokenizer, unet, scheduler, layout_encoder)


def _text_encoder(config: ScratchConfig, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=config.text_dim,
            intermediate_size=4 * config.text_dim,
            projection_dim=config.text_dim,
            num_hidden_layers=config.text_layers,
            num_attention_heads=max(1, config.text_dim // 32),
            max_position_embeddings=config.text_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def _unet(config: ScratchConfig, in_channels: int) -> UNet2DConditionModel:
    levels = len(config.channels)
    return UNet2DConditionModel(
        sample_size=config.window // config.patch_size,
        in_channels=in_channels,
        out_channels=config.latent_channels,
        layers_per_block=config.layers,
        block_out_channels=config.channels,
        down_block_types=("CrossAttnDownBlock2D",) * levels,
        up_block_types=(*["CrossAttnUpBlock2D"] * (levels - 1), "UpBlock2D"),
        cross_attention_dim=config.text_dim,
        attention_head_dim=tuple(max(1, width // 32) for width in config.channels),
        only_cross_attention=not config.self_attention,
        mid_block_only_cross_attention=not config.self_attention,
        norm_num_groups=16,
    )


def fit_autoencoder(
    config: ScratchConfig,
    dataset: LayoutDataset,
    *,
    seed: int,
    batch_size: int = 8,
    waiting: Waiting = no_waiting,
) -> PatchAutoencoder:
    """Principal components of the data's patches, then the decoder's convolutions by gradient descent."""
    images = torch.stack(list(_examples(dataset, config.autoencoder_images, waiting)))
    vae: PatchAutoencoder = PatchAutoencoder(config.patch_size, config.latent_channels)
    vae.fit(torch.split(images, 64))
    optimizer = torch.optim.AdamW(vae.refine.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(1, config.autoencoder_steps))
    generator = torch.Generator().manual_seed(seed)
    for step in range(config.autoencoder_steps):
        rows = torch.randint(len(images), (batch_size,), generator=generator)
        loss = _reconstruction_loss(vae, images[rows], generator)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        waiting("fitting the autoencoder", step + 1, config.autoencoder_steps)
    vae.eval()
    return vae


def _examples(dataset: LayoutDataset, count: int, waiting: Waiting) -> Iterator[Tensor]:
    for k in range(count):
        yield dataset[k].image
        waiting("reading images for the autoencoder", k + 1, count)


def _reconstruction_loss(vae: PatchAutoencoder, images: Tensor, generator: torch.Generator) -> Tensor:
    """L1 after a little noise on the latents, so that the decoder tolerates the denoiser's errors."""
    latents = vae.encode(images, return_dict=False)[0].mode()
    noisy = latents + 0.1 * torch.rand(len(images), 1, 1, 1, generator=generator) * torch.randn(
        latents.shape, generator=generator
    )
    decoded: Tensor = vae.decode(noisy, return_dict=False)[0]
    return (decoded - images).abs().mean()


def build_tokenizer(captions: Iterator[str], config: ScratchConfig) -> CLIPTokenizer:
    """A byte-level BPE tokenizer of CLIP's form, its vocabulary learnt from `captions`."""
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=_END))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocabulary + 2 * len(alphabet),
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(captions, trainer)
    trained = json.loads(tokenizer.to_str())["model"]
    # CLIP's own order: bytes, bytes that end a word, merges, the two special tokens.
    merges = [tuple(pair) if isinstance(pair, list) else tuple(pair.split()) for pair in trained["merges"]]
    words = [
        *alphabet,
        *(byte + "</w>" for byte in alphabet),
        *dict.fromkeys("".join(pair) for pair in merges),
    ]
    vocabulary = {word: number for number, word in enumerate([*words, _START, _END])}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "vocab.json").write_text(json.dumps(vocabulary))
        Path(folder, "merges.txt").write_text("\n".join(["#version: 0.2", *map(" ".join, merges)]) + "\n")
        return CLIPTokenizer.from_pretrained(folder, model_max_length=config.text_length)


def _captions(dataset: LayoutDataset, count: int) -> Iterator[str]:
    """Captions and labels of the first examples."""
    for layout in (dataset[k].layout for k in range(count)):
        yield layout.prompt
        yield from (instance.label for instance in layout.instances)
