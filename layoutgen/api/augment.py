"""``layoutgen.augment``: a data set enlarged by painted images, in which a detector has looked for them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from layoutgen.api.augment_inputs import Wanted, check_options, plan_of
from layoutgen.api.augment_painting import paint_rounds
from layoutgen.api.inputs import PathLike, as_name, as_paths, read_options
from layoutgen.augmentation.rounds import Outcome, outcome_of
from layoutgen.augmentation.training_set import ORIGINS, painted_part, real_part, write_training_set
from layoutgen.formats.registry import FORMATS, format_named
from layoutgen.io.disk_space import check_space
from layoutgen.io.output_folder import check_output, shared_folder, unfinished_folders
from layoutgen.progress import Progress, progress_of

if TYPE_CHECKING:
    from layoutgen.domain.annotated_image import Defect


@dataclass(frozen=True, slots=True)
class AugmentedData:
    """What :func:`augment` wrote, or is going to write.

    Attributes:
        folder: of the set, with `origins.jsonl` that says what each image is.
        real: real images in it.
        layouts: that are painted.
        disk: bytes that it takes, about, while it is made.
        unknown: labels of the data that the model cannot paint.
        outcome: what became of the painted images; None: nothing was painted.
        dropped, mended: entries of annotations that were left out, or read in the one way that makes sense.
    """

    folder: Path
    real: int
    layouts: int
    disk: int
    unknown: tuple[str, ...]
    outcome: Outcome | None
    dropped: tuple[Defect, ...] = ()
    mended: tuple[Defect, ...] = ()


def augment(
    data: PathLike | Sequence[PathLike],
    output: PathLike,
    *,
    factor: float | None = None,
    count: int | None = None,
    to: str = "coco",
    painted_only: bool = False,
    model: PathLike | None = None,
    method: str | None = None,
    steps: int | None = None,
    category: Sequence[str] | None = None,
    objects: float = 1.0,
    size: float = 1.0,
    balance: float = 0.0,
    check: bool = True,
    detector: str | None = None,
    rounds: int | None = None,
    missing: str | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    dtype: str = "auto",
    device: str | None = None,
    dry_run: bool = False,
    units: str = "pixels",
    strict: bool = False,
    overwrite: bool = False,
    progress: bool | Progress = False,
) -> AugmentedData:
    """Enlarge a data set by painted images; the same as ``layoutgen augment``.

    >>> layoutgen.augment("scenes", "out/twice", factor=2)

    Layouts like those of the data are painted, a detector looks for their objects, images that miss some are
    painted again, and all is written with the real images. The same call goes on where one was interrupted.

    Args:
        data: annotated images of any known format.
        output: folder to write to.
        factor: the set has so many times as many images as the data; None: 2.
        count: images to paint, instead of `factor`.
        to: format that is written: coco, yolo, voc, labelme, huggingface, createml or label-studio.
        painted_only: leave the real images out.
        model, method, steps, batch_size, dtype: see :func:`layoutgen.sample`.
        category: only objects of these labels are painted; None: all that the model knows.
        objects, size, balance: see :class:`~layoutgen.layout_model.sampling.Shift`.
        check: look for what was painted; without it everything is annotated as it was asked for.
        detector: folder or hub id of a model of transformers; None: the small one in the package (cat, dog).
        rounds: how often images that miss an object are painted again; None: twice.
        missing: what becomes of objects that are never found: "objects", or None: they are not annotated;
            "images": their image is left out; "keep": they are annotated.
        seed: the same seed gives the same set.
        device: cpu, cuda, cuda:1; None: cuda if there is one.
        dry_run: say what would be painted, and write nothing.
        units: of annotations: pixels or fraction.
        strict: refuse annotations with a bad entry.
        overwrite: replace earlier results in `output`.
        progress: True: show bars on a terminal; or an object that is told.

    Raises:
        LayoutgenError: what cannot be done, by its kinds; it is said before a model is loaded.
    """
    folder = Path(output)
    looking = {"detector": detector, "rounds": rounds, "missing": missing}
    idle = [name for name, value in looking.items() if value is not None and not check]
    rounds, missing = 2 if rounds is None else rounds, "objects" if missing is None else missing
    wanted = Wanted(
        factor, count, painted_only, as_name(model), method, steps, tuple(category or ()),
        (objects, size, balance), check, detector, rounds, missing, seed, batch_size, dtype, device,
    )  # fmt: skip
    check_options(wanted, to, idle)
    target = format_named(to)
    of_formats = (name for known in FORMATS for name in known.writes)
    names = sorted({ORIGINS, target.image_folder, *of_formats} - {""})
    check_output(folder, names, overwrite=overwrite)
    with progress_of(progress) as watch:
        plan = plan_of(
            as_paths(data), wanted, read_options(strict, units, masks=True, run_lengths=False), watch
        )
        check_space(folder, plan.disk, "ask for fewer images")
        real = 0 if painted_only else len(plan.source.images)
        said = AugmentedData(
            folder, real, len(plan.layouts), plan.disk, plan.unknown, None, plan.source.data.dropped,
            plan.source.data.mended,
        )  # fmt: skip
        if dry_run:
            return said
        watch.note(
            f"{len(plan.layouts):,} images are painted; with what they are made of they take about "
            f"{plan.disk / 10**6:,.0f} MB"
        )
        try:
            with shared_folder(folder, names, plan.key(to), overwrite=overwrite) as aside:
                kept, done = paint_rounds(plan, aside, watch)
                outcome = outcome_of(done, kept, missing)
                painted = painted_part(list(kept.values()), aside, missing, plan.source.labels)
                parts = [painted] if painted_only else [real_part(plan.source), painted]
                made = aside / "set"
                shutil.rmtree(made, ignore_errors=True)
                made.mkdir()
                total = real + len(painted.source.images)
                for _ in watch.track("writing the set", write_training_set(parts, made, target), total):
                    pass
                for path in sorted(aside.iterdir()):
                    if path != made:
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
                for path in sorted(made.iterdir()):
                    path.rename(aside / path.name)
                made.rmdir()
        except BaseException:
            for place in unfinished_folders(folder):
                watch.note(f"what is painted is kept in {place}; the same command goes on there")
            raise
    return replace(said, outcome=outcome)
