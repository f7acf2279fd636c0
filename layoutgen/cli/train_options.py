"""The options of ``layoutgen train``; the defaults that ``--help`` shows are those of TrainConfig."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any

import typer

from layoutgen.cli import completion
from layoutgen.cli.help import HelpfulCommand
from layoutgen.methods.registry import named_methods
from layoutgen.training.config import CHOICES, TrainConfig
from layoutgen.training.defaults import SMALL, STABLE_DIFFUSION, STABLE_DIFFUSION_ON_CUDA

_DEFAULTS_OF = {
    "Stable Diffusion": STABLE_DIFFUSION,
    "Stable Diffusion on CUDA": STABLE_DIFFUSION_ON_CUDA,
    "the small model": SMALL,
}


class TrainCommand(HelpfulCommand):
    """Its ``--from-scratch`` may come without a file; its defaults depend on the model."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        for option in self.params:
            others = [
                f"{model}: {_shown(of[option.name])}"
                for model, of in _DEFAULTS_OF.items()
                if option.name in of
            ]
            if others:
                option.help = f"{option.help} ({'; '.join(others)})"  # type: ignore[attr-defined]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give a bare ``--from-scratch`` an empty value: what follows it is a file only if it is named so."""
        for place in reversed(range(len(args))):
            following = args[place + 1] if place + 1 < len(args) else ""
            if args[place] == "--from-scratch" and not following.endswith((".yaml", ".yml")):
                args[place : place + 1] = ["--from-scratch", ""]
        return super().parse_args(ctx, args)


_DEFAULTS = {field.name: field.default for field in fields(TrainConfig)}
_MODEL = None  # the panel of all options without another one
_DATA, _STEP, _MEMORY, _KEEP = "Data", "Objective and steps", "Memory and speed", "Checkpoints and reports"


def _setting(panel: str | None, name: str, *flags: str, help: str, unset: str = "none", **more: Any) -> Any:
    """An option for the setting `name` of TrainConfig.

    Its value is None if it is not given, so that a config file can give it.

    Args:
        flags: how it is spelled, where that is not ``--name``.
        unset: what is shown as the default where that is None.
    """
    default = _DEFAULTS[name]
    shown = unset if default is None else _shown(default)
    values = CHOICES.get(name)
    if values is not None:
        more.setdefault("autocompletion", completion.one_of(*values))
    return typer.Option(*flags, show_default=shown, rich_help_panel=panel, help=help, **more)


