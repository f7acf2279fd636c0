"""``layoutgen prepare``: other people's data -> training data."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layoutgen.api.inputs import read_inputs, read_options
from layoutgen.cli import console, examples
from layoutgen.cli.defects import defects_content, say_defects
from layoutgen.cli.help import HelpfulCommand, HelpfulGroup
from layoutgen.cli.options import Device, Json, Masks, Output, Overwrite, Quiet, Strict, Units
from layoutgen.cli.tables import print_table

if TYPE_CHECKING:
    from layoutgen.data.box_masks import BoxMasker
    from layoutgen.data.prepare_coco import Outcome
    from layoutgen.domain.annotated_image import AnnotatedImages

app = typer.Typer(cls=HelpfulGroup, no_args_is_help=True, help="Make training data.", epilog=examples.PREPARE)


@app.command(cls=HelpfulCommand, epilog=examples.COCO)
def coco(
    annotations: Annotated[
        list[Path],
        typer.Argument(
            metavar="[IMAGES] ANNOTATIONS...",
            help="The folder of the images, and their annotations: a COCO instances json, or a file or "
            "folder of another known format, whose images are looked for beside it. Several are merged.",
            show_default=False,
        ),
    ],
    output: Output,
    captions: Annotated[
        Path | None,
        typer.Option(
            help="COCO captions json: each image takes its first caption. Without one the text is composed "
            "from the labels, such as 'a photo of 3 dogs and a cat'."
        ),
    ] = None,
    category: Annotated[
        list[str] | None,
        typer.Option(help="Keep objects of this category only; repeat it for more.", show_default="all"),
    ] = None,
    min_area: Annotated[
        float,
        typer.Option(
            metavar="FRACTION",
            help="Drop objects whose box is smaller than this part of the image: 0.001 is 0.1 %.",
        ),
    ] = 0.0,
    max_instances: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Leave out images that have more than N objects.", show_default="no limit"
        ),
    ] = None,
    keep_crowd: Annotated[bool, typer.Option("--keep-crowd", help="Keep crowd regions as objects.")] = False,
    size: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="PX",
            show_default="as they are",
            help="Scale images down to this shorter side; never up.",
        ),
    ] = None,
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Leave out images that are missing or unreadable.")
    ] = False,
    masks: Masks = None,
    boxes_only: Annotated[
        bool, typer.Option("--boxes-only", help="Leave masks out: takes less memory and time.")
    ] = False,
    device: Device = None,
    units: Units = "pixels",
    strict: Strict = False,
    as_json: Json = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Images and annotations (COCO, YOLO, Pascal VOC, ...) -> an image folder, ready for `layoutgen train`.

    Entries that are no boxes are dropped and counted, masks are kept.

    Boxes refer to the stored pixels, as in COCO: an EXIF orientation is removed, not applied, unless only the
    turned image has the annotated size.
    """
    from layoutgen.data.prepare_coco import WRITES, prepare_coco
    from layoutgen.data.selection import Selection
    from layoutgen.io.output_folder import check_output

    check_output(output, WRITES, overwrite=overwrite)
    selection = Selection(tuple(category or ()), min_area, max_instances, keep_crowd)
    source = read_inputs(annotations, read_options(strict, units, masks=not boxes_only))
    assert source.folder is not None
    run = prepare_coco(
        source.data,
        source.folder,
        output,
        selection=selection,
        captions=_captions(captions, annotations),
        size=size,
        skip_missing=skip_missing,
        masker=_masker(masks, device),
        overwrite=overwrite,
    )
    with closing(run), console.progress(quiet) as bar:
        outcomes = list(bar.track(run, total=len(source.images), description="images"))
    if as_json:
        console.print_json(_content(outcomes, source.data, output))
    elif not quiet:
        _say(outcomes, source.data, output)


