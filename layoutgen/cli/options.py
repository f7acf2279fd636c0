"""Options that several commands share, so that they are named and explained the same way everywhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from layoutgen.cli import completion

Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder to write to.")]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace earlier results of layoutgen in the output folder; other files stay."
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same result.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON document instead of text, for other programs.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Refuse annotations at the first bad entry, instead of dropping it."),
]
Units = Annotated[
    str,
    typer.Option(
        "--units",
        metavar="pixels|fraction",
        help="Of boxes in formats that mean pixels: of the image.",
        autocompletion=completion.units,
    ),
]
Masks = Annotated[
    str | None,
    typer.Option(
        "--masks",
        metavar="grabcut|MODEL",
        show_default="those of the annotations",
        help="Make the masks that are missing, from the boxes: by GrabCut, or by a SAM or SAM 2 checkpoint "
        "of transformers, a folder or hub id. masks.jpg shows how well.",
        autocompletion=completion.maskers,
    ),
]
Data = Annotated[
    list[Path],
    typer.Argument(
        metavar="[IMAGES] DATA...",
        help="Annotations of any known format, a file or folder; before a file may stand the folder of "
        "its images. Several are merged.",
        show_default=False,
    ),
]
Format = Annotated[
    str,
    typer.Option(
        metavar="FORMAT",
        help="coco, yolo, voc, labelme, huggingface, createml or label-studio.",
        autocompletion=completion.written_formats,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="DEVICE",
        show_default="cuda if there is one",
        help="cpu, cuda, cuda:1.",
        autocompletion=completion.devices,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        show_default="the small model in the package",
        help="A run folder of `train`, Stable Diffusion v1, v2 or XL as a folder or one file, or a hub id.",
    ),
]


_SHIFT = "Layouts, unlike the data"
MoreObjects = Annotated[
    float,
    typer.Option(metavar="X", rich_help_panel=_SHIFT, help="So many times as many objects in a layout."),
]
LongerSides = Annotated[
    float, typer.Option(metavar="X", rich_help_panel=_SHIFT, help="Sides so many times as long.")
]
Balance = Annotated[
    float,
    typer.Option(
        metavar="0..1",
        rich_help_panel=_SHIFT,
        help="More of rare labels: 0 as frequent as in the data, 1 all alike.",
    ),
]


_ADDED = "Added to the model"
Vae = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        show_default="the model's",
        rich_help_panel=_ADDED,
        help="Another autoencoder: a file, or a folder of diffusers.",
    ),
]
Loras = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE[:WEIGHT]",
        show_default=False,
        rich_help_panel=_ADDED,
        help="LoRA of kohya or diffusers, and how strongly it acts (1). Can be repeated.",
    ),
]
Embeddings = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FILE",
        show_default=False,
        rich_help_panel=_ADDED,
        help="Textual inversion, which prompts name by the file's name. Can be repeated.",
    ),
]
ClipSkip = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        show_default="1",
        rich_help_panel=_ADDED,
        help="Layer of the text encoder that is read, from its end: 1 is the last, 2 the one before it.",
    ),
]


def spell_options(message: str, command: Any) -> str:
    """`message` with the settings that it names in backquotes as `command` spells them.

    A setting has the name of the command's parameter, or of its option: "`batch_size`" becomes
    "--batch-size". Other words in backquotes stay as they are.
    """
    spellings = {parameter.name: _spelling(parameter) for parameter in _parameters(command)}
    if "output" not in spellings and spellings.get("inputs"):  # the last of several paths, as of `cp`
        spellings["output"] = spellings["inputs"].split()[-1]
    options = {text.removeprefix("--").replace("-", "_"): text for text in spellings.values()}
    spelled = options | spellings
    return re.sub("`([a-z0-9_]+)`", lambda found: spelled.get(found[1], found[0]), message)


def _parameters(command: Any) -> list[Any]:
    """The parameters of `command` and of its subcommands."""
    inner = [_parameters(subcommand) for subcommand in getattr(command, "commands", {}).values()]
    return [*command.params, *(parameter for parameters in inner for parameter in parameters)]


def _spelling(parameter: Any) -> str:
    """How a user writes `parameter`: an option by its long name, an argument by its placeholder."""
    if parameter.param_type_name == "argument":
        return re.sub(r"[\[\].]", "", parameter.metavar or parameter.name.upper())
    return str(max(parameter.opts, key=len))
