"""The values that a shell offers for options: what there is to choose from, read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable

Values = Callable[[], list[str]]


def one_of(*values: str) -> Values:
    """Offers these `values`."""
    return lambda: list(values)


def methods() -> list[str]:
    """The methods to paint with."""
    from layoutgen.methods.registry import METHODS

    return [*METHODS, "both"]


def trainable_methods() -> list[str]:
    """The methods to train for."""
    from layoutgen.methods.registry import TRAINABLE

    return [*TRAINABLE, "both"]


def schedulers() -> list[str]:
    """The schedulers to paint with."""
    from layoutgen.denoising.schedulers import MODEL, SCHEDULERS

    return [*SCHEDULERS, MODEL]


def written_formats() -> list[str]:
    """The formats that can be written."""
    from layoutgen.formats.registry import WRITABLE

    return list(WRITABLE)


def protocols() -> list[str]:
    """The benchmarks whose rules are known."""
    from layoutgen.evaluation.benchmark_protocols import PROTOCOLS

    return list(PROTOCOLS)


def embeddings() -> list[str]:
    """The networks by which images are compared, as far as they have names here."""
    from layoutgen.features.embedding_names import NAMED

    return list(NAMED)


def labels() -> list[str]:
    """The labels of the model in the package, as one asks for many of them; the shell adds files itself."""
    from layoutgen.domain.labels import count_phrase
    from layoutgen.model_info import find_model

    return [count_phrase({label: 2}).removeprefix("2 ") for label in find_model(None).labels or ()]


devices = one_of("cpu", "cuda", "cuda:0", "cuda:1")
dtypes = one_of("auto", "fp32", "bf16", "fp16")
encodings = one_of("box", "text")
units = one_of("pixels", "fraction")
maskers = one_of("grabcut")
