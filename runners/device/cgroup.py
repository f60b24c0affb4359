"""
The CPU quota and the memory limit that a container or a service gives us, in control groups of version 1 and 2.

Limits of every ancestor count, so each file is read from our own group up to the root of the mount.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from runners.device import files


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the control groups leave; None = no limit. ``memory_free_bytes`` counts reclaimable page cache as free."""

    cpu_quota_cores: float | None = None
    memory_bytes: int | None = None
    memory_free_bytes: int | None = None


def limits(root: Path = files.ROOT) -> Limits:
    """The tightest limits over our own group and its ancestors."""
    quotas, memories, rooms = [], [], []
    for controller, folder in _groups(root):
        is_v2 = not controller
        if is_v2 or controller == "cpu":
            quotas.append(_quota_v2(folder) if is_v2 else _quota_v1(folder))
        if is_v2 or controller == "memory":
            limit = _memory_limit(folder, is_v2=is_v2)
            memories.append(limit)
            rooms.append(_room(folder, limit, is_v2=is_v2))
    return Limits(
        cpu_quota_cores=min((q for q in quotas if q is not None), default=None),
        memory_bytes=min((m for m in memories if m is not None), default=None),
        memory_free_bytes=min((r for r in rooms if r is not None), default=None),
    )


def _groups(root: Path) -> Iterator[tuple[str, Path]]:
    """Pairs (controller, folder) of our groups and their ancestors; the controller of version 2 is empty."""
    mounts = list(_mounts(root))
    for line in (files.text(root / "proc/self/cgroup") or "").splitlines():
        controllers, _, path = line.partition(":")[2].partition(":")
        for controller in controllers.split(",") if controllers else [""]:
            for has, mount_root, mount_point in mounts:
                if has(controller):
                    yield from ((controller, folder) for folder in _upwards(root, mount_point, mount_root, path))
                    break


def _mounts(root: Path) -> Iterator[tuple[Callable[[str], bool], str, str]]:
    """
    The mounted hierarchies: (has this controller?, root inside the hierarchy, mount point).

    Source:
        Linux, Documentation/filesystems/proc.rst, section 3.5: fields of mountinfo.
    """
    for line in (files.text(root / "proc/self/mountinfo") or "").splitlines():
        left, _, right = line.partition(" - ")
        where, what = left.split(), right.split()
        if len(where) < 5 or len(what) < 3 or what[0] not in {"cgroup", "cgroup2"}:
            continue
        names = set(what[2].split(",")) if what[0] == "cgroup" else {""}
        yield names.__contains__, where[3], where[4]


def _upwards(root: Path, mount_point: str, mount_root: str, path: str) -> Iterator[Path]:
    """Our group's folder and its ancestors within the mount; the mount alone where our path lies outside it."""
    top = root / mount_point.lstrip("/")
    prefix = mount_root.rstrip("/")
    inside = path[len(prefix) :] if path == prefix or path.startswith(prefix + "/") else ""
    parts = [part for part in inside.split("/") if part]
    if ".." in parts:
        parts = []
    for n in range(len(parts), -1, -1):
        yield top.joinpath(*parts[:n])


def _quota_v2(folder: Path) -> float | None:
    words = (files.text(folder / "cpu.max") or "").split()
    if len(words) != 2:
        return None
    return _ratio(files.to_int(words[0]), files.to_int(words[1]))  # "max" is no number: no limit


def _quota_v1(folder: Path) -> float | None:
    return _ratio(files.number(folder / "cpu.cfs_quota_us"), files.number(folder / "cpu.cfs_period_us"))


def _ratio(quota: int | None, period: int | None) -> float | None:
    return quota / period if quota is not None and quota > 0 and period else None


def _memory_limit(folder: Path, *, is_v2: bool) -> int | None:
    limit = files.number(folder / ("memory.max" if is_v2 else "memory.limit_in_bytes"))
    return limit if limit is not None and 0 <= limit < 1 << 60 else None  # version 1 spells "no limit" as 2^63 - 4096


def _room(folder: Path, limit: int | None, *, is_v2: bool) -> int | None:
    used = files.number(folder / ("memory.current" if is_v2 else "memory.usage_in_bytes"))
    if limit is None or used is None:
        return None
    stat = files.fields(folder / "memory.stat", " ")
    prefix = "" if is_v2 else "total_"
    cached = sum(files.to_int(stat.get(f"{prefix}{name}_file")) or 0 for name in ("active", "inactive"))
    return max(0, min(limit, limit - used + cached))
