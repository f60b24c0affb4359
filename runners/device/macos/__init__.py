"""
A Mac: what it is, how it is now, what a worker holds. **Unverified on a Mac**, all of it.

Every number's function says where it comes from. What is printed by a command is parsed by a function of the text
alone, tested on recorded outputs; what no command tells is None. ``docs/devices.md`` says what an owner of a Mac sends
back, and what was verified so.

2026-11-25: thermal pressure, power and memory are read by commands of a few milliseconds each and not through
frameworks: a worker's Python has the standard library alone. ``system_profiler`` takes up to a second and is asked once
a process at most, and only where ``ioreg`` says nothing.
"""

from runners.contract import Reading
from runners.device.macos import commands, power
from runners.device.macos.facts import default_threads, is_apple_silicon, is_translated, snapshot
from runners.device.macos.footprint import worker_reading
from runners.device.macos.others import look

__all__ = [
    "available_memory_bytes",
    "default_threads",
    "is_apple_silicon",
    "is_translated",
    "look",
    "machine_reading",
    "snapshot",
    "worker_reading",
]


def available_memory_bytes() -> int | None:
    """
    Free and inactive pages, which is what psutil calls available; None without psutil; unverified on a Mac.

    Memory that is compressed or held by others' Metal buffers is not in it.
    """
    try:
        import psutil

        return int(psutil.virtual_memory().available)
    except (ImportError, OSError, RuntimeError):
        return None


def machine_reading(ask: commands.Ask = commands.ask, *, other_cpu_cores: float | None = None) -> Reading:
    """
    Heat, power, memory; about 50 ms, most of it for starting four commands; unverified on a Mac.

    Args:
        other_cpu_cores: comes from :func:`look`, twice.
    """
    pressure, supply, memory = power.thermal_pressure(ask("thermal")), ask("supply"), ask("memory")
    return Reading(
        free_memory_bytes=available_memory_bytes(),
        other_cpu_cores=other_cpu_cores,
        thermal_state=None if pressure is None else power.THERMAL_STATES[pressure],
        thermal_pressure=pressure,
        is_on_battery=power.is_on_battery(supply),
        battery_frac=power.battery_frac(supply),
        is_low_power=power.is_low_power(ask("settings")),
        swap_used_bytes=power.swap_used_bytes(memory),
        memory_pressure=power.memory_pressure(memory),
    )
