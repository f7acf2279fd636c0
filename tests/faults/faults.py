"""One fault: what stands there afterwards, and what the same command makes of it."""

from __future__ import annotations

import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

from tests.faults.commands import Tree, Writer, tree
from tests.faults.processes import Ended, Limits, run

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@dataclass
class Place:
    """The folder in which a command writes ``out``; `whole` is what an undisturbed run leaves there."""

    folder: Path
    inputs: Path
    writer: Writer
    whole: Tree
    before: Tree
    seconds: float

    @staticmethod
    def of(writer: Writer, inputs: Path, folder: Path) -> Place:
        """Make it, by an undisturbed run."""
        folder.mkdir(parents=True)
        place = Place(folder, inputs, writer, {}, tree(inputs), 0)
        ended = place.command()
        assert ended.code == 0, f"{writer.name}: {ended.printed}"
        place.whole, place.seconds = place.result(), ended.seconds
        return place

    def command(self, limits: Limits | None = None) -> Ended:
        """Run the command."""
        log = self.folder.parent / f"{self.folder.name}.log"
        return run(self.writer.words(self.inputs, self.folder / "out"), log, limits)

    def result(self) -> Tree:
        """All that stands in the folder, but for files that tell the time."""
        return {
            name: data
            for name, data in tree(self.folder).items()
            if Path(name).name not in self.writer.varies
        }

    def clear(self) -> None:
        """Begin anew."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()

    def problem(self, *, ended: Ended, left_behind: bool) -> str | None:
        """What is wrong after a fault, and after the same command again; None: nothing.

        Args:
            left_behind: whether unfinished work may lie under hidden names meanwhile.
        """
        if "Traceback" in ended.printed:
            return f"traceback: {ended.printed[-600:]}"
        now = self.result()
        finished = now == self.whole
        if tree(self.inputs) != self.before:
            return "the inputs were changed"
        hidden = [name for name in now if any(_unfinished(part) for part in Path(name).parts[:-1])]
        hidden += [name for name in now if Path(name).name.startswith(".") and name not in self.whole]
        if hidden and not left_behind:
            return f"left {hidden[:3]}"
        if not self.writer.name.startswith("train"):  # a run folder grows while it is trained
            wrong = [
                n
                for n in now
                if n not in hidden and not n.endswith(".layoutgen") and now[n] != self.whole.get(n)
            ]
            if wrong:
                return f"half-written {wrong[:3]}"
        again = self.command()
        if again.code != 0 and not (finished and again.code == 2):
            return f"the same command ends with {again.code}: {again.printed[-500:]}"
        after = self.result()
        different = sorted({n for n in {*after, *self.whole} if after.get(n) != self.whole.get(n)})
        return f"the same command gives other files: {different[:5]}" if different else None


def _unfinished(part: str) -> bool:
    """Whether a folder's name says that what is in it is not finished."""
    return part.startswith(".") or part.endswith(".partial")
