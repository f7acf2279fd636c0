"""``python -m tests.faults``: every command that writes is killed at random moments, again and again."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random

from tests.faults.commands import WRITERS, write_inputs
from tests.faults.faults import EXIT_CODES, Place
from tests.faults.processes import Ended, Limits


def main() -> int:
    """Run; the exit code is 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=100, help="how many in all (100)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (0)")
    parser.add_argument("--only", default="", help="only commands whose name holds this")
    given = parser.parse_args()
    writers = [writer for writer in WRITERS if given.only in writer.name]
    counted: Counter[str] = Counter()
    wrong: list[str] = []
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        inputs = Path(home).resolve() / "in"
        write_inputs(inputs)
        for writer in writers:
            place = Place.of(writer, inputs, Path(home).resolve() / writer.name.replace(" ", "_"))
            found = _faults(
                place, -(-given.kills // len(writers)), Random(f"{writer.name} {given.seed}"), counted
            )
            wrong += [f"{writer.name}: {one}" for one in found]
            print(
                f"{writer.name} ({place.seconds:.1f} s): {len(found)} wrong", *found, sep="\n    ", flush=True
            )
    print(", ".join(f"{count} x {what}" for what, count in counted.items()))
    print(f"{counted.total()} faults, {len(wrong)} wrong, {time.monotonic() - begun:.0f} s")
    return int(bool(wrong))


def _faults(place: Place, kills: int, random: Random, counted: Counter[str]) -> list[str]:
    """All faults of one command; what was wrong."""
    found = []

    def check(what: str, ended: Ended, *, left_behind: bool, code: int | None = None) -> None:
        counted[what] += 1
        begun = ended.code > 0 or bool(place.result())  # a signal before that ends the command at once
        problem = place.problem(ended=ended, left_behind=left_behind)
        if code is not None and ended.code not in (code, 0) and begun:
            problem = f"exit code {ended.code}, not {code}: {ended.printed[-500:]}"
        if problem:
            found.append(f"{what}: {problem}")

    done = 0
    while done < kills:
        place.clear()
        ended = place.command(Limits(after=random.uniform(0, place.seconds)))
        if ended.code < 0:  # else it had finished
            done += 1
            check("kill -9", ended, left_behind=True)
    for number, code in EXIT_CODES.items():
        place.clear()
        ended = place.command(Limits(after=random.uniform(0.2, 0.9) * place.seconds, signal=number))
        check(number.name, ended, left_behind=place.writer.continues, code=code)
    place.clear()
    check(
        "a full disk (no file over 200 bytes)",
        place.command(Limits(file_size=200)),
        left_behind=place.writer.continues,
        code=2,
    )
    place.clear()
    check("a full disk (1 MB)", _on_a_small_disk(place), left_behind=place.writer.continues, code=2)
    return found


def _on_a_small_disk(place: Place) -> Ended:
    """In a file system that is almost full; where none may be mounted, with files of 1,000 bytes at most."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place.folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        return place.command(Limits(file_size=1_000))
    try:
        (place.folder / "ballast").write_bytes(bytes(48 * 1024))
        ended = place.command()
    finally:
        subprocess.run(["umount", str(place.folder)], check=True)
    return ended


if __name__ == "__main__":
    sys.exit(main())
