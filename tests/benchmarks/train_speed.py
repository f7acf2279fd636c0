"""Training images per second beside diffusers' text-to-image recipe: same model, images, batch, precision.

    python tests/benchmarks/train_speed.py [--size toy|small|sd] [--batch-size 4] [--rounds 5]

The recipe is what ``examples/text_to_image/train_text_to_image.py`` of diffusers does in a step with
``--use_ema``: read, crop, flip, encode, add noise, predict, squared error, clip, AdamW, schedule, EMA. Ours
does the same and reads the layout besides, once by each method. All are run in turns, a few steps each, every
other round in the opposite order. Ratios are medians of those within each round; the first is not counted.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import Accelerator
from diffusers import DDPMScheduler
from diffusers.optimization import get_scheduler
from diffusers.training_utils import EMAModel
from PIL import Image
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

sys.path.insert(0, str(Path(__file__).parents[2]))

from layoutgen.formats.prepared import read_prepared
from layoutgen.pipeline import LayoutPipeline
from layoutgen.sampling.run import quiet_libraries
from layoutgen.training.config import TrainConfig
from layoutgen.training.request import read_request
from layoutgen.training.run import prepare_run
from layoutgen.training.run_config import RunConfig
from tests.benchmarks.models import BUILDERS
from tests.benchmarks.rounds import in_turn, ratio
from tests.training.conftest import draw_scenes


class _Photos(Dataset[tuple[Tensor, Tensor]]):
    """The recipe's data: resized to the shorter side, cut at a random place, mirrored, with token ids."""

    def __init__(self, folder: Path, pipeline: LayoutPipeline, resolution: int) -> None:
        self._folder, self._entries, self._resolution = folder, read_prepared(folder).images, resolution
        self._tokenizer = pipeline.tokenizer

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        entry, side = self._entries[index], self._resolution
        with Image.open(self._folder / entry.file_name) as file:
            image = file.convert("RGB")
        scale = side / min(image.size)
        image = image.resize(
            (max(side, round(image.width * scale)), max(side, round(image.height * scale))),
            Image.Resampling.LANCZOS,
        )
        x, y = random.randint(0, image.width - side), random.randint(0, image.height - side)
        image = image.crop((x, y, x + side, y + side))
        if random.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = torch.from_numpy(np.array(image)).movedim(-1, 0).float() / 127.5 - 1
        text = {"max_length": 77, "padding": "max_length", "truncation": True, "return_tensors": "pt"}
        return pixels, self._tokenizer(entry.layout.prompt, **text).input_ids[0]


