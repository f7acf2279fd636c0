"""How far a training is: a bar on a terminal, a line now and then in a log, and the last words."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from layoutgen.cli import console
from layoutgen.domain.labels import count_phrase

if TYPE_CHECKING:
    from layoutgen.training.loop import Progress as Step
    from layoutgen.training.outlook import Stage
    from layoutgen.training.request import TrainingRequest

LOG_SECONDS = 60  # between two lines where there is no terminal for a bar
_FIRST_SECONDS = 10  # until the first of them
_WAIT_SECONDS = 2  # that a wait may be silent
_OUTLOOK_SECONDS = 180  # after which it can be told whether a training will come to something


class TrainingDisplay(AbstractContextManager["TrainingDisplay"]):
    """Shows the waits and the steps of the training that is asked for; nothing if `quiet`."""

    def __init__(self, quiet: bool, request: TrainingRequest) -> None:
        self._quiet, self._request = quiet, request
        self._bar = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=20),
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}", table_column=Column(no_wrap=True)),
            TextColumn("{task.fields[words]}"),
            console=console.err,
            disable=quiet or not console.err.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._began, self._printed = time.monotonic(), time.monotonic()
        self._last: Step | None = None

    def __enter__(self) -> TrainingDisplay:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def waiting(self, what: str, done: int, total: int) -> None:
        """A wait before the first step; see :class:`layoutgen.training.waiting.Waiting`."""
        task = self._task(what, total)
        self._bar.update(task, completed=done, visible=done < total)
        if self._is_time(LOG_SECONDS if self._tasks else _WAIT_SECONDS):
            self._say(f"{what}: {done:,} of {total:,}")

    def follow(self, steps: Iterator[Step]) -> None:
        """Show `steps` until the training ends."""
        from layoutgen.training.outlook import spoken_time

        images, average, began = self._request.config.images, math.nan, time.monotonic()
        self._printed = began - LOG_SECONDS + _FIRST_SECONDS
        told: set[Stage] = set()
        for step in steps:
            self._last = step
            average = step.loss if not math.isfinite(average) else 0.98 * average + 0.02 * step.loss
            left = spoken_time((images - step.images) / step.images_per_second)
            speed = f"{step.images_per_second:.3g} images/s"
            words = f"loss {average:.4f}, {speed}, waiting {step.waiting:.0%}"
            self._bar.update(
                self._task("training", images), completed=step.images, words=f"{left} left, {words}"
            )
            if step.stopping and not self._quiet:
                self._say(
                    f"Stops after this step ({step.stopping}) and saves; Ctrl-C again does not wait for it"
                )
            elif self._is_time(LOG_SECONDS):
                self._say(f"{step.images:,} of {images:,} images: {words}; {left} left", bar=False)
            if time.monotonic() - began > _OUTLOOK_SECONDS:
                self._tell_outlook(step, told)

    def _tell_outlook(self, step: Step, told: set[Stage]) -> None:
        """Say once of each stage that the training is there."""
        from layoutgen.training.outlook import Stage, outlook

        start, images = self._request.start, self._request.config.images
        now = outlook(start, images, step.images, step.images_per_second, step.visible)
        if now is None or now.stage in told:
            return
        told.add(now.stage)
        hint = ": leave out --from-scratch" if start.shape and now.stage is not Stage.OBJECTS else ""
        self._say(f"{now.words}{hint}")

    @property
    def images(self) -> int:
        """How many images the run has been trained on."""
        return self._request.done if self._last is None else self._last.images

    @property
    def exit_code(self) -> int:
        """As of a program that a signal ended, so that a script does not go on; 0 where none did."""
        stopping = None if self._last is None else self._last.stopping
        return {"Ctrl-C": 130, "SIGTERM": 143}.get(str(stopping), 0)

    def ending(self) -> list[str]:
        """What became of the training, and what can be done now."""
        from layoutgen.training.outlook import spoken_time

        output, images = self._request.output, self._request.config.images
        model = output / "model"
        if self._last is None:
            return [f"Nothing left to train: {model}; to train longer, pass --images above {images:,}"]
        took = spoken_time(time.monotonic() - self._began)
        number, _, dogs = count_phrase({self._request.listing.labels[0]: 5}).partition(" ")
        paint = shlex.join(["layoutgen", "sample", "-n", number, dogs, "--model", f"{output}"])
        if self._last.images >= images:
            return [f"Finished: {images:,} images, in {took}. Model: {model}", f"Paint with it: {paint}"]
        why = {"time": "the time that it was given is over"}.get(
            str(self._last.stopping), f"{self._last.stopping} asked for it"
        )
        done = f"Stopped after {self._last.images:,} of {images:,} images, in {took}: {why}"
        return [f"{done}. Model so far: {model}", f"To go on: layoutgen train -o {shlex.quote(str(output))}"]

    def _task(self, what: str, total: int) -> TaskID:
        if what not in self._tasks:
            self._tasks[what] = self._bar.add_task(what, total=total, words="")
        return self._tasks[what]

    def _is_time(self, seconds: float) -> bool:
        """Whether a log has heard nothing for so long; a terminal sees the bar."""
        if not self._bar.disable or self._quiet or time.monotonic() - self._printed <= seconds:
            return False
        self._printed = time.monotonic()
        return True

    def _say(self, line: str, *, bar: bool = True) -> None:
        if not self._quiet and (bar or self._bar.disable):
            console.say(line)