def _shown(value: object) -> str:
    """`value` as the help has it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ", ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


Data = Annotated[
    Path | None,
    typer.Argument(
        metavar="[DATA]",
        show_default="that of the run that is continued",
        help="What `prepare coco` or `prepare scenes` wrote.",
    ),
]
Methods = Annotated[
    list[str] | None,
    _setting(
        _MODEL,
        "methods",
        "--method",
        metavar="METHOD",
        help="text2img or img2img; both, or a,b, for one model that can do both.",
        callback=lambda words: list(named_methods(words)),
        autocompletion=completion.trainable_methods,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        show_default="the small model in the package",
        help="Checkpoint to start from: a folder, one file, a run of `train`, or a hub id.",
    ),
]
FromScratch = Annotated[
    str | None,
    typer.Option(
        metavar="[FILE]",
        show_default=False,
        help="Train a new small model instead, of the shape in a YAML file, or of that in the package. It "
        "takes many hours on a CPU.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        show_default=False,
        help="Options from a YAML file, such as a run's config.yaml; the command line wins.",
    ),
]
Encoding = Annotated[
    str | None,
    _setting(
        _MODEL,
        "encoding",
        metavar="box|text",
        help="Of text2img: one token for each box, or its annotation as text.",
    ),
]
ResidualTokens = Annotated[
    bool | None,
    _setting(
        _MODEL,
        "residual_tokens",
        "--residual-tokens/--plain-tokens",
        help="A new model's token for a box begins as its label's embedding, or as noise.",
    ),
]
TrainTextEncoder = Annotated[
    bool | None,
    _setting(
        _MODEL,
        "train_text_encoder",
        "--train-text-encoder/--freeze-text-encoder",
        help="Train the text encoder too; text encoding gets location tokens.",
    ),
]
LoraRank = Annotated[
    int | None,
    _setting(
        _MODEL,
        "lora_rank",
        metavar="RANK",
        help="Train low-rank adapters of the attention only; 0: the whole U-Net.",
    ),
]
Images = Annotated[int | None, _setting(_STEP, "images", help="Training examples in all.")]
BatchSize = Annotated[
    int | None, _setting(_STEP, "batch_size", help="Examples of an optimizer step, on each process.")
]
Resolution = Annotated[int | None, _setting(_DATA, "resolution", help="Side of the images, in pixels.")]
AspectBuckets = Annotated[
    bool | None,
    _setting(
        _DATA,
        "aspect_buckets",
        "--aspect-buckets/--square",
        help="Train on several aspect ratios of about the same area.",
    ),
]
CacheLatents = Annotated[
    bool | None,
    _setting(
        _DATA,
        "cache_latents",
        "--cache-latents/--no-cache-latents",
        help="Encode images and captions once, into DATA/.latents; crops are then fixed.",
    ),
]
Workers = Annotated[int | None, _setting(_DATA, "workers", help="Processes that read data.")]
LearningRate = Annotated[
    float | None, _setting(_STEP, "learning_rate", help="Learning rate after the warmup.")
]
UnetLrFactor = Annotated[
    float | None,
    _setting(
        _STEP,
        "unet_lr_factor",
        metavar="X",
        help="The U-Net's own weights learn at X times that; what is new to the model does not.",
    ),
]
TextLrFactor = Annotated[
    float | None,
    _setting(_STEP, "text_lr_factor", metavar="X", help="The text encoder learns at X times that."),
]
Warmup = Annotated[int | None, _setting(_STEP, "warmup", help="Steps until the learning rate is reached.")]
Schedule = Annotated[
    str | None,
    _setting(
        _STEP,
        "schedule",
        metavar="NAME",
        help="What the learning rate does then: constant, linear, cosine, or warmup_stable_decay: held, "
        "then down to zero over the last fifth of --images.",
    ),
]
Optimizer = Annotated[
    str | None,
    _setting(_STEP, "optimizer", metavar="adamw|adamw8bit", help="adamw8bit needs bitsandbytes."),
]
Ema = Annotated[float | None, _setting(_STEP, "ema", help="Decay of the averaged weights.")]
DropCaption = Annotated[
    float | None, _setting(_STEP, "drop_caption", help="Share of examples without caption, for guidance.")
]
DropLayout = Annotated[
    float | None, _setting(_STEP, "drop_layout", help="Share of examples without layout, for guidance.")
]
DropBoth = Annotated[
    float | None,
    _setting(_STEP, "drop_both", help="Share of further examples without either, for guidance."),
]
MinSnr = Annotated[float | None, _setting(_STEP, "min_snr", help="Min-SNR gamma; 0: off.")]
BoxWeight = Annotated[float | None, _setting(_STEP, "box_weight", help="How much small boxes count; 0: off.")]
FewSteps = Annotated[
    int | None,
    typer.Option("--steps", show_default="4", help="Steps that the new model paints in, without guidance."),
]
Features = Annotated[
    str | None,
    _setting(
        _STEP,
        "features",
        metavar="NAME",
        help="Network that the judge sees with: efficientnet-lite0, a backbone of transformers (a folder or "
        "hub id), or timm/NAME.",
    ),
]
JudgeLearningRate = Annotated[
    float | None, _setting(_STEP, "judge_learning_rate", help="Learning rate of the judge.")
]
TeacherWeight = Annotated[
    float | None,
    _setting(
        _STEP,
        "teacher_weight",
        help="How near to the guided model the new one stays; 0: only the judge counts.",
    ),
]
TeacherGuidance = Annotated[
    float | None,
    _setting(_STEP, "teacher_guidance", help="Guidance of that model; 0: that with which it paints best."),
]
RealWeight = Annotated[
    float | None,
    _setting(
        _STEP,
        "real_weight",
        help="How near to a real picture the new model stays in steps that begin from one; 0: only the judge "
        "counts.",
    ),
]
BorderWeight = Annotated[
    float | None,
    _setting(
        _STEP,
        "border_weight",
        help="How much steps at the borders of latent cells count, which a patch autoencoder shows; 0: off.",
    ),
]
MicroBatch = Annotated[
    int | None,
    _setting(
        _MEMORY,
        "micro_batch",
        help="Examples at once; gradients are accumulated to the whole batch. 0: the batch, halved when "
        "memory runs out.",
    ),
]
GradientCheckpointing = Annotated[
    bool | None,
    _setting(
        _MEMORY,
        "gradient_checkpointing",
        "--gradient-checkpointing/--no-gradient-checkpointing",
        help="Compute activations again in the backward pass instead of keeping them.",
    ),
]
MixedPrecision = Annotated[
    str | None,
    _setting(
        _MEMORY,
        "mixed_precision",
        metavar="no|fp16|bf16",
        help="Precision of the forward pass; weights are fp32.",
    ),
]
Tf32 = Annotated[
    bool | None,
    _setting(_MEMORY, "tf32", "--tf32/--no-tf32", help="Let CUDA multiply fp32 matrices in TF32."),
]
Compile = Annotated[
    bool | None,
    _setting(
        _MEMORY, "compile", "--compile/--no-compile", help="Use torch.compile; not with --aspect-buckets."
    ),
]
SaveEvery = Annotated[int | None, _setting(_KEEP, "save_every", help="Examples between two checkpoints.")]
KeepCheckpoints = Annotated[
    int | None, _setting(_KEEP, "keep_checkpoints", help="How many of the newest checkpoints are kept.")
]
ReportEvery = Annotated[
    int | None,
    _setting(
        _KEEP,
        "report_every",
        help="Examples between two contact sheets in OUTPUT/samples; 0: none.",
    ),
]
Validation = Annotated[
    str | None,
    _setting(
        _KEEP,
        "validation",
        metavar="FILE",
        unset="the first of DATA",
        help="Layouts for the contact sheets: YAML or COCO json.",
    ),
]
Tracker = Annotated[
    str | None,
    _setting(
        _KEEP,
        "tracker",
        metavar="NAME",
        help="One of accelerate's trackers, such as tensorboard (in OUTPUT).",
    ),
]
MaxMinutes = Annotated[
    float | None,
    typer.Option(
        show_default="no limit", rich_help_panel=_KEEP, help="Stop with a checkpoint after this time."
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE", show_default="cuda if there is one", rich_help_panel=_MEMORY, help="cpu or cuda."
    ),
]
Seed = Annotated[int | None, _setting(_STEP, "seed", help="The same seed gives the same run.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show data, memory and plan, and stop; nothing is written.")
]
