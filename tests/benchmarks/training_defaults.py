"""Which defaults of training help: the small model without its layout inputs, trained as a checkpoint is.

    python tests/benchmarks/training_defaults.py SCENES HELD_OUT -o results.json [--images 1500]

SCENES and HELD_OUT are what ``prepare`` wrote. The model in the package loses its layout encoder and the
input channels of its maps, and learns to read layouts again, by text2img with box tokens, once with each
setting alone and once with all of them. The loss is that of the averaged weights on the same held-out
examples and noise, without weights: with the layout, with that of the next example, and without caption and
layout.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

sys.path.insert(0, str(Path(__file__).parents[2]))

from layoutgen.assets import MODEL
from layoutgen.data.dataset import collate, open_dataset
from layoutgen.pipeline import LayoutPipeline
from layoutgen.sampling.run import quiet_libraries
from layoutgen.training.config import TrainConfig
from layoutgen.training.denoiser import Denoiser
from layoutgen.training.loss import batch_loss
from layoutgen.training.request import read_request
from layoutgen.training.run import prepare_run
from layoutgen.training.run_config import RunConfig
from tests.benchmarks.peers import without_layout

BEFORE: dict[str, Any] = {
    "residual_tokens": False, "unet_lr_factor": 1.0, "learning_rate": 1e-4, "warmup": 37,
    "schedule": "constant", "drop_caption": 0.1, "drop_layout": 0.1, "drop_both": 0.0,
}  # fmt: skip
CHANGES: dict[str, dict[str, Any]] = {
    "before": {},
    "residual tokens": {"residual_tokens": True},
    "U-Net at a tenth of the rate": {"unet_lr_factor": 0.1},
    "cosine": {"schedule": "cosine"},
    "dropped 5/5/10 %": {"drop_caption": 0.05, "drop_layout": 0.05, "drop_both": 0.1},
}
CHANGES["all"] = {name: value for change in CHANGES.values() for name, value in change.items()}
CHANGES["all but the U-Net's rate"] = {k: v for k, v in CHANGES["all"].items() if k != "unet_lr_factor"}


def without_layouts(folder: Path) -> Path:
    """The model in the package as a plain text-to-image checkpoint."""
    model = LayoutPipeline.from_pretrained(MODEL)
    parts = {name: model.components[name] for name in ("vae", "text_encoder", "tokenizer", "scheduler")}
    LayoutPipeline(**parts, unet=without_layout(model.unet)).save_pretrained(folder)
    return folder


@torch.no_grad()
def held_out(run: Path, data: Path, count: int, resolution: int) -> dict[str, float]:
    """Mean squared errors on `count` examples of `data`."""
    pipeline = LayoutPipeline.from_pretrained(run)
    config = TrainConfig(drop_caption=0, drop_layout=0, box_weight=0, min_snr=0, resolution=resolution)
    denoiser = Denoiser(pipeline, [pipeline.method("text2img")]).eval()
    dataset = open_dataset(data, resolution=resolution, seed=9)
    accelerator = Accelerator(cpu=True)
    sums: dict[str, list[float]] = {}
    with denoiser.attached():
        for start in range(0, count, 16):
            batch = collate([dataset[k] for k in range(start, start + 16)])
            swapped = replace(batch, layouts=(*batch.layouts[1:], batch.layouts[0]))
            nothing = replace(config, drop_both=0.999999)
            for name, some, settings in (
                ("loss", batch, config), ("swapped", swapped, config), ("null", batch, nothing)
            ):  # fmt: skip
                losses = batch_loss(pipeline.backbone, denoiser, 0, some, settings, accelerator)[1]
                sums.setdefault(name, []).append(losses.loss)
                if name == "loss":
                    sums.setdefault("inside", []).append(losses.inside)
    return {name: sum(values) / len(values) for name, values in sums.items()}


def measure(arguments: argparse.Namespace) -> None:
    """Train and measure each change that is not in the file of results yet."""
    results = json.loads(arguments.output.read_text()) if arguments.output.is_file() else {}
    with tempfile.TemporaryDirectory() as folder:
        plain = without_layouts(Path(folder) / "plain")
        for name, change in CHANGES.items():
            for seed in range(arguments.seeds):
                key = f"{name}, seed {seed}"
                if key in results:
                    continue
                began, run = time.process_time(), Path(folder) / key
                usual = {"images": arguments.images, "batch_size": 8, "resolution": arguments.resolution}
                usual |= {"report_every": 0, "save_every": 10**9, "workers": 0, "ema": 0.99, "seed": seed}
                settings = {"methods": ("text2img",), **usual, **BEFORE, **change}
                given = RunConfig(arguments.scenes, str(plain), settings=settings)
                for _ in prepare_run(read_request(run, given, None, "cpu"), device="cpu").start():
                    pass
                results[key] = held_out(run, arguments.held_out, arguments.examples, arguments.resolution)
                results[key]["seconds"] = time.process_time() - began
                arguments.output.write_text(json.dumps(results, indent=1))
                print(key, {k: round(v, 4) for k, v in results[key].items()}, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("held_out", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--images", type=int, default=1_500)
    parser.add_argument("--resolution", type=int, default=96)
    parser.add_argument("--examples", type=int, default=192)
    parser.add_argument("--seeds", type=int, default=1)
    quiet_libraries()
    measure(parser.parse_args())
