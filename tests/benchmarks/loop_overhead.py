"""
What our timed loop adds to an engine call that returns at once: the bar is under 1 microsecond a token.

    python -P tests/benchmarks/loop_overhead.py

The very loops that measure llama.cpp and MLX run with calls put in their place that do nothing. For the bare call they
are called as often from a loop that does nothing else. Best of several rounds, the two kinds in turn: whatever else
runs on the machine only adds time. No model and no library is needed. Exit code 1 when the bar is missed.
"""

import argparse
import ctypes
import sys
import time
from array import array
from collections.abc import Callable
from typing import Any

from runners import measuring
from runners.engines.llama_cpp import loop
from runners.engines.mlx import loop as mlx_loop

BAR_NS = 1000.0


def decode(_context: Any, _batch: Any) -> int:
    """An engine call that returns at once."""
    return 0


def synchronize(_context: Any) -> None:
    """Another."""


def sample(_sampler: Any, _context: Any, _index: int) -> int:
    """And the one that gives a token."""
    return 7


def bare_kernel(n: int) -> int:
    started = time.perf_counter_ns()
    for _ in range(n):
        decode(None, None)
        synchronize(None)
    return time.perf_counter_ns() - started


def our_kernel(n: int) -> int:
    slot, tokens, times_ns = (ctypes.c_int32 * 1)(), [7] * n, array("q", bytes(8 * n))
    with measuring.undisturbed():
        start_ns, _ = loop.decode_given(
            decode=decode, synchronize=synchronize, clock=time.perf_counter_ns, context=None, batch=None, slot=slot,
            tokens=tokens, times_ns=times_ns,
        )  # fmt: skip
    return times_ns[-1] - start_ns


def bare_generation(n: int) -> int:
    started = time.perf_counter_ns()
    for _ in range(n):
        sample(None, None, -1)
        decode(None, None)
    return time.perf_counter_ns() - started


def our_generation(n: int) -> int:
    slot, ids, times_ns = (ctypes.c_int32 * 1)(), array("i", bytes(4 * n)), array("q", bytes(8 * n))
    with measuring.undisturbed():
        start_ns, _ = loop.generate(
            decode=decode, sample=sample, clock=time.perf_counter_ns, context=None, sampler=None, prompt=(None,),
            batch=None, slot=slot, ids=ids, times_ns=times_ns,
        )  # fmt: skip
    return times_ns[-1] - start_ns


def step(token: Any) -> Any:
    """MLX's call that builds a step."""
    return token


def read(_token: Any) -> int:
    """MLX's call that waits for a token."""
    return 7


def submit(_token: Any) -> None:
    """MLX's call that hands a step over."""


def bare_mlx(n: int) -> int:
    started = time.perf_counter_ns()
    for _ in range(n):
        step(None)
        read(None)
    return time.perf_counter_ns() - started


def our_mlx(n: int) -> int:
    ids, times_ns = array("i", bytes(4 * n)), array("q", bytes(8 * n))
    with measuring.undisturbed():
        start_ns = mlx_loop.strict(
            chunk=submit, step=step, read=read, tidy=int, clock=time.perf_counter_ns, chunks=(None,), last=None,
            ids=ids, times_ns=times_ns,
        )  # fmt: skip
    return times_ns[-1] - start_ns


def bare_mlx_ahead(n: int) -> int:
    started = time.perf_counter_ns()
    for _ in range(n):
        step(None)
        submit(None)
        read(None)
    return time.perf_counter_ns() - started


def our_mlx_ahead(n: int) -> int:
    ids, times_ns = array("i", bytes(4 * n)), array("q", bytes(8 * n))
    with measuring.undisturbed():
        start_ns = mlx_loop.hybrid(
            chunk=submit, step=step, submit=submit, read=read, tidy=int, clock=time.perf_counter_ns, chunks=(None,),
            last=None, ids=ids, times_ns=times_ns,
        )  # fmt: skip
    return times_ns[-1] - start_ns


def best_ns(run: Callable[[int], int], other: Callable[[int], int], n: int, n_rounds: int) -> tuple[float, float]:
    """Least nanoseconds a token of each, measured in turn."""
    rounds = [(run(n), other(n)) for _ in range(n_rounds)]
    return min(a for a, _ in rounds) / n, min(b for _, b in rounds) / n


def main() -> int:
    parser = argparse.ArgumentParser(description="what our timed loop adds to the bare engine call, a token")
    parser.add_argument("--tokens", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=15)
    asked = parser.parse_args()
    print(f"{'loop':<12}{'bare ns':>9}{'ours ns':>9}{'added ns':>10}   (a token; bar {BAR_NS:.0f})")
    added = []
    for name, bare, ours in (
        ("kernel", bare_kernel, our_kernel),
        ("generation", bare_generation, our_generation),
        ("mlx strict", bare_mlx, our_mlx),
        ("mlx hybrid", bare_mlx_ahead, our_mlx_ahead),
    ):
        bare_ns, our_ns = best_ns(bare, ours, asked.tokens, asked.rounds)
        added.append(our_ns - bare_ns)
        print(f"{name:<12}{bare_ns:9.0f}{our_ns:9.0f}{added[-1]:10.0f}")
    return 0 if max(added) < BAR_NS else 1


if __name__ == "__main__":
    sys.exit(main())
