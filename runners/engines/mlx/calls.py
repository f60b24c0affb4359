"""The engine's calls of one generation, bound to its cache: what the timed loops are given."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runners.engines.mlx.binding import Api
from runners.engines.mlx.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A loaded model and how it is asked to compute; ``kv_group_size`` None = the cache is not quantised."""

    api: Api
    network: Any
    asked: Settings
    kv_group_size: int | None

    def new_cache(self) -> list[Any]:
        """An empty cache: one that was used would go on from where it stands, without a word."""
        cache: list[Any] = self.api.make_prompt_cache(self.network)
        return cache


def forward(opened: Opened, cache: list[Any]) -> Callable[[Any], Any]:
    """From tokens, shape (n,), to the logits after the last of them, shape (1, vocabulary); not computed yet."""
    network, asked, group = opened.network, opened.asked, opened.kv_group_size
    if asked.kv_bits is None:
        return lambda tokens: network(tokens[None], cache=cache)[:, -1, :]
    quantise = opened.api.quantise_cache

    def quantising(tokens: Any) -> Any:
        logits = network(tokens[None], cache=cache)[:, -1, :]
        quantise(cache, asked.quantized_kv_start, group, asked.kv_bits)
        return logits

    return quantising


def step(opened: Opened, cache: list[Any]) -> Callable[[Any], Any]:
    """The greedy choice: the same token as that of the library's log-probabilities, which are skipped."""
    logits, argmax = forward(opened, cache), opened.api.core.argmax
    return lambda tokens: argmax(logits(tokens), axis=-1)


def finish(opened: Opened, cache: list[Any]) -> Callable[[Any], object]:
    """The logits after a token, computed and waited for."""
    logits, evaluate = forward(opened, cache), opened.api.core.eval
    return lambda tokens: evaluate(logits(tokens))


def chunk(opened: Opened, cache: list[Any]) -> Callable[[Any], object]:
    """A part of a prompt as the library computes it: the cache alone is asked for, so no logits are made."""
    logits, core = forward(opened, cache), opened.api.core

    def computed(tokens: Any) -> None:
        logits(tokens)
        core.eval([layer.state for layer in cache])
        core.clear_cache()

    return computed


def read(token: Any) -> int:
    """Wait for a token; its id."""
    value: int = token.item()
    return value
