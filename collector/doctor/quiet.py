"""Whether the machine is quiet enough to measure: who holds its lock, who else computes."""

from collections.abc import Callable, Iterator

from collector import gates
from collector.doctor.finding import Finding, Group, fix, note, ok
from collector.suite import DEFAULT_GATE
from runners import device
from runners.contract import DeviceSnapshot, Reading
from runners.device import load
from runners.device.lock import Holder, acquire, holder
from runners.errors import RunnerUnavailable

_SHOWN_CORES = 0.05


def lock(look: Callable[[], Holder | None] = holder) -> Iterator[Finding]:
    """Nobody measures, and the lock can be taken."""
    who = look()
    if who is not None:
        remedy = f"wait until it has ended, or stop it:  kill {who.pid}" if who.pid else "wait until it has ended"
        yield fix(Group.QUIET, f"another measurement runs: {who}", remedy, is_blocking=True)
        return
    try:
        acquire("phibench doctor").release()
    except RunnerUnavailable as exc:
        yield fix(Group.QUIET, exc.message, exc.remedy, is_blocking=True)


def neighbours(
    over_s: float, snapshot: DeviceSnapshot, watch: Callable[[float], load.Load] = device.watch
) -> Iterator[Finding]:
    """CPU time that others take while we look."""
    found = watch(over_s)
    if found.other_cores is None:
        yield note(Group.QUIET, "the CPU use of other processes is unknown here")
        return
    of_all = "" if snapshot.n_logical_cores is None else f" of {snapshot.n_logical_cores}"
    who = ", ".join(f"pid {n.pid} {n.name} {n.cores:.1f}" for n in found.neighbours if n.cores >= _SHOWN_CORES)
    if "max_other_cpu_cores" not in gates.unmet(DEFAULT_GATE, Reading(other_cpu_cores=found.other_cores)):
        yield ok(Group.QUIET, f"others use {found.other_cores:.2f}{of_all} cores")
    else:
        text = f"others use {found.other_cores:.1f}{of_all} cores ({who or 'processes that are not visible here'})"
        yield fix(Group.QUIET, f"{text}: what is measured now is slower and noisier", "close them, or measure later")
    if found.steal_cores is not None and found.steal_cores >= _SHOWN_CORES:
        yield note(Group.QUIET, f"the host takes {found.steal_cores:.1f} cores away for its other guests")
