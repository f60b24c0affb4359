"""
What one worker holds and has used, read from outside through ``/proc/PID``.

Peaks: only ``VmHWM`` is kept by the kernel; peaks of the anonymous and the file part are the reader's maxima. Page
faults and CPU time are of all threads, context switches are summed over the threads that live.
"""

import os
import re
from typing import Protocol

from runners.contract import Reading

_THREADS_AT_MOST = 4  # a file each, 0.04 ms; the totals at the end, of all threads, come from final_reading
_STATUS = re.compile(rb"^(VmHWM|VmRSS|RssAnon|RssFile|RssShmem):\s+(\d+) kB", re.MULTILINE)
_SWITCHES = re.compile(rb"^(non)?voluntary_ctxt_switches:\s+(\d+)", re.MULTILINE)
_READ_BYTES = re.compile(rb"^read_bytes: (\d+)", re.MULTILINE)


class Usage(Protocol):
    """The fields of ``resource.struct_rusage`` that count for a worker, as ``os.wait4`` returns them."""

    ru_utime: float
    ru_stime: float
    ru_minflt: int
    ru_majflt: int
    ru_nvcsw: int
    ru_nivcsw: int


def worker_reading(pid: int, proc: str = "/proc") -> Reading:
    """Memory now and its peak, CPU time, faults, switches and bytes read from the disk; all None once it is gone."""
    folder = f"{proc}/{pid}"
    status, stat = _read(f"{folder}/status"), _read(f"{folder}/stat")
    words = stat.rpartition(b")")[2].split()
    if len(words) < 18:
        return Reading()
    memory = {name: int(value) * 1024 for name, value in _STATUS.findall(status)}
    voluntary, involuntary = _switches(folder, status, n_threads=int(words[17]))
    disk = _READ_BYTES.search(_read(f"{folder}/io"))
    return Reading(
        rss_bytes=memory.get(b"VmRSS"),
        peak_rss_bytes=memory.get(b"VmHWM"),
        anon_bytes=memory.get(b"RssAnon"),
        file_bytes=memory.get(b"RssFile"),
        cpu_user_s=int(words[11]) / ticks_per_s(),
        cpu_system_s=int(words[12]) / ticks_per_s(),
        n_minor_faults=int(words[7]),
        n_major_faults=int(words[9]),
        n_voluntary_switches=voluntary,
        n_involuntary_switches=involuntary,
        disk_read_bytes=None if disk is None else int(disk[1]),
    )


def final_reading(usage: Usage) -> Reading:
    """
    Totals of a worker that was waited for, all its threads included.

    ``ru_maxrss`` is left out: a child inherits the peak of the process that started it.
    """
    return Reading(
        cpu_user_s=usage.ru_utime,
        cpu_system_s=usage.ru_stime,
        n_minor_faults=usage.ru_minflt,
        n_major_faults=usage.ru_majflt,
        n_voluntary_switches=usage.ru_nvcsw,
        n_involuntary_switches=usage.ru_nivcsw,
    )


def ticks_per_s() -> int:
    """Unit of the CPU times in ``/proc``: 100 on every Linux that is met in practice."""
    return _TICKS


def _switches(folder: str, status: bytes, *, n_threads: int) -> tuple[int | None, int | None]:
    if n_threads > _THREADS_AT_MOST:
        return None, None
    texts = [status] if n_threads == 1 else [_read(f"{folder}/task/{tid}/status") for tid in _list(f"{folder}/task")]
    counts = [(bool(kind), int(value)) for text in texts for kind, value in _SWITCHES.findall(text)]
    if not counts:
        return None, None
    return sum(n for is_not, n in counts if not is_not), sum(n for is_not, n in counts if is_not)


def _read(path: str) -> bytes:
    """One read call: these files are written afresh for each reader and fit in 8 KiB."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, 8192)
    except OSError:  # the process ended between open and read
        return b""
    finally:
        os.close(fd)


def _list(path: str) -> list[str]:
    try:
        return os.listdir(path)  # noqa: PTH208 (a Path a thread would double the cost)
    except OSError:
        return []


_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
