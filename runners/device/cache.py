"""Size of the last-level cache, which a reader of memory must exceed; Linux, from ``/sys/devices/system/cpu``."""

from collections.abc import Iterable
from pathlib import Path

from runners.device import files

_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def last_level_bytes(cpus: Iterable[int], root: Path = files.ROOT) -> int | None:
    """
    All last-level caches that these logical CPUs reach, each counted once; None when the system does not say.

    A virtual machine shows what its host chose to show: often one cache of many, sometimes none.
    """
    found: dict[tuple[int, ...], int] = {}
    for cpu in cpus:
        folder = root / f"sys/devices/system/cpu/cpu{cpu}/cache"
        last = max(files.children(folder, "index*"), key=_level, default=None)
        size = _size(files.text(last / "size")) if last else None
        if last and size:
            found[files.cpu_list(files.text(last / "shared_cpu_list")) or (cpu,)] = size
    return sum(found.values()) or None


def _level(folder: Path) -> int:
    return files.number(folder / "level") or 0


def _size(text: str | None) -> int | None:
    """
    Bytes of ``32768K``.

    Source:
        Linux, Documentation/ABI/testing/sysfs-devices-system-cpu: cache/index*/size.
    """
    if not text:
        return None
    n = files.to_int(text.rstrip("KMG"))
    return None if n is None else n * _UNITS.get(text[-1], 1)
