"""The options of ``layoutgen sample``, in the groups in which ``--help`` shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from layoutgen.cli import completion
from layoutgen.denoising.schedulers import SCHEDULERS
from layoutgen.denoising.settings import DEFAULT_STRENGTH, DEFAULTS

_IMAGES, _QUALITY, _SPEED = "Which images", "Denoising and guidance", "Memory and speed"

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[LAYOUT]... [LABEL]...",
        help="Layout file (.yaml or .json; - is standard input), annotations of any known format such as a "
        "COCO json, or a PNG that layoutgen made, which is made again; several are painted one after the "
        "other. "
        "Then the label of each -n, as in: layout.yaml -n 100 dogs.",
        show_default=False,
        autocompletion=completion.labels,
    ),
]
Number = Annotated[
    list[str] | None,
    typer.Option(
        "--number",
        "-n",
        metavar="N",
        help="Exactly N objects of the label that follows: boxes of the file first, the rest at distinct "
        "free places. Can be repeated: -n 100 dogs -n 20 cats.",
        show_default=False,
    ),
]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="DIR", show_default="out/LAYOUT", help="Folder to write to."),
]
Method = Annotated[
    list[str] | None,
    typer.Option(
        metavar="METHOD",
        show_default="the model's best",
        help="img2img, text2img, regional, or sprites (some objects painted alone, cut out and pasted). "
        "Several, as a,b or repeated, or both (img2img and text2img): "
        "each paints into a folder of its name in the output folder.",
        autocompletion=completion.methods,
    ),
]
Encoding = Annotated[
    str | None,
    typer.Option(
        metavar="box|text",
        show_default="the trained one",
        help="Of text2img.",
        autocompletion=completion.encodings,
    ),
]
Prompt = Annotated[str | None, typer.Option(show_default="the file's", help="What else to show.")]
NegativePrompt = Annotated[
    str | None, typer.Option(show_default="the file's", help="What not to show; needs guidance above 1.")
]
Preview = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.png",
        show_default=False,
        help="Keep a PNG here that shows the image as it forms; some terminals show it, too.",
    ),
]

Seeds = Annotated[
    str | None,
    typer.Option(
        "--seed",
        metavar="N|N-M",
        show_default=str(DEFAULTS.seed),
        rich_help_panel=_IMAGES,
        help="The same seed gives the same result; 0-15 paints 16 images of each layout, and grid.jpg "
        "shows them side by side.",
    ),
]
NumImages = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        show_default="1",
        rich_help_panel=_IMAGES,
        help="Images of each layout, of seeds that follow each other.",
    ),
]
Vary = Annotated[
    str,
    typer.Option(
        metavar="seed|layout",
        rich_help_panel=_IMAGES,
        help="What differs between the images of a layout; layout: objects without a place of their own "
        "are placed anew, too.",
        autocompletion=completion.one_of("seed", "layout"),
    ),
]
ImageId = Annotated[
    int | None,
    typer.Option(
        metavar="ID", show_default="all", rich_help_panel=_IMAGES, help="Only this image of a COCO json."
    ),
]
Width = Annotated[
    int | None,
    typer.Option(
        metavar="PX", show_default="as N need", rich_help_panel=_IMAGES, help="Canvas, without a file."
    ),
]
Height = Annotated[
    int | None,
    typer.Option(
        metavar="PX", show_default="as N need", rich_help_panel=_IMAGES, help="Canvas, without a file."
    ),
]

Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        rich_help_panel=_IMAGES,
        help="Refuse to paint what will not be good, instead of warning, and annotations with a bad entry.",
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        show_default=DEFAULTS.scheduler,
        rich_help_panel=_QUALITY,
        help=f"{', '.join(SCHEDULERS)}, or model: its own; lcm and tcd are for LoRAs of few steps.",
        autocompletion=completion.schedulers,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        metavar="N", show_default=str(DEFAULTS.steps), rich_help_panel=_QUALITY, help="Denoising steps."
    ),
]
Guidance = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        show_default=f"{DEFAULTS.guidance:g}",
        rich_help_panel=_QUALITY,
        help="Classifier-free guidance; 1: off, twice as fast.",
    ),
]
BackgroundGuidance = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        show_default="the model's",
        rich_help_panel=_QUALITY,
        help="Guidance outside of boxes, which colours the ground.",
    ),
]
CoarseAbove = Annotated[
    float | None,
    typer.Option(
        metavar="PX",
        show_default="the model's",
        rich_help_panel=_QUALITY,
        help="Paint boxes longer than this on a coarser canvas first, then enlarge and refine; 0: never.",
    ),
]
Zoom = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        show_default="what small boxes need",
        rich_help_panel=_QUALITY,
        help="Paint the canvas K times as large and reduce the picture: K * K times the work.",
    ),
]
Variety = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        show_default="48",
        rich_help_panel=_QUALITY,
        help="Of sprites: how many different objects are painted at most, on which most of its work depends.",
    ),
]
Verify = Annotated[
    bool,
    typer.Option(
        "--verify",
        rich_help_panel=_QUALITY,
        help="Of sprites: a detector refuses objects that it does not know, and what it misses in the "
        "picture is pasted again.",
    ),
]
Detector = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        show_default="the small one in the package",
        rich_help_panel=_QUALITY,
        help="The detector that looks with --verify.",
    ),
]
Strength = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        show_default=f"{DEFAULT_STRENGTH:g}",
        rich_help_panel=_QUALITY,
        help="img2img on a checkpoint without layout training: how much of the drawing is repainted.",
    ),
]
GuidanceRescale = Annotated[
    float | None,
    typer.Option(
        metavar="X",
        show_default=f"{DEFAULTS.guidance_rescale:g}",
        rich_help_panel=_QUALITY,
        help="Keep the contrast of unguided images, 0 to 1; 0.7 for models of zero terminal SNR.",
    ),
]
Karras = Annotated[
    bool | None,
    typer.Option(
        "--karras/--no-karras",
        show_default="off",
        rich_help_panel=_QUALITY,
        help="Space the noise levels as Karras et al. do: better in few steps of dpm++, euler or unipc.",
    ),
]

GuidanceInterval = Annotated[
    tuple[float, float] | None,
    typer.Option(
        metavar="START STOP",
        show_default="{:g} {:g}".format(*DEFAULTS.guidance_interval),
        rich_help_panel=_SPEED,
        help="The part of the steps that is guided; the others take half the time.",
    ),
]
CacheInterval = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        show_default=str(DEFAULTS.cache_interval),
        rich_help_panel=_SPEED,
        help="Compute the U-Net's deeper levels in every Nth step only; 1: in all of them.",
    ),
]
BatchSize = Annotated[
    str,
    typer.Option(
        metavar="N|auto",
        rich_help_panel=_SPEED,
        help="Windows at once, over all images; auto: what fits into memory.",
        autocompletion=completion.one_of("auto"),
    ),
]
Dtype = Annotated[
    str,
    typer.Option(
        metavar="TYPE",
        rich_help_panel=_SPEED,
        help="fp32, bf16 or fp16; auto: fp16 on cuda, bf16 on a CPU that has it, else fp32.",
        autocompletion=completion.dtypes,
    ),
]
