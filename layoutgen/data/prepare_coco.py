"""Annotated images of any format -> training data: an image folder with ``metadata.jsonl``."""

from __future__ import annotations

import os
import shutil
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path, PurePosixPath

from PIL import Image

from layoutgen.data.box_masks import BoxMasker, MasksSheet, add_masks
from layoutgen.data.selection import Reason, Selection
from layoutgen.domain.annotated_image import AnnotatedImage, AnnotatedImages, Mask
from layoutgen.domain.labels import count_phrase
from layoutgen.domain.layout import Instance, Layout
from layoutgen.errors import InvalidFile, InvalidOption
from layoutgen.formats.huggingface import index_writer
from layoutgen.formats.masks import resized
from layoutgen.io.disk_space import check_space
from layoutgen.io.files import is_file
from layoutgen.io.images import PHOTO_SUFFIXES, is_plain, read_photo, save_photo
from layoutgen.io.output_folder import name_inside, output_folder

_AHEAD = 8  # images for each thread that are begun before the first of them is needed
SHEET = "masks.jpg"
WRITES = ("images", "metadata.jsonl", SHEET)
"""What :func:`prepare_coco` writes into its output folder, the last of them with a masker."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one image.

    Attributes:
        kept: objects that are in the result; of them `clipped` reached beyond the image, and `masked` have a
            mask.
        dropped: objects that are not, by reason.
        left_out: why the image is not there; None: it is.
        own_caption: whether its text is a caption, not composed from labels.
    """

    file_name: str
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    left_out: Reason | None = None
    own_caption: bool = False
    clipped: int = 0
    masked: int = 0


@dataclass(frozen=True, slots=True)
class _Plan:
    """One image before its file is opened."""

    image: AnnotatedImage
    source: Path
    target: str
    layout: Layout
    masks: tuple[Mask | None, ...]
    outcome: Outcome


_Written = tuple[Outcome, AnnotatedImage | None]


def prepare_coco(
    data: AnnotatedImages,
    folder: Path,
    output: Path,
    *,
    selection: Selection | None = None,
    captions: Mapping[int, Sequence[str]] | None = None,
    size: int | None = None,
    skip_missing: bool = False,
    masker: BoxMasker | None = None,
    overwrite: bool = False,
) -> Generator[Outcome, None, None]:
    """Write the selected images of `data`, whose files are in `folder`, to `output`; yield each outcome.

    `output` receives the files under ``images/`` and ``metadata.jsonl``, all at once when the last image is
    done; an error, or closing the iterator, leaves it as it was. The text of an image is the first of its
    `captions`, else its prompt, else composed from its labels. `size`: images whose shorter side has more
    pixels are scaled down to it. `skip_missing` leaves out images that are missing or unreadable. Masks are
    kept, as run lengths; `masker` makes those that are missing, and ``masks.jpg`` shows how well it did.

    Raises:
        InvalidFile: an image (or `folder`) is missing, unreadable or of another size than annotated.
        InvalidOption: the selection leaves nothing, or the captions belong to other images.
        OutputExists: `output` holds results and `overwrite` is not set.
    """
    if not folder.is_dir():
        raise InvalidFile(folder, "there is no such folder", remedy="give the folder with the images")
    selection = selection or Selection()
    selection.check_labels(data)
    if captions and not any(image.id in captions for image in data.images):
        raise InvalidOption("`captions`: none of the captions belongs to an image of the annotations")
    with output_folder(output, WRITES, overwrite=overwrite) as aside:
        plans = _plan(data, folder, selection, captions or {}, size)
        if not skip_missing:
            _check_present([plan for plan in plans if plan.outcome.kept])
        if size is None:
            kept = [plan.source for plan in plans if plan.outcome.left_out is None and is_file(plan.source)]
            needed = sum(file.stat().st_size for file in kept)
            check_space(output, needed, "let images be smaller by `size`")
        prepared, left_out = 0, Counter[Reason]()
        sheet = MasksSheet() if masker is not None else None
        write = partial(_write, aside=aside, skip_missing=skip_missing, masker=masker, sheet=sheet)
        with index_writer(aside) as write_image:
            for outcome, image in _in_order(write, plans):
                if outcome.left_out is not None:
                    left_out[outcome.left_out] += 1
                elif image is not None:
                    write_image(image)
                    prepared += 1
                yield outcome
        if not prepared:
            found = ", ".join(f"{count} x {reason.value}" for reason, count in left_out.most_common())
            raise InvalidOption(
                f"nothing to write: no image is left ({found or 'the annotations list none'})"
            )
        if sheet is not None:
            sheet.write(aside / SHEET)


