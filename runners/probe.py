"""
How fast this machine reads memory: many short reads by all its CPUs at once, the best of them and their median.

``python -P -m runners.probe`` prints one JSON object; :func:`measure` runs that in a process of its own, so that its
buffer is gone afterwards and a failure is typed. About three seconds, up to nine on a busy machine.

Method ``memcmp.best_round/1``. One anonymous mapping, at least eight times the last-level cache and 512 MiB, is shared
out in lanes, one a thread; each thread writes its own lane once (so that the pages exist, near that thread), not with
zeros, which some hardware treats apart. Then all threads meet at a barrier and each has the C library compare the two
halves of the next 16 MiB of its lane, which are equal, so all of it is read. ctypes lets go of the interpreter's lock
meanwhile, so the reads run in parallel; with as many threads as CPUs each stays on one, or two could share one for the
whole probe on a busy machine. A round lasts about a millisecond: short enough that some fall between what others do.
Its rate is all bytes over the time from the first begin to the last end, so the threads' unequal starts (20 µs) count
against it. A lane comes round again only when all of it has been read, so caches hold none of it. Two seconds of rounds
suffice if ten of them come within 5 % of the best; if not, it goes on for up to four times as long.

What it is not: no writes (decode hardly writes), no choice of NUMA nodes beyond the first touch, default page size, no
GPU. It bounds what the CPUs can read, not what the chip's other units can. On a virtual machine it moves with the
host: one of two CPUs gave 38 to 39 GB/s for minutes and 56 to 72 in others. Where the C library's ``memcmp`` is
too slow to tell (musl compares bytes), it refuses rather than measure that routine. On macOS it is not verified.
"""

import argparse
import contextlib
import ctypes
import json
import mmap
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

from runners import device, ending
from runners.errors import EngineDied, FailureKind, RunnerError, RunnerUnavailable
from runners.wire import WireError, from_wire, to_wire

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
_DURATION_S = 2.0
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


def measure(
    n_threads: int | None = None,
    *,
    duration_s: float = _DURATION_S,
    timeout_s: float = 60.0,
    lock_fd: int | None = None,
) -> Bandwidth:
    """
    Probe this machine from a fresh process.

    Args:
        n_threads: readers; as many as this process may use CPUs when None.
        duration_s: of the reading itself; up to four times as long when others disturb it.
        timeout_s: after which the probe is given up.
        lock_fd: descriptor of the machine's lock, inherited while the probe runs.

    Raises:
        RunnerUnavailable: too little free memory, or a C library that is too slow to tell.
        EngineDied: it crashed, was ended for lack of memory, or took longer than ``timeout_s``.
        RunnerError: it printed something else than a result.
    """
    command = [sys.executable, "-P", "-m", "runners.probe", "--seconds", str(duration_s)]
    if n_threads is not None:
        command += ["--threads", str(n_threads)]
    oom_kills = ending.oom_kills()
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and module
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            env=_environment(),
            pass_fds=() if lock_fd is None else (lock_fd,),
        )
    except subprocess.TimeoutExpired as exc:
        message = f"the bandwidth probe gave no result within {timeout_s:g} s, so it was ended"
        raise EngineDied(FailureKind.TIMED_OUT, message, "the machine is very busy: try again later") from exc
    except OSError as exc:
        message = f"the bandwidth probe cannot be started: {exc.strerror or exc}"
        raise RunnerUnavailable(FailureKind.UNAVAILABLE, message) from exc
    return _result(done, was_memory_short=ending.oom_kills() > oom_kills)


def _environment() -> dict[str, str]:
    here = str(Path(__file__).resolve().parent.parent)
    path = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path)}


def _result(done: "subprocess.CompletedProcess[bytes]", *, was_memory_short: bool) -> Bandwidth:
    """What the child printed, or why there is nothing to read."""
    if done.returncode == -signal.SIGKILL and was_memory_short:
        message = "the kernel ended the bandwidth probe for lack of memory"
        raise EngineDied(FailureKind.OUT_OF_MEMORY, message, "end what takes the memory, then try again")
    if done.returncode:
        words = ending.without_paths(done.stderr.decode(errors="replace")).strip().splitlines()
        message = f"the bandwidth probe ended with code {done.returncode}{f': {words[-1]}' if words else ''}"
        raise EngineDied(FailureKind.CRASHED, message, "phibench doctor examines this machine")
    try:
        answer: Any = json.loads(done.stdout)
        if "failed" in answer:
            raise RunnerUnavailable(FailureKind(answer["failed"]["kind"]), *answer["failed"]["words"])
        return from_wire(Bandwidth, answer["bandwidth"])
    except (ValueError, KeyError, TypeError, WireError) as exc:
        raise RunnerError(FailureKind.PROTOCOL_ERROR, f"the bandwidth probe printed no result: {exc}") from exc


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


def main(words: Sequence[str] | None = None) -> int:
    """Print {"bandwidth": ...}, or {"failed": ...} with the reason."""
    parser = argparse.ArgumentParser(prog="python -P -m runners.probe", description="memory read bandwidth, as JSON")
    parser.add_argument("--threads", type=int, help="readers; default: the CPUs that this process may use")
    parser.add_argument("--seconds", type=float, default=_DURATION_S, help="time of the reading itself")
    asked = parser.parse_args(words)
    n_threads = asked.threads or device.allowed_logical_cpus()
    try:
        room = buffer_bytes(n_threads, device.last_level_cache_bytes(), device.available_memory_bytes())
        found = read_memory(n_threads, room, asked.seconds)
    except RunnerError as exc:
        answer: dict[str, Any] = {"failed": {"kind": exc.kind, "words": [exc.message, exc.remedy]}}
    else:
        answer = {"bandwidth": to_wire(found)}
    print(json.dumps(answer))  # noqa: T201  # the child's whole answer
    return 0


if __name__ == "__main__":
    sys.exit(main())
