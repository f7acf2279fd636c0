"""Layouts -> images, overlays and COCO annotations on disk; every image can be made again from itself."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from layoutgen.additions import NOTHING_ADDED, Additions
from layoutgen.denoising.coarse_to_fine import own_layers
from layoutgen.denoising.settings import SampleSettings
from layoutgen.denoising.step import Step
from layoutgen.denoising.zoom import zoomed
from layoutgen.devices import DTYPES, fastest_dtype, resolve_device
from layoutgen.domain.layout import Layout
from layoutgen.errors import InvalidOption, LayoutgenError, first_line
from layoutgen.formats.coco import write_coco
from layoutgen.io.disk_space import check_space
from layoutgen.io.output_folder import SAMPLES, shared_folder
from layoutgen.methods.base import LayoutMethod
from layoutgen.pipeline import LayoutPipeline
from layoutgen.sampling.jobs import Job, is_finished, jobs_of, key_of, wait_for, write_grid, write_job
from layoutgen.sampling.placement import place
from layoutgen.sampling.processes import ALONE, Processes

_WRITERS = 2  # threads that write images while the next ones are painted
_BYTES = 0.2  # of a pixel of an image and its overlay, at least
_QUEUE = 64  # finished images that may wait for them


@dataclass(frozen=True, slots=True)
class Painting:
    """Progress of :func:`sample`: step `step` of `steps` over all images; `finished`: new images.

    `kept`: how many an interrupted run had finished, said once before the first step.
    `preview` is that of :class:`~layoutgen.denoising.step.Step`, None where nothing is being painted.
    """

    step: int
    steps: int
    finished: tuple[Path, ...] = ()
    kept: int = 0
    preview: Callable[[], list[Image.Image]] | None = field(default=None, compare=False, repr=False)


def load_pipeline(
    source: str,
    device: str | None = None,
    dtype: str | None = None,
    additions: Additions = NOTHING_ADDED,
    *,
    note: Callable[[str], None] | None = None,
) -> LayoutPipeline:
    """Load the pipeline at `source`, with `additions`, onto `device`; None: CUDA if there is one.

    `dtype` None or ``auto``: fp16 on CUDA, bf16 on a CPU that multiplies matrices in it, else fp32.

    Args:
        note: a model that does not fit on the device is moved there part by part, and this is told so;
            None: it has to be there as a whole.

    Raises:
        InvalidOption: there is no such device, or it cannot do `dtype`.
    """
    device = resolve_device(device)
    dtype = fastest_dtype(device) if dtype in (None, "auto") else dtype
    if dtype not in DTYPES:
        raise InvalidOption(f"`dtype` must be one of auto, {', '.join(DTYPES)}, not {dtype}")
    if dtype == "fp16" and device == "cpu":
        raise InvalidOption("`dtype` fp16 needs a CUDA device: use fp32 or bf16 on the CPU")
    try:
        number_format = getattr(torch, DTYPES[dtype])
        pipeline: LayoutPipeline = LayoutPipeline.from_pretrained(source, torch_dtype=number_format)
        if additions != NOTHING_ADDED:
            pipeline.add(additions)
        if note is None:
            pipeline.to(device)
        else:
            place(pipeline, device, note)
    except LayoutgenError:
        raise
    except Exception as error:  # what the libraries raise on a broken folder is anything
        reason = first_line(error)
        small = isinstance(error, MemoryError | torch.OutOfMemoryError)
        remedy = "take a smaller one, or another `device`" if small else "copy it again, or take another one"
        raise InvalidOption(f"`model` {source} cannot be loaded on {device}: {reason}; {remedy}") from error
    if device.startswith("cuda"):  # on CPUs the plain order is faster
        pipeline.unet.to(memory_format=torch.channels_last)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def sample(
    pipeline: LayoutPipeline,
    layouts: Sequence[tuple[str, Layout]],
    settings: SampleSettings,
    output: Path,
    *,
    seeds: Sequence[int] | None = None,
    image_ids: Sequence[int | None] | None = None,
    num_images: int = 1,
    batch_size: int | None = None,
    overwrite: bool = False,
    processes: Processes = ALONE,
) -> Iterator[Painting]:
    """Paint each of the named `layouts` `num_images` times into `output`, which appears when all are done.

    Image k of a layout has the seed s + k, where s is the one of `seeds` that belongs to the layout (None:
    ``settings.seed``); the same seed gives the same image on the same kind of device. Those of a data set
    begin from noise of their own, by seed and image id, the one of `image_ids` (None: by the seed alone).
    Layouts of one size are painted together, as many as fill a batch of `batch_size` windows (None: what fits
    into memory). Images that an earlier call with the same arguments finished are kept.

    Raises:
        OutputExists: `output` holds results and `overwrite` is not set.
        InvalidOption, UnknownLabel: what the model cannot do.
        CannotSave: another of the `processes` does not finish its share.
    """
    method = pipeline.method(settings.method, settings.encoding)
    for _, layout in layouts:
        pipeline.check(layout, method, settings.strength)
    pipeline.check_settings(settings)
    recorded = recorded_settings(pipeline, method, settings)
    seeds = [settings.seed] * len(layouts) if seeds is None else seeds
    jobs = jobs_of(layouts, seeds, num_images, image_ids)
    pixels = sum(job.layout.width * job.layout.height for job in jobs)
    check_space(output, int(pixels * _BYTES), "ask for fewer or smaller images")
    with shared_folder(
        output, SAMPLES, key_of(jobs, recorded), overwrite=overwrite, leader=processes.rank == 0
    ) as aside:
        for folder in SAMPLES[:2]:
            (aside / folder).mkdir(exist_ok=True)
        # So that those that can be painted together follow each other; the order of equals is kept.
        mine = processes.share(sorted(jobs, key=partial(_kind, pipeline=pipeline, settings=settings)))
        todo = [job for job in mine if not is_finished(aside, job, recorded)]
        painter = _Painter(pipeline, method, settings, recorded, batch_size)
        if len(todo) < len(mine):
            steps = settings.steps
            yield Painting((len(mine) - len(todo)) * steps, len(mine) * steps, kept=len(mine) - len(todo))
        try:
            yield from painter.run(todo, aside, output, total=len(mine))
            if processes.rank == 0:
                wait_for(aside, jobs)
                write_grid(aside, jobs)
        finally:  # also of what is finished when it is interrupted: it can be looked at, and evaluated
            if processes.rank == 0:
                _annotate(aside, jobs, recorded)


def _annotate(aside: Path, jobs: Sequence[Job], recorded: dict[str, Any]) -> None:
    """Write the annotations of those images of `jobs` that are there, if there are any."""
    there = [(job.file, job.layout) for job in jobs if (aside / "images" / job.file).is_file()]
    if there:
        write_coco(aside / "annotations.json", there, info={"settings": recorded})


def recorded_settings(
    pipeline: LayoutPipeline, method: LayoutMethod, settings: SampleSettings
) -> dict[str, Any]:
    """What an image says of how it was painted by `method`: its settings, as they are read back."""
    values = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(settings).items()}
    return values | {
        "method": method.info.name,
        "encoding": method.encoding,
        "dtype": str(pipeline.unet.dtype).removeprefix("torch."),
    }


def _kind(
    job: Job, pipeline: LayoutPipeline, settings: SampleSettings
) -> tuple[int, int, int, tuple[int, ...]]:
    """What images must have in common to be painted together: their size, their zoom, and their layers."""
    zoom = pipeline.zoom(job.layout, settings)
    layers = own_layers(zoomed(job.layout, zoom), settings.coarse_above or math.inf)
    return job.layout.width, job.layout.height, zoom, layers


@dataclass(frozen=True)
class _Painter:
    """Paints the images of a run, the next ones while others are written."""

    pipeline: LayoutPipeline
    method: LayoutMethod
    settings: SampleSettings
    recorded: dict[str, Any]
    batch_size: int | None

    def run(self, jobs: Sequence[Job], aside: Path, output: Path, *, total: int) -> Iterator[Painting]:
        """Paint `jobs` into `aside`; `total` counts them with those that are there already."""
        done, steps = total - len(jobs), self.settings.steps
        with ThreadPoolExecutor(_WRITERS) as pool:
            writing: list[Future[None]] = []
            for group in self._groups(jobs):
                images: list[Image.Image] = []
                for event in self._paint(group):
                    if isinstance(event, Step):
                        steps = event.total  # some schedulers take one more than they are asked for
                        number = done * steps + event.number * len(group)
                        yield Painting(number, total * steps, preview=event.preview)
                    else:
                        images = event
                for write in writing[: max(0, len(writing) + len(group) - _QUEUE)]:
                    write.result()
                writing = [write for write in writing if not write.done() or write.result()]
                writing += [
                    pool.submit(write_job, aside, job, image, self.recorded)
                    for job, image in zip(group, images, strict=True)
                ]
                done += len(group)
                finished = tuple(output / "images" / job.file for job in group)
                yield Painting(done * steps, total * steps, finished)
            for write in writing:
                write.result()

    def _paint(self, jobs: Sequence[Job]) -> Iterator[Step | list[Image.Image]]:
        """Paint `jobs`, all of one size, together; each with the random numbers of its own seed."""
        return self.pipeline.paint(
            [job.layout for job in jobs],
            self.method,
            settings=self.settings,
            batch_size=self.batch_size,
            generator=[torch.Generator().manual_seed(job.noise_seed) for job in jobs],
        )

    def _groups(self, jobs: Sequence[Job]) -> Iterator[Sequence[Job]]:
        """`jobs` in groups that are painted together: alike, as many as fill a batch."""
        kind = partial(_kind, pipeline=self.pipeline, settings=self.settings)
        for (*_, zoom, _), same in groupby(jobs, key=kind):
            row = list(same)
            count = self.pipeline.images_at_once(
                zoomed(row[0].layout, zoom), guided=self.settings.guidance > 1, batch_size=self.batch_size
            )
            yield from (row[at : at + count] for at in range(0, len(row), count))


def quiet_libraries() -> None:
    """Silence what diffusers and transformers print while loading; errors stay."""
    import diffusers
    import transformers

    diffusers.utils.logging.set_verbosity_error()
    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", module="diffusers|transformers|huggingface_hub")
