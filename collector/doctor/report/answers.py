"""
What each command of a Mac printed, beside what was made of it.

A command prints more than we read: serial numbers of displays, a number of the battery, programs that keep the machine
awake, paths of running programs. Only what is read, and what tells one kind of machine from another, is kept.
"""

import json
import re
import shlex
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runners.contract import DeviceSnapshot
from runners.device import files
from runners.device.macos import commands, gpu, others, power

_GPU_LINES = re.compile(r'"(gpu-core-count|model|MetalPluginName|IOClass)"\s*=')
_DISPLAY_KEYS = ("sppci_", "spdisplays_mtl", "spdisplays_vendor", "spdisplays_metal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    One command.

    ``printed`` is cut down to what is kept; None when the command is missing, hangs or printed nothing. ``parsed`` is
    what was made of the whole of it.
    """

    name: str
    command: str
    took_s: float
    printed: str | None
    parsed: Mapping[str, Any]


def all_of(snapshot: DeviceSnapshot, ask: commands.Ask = commands.ask) -> tuple[Answer, ...]:
    """Every command, asked anew; none where the machine is no Mac."""
    if snapshot.kind != "mac":
        return ()
    return tuple(_answer(name, ask) for name in commands.COMMANDS)


def _answer(name: str, ask: commands.Ask) -> Answer:
    started = time.monotonic()
    printed = ask(name)
    took_s = time.monotonic() - started
    return Answer(
        name=name,
        command=shlex.join(commands.COMMANDS[name]),
        took_s=round(took_s, 4),
        printed=None if printed is None else _KEPT[name](printed),
        parsed=_PARSED[name](printed),
    )


def _whole(printed: str) -> str:
    return printed


def _gpu_lines(printed: str) -> str:
    return "\n".join(line.strip() for line in printed.splitlines() if _GPU_LINES.search(line))


def _display_keys(printed: str) -> str:
    """Cards without their displays, whose serial numbers stand in the same list."""
    try:
        cards = json.loads(printed)["SPDisplaysDataType"]
        kept = [{k: v for k, v in card.items() if k.startswith(_DISPLAY_KEYS)} for card in cards]
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{len(printed)} characters that are not what was expected"
    return json.dumps(kept, indent=1)


def _without_programs(printed: str) -> str:
    return re.sub(r"\(sleep prevented by [^)]*\)", "(sleep prevented)", printed)


def _without_battery_id(printed: str) -> str:
    return re.sub(r"\(id=\d+\)", "(id=...)", printed)


def _count_of_lines(printed: str) -> str:
    return f"{len(printed.splitlines())} lines, not sent: they name programs and folders"


def _facts(printed: str | None) -> dict[str, Any]:
    return dict(files.parse_fields(printed or ""))


def _processes(printed: str | None) -> dict[str, Any]:
    found = others.processes(printed)
    return {"n_processes": len(found), "cpu_ticks": sum(process.ticks for process in found.values())}


_KEPT: Mapping[str, Callable[[str], str]] = {
    "facts": _whole, "memory": _whole, "gpu": _gpu_lines, "displays": _display_keys, "thermal": _whole,
    "settings": _without_programs, "supply": _without_battery_id, "processes": _count_of_lines,
}  # fmt: skip
_PARSED: Mapping[str, Callable[[str | None], dict[str, Any]]] = {
    "facts": _facts,
    "memory": lambda p: {"swap_used_bytes": power.swap_used_bytes(p), "memory_pressure": power.memory_pressure(p)},
    "gpu": lambda p: {"n_gpu_cores": gpu.of_registry(p)},
    "displays": lambda p: {"n_gpu_cores": gpu.of_displays(p)},
    "thermal": lambda p: {"thermal_pressure": power.thermal_pressure(p)},
    "settings": lambda p: {"is_low_power": power.is_low_power(p)},
    "supply": lambda p: {"is_on_battery": power.is_on_battery(p), "battery_frac": power.battery_frac(p)},
    "processes": _processes,
}
