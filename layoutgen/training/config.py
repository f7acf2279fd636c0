"""The settings of a training run, and the shape of a new small model: frozen, checked, from YAML."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields

from layoutgen.domain.size_prior import ANY_SIZE, Range, SizePrior
from layoutgen.errors import InvalidOption
from layoutgen.methods.registry import TRAINABLE

CHOICES = {
    "encoding": ("box", "text"),
    "mixed_precision": ("no", "fp16", "bf16"),
    "optimizer": ("adamw", "adamw8bit"),
    "schedule": ("constant", "linear", "cosine", "warmup_stable_decay"),
}
"""The values that some settings take."""
_AT_LEAST_ONE = ("images", "batch_size", "resolution", "save_every", "keep_checkpoints")
_SHARES = ("drop_caption", "drop_layout", "drop_both", "ema")  # at least 0, below 1
_DENOISING = ("drop_caption", "drop_layout", "drop_both", "min_snr", "box_weight", "cache_latents")
"""Settings of the denoising loss, and of inputs without pixels."""
_ADVERSARIAL = (
    "features",
    "judge_learning_rate",
    "teacher_weight",
    "teacher_guidance",
    "real_weight",
    "border_weight",
)
_RATES = ("learning_rate", "judge_learning_rate", "unet_lr_factor", "text_lr_factor")
_FINITE = (
    *_RATES,
    "min_snr",
    "box_weight",
    "teacher_weight",
    "teacher_guidance",
    "real_weight",
    "border_weight",
)
_MOST_FEW_STEPS = 50  # as many as an LCMScheduler has
_NOT_NEGATIVE = (
    "micro_batch",
    "warmup",
    "min_snr",
    "box_weight",
    "lora_rank",
    "report_every",
    "few_steps",
    "teacher_weight",
    "teacher_guidance",
    "real_weight",
    "border_weight",
    "workers",
    "seed",
)


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """The settings of one training run.

    Its defaults are those of ``layoutgen train`` where the model that it begins with has no others
    (:mod:`layoutgen.training.defaults`). A run that does not say what a setting is was trained with the
    default here: it may not change.

    Attributes:
        methods: text2img, img2img or both; with several, optimizer steps use them in turn.
        encoding: of text2img: box or text.
        residual_tokens: with the box encoding, a new model's token for a box is the embedding of its label
            and what is learnt of the box, which begins as zero; else all of it is learnt.
        images: training examples in all.
        batch_size: examples of an optimizer step, on each process.
        micro_batch: examples in one forward and backward pass; 0: the whole batch. Gradients are
            accumulated, so that it changes memory and time, not the result.
        resolution: side of the square training images, in pixels.
        aspect_buckets: train on images of several aspect ratios, of about the same number of pixels.
        learning_rate: of the optimizer, after `warmup` steps; then as `schedule` says, until `images`:
            constant, linear or cosine; or warmup_stable_decay: held, then linearly to 0 in the last fifth.
        unet_lr_factor, text_lr_factor: how many times the `learning_rate` the U-Net's own weights, and those
            of the text encoder, learn at. Modules that read the layout, and adapters, are new: 1.
        optimizer: adamw, or adamw8bit (bitsandbytes).
        ema: decay of the exponential moving average of the weights, which is the model that is kept.
        drop_caption, drop_layout: shares of examples that are trained without caption, or without layout;
            each is drawn by itself.
        drop_both: share of further examples that are trained without either, as guidance needs them.
        min_snr: gamma of the min-SNR weighting (arXiv 2303.09556); 0: off.
        box_weight: exponent of the box-area reweighting (GeoDiffusion: 0.2); 0: off.
        train_text_encoder: also train the text encoder; a new model needs it.
        lora_rank: train low-rank adapters of the U-Net's attention instead of the U-Net; 0: the U-Net.
        gradient_checkpointing: compute activations again in the backward pass instead of keeping them.
        compile: compile the U-Net with torch.compile.
        cache_latents: encode images and captions once, on disk; crops are then fixed.
        save_every: examples between two checkpoints.
        keep_checkpoints: how many of the newest checkpoints stay.
        report_every: examples between two contact sheets; 0: none.
        validation: file with the layouts of the contact sheets, 8 at most; None: 4 of the data.
        tracker: one of accelerate's trackers, such as tensorboard.
        few_steps: distil a painter of so many steps without guidance, against a judge; 0: learn to denoise.
        features: network that the judge sees with; see :func:`~layoutgen.features.networks.load_features`.
        judge_learning_rate: of the judge, constant.
        teacher_weight: how much the painter keeps near to the guided model that it begins as; 0: not at all.
        teacher_guidance: guidance of that model; 0: that with which it paints best.
        real_weight: how much the painter keeps near to the real picture in steps that begin from one; 0: not
            at all.
        border_weight: how much steps at the borders of latent cells count that a patch autoencoder would
            show; 0: not at all.
        workers: processes that read data.
        mixed_precision: of the forward pass: no (fp32), fp16 or bf16.
        tf32: let CUDA multiply fp32 matrices in TF32.
        seed: of the data's order and crops, of noise, and of new weights.

    Raises:
        InvalidOption: names all settings that cannot work.
    """

    methods: tuple[str, ...] = ("text2img",)
    encoding: str = "box"
    residual_tokens: bool = False
    images: int = 100_000
    batch_size: int = 16
    micro_batch: int = 0
    resolution: int = 512
    aspect_buckets: bool = False
    learning_rate: float = 1e-4
    unet_lr_factor: float = 1.0
    text_lr_factor: float = 1.0
    warmup: int = 100
    schedule: str = "constant"
    optimizer: str = "adamw"
    ema: float = 0.999
    drop_caption: float = 0.1
    drop_layout: float = 0.1
    drop_both: float = 0.0
    min_snr: float = 5.0
    box_weight: float = 0.2
    train_text_encoder: bool = False
    lora_rank: int = 0
    gradient_checkpointing: bool = False
    compile: bool = False
    cache_latents: bool = False
    save_every: int = 5_000
    keep_checkpoints: int = 2
    report_every: int = 5_000
    validation: str | None = None
    tracker: str | None = None
    few_steps: int = 0
    features: str = "efficientnet-lite0"
    judge_learning_rate: float = 3e-4
    teacher_weight: float = 1.0
    teacher_guidance: float = 0.0
    real_weight: float = 0.0
    border_weight: float = 0.0
    workers: int = 1
    mixed_precision: str = "no"
    tf32: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "methods", tuple(self.methods))
        problems = [*self._values(), *self._pairs(), *self._other_objective()]
        if problems:
            raise InvalidOption("; ".join(problems))

    def _values(self) -> Iterator[str]:
        """What is wrong with single values."""
        if not self.methods or any(method not in TRAINABLE for method in self.methods):
            named = ", ".join(self.methods) or "none"
            yield f"`methods` must be text2img, img2img or both, not {named}"
        for name, choices in CHOICES.items():
            yield from self._check(name, getattr(self, name) in choices, f"one of {', '.join(choices)}")
        for name in _AT_LEAST_ONE:
            yield from self._check(name, getattr(self, name) >= 1, "at least 1")
        for name in _SHARES:
            yield from self._check(name, 0 <= getattr(self, name) < 1, "at least 0 and below 1")
        for name in _NOT_NEGATIVE:
            yield from self._check(name, getattr(self, name) >= 0, "0 or more")
        for name in _RATES:
            yield from self._check(name, getattr(self, name) > 0, "above 0")
        for name in _FINITE:
            yield from self._check(name, math.isfinite(getattr(self, name)), "a finite number")
        most = f"at most {_MOST_FEW_STEPS}"
        yield from self._check("few_steps", self.few_steps <= _MOST_FEW_STEPS, most)
        yield from self._check("seed", self.seed < 2**63, "below 2 ** 63")

    def _pairs(self) -> Iterator[str]:
        """What does not go together."""
        divides = self.micro_batch <= 0 or self.batch_size % self.micro_batch == 0
        yield from self._check("micro_batch", divides, f"a divisor of `batch_size` {self.batch_size}")
        if self.encoding == "text" and "text2img" not in self.methods:
            yield "`encoding` text is an option of `methods` text2img: leave it out, or add that method"
        if self.residual_tokens and not self.reads_box_tokens:
            yield "`residual_tokens` are of `methods` text2img with `encoding` box: leave it out"
        if self.compile and self.aspect_buckets:  # torch 2.13 fails on graphs of any height and width
            yield "`compile` is for one shape, and `aspect_buckets` has several: drop one"
        if self.validation is not None and not self.report_every:
            yield "`validation` is for contact sheets, and `report_every` 0 wants none: drop one"
        if self.drop_caption + self.drop_both >= 1:
            yield "`drop_caption` and `drop_both` must be below 1 together"
        if self.lora_rank and self.unet_lr_factor != 1:
            yield "`unet_lr_factor` is of the U-Net's own weights, which `lora_rank` does not train: drop one"
        if self.text_lr_factor != 1 and not self.train_text_encoder:
            yield "`text_lr_factor` has no use without `train_text_encoder`: drop it, or train that"
        if self.teacher_guidance and not self.teacher_weight:
            yield "`teacher_guidance` has no use with a `teacher_weight` of 0: drop one"

    @property
    def reads_box_tokens(self) -> bool:
        """Whether boxes are tokens that are learnt."""
        return "text2img" in self.methods and self.encoding == "box"

    def _other_objective(self) -> Iterator[str]:
        """Settings of the other objective, which would do nothing."""
        usual = {field.name: field.default for field in fields(self)}
        for name in _DENOISING if self.few_steps else _ADVERSARIAL:
            if getattr(self, name) != usual[name]:
                if self.few_steps:
                    yield f"`{name}` has no use in a distillation: leave it out"
                else:
                    yield f"`{name}` is for distillations, with `few_steps`: leave it out"

    def _check(self, name: str, valid: bool, rule: str) -> Iterator[str]:
        if not valid:
            yield f"`{name}` must be {rule}, not {getattr(self, name)}"


_LARGEST, _WIDEST, _MOST = 2**16, 2**13, 2**31
"""Of the sizes of a model, its channels, and counts: above these a file is broken."""


@dataclass(frozen=True, slots=True)
class ScratchConfig:
    """The shape of a small model that is trained from scratch.

    Attributes:
        window: side of its square canvas in pixels.
        smallest, largest: longer side, in pixels, of the boxes that it draws well.
        aspect: width / height of the boxes that it draws well.
        patch_size, latent_channels: of the autoencoder.
        autoencoder_images: examples that the autoencoder is fitted to.
        autoencoder_steps: gradient steps of its decoder's convolutions.
        text_dim, text_layers, text_length, vocabulary: of the text encoder and its tokenizer.
        channels: U-Net channels by level; all have attention, the first only on the way down.
        layers: residual blocks per level.
        self_attention: whether latents attend to each other, not only to the text and the layout tokens. An
            object of a few latents is seen whole by the convolutions, which cost less.
        grid: edges of boxes are rounded to multiples of this many pixels, as in scenes of the same grid.
        frequencies: Fourier frequencies for each box coordinate.

    Raises:
        InvalidOption: names the value of a shape that no model can have.
    """

    window: int = 256
    smallest: float = 24.0
    largest: float = math.inf
    aspect: Range = ANY_SIZE.aspect
    patch_size: int = 8
    latent_channels: int = 32
    autoencoder_images: int = 1024
    autoencoder_steps: int = 1500
    text_dim: int = 128
    text_layers: int = 2
    text_length: int = 24
    vocabulary: int = 600
    channels: tuple[int, ...] = (64, 128, 192)
    layers: int = 1
    self_attention: bool = True
    grid: int = 1
    frequencies: int = 8

    def __post_init__(self) -> None:
        for field in fields(self):
            if type(field.default) is int:
                least = 0 if field.name == "autoencoder_steps" else 1
                most = _MOST if field.name.startswith("autoencoder") else _LARGEST
                valid = least <= getattr(self, field.name) <= most
                self._check(field.name, valid, f"between {least} and {most:,}")
        widths = [c for c in self.channels if type(c) is int and 0 < c <= _WIDEST]
        widths = [c for c in widths if c % 16 == c % max(1, c // 32) == 0]
        of_channels = f"multiples of 32, or 16, up to {_WIDEST:,}"
        self._check("channels", 0 < len(widths) == len(self.channels), of_channels)
        self._check("window", self.window % self.multiple == 0, f"a multiple of {self.multiple}")
        in_window = 0 < self.smallest <= self.window
        self._check("smallest", in_window, "above 0 and at most the window")
        self._check("largest", self.largest >= self.smallest, "at least smallest")
        low_to_high = len(self.aspect) == 2 and 0 < self.aspect[0] <= self.aspect[1]
        self._check("aspect", low_to_high, "two numbers above 0, the smaller first")
        heads = max(1, self.text_dim // 32)
        self._check("text_dim", self.text_dim % heads == 0, "a multiple of 32")
        self._check("text_length", self.text_length >= 3, "at least 3")
        values = 3 * self.patch_size**2
        rule = f"1 to {values}, the values of a patch"
        self._check("latent_channels", self.latent_channels <= values, rule)

    def _check(self, name: str, valid: bool, rule: str) -> None:
        if not valid:
            raise InvalidOption(f"the new model's {name} must be {rule}, not {getattr(self, name)}")

    @property
    def multiple(self) -> int:
        """Sides of images are multiples of this many pixels: the U-Net halves patches level by level."""
        return int(self.patch_size * 2 ** (len(self.channels) - 1))

    @property
    def size_prior(self) -> SizePrior:
        """The boxes that the model will draw well."""
        return SizePrior(self.smallest, self.largest, self.aspect, self.grid)
