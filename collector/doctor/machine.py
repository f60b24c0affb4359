"""The machine itself: platform, processor, memory, power and the variables that change an engine's behaviour."""

import os
import re
from collections.abc import Iterator, Mapping

from collector.doctor.finding import Finding, Group, fix, note, ok
from runners.contract import DeviceSnapshot, Reading

_SHOWN = (
    ("amx_int8", "AMX"), ("avx512f", "AVX-512"), ("avx2", "AVX2"), ("avx", "AVX"), ("sve", "SVE"), ("i8mm", "I8MM"),
    ("asimddp", "DotProd"), ("dotprod", "DotProd"),
)  # fmt: skip
_GIB = 1 << 30
_ROOMY_BYTES, _TIGHT_BYTES = 10 * 10**9, 10**9
_SLOW_OPENMP = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
_NO_EFFECT = ("OMP_NUM_THREADS", "OMP_PROC_BIND", "OMP_PLACES")


def platform(refusal: str | None) -> Iterator[Finding]:
    """Whether phibench runs here at all."""
    if refusal is not None:
        reason, _, remedy = refusal.rpartition(". ")
        yield fix(Group.MACHINE, reason or refusal, remedy, is_blocking=True)


def cpu(snapshot: DeviceSnapshot, n_threads: int, container: str | None = None) -> Iterator[Finding]:
    """Processor, cores that count, instruction sets, virtual machine, container."""
    usable = "" if snapshot.n_usable_cores is None else f" ({snapshot.n_usable_cores} usable)"
    sets = [shown for flag, shown in _SHOWN if flag in snapshot.cpu_features]
    if "AVX2" in sets or "AVX-512" in sets:
        sets = [name for name in sets if name != "AVX"]
    system = [snapshot.os_name if snapshot.kind == "mac" else None, snapshot.os_version, snapshot.os_build]
    words = [f"{snapshot.name}{usable}", " ".join(filter(None, system))]
    yield ok(Group.MACHINE, ", ".join(filter(None, [*words, ", ".join(sets)])))
    yield from _kinds_of_cores(snapshot)
    n = snapshot.n_physical_cores
    if n is not None and n_threads < n:
        why = "performance cores, affinity and CPU quota leave no more"
        yield note(Group.MACHINE, f"engines use {n_threads} of {n} cores by default: {why}")
    if snapshot.is_virtual:
        kind = "" if snapshot.hypervisor in {None, "unknown"} else f" ({snapshot.hypervisor})"
        yield note(Group.MACHINE, f"virtual machine{kind}: expect noise between runs; results are flagged virtualised")
    if container is not None:
        text = f"inside a container ({container}): where it has a CPU quota or a memory limit, they count"
        yield note(Group.MACHINE, text)


def _kinds_of_cores(snapshot: DeviceSnapshot) -> Iterator[Finding]:
    """What a Mac says of its cores; nothing where there are no kinds of them."""
    kinds = {
        "performance cores": snapshot.n_performance_cores,
        "efficiency cores": snapshot.n_efficiency_cores,
        "GPU cores": snapshot.n_gpu_cores,
    }
    known = [f"{n} {kind}" for kind, n in kinds.items() if n]
    if known:
        limit = snapshot.gpu_wired_limit_bytes
        own = "" if limit is None else f"; the GPU may hold {limit / _GIB:.1f} GiB, a limit that was set by hand"
        yield ok(Group.MACHINE, f"{', '.join(known)}{own}")


def memory(snapshot: DeviceSnapshot, reading: Reading) -> Iterator[Finding]:
    """Room for a model."""
    free, total = reading.free_memory_bytes, snapshot.memory_limit_bytes or snapshot.memory_bytes
    if free is None:
        yield note(Group.MACHINE, "free memory is unknown here, so nothing is refused for lack of it")
        return
    text = f"{free / _GIB:.1f} GiB of memory free" + ("" if total is None else f" of {total / _GIB:.1f}")
    if free < _TIGHT_BYTES:
        remedy = "close other programs, or give the container more memory"
        yield fix(Group.MACHINE, f"{text}: too little for any model", remedy, is_blocking=True)
    elif reading.memory_pressure in {"warning", "critical"}:
        used = "" if reading.swap_used_bytes is None else f", {reading.swap_used_bytes / _GIB:.1f} GiB swapped out"
        remedy = "close other programs: a model that is swapped is measured at the speed of the disk"
        yield fix(Group.MACHINE, f"{text}; memory pressure {reading.memory_pressure}{used}", remedy)
    elif free < _ROOMY_BYTES:
        yield note(Group.MACHINE, f"{text}: quickstart will scale down (it likes 10 GB)")
    else:
        yield ok(Group.MACHINE, text)


