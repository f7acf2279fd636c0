"""Rounds of painting: layouts are painted, a detector looks for objects, and what misses some comes again.

What is finished stays in the working folder: the images of each round, and what was found in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from layoutgen.api.augment_inputs import AugmentPlan, Wanted
from layoutgen.api.sample import sample
from layoutgen.augmentation.attempts import Attempt, attempt_from, attempt_of, best
from layoutgen.augmentation.rounds import Round, round_of
from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages
from layoutgen.domain.layout import Layout
from layoutgen.evaluation.evaluator import Evaluator, EvaluatorOptions
from layoutgen.formats.annotated_source import AnnotatedSource, open_annotated
from layoutgen.formats.coco import write_coco
from layoutgen.formats.coco_writing import categories_of
from layoutgen.io.files import read_json_list, write_json
from layoutgen.progress import Progress

_ANNOTATIONS = "annotations.json"


def paint_rounds(plan: AugmentPlan, folder: Path, watch: Progress) -> tuple[dict[int, Attempt], list[Round]]:
    """The best attempt at each layout of `plan`, by number, and what each round came to.

    Raises:
        UnknownLabel: the detector does not know what is painted; said before the first image.
        LayoutgenError: what cannot be painted.
    """
    wanted, evaluator = plan.wanted, None
    if wanted.check:
        evaluator = Evaluator(EvaluatorOptions(detector=wanted.detector, device=wanted.device))
        watch.begin("loading the detector")
        evaluator.check_labels(_source(folder, [(1, "", layout) for layout in plan.layouts]))
    attempts: list[Attempt] = []
    done: list[Round] = []
    for round_ in range(1 + (wanted.rounds if wanted.check else 0)):
        kept = best(attempts)
        todo = [
            (number, layout)
            for number, layout in enumerate(plan.layouts, start=1)
            if number not in kept or not kept[number].complete
        ]
        if not todo:
            break
        found = _round(round_, todo, plan, evaluator, folder, watch)
        attempts += found
        done.append(round_of(found))
    return best(attempts), done


def _round(
    round_: int,
    todo: Sequence[tuple[int, Layout]],
    plan: AugmentPlan,
    evaluator: Evaluator | None,
    folder: Path,
    watch: Progress,
) -> list[Attempt]:
    """Paint the numbered layouts `todo` and look for their objects; or read what was found before."""
    results, seed = folder / f"found_{round_}.json", plan.wanted.seed + round_
    if results.is_file():
        return [attempt_from(one, plan.layouts[one["number"] - 1], round_) for one in read_json_list(results)]
    images = folder / f"round_{round_}"
    if not (images / _ANNOTATIONS).is_file():
        _paint(todo, images, plan.wanted, seed, _Within(watch, f"round {round_ + 1}", notes=round_ == 0))
    painted = open_annotated(images)
    assert painted.folder is not None  # it was painted here
    inside = painted.folder.resolve().relative_to(folder.resolve())
    rows = [
        (number, (inside / image.file_name).as_posix(), layout)
        for (number, layout), image in zip(todo, painted.images, strict=True)
    ]
    if evaluator is None:
        every = [
            Attempt(n, layout, file, round_, seed, tuple(range(len(layout.instances))))
            for n, file, layout in rows
        ]
        write_json(results, [one.to_json() for one in every])
        return every
    source = _source(folder, rows)
    detected = watch.track(f"round {round_ + 1}: looking", evaluator.detect(source), len(rows))
    scores = evaluator.score(source.images, source.labels, dict(detected)).images
    found = [
        attempt_of(score, number, layout, file, round_, seed)
        for score, (number, file, layout) in zip(scores, rows, strict=True)
    ]
    write_json(results, [one.to_json() for one in found])
    return found


def _paint(
    todo: Sequence[tuple[int, Layout]], images: Path, wanted: Wanted, seed: int, watch: Progress
) -> None:
    """Paint the layouts into the folder `images`, by the machinery of ``layoutgen sample``."""
    layouts = images.with_name(f"{images.name}_layouts.json")
    write_coco(layouts, [(f"layout_{number:06d}.png", layout) for number, layout in todo])
    sample(
        layouts,
        output=images,
        model=wanted.model,
        method=wanted.method,
        steps=wanted.steps,
        seed=seed,
        batch_size=wanted.batch_size,
        dtype=wanted.dtype,
        device=wanted.device,
        progress=watch,
    )


def _source(folder: Path, rows: Sequence[tuple[int, str, Layout]]) -> AnnotatedSource:
    """Painted images (number, file in `folder`, layout) as a source."""
    images = tuple(AnnotatedImage(number, file, layout) for number, file, layout in rows)
    labels = {label for image in images for label in image.labels}
    categories = categories_of(labels)
    return AnnotatedSource(folder, folder, AnnotatedImages(images, categories))


class _Within(Progress):
    """Tells `watch`, which is shown already, of a part of its work; `notes` only if they are wanted."""

    def __init__(self, watch: Progress, part: str, *, notes: bool) -> None:
        self._watch, self._part, self._notes = watch, part, notes

    def begin(self, what: str, total: int | None = None) -> None:
        """See :class:`layoutgen.progress.Progress`."""
        self._watch.begin(f"{self._part}: {what}", total)

    def advance(self, done: int, total: int | None = None) -> None:
        """See :class:`layoutgen.progress.Progress`."""
        self._watch.advance(done, total)

    def note(self, message: str) -> None:
        """See :class:`layoutgen.progress.Progress`."""
        if self._notes:
            self._watch.note(message)
