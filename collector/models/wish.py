"""Which engine gets which model in which format, when a person or a suite names several of each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from collector import models
from collector.errors import UsageError
from collector.models import pulled

FOUR_BITS = ("q4_0", "q4_k_m")


class Chosen(Protocol):
    """What an arm has of it."""

    @property
    def engine(self) -> str:
        """Its engine."""
        ...

    @property
    def quant(self) -> str | None:
        """Its format, None for a file or the engine's usual one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """
    Engines and formats, and whether a person asked for them or a suite has them.

    A file belongs to the engine that reads it. A suite that is written for 4 bits of llama.cpp means an engine's own 4
    bits; what a person asks for is never replaced.
    """

    engines: tuple[str, ...]
    quants: tuple[str | None, ...]
    are_engines_asked: bool = False
    are_quants_asked: bool = False

    def engines_for(self, model: str) -> Sequence[str]:
        """The engines for a model; for a file those that read it, or the one that does where none was asked for."""
        if not models.is_path(model):
            return self.engines
        able = [name for name in self.engines if models.ENGINES.get(name) in {None, models.format_of_path(model)}]
        if able or self.are_engines_asked:
            return able or self.engines
        reader = models.engine_of_format(models.format_of_path(model))
        return [reader] if reader else self.engines

    def quants_for(self, model: str, engine: str) -> Sequence[str | None]:
        """
        The formats in which an engine gets a model; a file has the one that it has.

        A suite's 4 bits are those in which the model was pulled, if it was.

        Raises:
            UsageError: none of those that were asked for is the engine's.
        """
        if models.is_path(model):
            return (None,)
        if engine not in models.ENGINES:
            return self.quants
        real = models.real_quants(model, engine)
        known = (*models.QUANTS_OF[models.format_of_engine(engine)], *real)
        own = [quant for quant in self.quants if quant is None or quant in known]
        if own:
            is_one_of_4_bits = not self.are_quants_asked and len(own) == 1 and own[0] in FOUR_BITS
            return [_nearest(own[0], real)] if is_one_of_4_bits else own
        if not self.are_quants_asked and any(quant in FOUR_BITS for quant in self.quants):
            return (None,)
        for quant in filter(None, self.quants):
            models.check_quant(quant)
            models.check_quant(quant, engine)
        return self.quants

    def check_all_used(self, arms: Iterable[Chosen]) -> None:
        """
        Refuse to leave out silently what was asked for.

        Raises:
            UsageError: an engine got no model, or a format no engine.
        """
        chosen = tuple(arms)
        idle = [name for name in self.engines if all(arm.engine != name for arm in chosen)]
        if self.are_engines_asked and idle:
            raise UsageError(f"{idle[0]} reads none of the files that are given", f"leave out --engine {idle[0]}")
        unused = [quant for quant in self.quants if quant and all(arm.quant != quant for arm in chosen)]
        if self.are_quants_asked and unused and any(arm.quant for arm in chosen):
            models.check_quant(unused[0])
            models.check_quant(unused[0], chosen[0].engine)


def _nearest(quant: str | None, real: Sequence[str]) -> str | None:
    """The format itself where it is there, else other 4 bits that are."""
    return quant if quant in real else next((name for name in real if pulled.is_four_bits(name)), quant)
