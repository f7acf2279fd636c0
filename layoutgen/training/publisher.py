"""What the averaged weights can do, for others to see: ``model/`` and the contact sheets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accelerate import Accelerator
from diffusers.training_utils import EMAModel
from torch import nn

from layoutgen.domain.layout import Layout
from layoutgen.pipeline import LayoutPipeline
from layoutgen.training.checkpoint import saving
from layoutgen.training.config import TrainConfig
from layoutgen.training.denoiser import Denoiser
from layoutgen.training.export import as_pipeline, averaged_state, write_model
from layoutgen.training.monitor import Monitor


@dataclass(frozen=True)
class Publisher:
    """Publishes the weights of `model`, which is `denoiser` as accelerate wraps it, averaged by `ema`."""

    pipeline: LayoutPipeline
    denoiser: Denoiser
    model: nn.Module
    ema: EMAModel
    config: TrainConfig
    run: Path
    accelerator: Accelerator
    monitor: Monitor
    validation: Sequence[Layout]

    def publish(self, images: int, *, paint: bool, write: bool) -> None:
        """Paint the validation layouts, or write ``model/``, or both; every process must call it.

        Raises:
            CannotSave: the disk is full; what was there is untouched.
        """
        # The copy that paints is beside the model that is trained; one that is only written need not be.
        device = self.accelerator.device if paint else "cpu"
        trained = [p for p in self.model.parameters() if p.requires_grad]
        state = averaged_state(self.accelerator, self.model, trained, self.ema, device)
        if self.accelerator.is_main_process:
            averaged = as_pipeline(self.pipeline, state, lora_rank=self.config.lora_rank)
            if paint:
                ways = [(m.info.name, m.encoding) for m in dict.fromkeys(self.denoiser.methods)]
                self.monitor.paint(averaged, self.validation, images, ways)
            if write:
                with saving(self.run / "model", self.run / "checkpoints"):
                    write_model(averaged, self.run / "model")
        self.accelerator.wait_for_everyone()
