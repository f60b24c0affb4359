"""
Governor, clock, temperature, throttling and power source on Linux.

Linux has no thermal state of its own. Here it is ``nominal`` more than 10 K below the temperature at which the
platform begins to slow the CPU, ``fair`` above that, ``serious`` from that temperature on or while a processor is
being slowed; None where the temperature or its limit is unknown. The words are those of Apple's ``thermalState``.
"""

from dataclasses import dataclass
from pathlib import Path

from runners.device import cpu, files

_CPU = "sys/devices/system/cpu"
_CPU_SENSORS = frozenset({"coretemp", "k10temp", "zenpower", "cpu_thermal", "soc_thermal", "bigcore0_thermal"})
_NEAR_LIMIT_C = 10.0
_DYNAMIC_POWERSAVE = ("intel_pstate", "amd-pstate-epp", "amd_pstate_epp")  # where "powersave" is the normal governor


def governor(root: Path = files.ROOT) -> str | None:
    """The frequency governor of the CPUs we may use; several names are joined with a plus."""
    names = {files.text(root / _CPU / f"cpu{n}/cpufreq/scaling_governor") for n in cpu.affinity(root)}
    return "+".join(sorted(name for name in names if name)) or None


def frequency_hz(root: Path = files.ROOT) -> float | None:
    """Mean clock of the CPUs we may use, now; in a virtual machine often only the nominal one."""
    khz = [files.number(root / _CPU / f"cpu{n}/cpufreq/scaling_cur_freq") for n in cpu.affinity(root)]
    known = [value for value in khz if value]
    if known:
        return 1e3 * sum(known) / len(known)
    try:
        return 1e6 * float(files.fields(root / "proc/cpuinfo")["cpu MHz"]) or None
    except (KeyError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class _Heat:
    """One sensor: its temperature and the one at which slowing begins."""

    temperature_c: float
    limit_c: float | None


def temperature(root: Path = files.ROOT) -> tuple[float | None, str | None]:
    """Temperature of the hottest CPU sensor, and the thermal state (see the module)."""
    sensors = _hwmon(root) or _zones(root)
    if not sensors:
        return None, "serious" if _is_slowed(root) else None
    hottest = max(sensor.temperature_c for sensor in sensors)
    gaps = [sensor.limit_c - sensor.temperature_c for sensor in sensors if sensor.limit_c is not None]
    if _is_slowed(root) or (gaps and min(gaps) <= 0):
        return hottest, "serious"
    if not gaps:
        return hottest, None
    return hottest, "fair" if min(gaps) <= _NEAR_LIMIT_C else "nominal"


def _hwmon(root: Path) -> list[_Heat]:
    found = []
    for folder in files.children(root / "sys/class/hwmon", "hwmon*"):
        if files.text(folder / "name") not in _CPU_SENSORS:
            continue
        for path in files.children(folder, "temp*_input"):
            stem = path.name.removesuffix("_input")
            limit = _celsius(folder / f"{stem}_max") or _celsius(folder / f"{stem}_crit")
            found.extend(_heat(_celsius(path), limit))
    return found


def _zones(root: Path) -> list[_Heat]:
    found = []
    for folder in files.children(root / "sys/class/thermal", "thermal_zone*"):
        kind = (files.text(folder / "type") or "").lower()
        if "cpu" not in kind and "pkg_temp" not in kind and "soc" not in kind:
            continue
        passive = [
            _celsius(path.with_name(path.name.replace("_type", "_temp")))
            for path in files.children(folder, "trip_point_*_type")
            if files.text(path) in {"passive", "hot"}
        ]
        found.extend(_heat(_celsius(folder / "temp"), min((limit for limit in passive if limit), default=None)))
    return found


def _heat(temperature_c: float | None, limit_c: float | None) -> list[_Heat]:
    return [] if temperature_c is None else [_Heat(temperature_c, limit_c)]


def _celsius(path: Path) -> float | None:
    """Millidegrees to degrees; None for the 0 and -274 with which drivers say "not set"."""
    value = files.number(path)
    return value / 1000 if value is not None and 0 < value < 200_000 else None


def _is_slowed(root: Path) -> bool:
    for folder in files.children(root / "sys/class/thermal", "cooling_device*"):
        kind = (files.text(folder / "type") or "").lower()
        if (
            kind.startswith(("processor", "cpufreq", "thermal-cpufreq"))
            and (files.number(folder / "cur_state") or 0) > 0
        ):
            return True
    return False


def throttle_count(root: Path = files.ROOT) -> int | None:
    """Times that the CPU slowed itself since boot: each core's own counter once, each package's once (Intel)."""
    counts: dict[tuple[str, int], int] = {}
    for core in cpu.cores(cpu.online(root), root):
        folder = root / _CPU / f"cpu{core[0]}"
        package = files.number(folder / "topology/physical_package_id") or 0
        own = files.number(folder / "thermal_throttle/core_throttle_count")
        shared = files.number(folder / "thermal_throttle/package_throttle_count")
        if own is not None:
            counts["core", core[0]] = own
        if shared is not None:
            counts["package", package] = max(shared, counts.get(("package", package), 0))
    return sum(counts.values()) if counts else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Where the power comes from and whether it is being saved; None = unknown."""

    is_on_battery: bool | None = None
    battery_frac: float | None = None
    is_low_power: bool | None = None


def power(root: Path = files.ROOT, *, is_virtual: bool | None = None) -> Power:
    """
    Battery, mains and low-power mode.

    A machine whose kernel lists no supply at all has no battery, unless it is virtual and cannot see it.
    """
    folder = root / "sys/class/power_supply"
    supplies = [path for path in files.children(folder) if files.text(path / "scope") != "Device"]  # not the mouse's
    batteries = [path for path in supplies if files.text(path / "type") == "Battery"]
    mains = [files.number(path / "online") for path in supplies if files.text(path / "type") in {"Mains", "USB"}]
    levels = [files.number(path / "capacity") for path in batteries]
    known = [level for level in levels if level is not None]
    is_on_battery: bool | None = None
    if any(mains):
        is_on_battery = False
    elif batteries:
        states = {files.text(path / "status") for path in batteries} - {None, "Unknown"}
        is_on_battery = "Discharging" in states if states else (True if mains else None)
    elif is_virtual is False and folder.is_dir():
        is_on_battery = False
    return Power(
        is_on_battery=is_on_battery,
        battery_frac=sum(known) / len(known) / 100 if known else None,
        is_low_power=_is_low_power(root),
    )


def _is_low_power(root: Path) -> bool | None:
    profile = files.text(root / "sys/firmware/acpi/platform_profile")
    if profile is not None:
        return profile == "low-power"
    first = root / _CPU / f"cpu{next(iter(cpu.affinity(root)), 0)}/cpufreq"
    preference = files.text(first / "energy_performance_preference")
    if preference is not None:
        return preference == "power"
    name, driver = files.text(first / "scaling_governor"), files.text(first / "scaling_driver")
    if name is None:
        return None
    return name == "powersave" and driver not in _DYNAMIC_POWERSAVE
