"""``layoutgen.sample``: layouts to images, overlays and annotations on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from layoutgen.api.inputs import PathLike, as_name, as_names, read_options
from layoutgen.api.sample_images import Series
from layoutgen.api.sample_inputs import Requests, as_quantities, listed, output_name, read_requests
from layoutgen.api.sample_plan import Plan, make_plan
from layoutgen.api.unfinished import unfinished_noted
from layoutgen.domain.layout import Layout
from layoutgen.errors import Problems
from layoutgen.formats.read_options import ReadOptions
from layoutgen.imports import importing
from layoutgen.io.output_folder import GRID, SAMPLES, check_output
from layoutgen.methods.registry import COMPOSING
from layoutgen.preflight.check import check_painting
from layoutgen.preflight.options import check_batch_size, check_device_names
from layoutgen.progress import Progress, progress_of
from layoutgen.sampling.processes import Processes, running_processes

if TYPE_CHECKING:
    from layoutgen.domain.annotated_image import Defect
    from layoutgen.sampling.run import Painting


@dataclass(frozen=True, slots=True)
class SampledImage:
    """An image that was painted: its file, that with the boxes drawn over it, its layout and its seed."""

    path: Path
    overlay: Path
    layout: Layout
    seed: int


@dataclass(frozen=True, slots=True)
class Samples:
    """What :func:`sample` wrote.

    Attributes:
        folders: one for each method.
        images: in the order of layouts, then of seeds.
        annotations: COCO files, one in each folder.
        grids: pictures of many images, where there are many.
        dropped, mended: entries of annotations that were left out, or read in the one way that makes sense.
    """

    folders: tuple[Path, ...]
    images: tuple[SampledImage, ...]
    annotations: tuple[Path, ...]
    grids: tuple[Path, ...] = ()
    dropped: tuple[Defect, ...] = ()
    mended: tuple[Defect, ...] = ()


def sample(
    layouts: Layout | PathLike | Sequence[Layout | PathLike] = (),
    number: Mapping[str, int] | Sequence[tuple[int, str]] = (),
    *,
    output: PathLike | None = None,
    model: PathLike | None = None,
    vae: PathLike | None = None,
    lora: PathLike | Sequence[PathLike] | None = None,
    embedding: PathLike | Sequence[PathLike] | None = None,
    clip_skip: int | None = None,
    method: str | Sequence[str] | None = None,
    encoding: str | None = None,
    prompt: str | None = None,
    negative_prompt: str | None = None,
    seed: int | str | None = None,
    num_images: int | None = None,
    vary: str = "seed",
    image_id: int | None = None,
    width: int | None = None,
    height: int | None = None,
    scheduler: str | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    background_guidance: float | None = None,
    coarse_above: float | None = None,
    guidance_rescale: float | None = None,
    karras: bool | None = None,
    strength: float | None = None,
    zoom: int | None = None,
    variety: int | None = None,
    verify: bool | None = None,
    detector: str | None = None,
    guidance_interval: tuple[float, float] | None = None,
    cache_interval: int | None = None,
    batch_size: int | None = None,
    dtype: str = "auto",
    device: str | None = None,
    units: str = "pixels",
    strict: bool = False,
    overwrite: bool = False,
    progress: bool | Progress = False,
    on_event: Callable[[Painting], None] | None = None,
) -> Samples:
    """Paint images with each object in its own box; the same as ``layoutgen sample``.

    >>> layoutgen.sample(number={"dogs": 3}, output="out/dogs")
    >>> layoutgen.sample("layout.yaml", {"dogs": 100}, output="out/more", seed="0-7")

    Args:
        layouts: layouts, layout files, annotations of any known format, or PNGs that are made again.
        number: exactly so many of each label: boxes of the layouts first, the rest at free places.
        output: folder to write to; None: ``out/NAME``.
        model: run folder of ``train``, checkpoint, or hub id; None: the small one in the package.
        vae, lora, embedding, clip_skip: see :class:`~layoutgen.additions.Additions`.
        method: one or several of img2img, text2img, regional, sprites; None: the model's best.
        encoding: of text2img: box or text; None: the trained one.
        prompt, negative_prompt: instead of the layouts' own.
        seed: of the first image, or a range such as "0-7".
        num_images: of each layout, each with its own seed.
        vary: what differs between them beside the noise: "layout" arranges anew what has no place of its own.
        image_id: only this image of annotations.
        width, height: of the canvas in pixels, without a layout; None: what `number` needs.
        scheduler, steps, guidance, background_guidance, coarse_above, guidance_rescale, karras, strength,
            zoom, variety, verify, detector, guidance_interval, cache_interval: see
            :class:`~layoutgen.denoising.settings.SampleSettings`; None: as the image that is made again has
            it, or else the model.
        batch_size: windows at once; None: what fits into memory.
        dtype: fp32, bf16, fp16, or auto.
        device: cpu, cuda, cuda:1; None: cuda if there is one.
        units: of annotations: pixels or fraction.
        strict: refuse what will not be good, and annotations with a bad entry.
        overwrite: replace earlier results in `output`.
        progress: True: show bars on a terminal; or an object that is told.
        on_event: called after every step, with what the images look like so far.

    Raises:
        LayoutgenError: what cannot be done, by its kinds; it is said before a model is loaded.
    """
    files, quantities = listed(layouts), as_quantities(number)
    given: dict[str, Any] = {
        "model": as_name(model),
        "vae": as_name(vae),
        "lora": None if lora is None else as_names(lora),
        "embedding": None if embedding is None else as_names(embedding),
        "clip_skip": clip_skip,
        "encoding": encoding,
        "scheduler": scheduler,
        "steps": steps,
        "guidance": guidance,
        "guidance_interval": guidance_interval,
        "background_guidance": background_guidance,
        "coarse_above": coarse_above,
        "guidance_rescale": guidance_rescale,
        "karras": karras,
        "cache_interval": cache_interval,
        "zoom": zoom,
        "variety": variety,
        "verify": verify,
        "detector": detector,
        "strength": strength,
    }
    wrong, series, reading, read = Problems(), Series(), ReadOptions(), Requests(())
    target = Path(output) if output is not None else Path("out") / output_name(files, quantities)
    processes = running_processes()
    with progress_of(progress) as watch:
        watch.begin("reading layouts")
        with wrong.noted():
            check_device_names(device, dtype)
        with wrong.noted():
            check_batch_size(batch_size)
        with wrong.noted():
            series = Series.of(None if seed is None else str(seed), num_images, vary)
        with wrong.noted():
            reading = read_options(strict, units)
        with wrong.noted():
            read = read_requests(files, image_id, width, height, reading)
        plan = make_plan(
            read.requests,
            quantities,
            series,
            given,
            methods=(method,) if isinstance(method, str) else method,
            prompt=prompt,
            negative_prompt=negative_prompt,
            canvas=None if files else (width, height),
            wrong=wrong,
        )
        folders = (target,) if plan is None else plan.folders(target)
        concerns: tuple[str, ...] = ()
        for folder in folders if processes.rank == 0 else ():
            with wrong.noted():
                check_output(folder, SAMPLES, overwrite=overwrite)
        if plan is not None:
            with wrong.noted():
                concerns = check_painting(plan.images.named, plan.info, plan.settings, strict=strict)
        wrong.say()
        assert plan is not None  # else something was wrong
        for note in (*concerns, *plan.costs()) if processes.rank == 0 else ():
            watch.note(note)
        watch.begin("loading the model")
        with unfinished_noted(folders if processes.rank == 0 else (), watch):
            for painting in _paint(plan, folders, processes, device, dtype, batch_size, overwrite, watch):
                if on_event is not None:
                    on_event(painting)
    return _samples(plan, folders, read)


def _paint(
    plan: Plan,
    folders: Sequence[Path],
    processes: Processes,
    device: str | None,
    dtype: str,
    batch_size: int | None,
    overwrite: bool,
    watch: Progress,
) -> Iterator[Painting]:
    """Load the model and paint all images, by one method after the other."""
    with importing():
        from layoutgen.denoising.evaluations import counting, work_of
        from layoutgen.sampling.run import load_pipeline, quiet_libraries
        from layoutgen.sampling.run import sample as paint

    quiet_libraries()
    where, added = device or processes.device(), plan.settings[0].additions
    pipeline = load_pipeline(plan.info.source, where, dtype, added, note=watch.note)
    for settings, folder in zip(plan.settings, folders, strict=True):
        watch.begin(f"painting by {settings.method}" if len(folders) > 1 else "painting")
        run = paint(
            pipeline,
            plan.images.named,
            settings,
            folder,
            seeds=plan.images.seeds,
            image_ids=plan.images.image_ids,
            num_images=plan.images.num_images,
            batch_size=batch_size,
            overwrite=overwrite,
            processes=processes,
        )
        finished = 0
        with closing(run), counting(pipeline.backbone) as work:  # type: ignore[type-var]
            for event in run:
                if event.kept and processes.rank == 0:
                    watch.note(f"{event.kept:,} images of an interrupted run are kept")
                watch.advance(event.step, event.steps)
                finished += len(event.finished)
                yield event
        if finished and settings.method in COMPOSING and processes.rank == 0:
            watch.note(work_of(pipeline.backbone, plan.images.layouts, settings, work.windows / finished))


def _samples(plan: Plan, folders: Sequence[Path], read: Requests) -> Samples:
    images = tuple(
        SampledImage(folder / "images" / job.file, folder / "overlays" / job.overlay, job.layout, job.seed)
        for folder in folders
        for job in plan.images.jobs
    )
    return Samples(
        tuple(folders),
        images,
        tuple(folder / "annotations.json" for folder in folders),
        tuple(folder / GRID for folder in folders if (folder / GRID).is_file()),
        read.dropped,
        read.mended,
    )
