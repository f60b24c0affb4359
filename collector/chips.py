"""
What vendors and others say of chips, phones and memory systems: bandwidth, memory, what an app may use.

The data lies in ``data/chips.json``; every number there has a status (seen, derived, estimated, observed, recalled) and
a source where one is known. Nothing here is measured by phibench.
"""

import difflib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from typing import Any

from collector.errors import DeviceNotFound
from runners.wire import from_wire

_EXAMPLES = "an iPhone's identifier such as iPhone15,2, a chip such as M1, 'DDR5-5600 dual', or here for this machine"
STATUSES = ("seen", "derived", "estimated", "observed", "recalled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """A chip of Apple's; ``memory_bytes`` are the sizes that it is sold with."""

    name: str
    device_class: str
    bandwidth_byte_per_s: float
    bandwidth_status: str
    bandwidth_note: str | None = None
    bandwidth_source: str | None = None
    memory_bytes: tuple[int, ...]
    memory_status: str
    memory_source: str | None = None
    n_gpu_cores: tuple[int, ...]
    gpu_cores_status: str
    gpu_fp32_flop_per_s: float | None = None
    gpu_flop_status: str | None = None
    gpu_flop_note: str | None = None
    gpu_flop_source: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Phone:
    """An iPhone by its identifier; ``chip_status`` is that of the mapping from identifier to chip."""

    product_type: str
    name: str
    chip: str
    chip_status: str
    memory_bytes: int
    memory_status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySystem:
    """Memory modules of a PC at their rated speed."""

    name: str
    bandwidth_byte_per_s: float
    bandwidth_status: str
    bandwidth_source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AppMemory:
    """What an app may use on an iPhone of this memory, without and with the increased-memory entitlement."""

    memory_bytes: int
    low_bytes: int
    high_bytes: int
    entitled_low_bytes: int | None = None
    entitled_high_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuMemory:
    """Share of a Mac's memory that its GPU may use by default; the first that is large enough applies."""

    up_to_bytes: int | None = None
    share_frac: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiency:
    """Share of the vendor's bandwidth that published decode rates of a class of devices reach."""

    device_class: str
    low_frac: float
    high_frac: float
    n_rows: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipTable:
    """The whole file."""

    chips: tuple[Chip, ...]
    memory_systems: tuple[MemorySystem, ...]
    phone_source: str
    phones: tuple[Phone, ...]
    app_memory: tuple[AppMemory, ...]
    app_memory_status: str
    app_memory_source: str
    gpu_memory: tuple[GpuMemory, ...]
    gpu_memory_status: str
    gpu_memory_source: str
    efficiencies: tuple[Efficiency, ...]
    efficiency_status: str
    efficiency_source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """
    A device as the table knows it.

    ``device_class`` is ``phone``, ``mac_base``, ``mac_pro``, ``mac_max``, ``mac_ultra`` or ``x86_cpu``; ``chip`` and
    ``phone`` are None where it is another thing; ``memory_bytes`` is empty when unknown.
    """

    name: str
    device_class: str
    bandwidth_byte_per_s: float
    bandwidth_status: str
    bandwidth_source: str | None = None
    bandwidth_note: str | None = None
    memory_bytes: tuple[int, ...] = ()
    memory_status: str | None = None
    chip: Chip | None = None
    phone: Phone | None = None


@cache
def table() -> ChipTable:
    """Everything that is known."""
    text = resources.files("collector").joinpath("data", "chips.json").read_text(encoding="utf-8")
    data: Any = json.loads(text)
    return from_wire(ChipTable, data)


def find_device(name: str) -> Device:
    """
    A device by iPhone identifier or name, chip, or memory system; case, blanks and a leading "Apple" do not matter.

    Raises:
        DeviceNotFound: with the nearest names; a chip that comes in several kinds names them all.
    """
    found = _by_name().get(_key(name))
    if found is not None:
        return found()
    known = {shown: key for key, shown in _shown().items()}
    kinds = [shown for shown, key in known.items() if key.startswith(_key(name)) and _key(name)]
    if not kinds:
        close = difflib.get_close_matches(_key(name), known.values(), n=3, cutoff=0.6)
        kinds = [shown for shown, key in known.items() if key in close]
    hint = f"Did you mean {_either(kinds[:4])}?" if kinds else _EXAMPLES
    raise DeviceNotFound(f"there is no device {name!r}", hint)


def vendor_device(product_type: str | None, cpu_model: str | None) -> Device | None:
    """
    The device that a machine says it is, for the vendor's bandwidth.

    Returns:
        None for what the table does not know: every x86 machine (its memory modules are not to be seen) and chips of
        one name that come with different bandwidths, such as "Apple M3 Max".
    """
    for said in (product_type, cpu_model):
        found = _by_name().get(_key(said)) if said else None
        if found is not None:
            device = found()
            if device.chip is not None:
                return device
    return None


def efficiency_of(device_class: str) -> Efficiency:
    """What is published of a class of devices."""
    return next(e for e in table().efficiencies if e.device_class == device_class)


def app_memory_of(memory_bytes: int) -> AppMemory | None:
    """What an app may use on an iPhone; None where nothing was observed."""
    return next((a for a in table().app_memory if a.memory_bytes == memory_bytes), None)


def gpu_share_frac(memory_bytes: int) -> float:
    """Share of a Mac's memory that its GPU may use by default."""
    return next(g.share_frac for g in table().gpu_memory if g.up_to_bytes is None or memory_bytes <= g.up_to_bytes)


def _chip_named(name: str) -> Chip:
    return next(chip for chip in table().chips if chip.name == name)


def _of_phone(phone: Phone) -> Device:
    chip = _chip_named(phone.chip)
    return Device(
        name=f"{phone.name} ({phone.product_type})",
        device_class=chip.device_class,
        bandwidth_byte_per_s=chip.bandwidth_byte_per_s,
        bandwidth_status=chip.bandwidth_status,
        bandwidth_source=chip.bandwidth_source,
        bandwidth_note=chip.bandwidth_note,
        memory_bytes=(phone.memory_bytes,),
        memory_status=phone.memory_status,
        chip=chip,
        phone=phone,
    )


def _of_chip(chip: Chip) -> Device:
    return Device(
        name=chip.name,
        device_class=chip.device_class,
        bandwidth_byte_per_s=chip.bandwidth_byte_per_s,
        bandwidth_status=chip.bandwidth_status,
        bandwidth_source=chip.bandwidth_source,
        bandwidth_note=chip.bandwidth_note,
        memory_bytes=chip.memory_bytes,
        memory_status=chip.memory_status,
        chip=chip,
    )


def _of_memory(system: MemorySystem) -> Device:
    return Device(
        name=system.name,
        device_class="x86_cpu",
        bandwidth_byte_per_s=system.bandwidth_byte_per_s,
        bandwidth_status=system.bandwidth_status,
        bandwidth_source=system.bandwidth_source,
    )


@cache
def _by_name() -> dict[str, Callable[[], Device]]:
    found: dict[str, Callable[[], Device]] = {}
    for phone in table().phones:
        found[_key(phone.product_type)] = found[_key(phone.name)] = partial(_of_phone, phone)
    for chip in table().chips:
        found[_key(chip.name)] = partial(_of_chip, chip)
    for system in table().memory_systems:
        found[_key(system.name)] = partial(_of_memory, system)
    return found


@cache
def _shown() -> dict[str, str]:
    names = [*(p.product_type for p in table().phones), *(p.name for p in table().phones)]
    names += [*(c.name for c in table().chips), *(s.name for s in table().memory_systems)]
    return {_key(name): name for name in names}


def _key(name: str) -> str:
    """Letters and digits alone, so that "iphone 15,2", "Apple M1" and "ddr5 5600 dual" are found."""
    return re.sub(r"[^a-z0-9,]+", " ", name.lower()).strip().removeprefix("apple ").replace(" ", "")


def _either(names: Iterable[str]) -> str:
    return " or ".join(repr(name) for name in names)
