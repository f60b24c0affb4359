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

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from runners import ending
from runners.errors import EngineDied, FailureKind, RunnerError, RunnerUnavailable
from runners.probe.reading import METHOD, Bandwidth
from runners.wire import WireError, from_wire

__all__ = ["DURATION_S", "METHOD", "Bandwidth", "measure"]

DURATION_S = 2.0


def measure(
    n_threads: int | None = None,
    *,
    duration_s: float = DURATION_S,
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
    here = str(Path(__file__).resolve().parents[2])
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
