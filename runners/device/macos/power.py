"""
Heat, power source, low-power mode and memory pressure of a Mac, from what commands print.

macOS tells its *thermal pressure* without an administrator: how much it holds the machine back. The contract's words
are those of Apple's ``thermalState``, which is coarser in name and has the same four steps.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType

from runners.device import files

PRESSURES = ("nominal", "moderate", "heavy", "trapping", "sleeping")
"""
Words of the levels 0 to 4.

Source:
    OSThermalNotification.h, ``OSThermalPressureLevel`` on macOS (an iPhone counts 0, 10, 20...); unverified on a Mac.
"""

THERMAL_STATES: Mapping[str, str] = MappingProxyType(
    {"nominal": "nominal", "moderate": "fair", "heavy": "serious", "trapping": "critical", "sleeping": "critical"}
)
"""From thermal pressure to the contract's words."""

_MEMORY_PRESSURES = {"1": "normal", "2": "warning", "4": "critical"}
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def thermal_pressure(printed: str | None) -> str | None:
    """
    A word for ``com.apple.system.thermalpressurelevel 0``; None for a level that is not known.

    Source:
        ``notifyutil -g``, which prints the name and its state; unverified on a Mac.
    """
    words = (printed or "").split()
    level = files.to_int(words[-1]) if words else None
    return PRESSURES[level] if level is not None and 0 <= level < len(PRESSURES) else None


def is_low_power(printed: str | None) -> bool | None:
    """
    Whether the settings in use are those of the low-power mode.

    Source:
        ``pmset -g``: ``lowpowermode 0/1``; where there is a high-power mode ``powermode``, 0 automatic, 1 low, 2 high;
        unverified on a Mac.
    """
    found = re.search(r"^\s*(?:lowpowermode|powermode)\s+(\d+)\s*$", printed or "", re.MULTILINE)
    return None if found is None else found[1] == "1"


def is_on_battery(printed: str | None) -> bool | None:
    """
    Whether the battery feeds the machine.

    Source:
        ``pmset -g batt``, first line: ``Now drawing from 'AC Power'`` or ``'Battery Power'``, ``'UPS Power'``;
        unverified on a Mac.
    """
    found = re.search(r"^Now drawing from '(\w+) Power'", printed or "", re.MULTILINE)
    return {"AC": False, "Battery": True, "UPS": True}.get(found[1]) if found else None


def battery_frac(printed: str | None) -> float | None:
    """
    Charge from 0 to 1; None on a Mac without a battery.

    Source:
        ``pmset -g batt``: ``-InternalBattery-0 (id=...)  95%; discharging; ...``; unverified on a Mac.
    """
    found = re.search(r"InternalBattery.*?(\d{1,3})%;", printed or "")
    return min(int(found[1]), 100) / 100 if found else None


def swap_used_bytes(printed: str | None) -> int | None:
    """
    Bytes of swap in use.

    Source:
        ``sysctl vm.swapusage``: ``total = 2048.00M  used = 1024.75M  free = 1023.25M  (encrypted)``; unverified on a
        Mac.
    """
    found = re.search(r"\bused = (\d+)(?:[.,](\d+))?([KMG])", printed or "")
    if found is None:
        return None
    return round(float(f"{found[1]}.{found[2] or 0}") * _UNITS[found[3]])


def memory_pressure(printed: str | None) -> str | None:
    """
    normal, warning or critical.

    Source:
        ``sysctl kern.memorystatus_vm_pressure_level``: 1, 2, 4; unverified on a Mac.
    """
    level = files.parse_fields(printed or "").get("kern.memorystatus_vm_pressure_level")
    return _MEMORY_PRESSURES.get(level or "")
