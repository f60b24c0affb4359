"""What fixes every byte of a synthetic model: the same recipe gives the same file."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from collector.models import formats
from runners.contract import ModelShape
from runners.wire import canonical

GENERATOR_VERSION = 2
"""Of the files' content; a cached file of another version is written anew."""

LEAST_VOCABULARY = 260
"""Three special tokens, 256 bytes and one of Phi-3's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """
    One model to be written.

    Args:
        model: catalogue id, None for a shape that is in no catalogue.
        name: ``general.name``.
        shape: hyperparameters; small ones for tests work too.
        quant: one of ``formats.QUANTS``.
        seed: of all random bits.
        rope: ``theta``, and ``original_context`` for a model with long rope factors.
    """

    model: str | None = None
    name: str
    shape: ModelShape
    quant: str
    seed: int = 1
    rope: Mapping[str, float | int] = field(default_factory=dict)
    generator_version: int = GENERATOR_VERSION

    def __post_init__(self) -> None:
        if self.shape.vocab_size < LEAST_VOCABULARY:
            raise ValueError(f"a vocabulary has at least {LEAST_VOCABULARY} tokens, not {self.shape.vocab_size}")
        formats.tensor_bytes(self.shape, self.quant)

    @property
    def digest(self) -> str:
        """Tells two recipes apart; written into the file."""
        return hashlib.sha256(canonical(self)).hexdigest()
