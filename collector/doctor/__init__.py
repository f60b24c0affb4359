"""
What stands in the way of a good measurement on this machine, each problem with its remedy.

Every check is a function from facts to findings, so that tests hand in the facts of machines that are not here. The
doctor makes no database and leaves no model behind.

2026-11-24: an engine is judged by running it in a child process, since a build that would crash says nothing before
it does. The verdict is remembered by library and CPU model; only what cannot change by itself is remembered.
"""

from collections.abc import Iterator, Sequence

from collector.doctor import engines, install, machine, quiet, storage
from collector.doctor.finding import Finding, Group, Level
from runners import device
from runners.device import virtual

__all__ = ["Finding", "Group", "Level", "examine", "is_blocked"]


def examine(database: str, *, is_fresh: bool = False, over_s: float = 1.5) -> Iterator[Finding]:
    """
    Look at everything, one finding at a time, in the order of the groups; takes two or three seconds.

    Args:
        database: path or URL of the database that results go to.
        is_fresh: try the engines again, whatever is remembered of them.
        over_s: how long to watch the CPU use of others.
    """
    snapshot, reading = device.snapshot(), device.machine_reading()
    yield from machine.platform(device.refuse_platform())
    yield from machine.cpu(snapshot, device.default_threads(), virtual.container())
    yield from machine.memory(snapshot, reading)
    yield from machine.power(reading)
    yield from machine.environment()
    yield from install.packages()
    yield from engines.examine(snapshot, is_fresh=is_fresh)
    yield from engines.compiler(snapshot)
    yield from storage.models(("llama_cpp", "mlx") if engines.is_apple_silicon(snapshot) else ("llama_cpp",))
    yield from storage.database(database)
    yield from quiet.lock()
    yield from quiet.neighbours(over_s, snapshot)


def is_blocked(findings: Sequence[Finding]) -> bool:
    """Whether something would stop a run."""
    return any(finding.is_blocking for finding in findings)
