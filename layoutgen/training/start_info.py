"""What is known of the model that a run begins with, by its json files alone: no torch is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from layoutgen.domain.size_prior import ANY_SIZE, SizePrior
from layoutgen.errors import InvalidOption
from layoutgen.io.files import read_json
from layoutgen.model_info import find_model
from layoutgen.model_kind.sizes import pixels_per_latent
from layoutgen.training.config import ScratchConfig, TrainConfig

SMALL_MODEL = "the small model in the package"
XL_IS_NOT_DISTILLED = "Stable Diffusion XL cannot be distilled here: take a v1 or v2 model"
READS_NO_LAYOUTS = "`model` reads no layouts yet: train it first, with `layoutgen train`"


@dataclass(frozen=True, slots=True)
class StartInfo:
    """The model that a run begins with.

    Attributes:
        source: its folder or hub id; None: a new one.
        name: how a person calls it.
        shape: of a new model; None: a checkpoint.
        labels: those that it knows; None: any text.
        window: side of the images that it was trained on, in pixels; None: not known before it is loaded.
        multiple: sides of its images are multiples of this many pixels; None: as `window`.
        methods, encodings: by which it was trained on layouts; none: a plain checkpoint, or a new one.
        residual_tokens: its tokens for boxes are the embeddings of labels and what was learnt.
        base: the base model that it is, such as sdxl, where its files say so.
        size_prior: the boxes that it draws well.
        size_note: what is not known of `window` before it is opened, as a sentence.
    """

    source: str | None
    name: str
    shape: ScratchConfig | None = None
    labels: tuple[str, ...] | None = None
    window: int | None = None
    multiple: int | None = None
    methods: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ()
    residual_tokens: bool = False
    base: str | None = None
    size_prior: SizePrior = ANY_SIZE
    size_note: str | None = None

    def problems(self, config: TrainConfig) -> list[str]:
        """What of `config` does not go with this model; one line each, with what to pass instead."""
        found = []
        if self.shape is not None:
            if config.few_steps:
                found.append("`few_steps` distils a trained model: pass `model` instead of `from_scratch`")
            if config.lora_rank:
                found.append("`lora_rank` adapts a trained model: leave it out with `from_scratch`")
            if not config.train_text_encoder:
                found.append("a model from scratch has an untrained text encoder: pass `train_text_encoder`")
            if self.shape.window != config.resolution:
                window = f"the window of the new model, {self.shape.window}"
                found.append(f"`resolution` {config.resolution} must be {window}")
        elif self.multiple and config.resolution % self.multiple:
            found.append(not_a_multiple(config.resolution, self.multiple))
        if config.few_steps and self.base == "sdxl":
            found.append(XL_IS_NOT_DISTILLED)
        reads = self.methods and config.reads_box_tokens
        if reads and config.residual_tokens != self.residual_tokens:
            other = "are learnt" if config.residual_tokens else "add the embedding of the label"
            found.append(f"`residual_tokens`: the tokens of the model to start from {other}: leave it out")
        missing = [method for method in config.methods if method not in self.methods]
        unread = "text2img" in config.methods and config.encoding not in self.encodings
        if self.methods and (missing or unread):
            learnt = ", ".join([*self.methods, *(f"encoding {e}" for e in self.encodings)])
            found.append(
                f"the model to start from was trained for {learnt}: train it for these, or take another one"
            )
        return found


def not_a_multiple(resolution: int, multiple: int) -> str:
    """Says that a U-Net cannot halve images of this side level by level, and which it can."""
    nearest = max(1, round(resolution / multiple)) * multiple
    return f"`resolution` {resolution} must be a multiple of {multiple} for this model: pass {nearest}"


def start_info(model: str | None, shape: ScratchConfig | None) -> StartInfo:
    """What is known of `model` (None: the one in the package), or of a new model of `shape`.

    Raises:
        InvalidOption: there is no such model, or both are given.
        InvalidFile: one of its json files is broken.
    """
    if shape is not None:
        if model is not None:
            raise InvalidOption(
                "pass `model` to fine-tune, or `from_scratch` for a new small model (not both)"
            )
        return StartInfo(
            None, "a new model", shape, (), shape.window, shape.multiple, size_prior=shape.size_prior
        )
    found = find_model(model)
    name = SMALL_MODEL if model is None else model
    folder = Path(found.source)
    if not (folder / "unet" / "config.json").is_file():
        if not folder.exists():  # it is of a hub
            return StartInfo(found.source, name)
        return StartInfo(found.source, name, window=found.window, base=found.base, size_note=found.size_note)
    unet, cell = read_json(folder / "unet" / "config.json"), pixels_per_latent(folder)
    encoder = folder / "layout_encoder" / "config.json"
    layouts = read_json(encoder) if encoder.is_file() else {}
    return StartInfo(
        found.source,
        name,
        labels=found.labels,
        window=found.window,
        multiple=cell * 2 ** (len(unet.get("block_out_channels", ())) - 1),
        methods=tuple(layouts.get("methods", ())),
        encodings=tuple(layouts.get("encodings", ())),
        base=found.base,
        residual_tokens=bool(layouts.get("adds_label", False)),
        size_prior=found.size_prior,
    )
