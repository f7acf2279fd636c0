"""The adversarial finish: gradients of a painter of few steps, and a judge that learns beside it.

loss = painter_loss(pictures) + painter_loss(boxes)
       + teacher_weight * signal * |painted - teacher's| ** 2
       + real_weight * signal * |painted - real| ** 2        where the step began from a real picture
       + border_weight * border_excess(painted)

Sauer et al. 2023, "Adversarial Diffusion Distillation", arXiv 2311.17042, with a projected discriminator that
is told the layout. Real pictures pass the autoencoder, too, so that the judge sees nothing that the painter
cannot mend.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from accelerate import Accelerator
from diffusers.utils.torch_utils import randn_tensor
from torch import Tensor, nn

from layoutgen.conditioning.condition import DenoiserInputs
from layoutgen.data.dataset import Batch
from layoutgen.domain.layout import Layout
from layoutgen.methods.token_layout import box_fractions
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.box_crops import choose_crops, cut, fill_up
from layoutgen.training.config import TrainConfig
from layoutgen.training.few_steps import FewSteps, Start, generator_of
from layoutgen.training.gradients import Gradients
from layoutgen.training.judge import Judge, Told, judge_loss, painter_loss
from layoutgen.training.judge_learner import JudgeLearner
from layoutgen.training.loss import batch_latents, inside_boxes
from layoutgen.training.metrics import LossSums
from layoutgen.training.teacher import Teacher

_GPU_CROPS = 16  # a GPU looks for the best convolution for every new number of boxes: few numbers then


class AdversarialGradients(Gradients):
    """Adds up the gradients of the painter, and lets its judge learn in every step.

    The judge and its optimizer are part of the accelerator's checkpoints.

    Args:
        pipeline: the model of few steps; `model` is its denoiser as accelerate wraps it.
        features: what the judge sees with, frozen; see :func:`~layoutgen.features.networks.load_features`.
        teacher: None: there is none.
    """

    def __init__(
        self,
        pipeline: LayoutPipeline,
        model: nn.Module,
        config: TrainConfig,
        accelerator: Accelerator,
        features: Any,
        teacher: Teacher | None,
    ) -> None:
        super().__init__(pipeline.backbone, model, config, accelerator)
        self._scheduler, self._teacher = pipeline.scheduler, teacher
        self._features = features.to(accelerator.device)
        self._painter = accelerator.unwrap_model(model)
        torch.manual_seed(config.seed)  # the same judge in a run that is continued
        judge = Judge(features.channels, int(pipeline.text_encoder.config.hidden_size))
        self._learner = JudgeLearner(judge.to(accelerator.device), config.judge_learning_rate, accelerator)
        accelerator.register_for_checkpointing(self._learner)
        if teacher is not None:
            teacher.to(accelerator.device)

    @property
    def figures(self) -> dict[str, float]:
        """Of the last step: the judge's loss, and of which share of real and painted pictures it is right."""
        return self._learner.figures

    def _accumulate(self, batch: Batch, step: int) -> LossSums:
        total: LossSums | None = None
        self._learner.begin()
        for micro_batch in batch.split(self.size):
            losses = self._learn(micro_batch, step, len(micro_batch.layouts) / len(batch.layouts))
            total = losses if total is None else total + losses
        self._learner.step()
        assert total is not None  # a batch is never empty
        return total

    def _learn(self, batch: Batch, step: int, share: float) -> LossSums:
        """Add the gradients of the painter and of its judge from a part of a batch, the `share` of it."""
        judge, backbone = self._learner.judge, self._backbone
        generators = [generator_of(self._config.seed, 1, number) for number in batch.numbers]
        told = Told.of(batch.layouts, backbone.pool_phrases)
        crops = choose_crops(batch.layouts, generators)
        if self._accelerator.device.type == "cuda":
            crops = fill_up(crops, _GPU_CROPS)
        labels = [crop.label for crop in crops]
        with self._accelerator.autocast():
            latents = batch_latents(backbone, batch, self._accelerator.device)
            clean, signal = self._paint(batch, step, latents, generators)
            painted = backbone.to_pixels(clean)
            with torch.no_grad():
                real = backbone.to_pixels(latents).clamp(-1, 1)
                seen = self._features(real)
                seen_boxes = self._features(cut(real, crops)) if crops else []
            self._learner.measure(seen)
            features = self._features(painted)
            box_features = self._features(cut(painted, crops)) if crops else []
            error, weight = self._teachers_error(step, batch.layouts, clean, generators)

        with _frozen(judge):
            loss = painter_loss(judge.of_scenes(_floats(features), told))
            if crops:
                loss = loss + painter_loss(judge.of_boxes(_floats(box_features), labels, told))
        if self._teacher is not None:
            loss = loss + self._config.teacher_weight * weight * error.mean()
        if self._config.real_weight and signal:
            off = (clean.float() - latents.float()).square().mean()
            loss = loss + self._config.real_weight * signal * off
        if self._config.border_weight:
            loss = loss + self._config.border_weight * border_excess(painted, backbone.pixels_per_latent)
        self._accelerator.backward(loss * share)

        # What pictures and boxes show is told to the judge wrongly, too, where others of the batch show else.
        rolled = told.rolled()
        other = [row for row, layout in enumerate(told.layouts) if layout != rolled.layouts[row]]
        shown = judge.of_scenes(_floats(seen), told)
        made = judge.of_scenes(_detached(features), told)
        wrong = [one[other] for one in judge.of_scenes(_floats(seen), rolled)] if other else []
        judged = judge_loss(shown, made, wrong)
        if crops:
            real_boxes = _floats(seen_boxes)
            shown_boxes = judge.of_boxes(real_boxes, labels, told)
            made_boxes = judge.of_boxes(_detached(box_features), labels, told)
            others = told.other_labels(labels)
            wrong_boxes = judge.of_boxes(real_boxes, others, told) if others else []
            judged = judged + judge_loss(shown_boxes, made_boxes, wrong_boxes)
        (judged * share).backward()  # type: ignore[no-untyped-call]
        self._learner.note(judged, shown, made, share)
        if self._teacher is None:
            return LossSums.of_loss(loss, len(batch.layouts))
        inside = inside_boxes(box_fractions(batch.layouts).to(error.device), *error.shape[1:]).any(1)
        return LossSums.of(loss.detach(), error.detach(), inside)

    def _paint(
        self, batch: Batch, step: int, latents: Tensor, generators: Sequence[torch.Generator]
    ) -> tuple[Tensor, float]:
        """What the painter foresees (B, C, h, w) in one of its steps, with gradients through this one.

        Also the share of the real latents that it began from; 0: it began from its own earlier steps.
        """
        few = FewSteps(self._scheduler, self._config.few_steps, generators)
        start = Start.draw(self._config.seed, step, self._config.few_steps)
        inputs: DenoiserInputs | None = None

        def predict(noisy: Tensor, timesteps: Tensor) -> Tensor:
            nonlocal inputs  # all earlier steps are told the same
            if inputs is None:
                condition = self._painter.encode(step, batch.layouts).to(noisy.device, noisy.dtype)
                inputs = DenoiserInputs.of([condition])
            return self._backbone.predict(noisy, timesteps, inputs, denoiser=self._painter.unet)

        shown = torch.zeros(len(batch.layouts), dtype=torch.bool)  # no layout is dropped
        noisy, timestep = few.noisy(latents, start, predict)
        timesteps = timestep.repeat(len(noisy)).to(noisy.device)
        clean = few.clean(self._model(step, batch.layouts, shown, noisy, timesteps), timestep, noisy)
        signal = float(self._scheduler.alphas_cumprod[int(timestep)]) ** 0.5
        return clean, signal if start.on_real else 0.0

    def _teachers_error(
        self, step: int, layouts: Sequence[Layout], clean: Tensor, generators: Sequence[torch.Generator]
    ) -> tuple[Tensor, float]:
        """The squared difference (B, h, w) from what the teacher makes of `clean`, and what it counts."""
        if self._teacher is None:
            return torch.zeros_like(clean[:, 0]), 0.0
        noise = randn_tensor(tuple(clean.shape), list(generators), clean.device, torch.float32)
        share = float(torch.rand((), generator=generator_of(self._config.seed, 2, step)))
        better, signal = self._teacher.foresee(step, layouts, clean.detach().float(), noise, share)
        return (clean.float() - better).square().mean(dim=1), signal

    def _halve(self, error: RuntimeError) -> None:
        super()._halve(error)
        self._learner.begin()


def border_excess(images: Tensor, cell: int) -> Tensor:
    """By which share () steps at the borders of cells are larger than those inside of them; at least 0.

    Args:
        images: (B, C, H, W).
        cell: side of a cell in pixels, 2 or more.
    """
    excess = []
    for axis in (-1, -2):
        steps = images.diff(dim=axis).abs().movedim(axis, 0).flatten(1).mean(1)  # (H or W - 1,)
        at_border = torch.arange(1, len(steps) + 1, device=images.device) % cell == 0
        excess.append(F.relu(steps[at_border].mean() / steps[~at_border].mean() - 1))
    return torch.stack(excess).mean()


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """Gradients pass `module`, and leave none in it."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)


def _floats(features: Sequence[Tensor]) -> list[Tensor]:
    return [one.float() for one in features]


def _detached(features: Sequence[Tensor]) -> list[Tensor]:
    return [one.detach().float() for one in features]