def _captions(file: Path | None, annotations: list[Path]) -> dict[int, tuple[str, ...]] | None:
    """The captions by the image ids of the annotations, of which there is one file then."""
    from layoutgen.errors import InvalidOption
    from layoutgen.formats.coco import read_captions

    if file is not None and len(annotations) > 2:
        raise InvalidOption("--captions goes with one file of annotations: merged images get new ids")
    return None if file is None else read_captions(file)


def _masker(name: str | None, device: str | None) -> BoxMasker | None:
    if name is None:
        return None
    from layoutgen.data.box_masks import GRABCUT, load_masker

    if name == GRABCUT:
        return load_masker(name)
    from layoutgen.devices import resolve_device

    return load_masker(name, resolve_device(device))


def _say(outcomes: list[Outcome], data: AnnotatedImages, output: Path) -> None:
    """What became of images and objects, and where they are."""
    from layoutgen.data.prepare_coco import SHEET

    print_table(("", "images", "objects"), _rows(outcomes, data))
    say_defects(data.dropped, data.mended)
    own = sum(outcome.own_caption for outcome in outcomes if outcome.left_out is None)
    kept = sum(outcome.left_out is None for outcome in outcomes)
    objects, masked = (sum(getattr(outcome, key) for outcome in outcomes) for key in ("kept", "masked"))
    console.say(f"Texts: {own:,} captions, {kept - own:,} composed from labels.")
    if not masked:
        boxes = "1 box, without a mask" if objects == 1 else f"{objects:,} boxes, none with a mask"
        console.say(f"Masks: {boxes}; --masks grabcut makes them, for `layoutgen prepare scenes`.")
    if (output / SHEET).is_file():
        console.say(f"Cut-outs to judge the masks by, worst first: {output / SHEET}")
    console.say(f"Written to {output}")


def _content(outcomes: list[Outcome], data: AnnotatedImages, output: Path) -> dict[str, Any]:
    """What :func:`_say` says, for other programs."""
    kept = [outcome for outcome in outcomes if outcome.left_out is None]
    left_out = Counter(outcome.left_out.value for outcome in outcomes if outcome.left_out is not None)
    dropped: Counter[str] = sum((Counter(outcome.dropped) for outcome in outcomes), Counter())
    return {
        "output": str(output),
        "images": len(kept),
        "left_out": dict(left_out),
        "objects": sum(outcome.kept for outcome in kept),
        "objects_left_out": {str(getattr(reason, "value", reason)): n for reason, n in dropped.items()},
        "masks": sum(outcome.masked for outcome in kept),
        "captions": sum(outcome.own_caption for outcome in kept),
        **defects_content(data.dropped, data.mended),
    }


def _rows(outcomes: list[Outcome], data: AnnotatedImages) -> list[tuple[str, str, str]]:
    """What was kept, what was dropped, and why; of images and of objects."""
    from layoutgen.data.selection import Reason

    images = Counter(outcome.left_out for outcome in outcomes)
    objects: Counter[str] = sum((Counter(outcome.dropped) for outcome in outcomes), Counter())
    objects += Counter(one.reason for one in data.dropped if one.image_id is None)
    said = {Reason.SMALL: "smaller than --min-area", Reason.TOO_MANY: "more than --max-instances"}
    rows = [("kept", f"{images[None]:,}", f"{sum(o.kept for o in outcomes):,}")]
    for words, count in (
        ("of these, cut to the image", sum(outcome.clipped for outcome in outcomes)),
        ("of these, with a mask", sum(outcome.masked for outcome in outcomes)),
    ):
        if count:
            rows.append((words, "-", f"{count:,}"))
    for reason in dict.fromkeys((*Reason, *objects)):
        counts = images[reason], objects[reason]
        if any(counts):
            words = said.get(reason, reason.value if isinstance(reason, Reason) else reason)
            of_images, of_objects = (f"{n:,}" if n else "-" for n in counts)
            rows.append((f"dropped: {words}", of_images, of_objects))
    return rows