def power(reading: Reading) -> Iterator[Finding]:
    """Battery, low-power mode, governor, heat."""
    if reading.is_on_battery:
        level = "" if reading.battery_frac is None else f" ({reading.battery_frac:.0%})"
        yield fix(Group.MACHINE, f"on battery{level}: results are flagged on_battery", "plug in the power supply")
    elif reading.is_on_battery is False:
        yield ok(Group.MACHINE, "mains power")
    if reading.is_low_power:
        remedy = _OUT_OF_LOW_POWER_MAC if reading.thermal_pressure is not None else _OUT_OF_LOW_POWER
        yield fix(Group.MACHINE, "a low-power mode is on: slower than this machine can be", remedy)
    elif reading.governor is not None:
        clock = "" if reading.frequency_hz is None else f", {reading.frequency_hz / 1e9:.1f} GHz now"
        yield ok(Group.MACHINE, f"frequency governor {reading.governor}{clock}")
    temperature = "" if reading.temperature_c is None else f" ({reading.temperature_c:.0f} °C)"
    if reading.thermal_state in {"serious", "critical"}:
        remedy = "let it cool down; results until then are flagged hot"
        yield fix(Group.MACHINE, f"too hot{temperature}: the processor is being slowed", remedy)
    elif reading.thermal_state == "fair":
        pressure = f"thermal pressure {reading.thermal_pressure}: it is being slowed a little"
        text = "within 10 K of being slowed" if reading.thermal_pressure is None else pressure
        yield note(Group.MACHINE, f"warm{temperature}: {text}")
    elif reading.thermal_pressure is not None:
        yield ok(Group.MACHINE, f"cool enough: thermal pressure {reading.thermal_pressure}")
    elif reading.temperature_c is not None:
        yield ok(Group.MACHINE, f"cool enough{temperature}" if reading.thermal_state else f"temperature{temperature}")


_OUT_OF_LOW_POWER = "powerprofilesctl set balanced   (or the power settings of the desktop)"
_OUT_OF_LOW_POWER_MAC = "sudo pmset -a lowpowermode 0   (or System Settings, Battery)"


def environment(variables: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """Variables that change what is built or measured."""
    if "SOURCE_DATE_EPOCH" in variables:
        text = "SOURCE_DATE_EPOCH is set: an engine that is built now uses no AVX and is many times slower"
        yield fix(Group.MACHINE, text, "unset SOURCE_DATE_EPOCH")
    slow = [name for name in _SLOW_OPENMP if name in variables]
    if slow:
        text = f"{' and '.join(slow)} in the environment can slow llama.cpp five times: workers run without"
        yield note(Group.MACHINE, text, f"unset {' '.join(slow)}")
    idle = [name for name in _NO_EFFECT if name in variables]
    if idle:
        text = f"{', '.join(idle)} in the environment: workers run without; choose threads by the engine's option"
        yield note(Group.MACHINE, text)
    if "CMAKE_ARGS" in variables:
        text = f"CMAKE_ARGS is set ({variables['CMAKE_ARGS']}): a build takes it, and uv does not build anew for it"
        yield note(Group.MACHINE, text)
    ours = {k: _without_password(v) for k, v in variables.items() if k.startswith("PHIBENCH_")}
    if ours:
        yield note(Group.MACHINE, f"set here: {', '.join(f'{name}={value}' for name, value in sorted(ours.items()))}")


def _without_password(value: str) -> str:
    return re.sub(r"(://[^:/@]*):.*@", r"\1:***@", value)
