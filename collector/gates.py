"""
The gate before a launch: readings in; go, wait, or run flagged out.

What can pass by itself (work of other programs, heat, memory in use) is waited for, looking again about once a second,
until it holds or the longest wait is over. What only a person can change (the power source, a low-power mode) is not
waited for: the launch runs at once and its flag tells. What a platform does not say is neither waited for nor held
against the launch, but named. There is no fixed pause to cool down: heat is waited for until the state is nominal and
stays so.

Conditions have the names of the fields of :class:`runners.contract.Gate`. The gate of a suite that names none is
``collector.suite.DEFAULT_GATE``.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from runners.contract import Gate, Reading

LOOK_EVERY_S = 1.0
"""Shortest time from one look to the next; a look that watches the processor for a second needs no pause after it."""

_PASSING = frozenset({"max_other_cpu_cores", "is_thermal_nominal", "min_free_bytes"})
_REMEDIES = {
    "max_other_cpu_cores": "close them, or measure later; phibench doctor names the busiest",
    "is_thermal_nominal": "let it cool down, or improve the airflow",
    "is_low_power_off": "powerprofilesctl set balanced   (on a Mac: sudo pmset -a lowpowermode 0)",
    "is_mains_power": "plug in the power supply",
    "min_free_bytes": "close other programs",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """
    How a launch came through its gate.

    Args:
        waited_s: seconds spent at the gate, the last look included.
        unmet: conditions that did not hold when the launch was let through; none = it ran as it should.
        unknown: conditions of which the platform says nothing.
        reading: the last look.
    """

    waited_s: float
    unmet: tuple[str, ...]
    unknown: tuple[str, ...]
    reading: Reading


def unmet(gate: Gate, reading: Reading) -> tuple[str, ...]:
    """Conditions of the gate that a reading breaks, in the gate's order."""
    return tuple(name for name, holds in _conditions(gate, reading) if holds is False)


def unknown(gate: Gate, reading: Reading) -> tuple[str, ...]:
    """Conditions of the gate about which a reading says nothing."""
    return tuple(name for name, holds in _conditions(gate, reading) if holds is None)


def admit(
    gate: Gate,
    *,
    read: Callable[[], Reading],
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    on_wait: Callable[[tuple[str, ...]], None] | None = None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> Admission:
    """
    Wait until what can pass has passed, at most ``gate.longest_wait_s`` and the look that is going on then.

    Args:
        read: looks at the machine; where the work of others is asked for, over a second or two.
        clock: monotonic seconds.
        on_wait: told after each look, in words for people, what is still waited for.
        is_cancelled: whether a person has stopped the run; then the gate opens at once, as the launch will not begin.
    """
    begun_s = clock()
    nominal_since_s: float | None = None
    while True:
        looked_s = clock()
        reading = read()
        now_s = clock()
        broken = unmet(gate, reading)
        if "is_thermal_nominal" in broken:
            nominal_since_s = None
        elif gate.is_thermal_nominal and reading.thermal_state is not None:
            nominal_since_s = now_s if nominal_since_s is None else nominal_since_s
            if now_s - nominal_since_s < gate.nominal_hold_s:
                broken = (*broken, "is_thermal_nominal")
        waited_s, passing = now_s - begun_s, tuple(name for name in broken if name in _PASSING)
        if not passing or waited_s >= gate.longest_wait_s or is_cancelled():
            return Admission(waited_s=waited_s, unmet=broken, unknown=unknown(gate, reading), reading=reading)
        if on_wait is not None:
            on_wait(tuple(words(name, reading) for name in passing))
        sleep(max(0.0, LOOK_EVERY_S - (now_s - looked_s)))


def words(name: str, reading: Reading) -> str:
    """What a condition that is not met looks like, for people: 'other programs use 1.3 cores'."""
    if name == "max_other_cpu_cores":
        return f"other programs use {reading.other_cpu_cores or 0.0:.1f} cores"
    if name == "is_thermal_nominal":
        warm = "" if reading.temperature_c is None else f", {reading.temperature_c:.0f} °C"
        if reading.thermal_state == "nominal":
            return f"temperature nominal only since a moment ago{warm}"
        return f"temperature {reading.thermal_state}, not nominal{warm}"
    if name == "is_low_power_off":
        return "a low-power mode is on"
    if name == "is_mains_power":
        level = "" if reading.battery_frac is None else f" ({reading.battery_frac:.0%})"
        return f"on battery{level}"
    return f"only {(reading.free_memory_bytes or 0) / (1 << 30):.1f} GiB of memory free"


def remedy(name: str) -> str:
    """What a person can do about a condition that is not met."""
    return _REMEDIES[name]


def _conditions(gate: Gate, reading: Reading) -> Iterator[tuple[str, bool | None]]:
    """What the gate asks for, and whether it holds; None where the reading does not say."""
    if gate.max_other_cpu_cores is not None:
        cores = reading.other_cpu_cores
        yield "max_other_cpu_cores", None if cores is None else cores <= gate.max_other_cpu_cores
    if gate.is_thermal_nominal:
        state = reading.thermal_state
        yield "is_thermal_nominal", None if state is None else state == "nominal"
    if gate.is_low_power_off:
        yield "is_low_power_off", None if reading.is_low_power is None else not reading.is_low_power
    if gate.is_mains_power:
        yield "is_mains_power", None if reading.is_on_battery is None else not reading.is_on_battery
    if gate.min_free_bytes is not None:
        free_bytes = reading.free_memory_bytes
        yield "min_free_bytes", None if free_bytes is None else free_bytes >= gate.min_free_bytes
