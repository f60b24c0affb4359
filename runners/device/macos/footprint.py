"""
What one process holds and has used on macOS: ``proc_pid_rusage`` of libSystem, through ctypes.

The *physical footprint* is what Activity Monitor calls "Memory": it counts the buffers of Metal, which the resident
size may miss, and its lifetime maximum is kept by the kernel, so no peak falls between two samples. Unverified on a
Mac.
"""

import ctypes
import sys
from collections.abc import Callable
from functools import cache
from typing import Any

from runners.contract import Reading

_LIBRARY = "/usr/lib/libSystem.B.dylib"
_RUSAGE_INFO_V4 = 4
_BUFFER_BYTES = 512  # version 4 fills 296; later versions append fields
_USER_TIME, _SYSTEM_TIME, _PAGE_INS, _RESIDENT = 16, 24, 48, 64
_FOOTPRINT, _DISK_READ, _LIFETIME_MAX_FOOTPRINT = 72, 144, 240


def worker_reading(pid: int) -> Reading:
    """
    Footprint and its peak, resident size, CPU time, page-ins and bytes read from the disk; all None once it is gone.

    About a microsecond, one call and no file; unverified on a Mac.
    """
    raw = _rusage(pid)
    return Reading() if raw is None else parse(raw, _seconds_per_tick())


def parse(raw: bytes, seconds_per_tick: float) -> Reading:
    """
    The fields of a ``struct rusage_info_v4``.

    ``ri_pageins`` are the faults that had to read, as Linux' major faults; unverified on a Mac.

    Args:
        raw: at least 296 bytes: a UUID of 16 bytes, then unsigned 64-bit integers in the order of the header.
        seconds_per_tick: both CPU times are in ticks of ``mach_absolute_time``.

    Source:
        sys/resource.h of the macOS SDK, ``rusage_info_v4``: ri_user_time 16, ri_system_time 24, ri_pageins 48,
        ri_resident_size 64, ri_phys_footprint 72, ri_diskio_bytesread 144, ri_lifetime_max_phys_footprint 240.
    """

    def at(offset: int) -> int:
        return int.from_bytes(raw[offset : offset + 8], "little")

    # A footprint of 0 is no process: a zombie still answers, with nothing left of it but its times.
    footprint, peak, resident = (at(n) or None for n in (_FOOTPRINT, _LIFETIME_MAX_FOOTPRINT, _RESIDENT))
    return Reading(
        rss_bytes=resident,
        footprint_bytes=footprint,
        peak_footprint_bytes=peak,
        cpu_user_s=at(_USER_TIME) * seconds_per_tick,
        cpu_system_s=at(_SYSTEM_TIME) * seconds_per_tick,
        n_major_faults=at(_PAGE_INS),
        disk_read_bytes=at(_DISK_READ),
    )


def host_id() -> str | None:
    """
    The machine's own UUID, which goes into the fingerprint and nowhere else; None where it is not told.

    Source:
        gethostuuid(2): fills 16 bytes, waits at most the given time; unverified on a Mac.
    """
    library = _library()
    if library is None:
        return None
    uuid, at_once = ctypes.create_string_buffer(16), (ctypes.c_long * 2)(1, 0)  # struct timespec: one second
    try:
        failed = library.gethostuuid(uuid, at_once)
    except AttributeError:
        return None
    return None if failed or not any(uuid.raw) else uuid.raw.hex()


def _rusage(pid: int, library: Callable[[], Any] | None = None) -> bytes | None:
    found = (library or _library)()
    if found is None:
        return None
    buffer = ctypes.create_string_buffer(_BUFFER_BYTES)
    try:
        failed = found.proc_pid_rusage(ctypes.c_int(pid), ctypes.c_int(_RUSAGE_INFO_V4), buffer)
    except AttributeError:
        return None
    return None if failed else buffer.raw


@cache
def _seconds_per_tick() -> float:
    """
    Length of a tick of ``mach_absolute_time``: 125/3 ns on Apple silicon, 1 ns on Intel.

    Source:
        mach/mach_time.h, ``mach_timebase_info``: numerator and denominator, 32 bits each; unverified on a Mac.
    """
    library = _library()
    ratio = (ctypes.c_uint32 * 2)(0, 0)
    if library is None or library.mach_timebase_info(ratio) or not ratio[1]:
        return 1e-9
    return float(ratio[0] / ratio[1] * 1e-9)


@cache
def _library() -> Any:
    """The C library of macOS, None elsewhere."""
    if sys.platform != "darwin":
        return None
    try:
        return ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
