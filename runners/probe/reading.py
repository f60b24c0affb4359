"""Reading memory with all CPUs at once, in this process; the method is told in the package's docstring."""

import contextlib
import ctypes
import mmap
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeVar

from runners.errors import FailureKind, RunnerUnavailable

T = TypeVar("T")

METHOD = "memcmp.best_round/1"
READ_BYTES = 16 << 20
_LEAST_BUFFER_BYTES = 512 << 20
_LEAST_LANE_BYTES = 4 * READ_BYTES
_CACHES = 8
_MEMORY_SHARE = 4  # at most a quarter of what is free
_CACHED_BYTES = 128 << 10
_CACHED_READS = 200
_LEAST_CACHED_RATIO = 1.5
_FILL = 0x55
_MOST_TURNS = 4
_WITNESSES = 10
_NEAR_FRAC = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandwidth:
    """
    Memory read bandwidth as measured.

    Args:
        byte_per_s: of the best round, all threads together.
        median_byte_per_s: over the rounds; far below the best on a busy machine.
        buffer_bytes: of all lanes together.
        n_reads: rounds.
        method: id of how it was measured; a change of the method changes it.
    """

    byte_per_s: float
    median_byte_per_s: float
    n_threads: int
    buffer_bytes: int
    n_reads: int
    method: str = METHOD


def read_memory(n_threads: int, buffer_bytes: int, duration_s: float) -> Bandwidth:
    """
    Read in this process.

    Args:
        buffer_bytes: of all lanes; rounded down to whole reads a lane.
        duration_s: of one turn, in which at least one round is read; up to four turns until the best has witnesses.

    Raises:
        RunnerUnavailable: the memory is not to be had, or the C library is too slow to tell.
    """
    n_bytes = min(READ_BYTES, buffer_bytes // n_threads // 2)
    lane_bytes = buffer_bytes // n_threads // n_bytes * n_bytes
    try:
        buffer = mmap.mmap(-1, lane_bytes * n_threads)
    except (OSError, ValueError) as exc:
        raise _too_little_memory(lane_bytes * n_threads) from exc
    start = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
    course = _Course(start, n_threads, lane_bytes, n_bytes)
    rates: list[float] = []
    for _ in range(_MOST_TURNS):
        rates += course.turn(duration_s)
        if sum(rate >= _NEAR_FRAC * max(rates) for rate in rates) > _WITNESSES:
            break
    _refuse_slow_routine(course.compare, start, n_threads, max(rates))
    return Bandwidth(
        byte_per_s=max(rates),
        median_byte_per_s=median(rates),
        n_threads=n_threads,
        buffer_bytes=n_threads * lane_bytes,
        n_reads=len(rates),
    )


class _Course:
    """The lanes, and the rounds that all threads run together."""

    def __init__(self, start: int, n_threads: int, lane_bytes: int, n_bytes: int) -> None:
        self._start, self._n_threads, self._lane_bytes, self._n_bytes = start, n_threads, lane_bytes, n_bytes
        self._cpus = _cpus()
        self._offset = 0
        self._end_ns = 0
        self._is_over = False
        self._barrier = threading.Barrier(n_threads, action=self._look_at_the_clock)
        library = ctypes.CDLL(None)
        self._fill = library.memset
        self._fill.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
        self._is_filled = False
        self.compare = library.memcmp
        self.compare.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]

    def turn(self, duration_s: float) -> list[float]:
        """Bytes a second of each round that began within the time; at least one."""
        if not self._is_filled:
            self._together(self._touch)
            self._is_filled = True
        self._end_ns = time.perf_counter_ns() + int(duration_s * 1e9)
        spans = self._together(self._run)
        self._offset = (self._offset + len(spans[0]) * self._n_bytes) % self._lane_bytes
        n_bytes = self._n_threads * self._n_bytes
        at_once = zip(*spans, strict=True)
        return [n_bytes * 1e9 / (max(end for _, end in row) - min(begin for begin, _ in row)) for row in at_once]

    def _together(self, task: Callable[[int], T]) -> list[T]:
        """A thread for each lane; never one for two, as they wait for one another."""
        with ThreadPoolExecutor(self._n_threads) as pool:
            return list(pool.map(task, range(self._n_threads)))

    def _touch(self, index: int) -> None:
        self._stay(index)
        self._fill(self._start + index * self._lane_bytes, _FILL, self._lane_bytes)

    def _run(self, index: int) -> list[tuple[int, int]]:
        """One thread's rounds: begin and end of each in nanoseconds."""
        self._stay(index)
        compare, wait, now, half = self.compare, self._barrier.wait, time.perf_counter_ns, self._n_bytes // 2
        lane, offset = self._start + index * self._lane_bytes, self._offset
        spans: list[tuple[int, int]] = []
        while True:
            wait()
            if self._is_over and spans:
                return spans
            begin = now()
            compare(lane + offset, lane + offset + half, half)
            spans.append((begin, now()))
            offset = (offset + self._n_bytes) % self._lane_bytes

    def _stay(self, index: int) -> None:
        """Keep the calling thread on one CPU, when there is one for each."""
        if len(self._cpus) == self._n_threads:
            with contextlib.suppress(OSError):  # a CPU may be switched off meanwhile
                os.sched_setaffinity(0, {self._cpus[index]})

    def _look_at_the_clock(self) -> None:
        """Runs in one thread while the others wait."""
        self._is_over = time.perf_counter_ns() >= self._end_ns


def _cpus() -> list[int]:
    """The CPUs of this process; empty where threads cannot be kept on one."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []


def _refuse_slow_routine(compare: Any, start: int, n_threads: int, best: float) -> None:
    """In cache the routine must be clearly faster than from memory, or it is the routine that was measured."""
    half = _CACHED_BYTES // 2
    fastest_ns = None
    for _ in range(_CACHED_READS):
        begin = time.perf_counter_ns()
        compare(start, start + half, half)
        took = time.perf_counter_ns() - begin
        fastest_ns = took if fastest_ns is None else min(fastest_ns, took)
    cached = n_threads * _CACHED_BYTES * 1e9 / (fastest_ns or 1)
    if cached < _LEAST_CACHED_RATIO * best:
        message = (
            f"the C library's memcmp reads {cached / 1e9:.1f} GB/s from cache and {best / 1e9:.1f} from memory:"
            " it is too slow to show what the memory can do"
        )
        raise RunnerUnavailable(FailureKind.UNSUPPORTED, message, "use a Python that is linked to glibc")


def _too_little_memory(n_bytes: int) -> RunnerUnavailable:
    message = f"the bandwidth probe needs {n_bytes / (1 << 20):,.0f} MiB of free memory"
    return RunnerUnavailable(FailureKind.OUT_OF_MEMORY, message, "end what takes the memory, then try again")


def buffer_bytes(n_threads: int, cache_bytes: int | None, free_bytes: int | None) -> int:
    """
    How much to read: far more than the caches hold, at most a quarter of the free memory.

    Raises:
        RunnerUnavailable: that quarter is less than four times the caches, so they would serve a part of it.
    """
    wanted = max(_LEAST_BUFFER_BYTES, _CACHES * (cache_bytes or 0), n_threads * _LEAST_LANE_BYTES)
    room = wanted if free_bytes is None else free_bytes // _MEMORY_SHARE
    least = max(_LEAST_BUFFER_BYTES // 4, 4 * (cache_bytes or 0))
    if room < least:
        raise _too_little_memory(_MEMORY_SHARE * least)
    return min(wanted, room)
