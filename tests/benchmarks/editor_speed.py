"""From the click on Generate to the picture: 20 objects on a new canvas of the editor, its model loaded.

    python tests/benchmarks/editor_speed.py [ROUNDS]

Prints seconds, and CPU seconds, which other work on the machine hardly changes.
"""

import os
import sys
import time
from dataclasses import replace

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as `layoutgen design` does

import torch

from layoutgen.denoising.settings import settings_of
from layoutgen.design.painter import Painter
from layoutgen.domain.arrange import ask_for
from layoutgen.domain.layout import Layout
from layoutgen.model_info import find_model

DRAFT_STEPS = 8


def main(rounds: int) -> None:
    painter = Painter(find_model(None))
    painter.load()
    layout = ask_for(Layout(512, 512), 20, "dog", size_prior=painter.info.size_prior)
    usual = settings_of(painter.info.sampling)
    for steps in (DRAFT_STEPS, usual.steps):
        for _ in range(rounds):
            wall, cpu = time.perf_counter(), time.process_time()
            list(painter.paint(layout, replace(usual, steps=steps), preview_every=2))
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            print(f"{torch.get_num_threads()} threads, {steps} steps: {wall:.2f} s, {cpu:.2f} CPU s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
