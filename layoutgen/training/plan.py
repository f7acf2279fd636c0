"""The plan of a run, for a dry run: the data as training sees it, steps, memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from accelerate import Accelerator

from layoutgen.data.dataset import Example, LayoutDataset, collate
from layoutgen.training.config import TrainConfig
from layoutgen.training.denoiser import Component, Denoiser
from layoutgen.training.loss import batch_loss

_SAMPLE = 64  # examples behind the figures of the data
_FLOAT = 4  # bytes; master weights, gradients and averages are fp32 in every precision
_ADAM = {"adamw": 8, "adamw8bit": 2}  # bytes of optimizer state per parameter


@dataclass(frozen=True, slots=True)
class Plan:
    """A run's plan.

    Attributes:
        done: examples that the run has been trained on already, where it continues.
        images: images of the data; 0: new scenes all the time.
        sampled: examples behind the figures of labels, instances and sides.
        labels: instances of each label.
        instances: fewest, median and most instances of an example.
        sides: shortest, median and longest longer side of a box, in pixels of the training image.
        steps, step_size: optimizer steps in all, and examples of one on all processes together.
        epochs: how often each image is shown.
        state_bytes: weights, gradients, optimizer and averaged weights, on each process; where contact sheets
            are painted, also the second copy of the weights that paints them.
        activation_bytes: of one micro-batch, kept for the backward pass; measured on one example.
        seconds: of all steps that are left, from one that was timed.
        disk_bytes: of the checkpoints that are kept, of one more while it is written, and of the model.
    """

    done: int
    images: int
    sampled: int
    labels: dict[str, int]
    instances: tuple[float, float, float]
    sides: tuple[float, float, float]
    steps: int
    step_size: int
    epochs: float
    state_bytes: int
    activation_bytes: int
    seconds: float
    disk_bytes: int


def make_plan(
    denoiser: Denoiser,
    components: Sequence[Component],
    dataset: LayoutDataset,
    config: TrainConfig,
    accelerator: Accelerator,
    *,
    done: int,
) -> Plan:
    """Take figures of the first examples, and send one batch through the network."""
    endless = dataset.sources[0].path is None
    count = _SAMPLE if endless else min(_SAMPLE, len(dataset.sources))
    examples = [dataset[k] for k in range(count)]
    layouts = [example.layout for example in examples]
    sides = [max(i.box.width, i.box.height) for layout in layouts for i in layout.instances]
    step_size = config.batch_size * accelerator.num_processes
    micro = config.micro_batch or config.batch_size
    steps_left = -(-max(0, config.images - done) // step_size)
    return Plan(
        done=done,
        images=0 if endless else len(dataset.sources),
        sampled=count,
        labels=dict(Counter(i.label for layout in layouts for i in layout.instances).most_common()),
        instances=_min_median_max([len(layout.instances) for layout in layouts]),
        sides=_min_median_max(sides),
        steps=-(-config.images // step_size),
        step_size=step_size,
        epochs=0.0 if endless else config.images / dataset.epoch,
        state_bytes=state_bytes(components, config),
        activation_bytes=micro * activation_bytes(denoiser, examples[0], config, accelerator),
        seconds=steps_left * step_seconds(denoiser, examples, config, accelerator),
        disk_bytes=_disk_bytes(components, config),
    )


def step_seconds(
    denoiser: Denoiser, examples: Sequence[Example], config: TrainConfig, accelerator: Accelerator
) -> float:
    """Seconds of one optimizer step, from gradients of one micro-batch that are thrown away."""
    micro = config.micro_batch or config.batch_size
    same_size = [one for one in examples if one.image.shape == examples[0].image.shape]
    batch = collate([same_size[k % len(same_size)] for k in range(micro)])
    seconds = []
    for step in range(len(denoiser.methods)):
        began = time.monotonic()
        with denoiser.attached():
            loss, _ = batch_loss(denoiser.backbone, denoiser, step, batch, config, accelerator)
            torch.autograd.backward(loss)
        if accelerator.device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.monotonic() - began)
        denoiser.zero_grad()
    return sum(seconds) / len(seconds) * config.batch_size / micro


def _disk_bytes(components: Sequence[Component], config: TrainConfig) -> int:
    model = sum(component.parameters for component in components) * _FLOAT
    checkpoint = written_bytes(components, config) - model
    return (config.keep_checkpoints + 1) * checkpoint + 2 * model


def written_bytes(components: Sequence[Component], config: TrainConfig) -> int:
    """Bytes that a run writes at least: a checkpoint (weights, their averages, optimizer) and the model."""
    model = sum(component.parameters for component in components)
    trained = sum(component.trained for component in components)
    return model * _FLOAT + trained * (2 * _FLOAT + _ADAM[config.optimizer])


def state_bytes(components: Sequence[Component], config: TrainConfig) -> int:
    """Bytes of weights, gradients, averages and optimizer while a run is trained."""
    weights = sum(component.parameters for component in components) * (2 if config.report_every else 1)
    trained = sum(component.trained for component in components)
    return weights * _FLOAT + trained * (2 * _FLOAT + _ADAM[config.optimizer])


def activation_bytes(
    denoiser: Denoiser,
    example: Example,
    config: TrainConfig,
    accelerator: Accelerator,
) -> int:
    """Bytes that autograd keeps for one example's backward pass, the largest over the methods."""
    own = {p.untyped_storage().data_ptr() for p in denoiser.parameters()}
    largest = 0
    denoiser.train()  # the text encoder checkpoints in training alone
    for step in range(len(denoiser.methods)):
        kept: dict[int, int] = {}

        def keep(tensor: torch.Tensor, kept: dict[int, int] = kept) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        with denoiser.attached(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            loss, _ = batch_loss(denoiser.backbone, denoiser, step, collate([example]), config, accelerator)
        del loss
        largest = max(largest, sum(kept.values()))
    return largest


def _min_median_max(values: Sequence[float]) -> tuple[float, float, float]:
    if not values:
        return 0.0, 0.0, 0.0
    return float(min(values)), float(np.median(values)), float(max(values))
