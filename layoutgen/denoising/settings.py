"""How to sample: what an image depends on besides its layout, and the defaults of all that."""

from __future__ import annotations

from dataclasses import dataclass

from layoutgen.denoising.schedulers import check_scheduler
from layoutgen.errors import InvalidOption


@dataclass(frozen=True, slots=True)
class SampleSettings:
    """All that an image depends on besides its layout; kept inside the PNG."""

    model: str | None = None
    method: str | None = None
    encoding: str | None = None
    scheduler: str = "dpm++"
    steps: int = 20
    guidance: float = 5.0
    guidance_interval: tuple[float, float] = (0.0, 1.0)
    cache_interval: int = 2
    strength: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InvalidOption(f"`steps` must be at least 1, not {self.steps}")
        if not 0 <= self.guidance < 100:
            raise InvalidOption(f"`guidance` must be between 0 and 100, not {self.guidance}")
        first, last = self.guidance_interval
        if not 0 <= first <= last <= 1:
            raise InvalidOption(
                f"`guidance_interval` must be two parts of the steps between 0 and 1, not {first:g} {last:g}"
            )
        object.__setattr__(self, "guidance_interval", (first, last))  # JSON has no tuples
        if self.cache_interval < 1:
            raise InvalidOption(f"`cache_interval` must be at least 1, not {self.cache_interval}")
        check_scheduler(self.scheduler)
        if self.seed < 0:
            raise InvalidOption(f"`seed` must be 0 or more, not {self.seed}")


DEFAULT_STRENGTH = 0.9
"""Of a method that starts from the drawn layout."""
DEFAULTS = SampleSettings()
"""What is used where nothing else is asked for: by the pipeline, by ``sample`` and in its help."""
