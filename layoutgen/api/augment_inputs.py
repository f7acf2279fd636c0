"""What ``layoutgen augment`` is asked for, and the layouts that it is going to paint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from layoutgen.api.inputs import read_inputs
from layoutgen.augmentation.attempts import MISSING
from layoutgen.augmentation.captions import with_captions
from layoutgen.detection.names import check_detector, check_known, labels_of_detector
from layoutgen.domain.labels import check_categories, closest
from layoutgen.domain.layout import Layout
from layoutgen.errors import InvalidFile, InvalidOption, Problems, UnknownLabel
from layoutgen.formats.annotated_source import AnnotatedSource
from layoutgen.formats.layout_file import layout_to_dict
from layoutgen.formats.read_options import ReadOptions
from layoutgen.formats.registry import format_named
from layoutgen.layout_model.fitting import fit
from layoutgen.layout_model.sampling import Shift, sample_layouts
from layoutgen.model_info import find_model
from layoutgen.preflight.options import check_batch_size, check_device_names
from layoutgen.progress import Progress

_BYTES = 3.0  # of a pixel of a painted image, at most, with its overlay and its copy


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options of :func:`layoutgen.augment` that decide what is painted; `shift` as its class has them."""

    factor: float | None
    count: int | None
    painted_only: bool
    model: str | None
    method: str | None
    steps: int | None
    category: tuple[str, ...]
    shift: tuple[float, float, float]
    check: bool
    detector: str | None
    rounds: int
    missing: str
    seed: int
    batch_size: int | None
    dtype: str
    device: str | None


@dataclass(frozen=True, slots=True)
class AugmentPlan:
    """What is going to be painted.

    Attributes:
        source: the real images.
        layouts: to paint, with their prompts.
        unknown: labels of the data that the model does not know.
        disk: bytes that all of it takes, about.
        wanted: options.
    """

    source: AnnotatedSource
    layouts: tuple[Layout, ...]
    unknown: tuple[str, ...]
    disk: int
    wanted: Wanted

    def key(self, to: str) -> str:
        """A short name of what is asked for, for those who come to finish it."""
        options = asdict(self.wanted)
        for name in ("batch_size", "device"):  # which change how it is done, not what
            del options[name]
        images = [] if self.wanted.painted_only else [one.file_name for one in self.source.images]
        content = [to, options, [layout_to_dict(layout) for layout in self.layouts], images]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


def check_options(wanted: Wanted, to: str, idle: Sequence[str]) -> None:
    """Refuse what makes no sense, before anything is read; all of it at once.

    Args:
        idle: options that were given and have no effect, since nothing is checked.

    Raises:
        LayoutgenError: names the options.
    """
    wrong, factor, count = Problems(), wanted.factor, wanted.count
    wrong.check(factor is None or count is None, "give either `factor` or `count`, not both")
    right = factor is None or 1 < factor <= 1000
    wrong.check(right, f"`factor` must be above 1, up to 1000, not {factor}")
    wrong.check(count is None or count >= 1, f"`count` must be 1 or more, not {count}")
    wrong.check(wanted.rounds >= 0, f"`rounds` must be 0 or more, not {wanted.rounds}")
    wrong.check(wanted.seed >= 0, f"`seed` must be 0 or more, not {wanted.seed}")
    right = wanted.missing in MISSING
    wrong.check(right, f"`missing` must be one of {', '.join(MISSING)}, not {wanted.missing}")
    wrong.found += [f"`{name}` has no effect without `check`" for name in idle]
    for check in (
        partial(Shift, *wanted.shift),
        partial(format_named, to),
        partial(check_device_names, wanted.device, wanted.dtype),
        partial(check_batch_size, wanted.batch_size),
        partial(check_detector, wanted.detector),
    ):
        with wrong.noted():
            check()
    wrong.say()


def plan_of(paths: Sequence[Path], wanted: Wanted, reading: ReadOptions, watch: Progress) -> AugmentPlan:
    """Read the data and draw layouts like theirs of what the model knows.

    Raises:
        InvalidFile: the data are missing or broken, or, where they are to be in the set, an image is.
        UnknownLabel: the model knows none of their labels, or the detector not all that are painted.
        InvalidOption: there is no such model or category.
    """
    info = find_model(wanted.model)
    watch.begin("reading annotations")
    source = read_inputs(paths, reading)
    if not source.images:
        raise InvalidFile(source.path, "holds no image", remedy="give annotated images")
    if not wanted.painted_only:
        source.check_files("name the folder of the images before the annotations, or pass `painted_only`")
    labels = sorted({one.label for image in source.images for one in image.instances})
    unknown = tuple(label for label in labels if not _knows(info.labels, label))
    chosen = _chosen(labels, unknown, wanted.category, paths[-1])
    layouts = [
        image.layout.with_instances(tuple(one for one in image.instances if one.label in chosen))
        for image in source.images
    ]
    if unknown and not wanted.category:
        watch.note(_not_painted(unknown))
    watch.begin("fitting the layout model")
    model = fit(layouts)
    count = wanted.count or max(1, round(((wanted.factor or 2.0) - 1) * len(source.images)))
    drawn = list(
        watch.track("layouts", sample_layouts(model, count, wanted.seed, Shift(*wanted.shift)), count)
    )
    if wanted.check:
        check_known({label for one in drawn for label in one.labels}, labels_of_detector(wanted.detector))
    drawn = with_captions(drawn, [image for image in source.images if image.instances], wanted.seed)
    return AugmentPlan(source, tuple(drawn), unknown, _disk(source, drawn, wanted), wanted)


def _knows(known: Sequence[str] | None, label: str) -> bool:
    return known is None or closest(label, known, near=False) is not None


def _chosen(labels: Sequence[str], unknown: Sequence[str], category: Sequence[str], path: Path) -> set[str]:
    """The labels that are painted."""
    if not labels:
        raise InvalidOption(f"{path} has no object: there is nothing to draw layouts like")
    check_categories(category, labels)
    for label in category:
        if label in unknown:
            raise UnknownLabel(f"`category` {label}: the model does not know it; pass a `model` that does")
    found = set(category or labels) - set(unknown)
    if not found:
        raise UnknownLabel(
            f"the model knows none of the labels of {path} ({_some(unknown)}): pass a `model` that does"
        )
    return found


def _not_painted(unknown: Sequence[str]) -> str:
    """What is said of labels that the model does not know."""
    return f"the model does not know {_some(unknown)}: no such objects are painted"


def _some(labels: Sequence[str]) -> str:
    return ", ".join(labels[:3]) + (f" and {len(labels) - 3:,} more" if len(labels) > 3 else "")


def _disk(source: AnnotatedSource, layouts: Sequence[Layout], wanted: Wanted) -> int:
    """The bytes that real images, and painted ones while they are made, take."""
    real = 0 if wanted.painted_only else sum(source.file_of(one).stat().st_size for one in source.images)
    return int(real + _BYTES * sum(layout.width * layout.height for layout in layouts))
