"""``layoutgen inspect``: the health of a data set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from layoutgen.api.inputs import beside, read_inputs, read_options
from layoutgen.cli import console
from layoutgen.cli.defects import by_reason
from layoutgen.cli.options import Data, Json, Quiet, Strict, Units
from layoutgen.cli.tables import print_table
from layoutgen.cli.watch import Watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from layoutgen.data.health import Health
    from layoutgen.domain.size_prior import SizePrior

_NAMED, _LABELS = 3, 20

Finding = tuple[str, int, tuple[str, ...]]


def inspect(
    context: typer.Context,
    data: Data,
    html: Annotated[bool, typer.Option("--html", help="Write a page with tables and plots, too.")] = False,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", show_default="DATA_health.html", help="The page of --html."
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            show_default="the small model in the package",
            help="Whose sizes to compare with.",
        ),
    ] = None,
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Open every image, to find broken and equal ones.")
    ] = True,
    units: Units = "pixels",
    strict: Strict = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Say what a data set holds and what is probably wrong with it.

    Counts by label, sizes against what the model can draw, overlaps, duplicates, unusual boxes, broken
    images.
    """
    from layoutgen.data.health import ImageCheck, examine
    from layoutgen.data.health_page import MARK, health_page
    from layoutgen.io.files import replacing, saving
    from layoutgen.io.output_path import check_file
    from layoutgen.model_info import find_model

    page = output or beside(data[-1], "_health.html")
    target = check_file(page, MARK.encode(), "output") if html else page
    prior = find_model(model).size_prior
    with Watch(context, quiet=quiet) as watch:
        watch.begin("reading annotations")
        source = read_inputs(data, read_options(strict, units, masks=True))
        health = examine(source, prior)
    if images:
        check = ImageCheck(source)
        with console.progress(quiet) as bar:
            for _ in bar.track(check.run(), total=len(source.images), description="images"):
                pass
        health = replace(health, broken=tuple(check.broken), same_images=check.same_images)
    findings = list(_findings(health, prior))
    rows = [(what, count, _first(places)) for what, count, places in findings]
    if html:
        with saving(str(page), target.parent), replacing(target) as aside:
            aside.write_text(health_page(health, str(data[-1]), prior, rows), encoding="utf-8")
    if as_json:
        console.print_json(_content(health, findings, page if html else None))
    elif not quiet:
        _show(health, rows)
        if html:
            console.say(f"Page: {page}")


def _findings(health: Health, prior: SizePrior) -> Iterator[Finding]:
    """What was found, how often, and where; what is as it should be is not in it."""
    largest = f"larger than {prior.largest:g} px, which the model is not asked for by itself"
    shape = f"of other shapes than {prior.aspect[0]:g} to {prior.aspect[1]:g} (width / height)"
    counts = [
        ("images without objects", health.empty),
        ("regions to ignore (crowds)", health.crowds),
        ("boxes that reach beyond their image", health.clipped),
        (f"boxes smaller than {prior.smallest:g} px, which the model cannot draw", health.too_small),
        (f"boxes {largest}", health.too_large),
        (f"boxes {shape}", health.other_shape),
        ("pairs of boxes that overlap by half or more", health.overlapping),
        ("objects without a mask", health.objects - health.masks),
    ]
    yield from ((what, count, ()) for what, count in counts if count)
    named: list[tuple[str, tuple[str, ...]]] = [
        ("objects annotated twice", health.twins),
        ("image files with the same bytes", tuple(" = ".join(names) for names in health.same_images)),
        ("labels that are probably one", tuple(" = ".join(pair) for pair in health.similar_labels)),
    ]
    named += [(f"boxes {reason}", places) for reason, places in health.unusual.items()]
    for verb, defects in (
        ("images", health.broken),
        ("dropped", health.dropped),
        ("mended", health.mended),
    ):
        named += [(f"{verb}: {reason}", tuple(places)) for reason, places in by_reason(defects).items()]
    yield from ((what, len(places), places) for what, places in named if places)


def _first(places: tuple[str, ...]) -> str:
    rest = ", ..." if len(places) > _NAMED else ""
    return ", ".join(places[:_NAMED]) + rest


def _content(health: Health, findings: list[Finding], page: Path | None) -> dict[str, Any]:
    """What :func:`_show` says, and every place of it, for other programs."""
    return {
        "images": health.images,
        "objects": health.objects,
        "masks": health.masks,
        "labels": [
            {"label": one.label, "objects": one.objects, "images": one.images, "masks": one.masks}
            | {"median_side": one.median}
            for one in health.labels
        ],
        "findings": [
            {"what": what, "count": count, "where": list(places)} for what, count, places in findings
        ],
        "page": None if page is None else str(page),
    }


def _show(health: Health, rows: list[tuple[str, int, str]]) -> None:
    labels = [
        (one.label, f"{one.objects:,}", f"{one.images:,}", f"{one.masks:,}", f"{one.median:.0f}")
        for one in health.labels[:_LABELS]
    ]
    print_table(("label", "objects", "images", "masks", "median px"), labels)
    if len(health.labels) > _LABELS:
        console.say(f"and {len(health.labels) - _LABELS:,} more labels")
    counts = {"image": health.images, "object": health.objects, "label": len(health.labels)}
    console.say(", ".join(f"{count:,} {what}{'s' * (count != 1)}" for what, count in counts.items()))
    if health.objects and not health.masks:
        console.say(f"{health.objects:,} boxes, none with a mask: `prepare coco --masks grabcut` makes them")
    for what, count, first in rows:
        console.say(f"{count:,} {what}" + (f": {first}" if first else ""))
    if not rows:
        console.say("Nothing is wrong that could be seen.")
