"""``layoutgen.layouts``: new layouts that look like those of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layoutgen.api.inputs import PathLike, as_path, as_paths, read_inputs, read_options
from layoutgen.domain.labels import check_categories
from layoutgen.errors import InvalidOption, OutputExists, Problems
from layoutgen.progress import Progress, progress_of

if TYPE_CHECKING:
    from layoutgen.domain.annotated_image import Defect
    from layoutgen.domain.layout import Layout
    from layoutgen.formats.read_options import ReadOptions
    from layoutgen.layout_model.distances import Distances
    from layoutgen.layout_model.model import LayoutModel


@dataclass(frozen=True, slots=True)
class DrawnLayouts:
    """What :func:`layouts` drew.

    Attributes:
        file: a COCO json without images, with the parameters of the model.
        layouts: in the order of the file.
        model: that they are drawn from.
        distances: of sets of layouts to those to `compare` with, by name: the drawn ones, real boxes at other
            places, everything by chance, and the data itself; {} without any to compare with.
        dropped, mended: entries of annotations that were left out, or read in the one way that makes sense.
    """

    file: Path
    layouts: tuple[Layout, ...]
    model: LayoutModel
    distances: dict[str, Distances]
    dropped: tuple[Defect, ...] = ()
    mended: tuple[Defect, ...] = ()


def layouts(
    data: PathLike | Sequence[PathLike],
    output: PathLike = "layouts.json",
    *,
    count: int = 1000,
    category: Sequence[str] | None = None,
    objects: float = 1.0,
    size: float = 1.0,
    balance: float = 0.0,
    compare: PathLike | None = None,
    seed: int = 0,
    units: str = "pixels",
    strict: bool = False,
    overwrite: bool = False,
    progress: bool | Progress = False,
) -> DrawnLayouts:
    """Draw layouts that look like those of a data set; the same as ``layoutgen layouts``.

    >>> layoutgen.layouts("instances.json", "layouts.json", count=200, objects=2.0)
    >>> layoutgen.sample("layouts.json", output="out/painted")

    Args:
        data: annotated images of any known format, which need not be there; or layouts that were drawn
            before: then the model in their file is sampled again.
        output: json to write.
        count: layouts to draw.
        category: only objects of these labels; None: all.
        objects, size, balance: see :class:`~layoutgen.layout_model.sampling.Shift`.
        compare: other real layouts, to say how far from them the drawn ones are.
        seed: the same seed gives the same layouts.
        units: of annotations: pixels or fraction.
        strict: refuse annotations with a bad entry.
        overwrite: replace `output`, if layouts are in it.
        progress: True: show bars on a terminal; or an object that is told.

    Raises:
        LayoutgenError: what cannot be read or written, by its kinds.
    """
    from layoutgen.layout_model.layouts_file import write_layouts
    from layoutgen.layout_model.sampling import Shift, sample_layouts

    paths, file, labels = as_paths(data), Path(output), tuple(category or ())
    shift, reading = Shift(objects, size, balance), read_options(strict, units)
    _check(paths, file, count, seed, overwrite=overwrite)
    with progress_of(progress) as watch:
        held_out = as_path(compare)
        fitted = _fitted(paths, labels, reading, watch, of_data=held_out is not None)
        others = None if held_out is None else _read([held_out], labels, reading, watch).layouts
        run = sample_layouts(fitted.model, count, seed, shift)
        drawn = tuple(watch.track("layouts", run, count))
        said = {"count": count, "seed": seed, **asdict(shift)}
        write_layouts(file, drawn, fitted.model, said)
        found = {} if others is None else _distances(drawn, fitted.layouts, others, seed, watch)
    return DrawnLayouts(file, drawn, fitted.model, found, fitted.dropped, fitted.mended)


@dataclass(frozen=True, slots=True)
class _Read:
    layouts: tuple[Layout, ...]
    dropped: tuple[Defect, ...]
    mended: tuple[Defect, ...]


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A model, and the layouts that it was fitted to; none where it was read."""

    model: LayoutModel
    layouts: tuple[Layout, ...] = ()
    dropped: tuple[Defect, ...] = ()
    mended: tuple[Defect, ...] = ()


def _check(paths: Sequence[Path], file: Path, count: int, seed: int, *, overwrite: bool) -> None:
    from layoutgen.io.output_path import check_file
    from layoutgen.layout_model.layouts_file import MARK

    wrong = Problems()
    wrong.check(count >= 1, f"`count` must be 1 or more, not {count}")
    wrong.check(seed >= 0, f"`seed` must be 0 or more, not {seed}")
    json = file.suffix.lower() == ".json"
    wrong.check(json, f"`output` {file} must be a json file: it is written as COCO")
    with wrong.noted():
        check_file(file, MARK, "output")
        if file.exists() and not overwrite:
            raise OutputExists(f"{file} is there already; choose another `output` or pass `overwrite`")
    wrong.say()


def _fitted(
    paths: Sequence[Path], labels: tuple[str, ...], reading: ReadOptions, watch: Progress, *, of_data: bool
) -> _Fitted:
    """The model of the data at `paths`, or the one in the file that they are.

    Args:
        of_data: there is other data, too, which `reading` is of.
    """
    from layoutgen.layout_model.fitting import fit
    from layoutgen.layout_model.wire import holds_model, read_model

    if len(paths) == 1 and holds_model(paths[0]):
        if labels:
            raise InvalidOption(f"`category` is of data, and {paths[0]} holds a model of all its labels")
        for name, given in (("strict", reading.strict), ("units", reading.fraction)):
            if given and not of_data:
                raise InvalidOption(f"`{name}` is of data, and {paths[0]} holds a model: leave it out")
        watch.begin("reading the layout model")
        return _Fitted(read_model(paths[0]))
    read = _read(paths, labels, reading, watch)
    watch.begin("fitting the layout model")
    return _Fitted(fit(read.layouts), read.layouts, read.dropped, read.mended)


def _read(paths: Sequence[Path], labels: tuple[str, ...], reading: ReadOptions, watch: Progress) -> _Read:
    """The layouts of `paths` that have an object, of `labels` alone, if there are any."""
    watch.begin("reading annotations")
    data = read_inputs(paths, reading).data
    known = {one.label for image in data.images for one in image.instances}
    if not known:
        raise InvalidOption(f"{paths[-1]} has no object: there is nothing to draw layouts like")
    check_categories(labels, known)
    kept = [image.layout for image in data.images]
    if labels:
        kept = [one.with_instances(tuple(i for i in one.instances if i.label in labels)) for one in kept]
    kept = [one for one in kept if one.instances]
    return _Read(tuple(kept), tuple(data.dropped), tuple(data.mended))


def _distances(
    drawn: Sequence[Layout], data: Sequence[Layout], others: Sequence[Layout], seed: int, watch: Progress
) -> dict[str, Any]:
    """How far the `drawn` layouts and those that are nothing but chance are from `others`, and the `data`."""
    from layoutgen.layout_model.by_chance import random_layouts, shuffled
    from layoutgen.layout_model.distances import distances

    watch.begin("comparing")
    source = data or others  # what boxes are shuffled, and what chance is like, where there is no data
    sets: dict[str, Sequence[Layout]] = {
        "drawn": drawn,
        "real boxes anywhere": tuple(shuffled(source, len(drawn), seed)),
        "all by chance": tuple(random_layouts(source, len(drawn), seed)),
    }
    if data:
        sets["the data itself"] = data
    return {name: distances(layouts, others) for name, layouts in sets.items()}
