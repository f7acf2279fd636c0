"""``layoutgen prepare``: other people's data -> training data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layoutgen.cli import console, examples
from layoutgen.cli.defects import defects_content, say_defects
from layoutgen.cli.help import HelpfulCommand, HelpfulGroup
from layoutgen.cli.options import Device, Json, Masks, Output, Overwrite, Quiet, Strict, Units
from layoutgen.cli.tables import print_table
from layoutgen.cli.watch import Watch

if TYPE_CHECKING:
    from layoutgen.data.prepare_coco import Outcome
    from layoutgen.domain.annotated_image import AnnotatedImages

app = typer.Typer(cls=HelpfulGroup, no_args_is_help=True, help="Make training data.", epilog=examples.PREPARE)


@app.command(cls=HelpfulCommand, epilog=examples.COCO)
def coco(
    context: typer.Context,
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
    from layoutgen.api.prepare_coco import prepare_coco

    prepared = prepare_coco(
        annotations,
        output,
        captions=captions,
        category=category or (),
        min_area=min_area,
        max_instances=max_instances,
        keep_crowd=keep_crowd,
        size=size,
        skip_missing=skip_missing,
        masks=masks,
        boxes_only=boxes_only,
        device=device,
        units=units,
        strict=strict,
        overwrite=overwrite,
        progress=Watch(context, quiet=quiet),
    )
    if as_json:
        console.print_json(_content(prepared.outcomes, prepared.annotated, output))
    elif not quiet:
        _say(prepared.outcomes, prepared.annotated, output)


def _say(outcomes: Sequence[Outcome], data: AnnotatedImages, output: Path) -> None:
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


def _content(outcomes: Sequence[Outcome], data: AnnotatedImages, output: Path) -> dict[str, Any]:
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


def _rows(outcomes: Sequence[Outcome], data: AnnotatedImages) -> list[tuple[str, str, str]]:
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
