"""
Whether what was read can be true: one verdict for each reading that a Mac or a PC gives. Pure.

``unknown`` is a reading that is not there, ``fail`` one that contradicts another or what a child did.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from collector.doctor.engines import is_apple_silicon
from collector.doctor.report.answers import Answer
from collector.doctor.report.holding import Held
from collector.doctor.report.trials import Trial
from runners.contract import DeviceSnapshot, Reading
from runners.device import files

_MIB = 1 << 20
_LEAST_GROWTH, _MOST_GROWTH = 0.95, 1.15
_PEAK_FRAC = 0.98  # Linux counts pages in batches a processor, so its peak can lie a little below its own present value
_CPU_TOLERANCE_FRAC, _CPU_TOLERANCE_S = 0.2, 0.05
_OLDEST_MACOS = 14


class Outcome(StrEnum):
    """``pass``, ``fail``, or a reading that is not there."""

    PASS = "pass"  # noqa: S105  # no password
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One item; ``said`` is what was read, in words."""

    name: str
    outcome: Outcome
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that the verdicts are made from."""

    snapshot: DeviceSnapshot
    before: Reading
    after: Reading
    answers: tuple[Answer, ...]
    held: Held
    trials: tuple[Trial, ...]


def of(evidence: Evidence) -> tuple[Check, ...]:
    """Every verdict, those of a Mac only for a Mac."""
    found = [*_of_machine(evidence), *_of_child(evidence), *_of_engines(evidence)]
    return tuple([*_of_mac(evidence), *found] if evidence.snapshot.kind == "mac" else found)


def _check(name: str, holds: bool | None, said: str) -> Check:  # noqa: FBT001  # the verdict, between its words
    outcome = Outcome.UNKNOWN if holds is None else Outcome.PASS if holds else Outcome.FAIL
    return Check(name=name, outcome=outcome, said=said)


def _known(name: str, value: Any) -> Check:
    return _check(name, None if value is None else True, "nothing was read" if value is None else str(value))


def _of_mac(evidence: Evidence) -> Iterator[Check]:
    snapshot, after = evidence.snapshot, evidence.after
    parsed = {answer.name: answer.parsed for answer in evidence.answers}
    release = files.to_int((snapshot.os_version or "").partition(".")[0])
    is_recent = None if release is None else release >= _OLDEST_MACOS or not is_apple_silicon(snapshot)
    yield _check("macOS", is_recent, f"{snapshot.os_version}; MLX needs {_OLDEST_MACOS}")
    translated = parsed.get("facts", {}).get("sysctl.proc_translated")
    yield _check("not under Rosetta", None if translated is None else translated == "0", f"translated: {translated}")
    kinds = (snapshot.n_performance_cores, snapshot.n_efficiency_cores)
    is_sum = None if None in kinds else sum(n or 0 for n in kinds) == snapshot.n_physical_cores
    yield _check("kinds of cores", is_sum, f"{kinds[0]} + {kinds[1]} of {snapshot.n_physical_cores}")
    counts = {name: parsed.get(name, {}).get("n_gpu_cores") for name in ("gpu", "displays")}
    told = set(counts.values()) - {None}
    yield _check("GPU cores", len(told) == 1 if told else None, f"ioreg {counts['gpu']}, displays {counts['displays']}")
    yield _known("thermal pressure", after.thermal_pressure)
    yield _known("low-power mode", after.is_low_power)
    yield _known("power source", None if after.is_on_battery is None else f"on battery: {after.is_on_battery}")
    yield _known("swap", after.swap_used_bytes)
    yield _known("memory pressure", after.memory_pressure)


def _of_machine(evidence: Evidence) -> Iterator[Check]:
    snapshot, after = evidence.snapshot, evidence.after
    yield _known("processor", snapshot.cpu_model)
    free, total = after.free_memory_bytes, snapshot.memory_bytes
    is_part = None if free is None or total is None else 0 < free <= total
    yield _check("free memory", is_part, f"{free} of {total} bytes")
    others, n_logical = after.other_cpu_cores, snapshot.n_logical_cores
    is_possible = None if others is None or n_logical is None else 0 <= others <= n_logical
    yield _check("processor time of others", is_possible, f"{others} of {n_logical} cores")


def _of_child(evidence: Evidence) -> Iterator[Check]:
    held = evidence.held
    kind = "footprint" if evidence.snapshot.kind == "mac" else "rss"
    before, during = (_value(reading, f"{kind}_bytes") for reading in (held.before, held.during))
    grown = None if before is None or during is None else (during - before) / held.n_bytes
    said = "nothing was read" if grown is None else f"grew by {grown:.2f} of {held.n_bytes // _MIB} MiB"
    yield _check(f"{kind} grows", None if grown is None else _LEAST_GROWTH <= grown <= _MOST_GROWTH, said)
    now, peak = (_value(held.after, name) for name in (f"{kind}_bytes", f"peak_{kind}_bytes"))
    stays = None
    if now is not None and peak is not None and during is not None:
        stays = now < during and peak >= _PEAK_FRAC * during
    yield _check(f"{kind} peak stays", stays, f"now {now}, peak {peak}, held {during}")
    user, system = (_value(held.during, name) for name in ("cpu_user_s", "cpu_system_s"))
    told, read = held.told_cpu_s, None if user is None or system is None else user + system
    is_near = None
    if told is not None and read is not None:
        is_near = abs(read - told) <= max(_CPU_TOLERANCE_S, _CPU_TOLERANCE_FRAC * told)
    yield _check("processor time", is_near, f"read {read}, the child counted {told}")


def _value(reading: Reading | None, name: str) -> Any:
    return None if reading is None else getattr(reading, name)


def _of_engines(evidence: Evidence) -> Iterator[Check]:
    for trial in evidence.trials:
        if trial.unavailable_because is not None:
            yield _check(trial.engine, None, trial.unavailable_because)
            continue
        message = "decodes" if trial.failure is None else str(trial.failure.get("message"))
        yield _check(trial.engine, trial.failure is None, message)
        if is_apple_silicon(evidence.snapshot) and trial.failure is None:
            said = f"weights on {trial.backend}"
            yield _check(f"{trial.engine} on Metal", None if trial.backend is None else trial.backend == "metal", said)
