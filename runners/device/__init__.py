"""
What this machine is and how it is now: the facts that make a result comparable and the readings that gates need.

Linux is what is tested: everything comes from ``/proc`` and ``/sys``, and a missing file is an unknown value, never an
error. macOS is written from documentation and recorded outputs and is not verified on a Mac. Native Windows and Rosetta
are refused by :func:`refuse_platform`. Nothing here needs psutil on Linux, since a worker that runs in another Python
has none; on macOS free memory and others' processor time need it. The machine's lock is ``runners.device.lock``.

2026-11-24: a CPU quota is rounded down for the default number of threads and up for the number that is allowed: half
a core more than the quota is throttled in every period, but whoever wants to see that may.
"""

import functools
import os
import sys

from runners.contract import DeviceSnapshot, Reading
from runners.device import cache, cpu, linux, load, macos, platforms, process

__all__ = [
    "OPENMP_VARIABLES",
    "allowed_logical_cpus",
    "available_memory_bytes",
    "default_threads",
    "expects_gpu",
    "final_reading",
    "last_level_cache_bytes",
    "machine_reading",
    "refuse_platform",
    "snapshot",
    "watch",
    "worker_reading",
]

OPENMP_VARIABLES = (
    "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "OMP_NUM_THREADS", "OMP_PROC_BIND", "OMP_PLACES",
)  # fmt: skip
"""Variables that change how OpenMP's threads wait or where they run: a worker is started without them, because a
passive wait makes a small model five times slower."""

_IS_MAC = sys.platform == "darwin"
final_reading = process.final_reading
refuse_platform = platforms.refuse_platform


@functools.cache
def snapshot() -> DeviceSnapshot:
    """What this machine is; read once a process."""
    return macos.snapshot() if _IS_MAC else linux.snapshot()


def machine_reading(over_s: float = 0.0) -> Reading:
    """
    How the machine is now.

    Args:
        over_s: time over which the CPU use of others is watched; 0 leaves it unknown and returns at once.
    """
    other_cpu_cores = watch(over_s).other_cores if over_s > 0 else None
    if _IS_MAC:
        return macos.machine_reading(other_cpu_cores=other_cpu_cores)
    return linux.machine_reading(other_cpu_cores=other_cpu_cores)


def watch(over_s: float) -> load.Load:
    """CPU time that others use, watched over some seconds, and who they are."""
    return load.watch(over_s, see=macos.look if _IS_MAC else None)


def expects_gpu() -> bool:
    """Whether every machine of this kind has a GPU that engines are built for: Apple silicon."""
    return _IS_MAC and macos.is_apple_silicon()


def worker_reading(pid: int) -> Reading:
    """
    What one process holds and has used so far; every field None once it is gone.

    About 0.1 ms on Linux: three to seven small files of ``/proc``; ``smaps`` is not among them, as it costs 28 ms for a
    mapped model. One system call on macOS.
    """
    return macos.worker_reading(pid) if _IS_MAC else process.worker_reading(pid)


def available_memory_bytes() -> int | None:
    """Memory that a new process can take without swapping, bounded by the control group's limit."""
    return macos.available_memory_bytes() if _IS_MAC else linux.available_memory_bytes()


def allowed_logical_cpus() -> int:
    """Threads that can run at the same time here: affinity and CPU quota (rounded up), at least 1."""
    return max(1, os.cpu_count() or 1) if _IS_MAC else linux.allowed_logical_cpus()


def default_threads() -> int:
    """Physical cores within affinity and quota, performance cores only on hybrid chips; at least 1."""
    return macos.default_threads() if _IS_MAC else linux.default_threads()


def last_level_cache_bytes() -> int | None:
    """All last-level caches that this process' CPUs reach; None where the system does not say."""
    return None if _IS_MAC else cache.last_level_bytes(cpu.affinity())
