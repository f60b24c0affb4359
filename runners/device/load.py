"""
CPU time that others use on this machine, watched over a second or two.

Load average is no gate, as it remembers our own last launch for minutes. Time that a hypervisor gave to other guests
(steal) is kept apart: nobody on this machine can stop it.
"""

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from runners.device import files
from runners.device.process import ticks_per_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """Another process and the cores it used."""

    pid: int
    name: str
    cores: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Cores used by others, cores stolen by the hypervisor, and who the busiest are; None = unknown."""

    other_cores: float | None = None
    steal_cores: float | None = None
    neighbours: tuple[Neighbour, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One process at one look; ``ticks`` are those of its children that it waited for, too."""

    name: str
    parent: int
    ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticks:
    """One look at a machine: clock ticks since boot, busy and stolen, and those of each process."""

    t_s: float
    busy: int | None
    steal: int | None
    processes: Mapping[int, Process]


def watch(
    over_s: float,
    root: Path = files.ROOT,
    *,
    own_pid: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
    see: Callable[[float], Ticks] | None = None,
) -> Load:
    """
    Look twice, ``over_s`` apart; our own process and its descendants are not counted.

    Args:
        see: one look at the given time, where it is not ``/proc`` that tells.
    """
    see = see or (lambda t_s: look(root, t_s))
    before = see(clock())
    sleep(over_s)
    return between(before, see(clock()), os.getpid() if own_pid is None else own_pid)


def look(root: Path, t_s: float) -> Ticks:
    """
    Read ``/proc/stat`` and every ``/proc/PID/stat``: some milliseconds for a hundred processes.

    Source:
        proc(5): user nice system idle iowait irq softirq steal; guest time is within user.
    """
    first = (files.text(root / "proc/stat") or "").partition("\n")[0].split()
    ticks = [files.to_int(word) or 0 for word in first[1:9]] if first[:1] == ["cpu"] else []
    ticks += [0] * (8 - len(ticks)) if ticks else []
    processes = {}
    for folder in files.children(root / "proc", "[0-9]*"):
        found = _process(files.text(folder / "stat"))
        if found is not None:
            processes[int(folder.name)] = found
    return Ticks(
        t_s=t_s,
        busy=sum(ticks[:3]) + sum(ticks[5:7]) if ticks else None,
        steal=ticks[7] if ticks else None,
        processes=processes,
    )


def between(before: Ticks, after: Ticks, own_pid: int, n_neighbours: int = 5) -> Load:
    """What happened between two looks; a process that came in between counts from its start."""
    period = (after.t_s - before.t_s) * ticks_per_s()
    if period <= 0 or before.busy is None or after.busy is None:
        return Load()
    used = {}
    for pid, process in after.processes.items():
        earlier = before.processes.get(pid)
        used[pid] = process.ticks - (earlier.ticks if earlier is not None and earlier.name == process.name else 0)
    ours = _descendants(after.processes, own_pid)
    programs = [pid for pid in used if pid not in ours and used[pid] > 0 and not _is_kernel(pid, after.processes)]
    busiest = sorted(programs, key=lambda pid: -used[pid])
    others = after.busy - before.busy - sum(used.get(pid, 0) for pid in ours)
    return Load(
        other_cores=max(0.0, others / period),
        steal_cores=None if before.steal is None or after.steal is None else (after.steal - before.steal) / period,
        neighbours=tuple(
            Neighbour(pid=pid, name=after.processes[pid].name, cores=used[pid] / period)
            for pid in busiest[:n_neighbours]
        ),
    )


def _process(stat: str | None) -> Process | None:
    head, _, tail = (stat or "").rpartition(")")
    words = tail.split()
    if len(words) < 13:
        return None
    # utime, stime and, of children that were waited for, cutime and cstime: else their time would look like others'
    ticks = [files.to_int(word) or 0 for word in words[11:15]]
    return Process(name=head.partition("(")[2], parent=files.to_int(words[1]) or 0, ticks=sum(ticks))


def _is_kernel(pid: int, processes: Mapping[int, Process]) -> bool:
    """Whether this is a thread of the kernel (child of kthreadd), which nobody can close."""
    return processes[pid].parent == 2 or (pid == 2 and processes[pid].name == "kthreadd")


def _descendants(processes: Mapping[int, Process], own_pid: int) -> set[int]:
    ours = {own_pid}
    while True:
        more = {pid for pid, process in processes.items() if process.parent in ours} - ours
        if not more:
            return ours
        ours |= more