def recipe(folder: Path, pipeline: LayoutPipeline, config: TrainConfig, *, cpu: bool) -> Iterator[None]:
    """The recipe's loop; yields after every step."""
    accelerator = Accelerator(mixed_precision=config.mixed_precision, cpu=cpu)
    pipeline.vae.to(accelerator.device).requires_grad_(False)
    pipeline.text_encoder.to(accelerator.device).requires_grad_(False)
    pipeline.unet.train()
    ema = EMAModel(pipeline.unet.parameters())
    optimizer = torch.optim.AdamW(pipeline.unet.parameters(), lr=1e-4, weight_decay=1e-2)
    schedule = get_scheduler("constant_with_warmup", optimizer, num_warmup_steps=100, num_training_steps=1000)
    loader = DataLoader(
        _Photos(folder, pipeline, config.resolution),
        shuffle=True,
        batch_size=config.batch_size,
        drop_last=True,
        num_workers=config.workers,
    )
    unet, optimizer, loader, schedule = accelerator.prepare(pipeline.unet, optimizer, loader, schedule)
    ema.to(accelerator.device)
    noise_scheduler = DDPMScheduler.from_config(pipeline.scheduler.config)
    while True:
        for pixels, ids in loader:
            with accelerator.accumulate(unet), accelerator.autocast():
                latents = (
                    pipeline.vae.encode(pixels).latent_dist.sample() * pipeline.vae.config.scaling_factor
                )
                noise = torch.randn_like(latents)
                times = torch.randint(0, 1000, (len(latents),), device=latents.device)
                noisy = noise_scheduler.add_noise(latents, noise, times)
                states = pipeline.text_encoder(ids, return_dict=False)[0]
                predicted = unet(noisy, times, states, return_dict=False)[0]
                loss = F.mse_loss(predicted.float(), noise.float(), reduction="mean")
                accelerator.gather(loss.repeat(config.batch_size)).mean()
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(unet.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
            ema.step(unet.parameters())
            loss.detach().item()
            yield


def ours(folder: Path, model: Path, run: Path, config: TrainConfig, *, cpu: bool) -> Iterator[None]:
    """Our loop, as the command line starts it; yields after every step."""
    device = "cpu" if cpu else None
    asked = read_request(run, RunConfig(folder, str(model), settings=asdict(config)), None, device)
    prepared = prepare_run(asked, device=device)
    for _ in prepared.start():
        yield


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=["toy", "small", "sd"], default="small")
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=4, help="steps of a round")
    parser.add_argument("--precision", choices=["no", "bf16", "fp16"], default="no")
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    quiet_libraries()
    cpu = chosen.cpu or not torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        BUILDERS[chosen.size](place).save_pretrained(place / "model")
        pipeline = LayoutPipeline.from_pretrained(place / "model")
        resolution = pipeline.window
        folder = draw_scenes(place / "data", 64, size=(resolution * 5 // 4, resolution * 5 // 4))
        basis = {
            "batch_size": chosen.batch_size,
            "resolution": resolution,
            "mixed_precision": chosen.precision,
            "images": 10**6,
            "save_every": 10**6,
            "report_every": 0,
        }
        runs = {"diffusers' recipe": recipe(folder, pipeline, TrainConfig(**basis), cpu=cpu)}
        for method, encoding in (("img2img", "box"), ("text2img", "box"), ("text2img", "text")):
            config = TrainConfig(methods=(method,), encoding=encoding, **basis)
            label = f"ours, {method}" + (f" {encoding}" if method == "text2img" else "")
            runs[label] = ours(folder, place / "model", place / label, config, cpu=cpu)
        config = TrainConfig(methods=("img2img",), cache_latents=True, **basis)
        runs["ours, img2img, cached latents"] = ours(
            folder, place / "model", place / "cached", config, cpu=cpu
        )
        show(measure(runs, chosen.rounds, chosen.steps), chosen)


def measure(runs: dict[str, Iterator[None]], rounds: int, steps: int) -> dict[str, list[float]]:
    """Seconds of a step, by run and round; the rounds of all runs are interleaved, there and back."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(rounds + 1):
        for name, run in in_turn(list(runs.items()), number):
            started = time.perf_counter()
            for _ in range(steps):
                next(run)
            if number:
                seconds[name].append((time.perf_counter() - started) / steps)
    return seconds


def show(seconds: dict[str, list[float]], chosen: argparse.Namespace) -> None:
    """Print a table, and write the same as JSON."""
    reference = next(iter(seconds.values()))
    title = f"{chosen.size}, batch {chosen.batch_size}, precision {chosen.precision}, {chosen.rounds} rounds"
    table = Table("training", "images/s", "fastest round", "slowest round", "against the recipe", title=title)
    result = {}
    for name, values in seconds.items():
        rate = [chosen.batch_size / value for value in values]
        result[name] = ratio(reference, values)
        median = f"{statistics.median(rate):.2f}"
        table.add_row(name, median, f"{max(rate):.2f}", f"{min(rate):.2f}", f"{result[name]:.2f} x")
    Console().print(table)
    if chosen.json:
        chosen.json.write_text(
            json.dumps({"settings": title, "speed against the recipe": result, "s/step": seconds}, indent=1)
        )


if __name__ == "__main__":
    main()