def _in_order(write: Callable[[_Plan], _Written], plans: Iterable[_Plan]) -> Iterator[_Written]:
    """What `write` makes of each of `plans`, by several threads: Pillow works outside the interpreter's lock.

    Own code: ``Executor.map`` has a job for every plan before the first result, and keeps each plan.
    """
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(threads) as pool:
        jobs = deque[Future[_Written]]()
        for plan in plans:
            jobs.append(pool.submit(write, plan))
            if len(jobs) > _AHEAD * threads:
                yield jobs.popleft().result()
        while jobs:
            yield jobs.popleft().result()


def _plan(
    data: AnnotatedImages,
    folder: Path,
    selection: Selection,
    captions: Mapping[int, Sequence[str]],
    size: int | None,
) -> list[_Plan]:
    """What to do with each image, decided without opening its file."""
    plans, taken = [], set[str]()
    unread: dict[int | None, Counter[str]] = defaultdict(Counter)
    for entry in data.dropped:
        unread[entry.image_id][entry.reason] += 1
    for image in data.images:
        selected = selection.apply(image)
        kept, dropped = selected.instances, selected.dropped + unread[image.id]
        own = next((text for text in (*captions.get(image.id, ()), image.layout.prompt) if text), "")
        layout = Layout(*image.size, kept, own or _composed(kept))
        if size is not None and min(image.size) > size:
            scale = size / min(image.size)
            layout = layout.resize(*(round(side * scale) for side in image.size))
        left_out = selection.refusal(kept)
        count, clipped = (0, 0) if left_out else (len(kept), selected.clipped)
        outcome = Outcome(image.file_name, count, dropped, left_out, bool(own), clipped)
        if left_out is Reason.TOO_MANY:
            outcome = replace(outcome, dropped={**dropped, Reason.TOO_MANY: len(kept)})
        target = "" if left_out else _target(image.file_name, taken)
        plans.append(_Plan(image, folder / image.file_name, target, layout, selected.masks, outcome))
    return plans


def _composed(instances: Sequence[Instance]) -> str:
    counts = Counter(instance.label for instance in instances)
    return f"a photo of {count_phrase(dict(counts.most_common()))}" if counts else ""


def _target(file_name: str, taken: set[str]) -> str:
    """A name for the image inside the output; JPEG stays JPEG, the rest is PNG."""
    suffix = PurePosixPath(file_name).suffix
    return name_inside("images", file_name, suffix if suffix.lower() in PHOTO_SUFFIXES else ".png", taken)


def _check_present(plans: Sequence[_Plan]) -> None:
    """Say at once, not after an hour, that images are missing."""
    missing = [plan.source for plan in plans if not is_file(plan.source)]
    if missing:
        problem = f"there is no such image; {len(missing)} of {len(plans)} images are missing"
        raise InvalidFile(
            missing[0], problem, remedy="check the folder of the images, or pass `skip_missing`"
        )


def _write(
    plan: _Plan, aside: Path, skip_missing: bool, masker: BoxMasker | None, sheet: MasksSheet | None
) -> _Written:
    """Copy the image if it is what every program would read; else decode, turn, scale and write it."""
    if plan.outcome.left_out is not None:
        return plan.outcome, None
    target = aside / plan.target
    try:
        photo = read_photo(plan.source, *plan.image.size)
    except InvalidFile as error:
        if not skip_missing:
            raise InvalidFile(
                error.path, error.problem, remedy=f"{error.remedy or 'replace it'}, or pass `skip_missing`"
            ) from None
        reason = Reason.UNREADABLE if is_file(plan.source) else Reason.MISSING
        dropped = {**plan.outcome.dropped, reason: plan.outcome.kept}
        return replace(plan.outcome, kept=0, clipped=0, dropped=dropped, left_out=reason), None
    target.parent.mkdir(parents=True, exist_ok=True)
    size = (plan.layout.width, plan.layout.height)
    if photo.size != size:
        photo = photo.resize(size, Image.Resampling.LANCZOS)
        save_photo(photo, target)
    elif is_plain(plan.source):
        shutil.copyfile(plan.source, target)
    else:
        save_photo(photo, target)
    image = AnnotatedImage(plan.image.id, plan.target, plan.layout, masks=_masks(plan))
    if masker is not None and sheet is not None:
        image = add_masks(image, photo, masker)
        sheet.add(image, photo)
    return replace(plan.outcome, masked=sum(mask is not None for mask in image.masks)), image


def _masks(plan: _Plan) -> tuple[Mask | None, ...]:
    """The masks of the objects that are kept, at the size of the image that is written."""
    size, target = plan.image.size, (plan.layout.width, plan.layout.height)
    found: list[Mask | None] = []
    for mask in plan.masks:
        try:
            found.append(None if mask is None else Mask(resized(mask.segmentation, size, target), mask.score))
        except ValueError:  # of another size than the image
            found.append(None)
    return tuple(found) if any(found) else ()
