"""
What macOS tells without a framework: ``sysctl`` and psutil. Everything else is None.

Written from the documentation and not verified on a Mac; the dashboard and the tables show blanks where a reading is
unknown. Thermal state, low-power mode, memory peaks and ``phys_footprint`` need calls that are not here yet.
"""

import os
import subprocess
from collections.abc import Callable, Mapping
from functools import cache

from runners.contract import DeviceSnapshot, Reading
from runners.device import files, identity

_NAMES = (
    "hw.model", "hw.memsize", "hw.physicalcpu", "hw.logicalcpu", "hw.perflevel0.physicalcpu", "hw.optional.arm64",
    "hw.optional.arm.FEAT_DotProd", "hw.optional.arm.FEAT_I8MM", "hw.optional.arm.FEAT_BF16",
    "hw.optional.arm.FEAT_SME", "machdep.cpu.brand_string", "kern.osproductversion", "kern.osversion",
    "kern.hv_vmm_present", "sysctl.proc_translated", "vm.swapusage",
)  # fmt: skip
_FEATURE = "hw.optional.arm.FEAT_"


def _sysctl(names: tuple[str, ...] = _NAMES) -> str:
    """``name: value`` lines; names that this macOS does not know are missing."""
    command = ["/usr/sbin/sysctl", *names]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)  # noqa: S603 (constant)
    except (OSError, subprocess.SubprocessError):
        return ""
    return run.stdout


@cache
def _facts() -> Mapping[str, str]:
    return files.parse_fields(_sysctl())


def is_translated(facts: Callable[[], Mapping[str, str]] = _facts) -> bool:
    """Whether this process is Intel code under Rosetta (``sysctl.proc_translated``); unverified on a Mac."""
    return facts().get("sysctl.proc_translated") == "1"


def snapshot(facts: Mapping[str, str] | None = None) -> DeviceSnapshot:
    """What this Mac is; unverified on a Mac."""
    facts = _facts() if facts is None else facts
    cpu_model = facts.get("machdep.cpu.brand_string")
    n_physical = files.to_int(facts.get("hw.physicalcpu"))
    memory_bytes = files.to_int(facts.get("hw.memsize"))
    is_virtual = {"1": True, "0": False}.get(facts.get("kern.hv_vmm_present", ""))
    n_logical = files.to_int(facts.get("hw.logicalcpu"))
    names = [name for name, value in facts.items() if name.startswith(_FEATURE) and value == "1"]
    return DeviceSnapshot(
        fingerprint=identity.fingerprint(None, cpu_model, memory_bytes),
        name=identity.display_name(cpu_model, n_physical),
        kind="mac",
        os_name="macOS",
        os_version=facts.get("kern.osproductversion"),
        os_build=facts.get("kern.osversion"),
        machine="arm64" if facts.get("hw.optional.arm64") == "1" else os.uname().machine,
        cpu_model=cpu_model,
        cpu_features=tuple(sorted(name.removeprefix(_FEATURE).lower() for name in names)),
        n_physical_cores=n_physical,
        n_logical_cores=n_logical,
        n_usable_cores=n_logical,
        memory_bytes=memory_bytes,
        is_virtual=is_virtual,
        hypervisor="apple" if is_virtual else None,
        product_type=facts.get("hw.model"),
    )


def default_threads(facts: Mapping[str, str] | None = None) -> int:
    """Performance cores, else physical cores; unverified on a Mac."""
    facts = _facts() if facts is None else facts
    for name in ("hw.perflevel0.physicalcpu", "hw.physicalcpu"):
        n = files.to_int(facts.get(name))
        if n:
            return n
    return max(1, os.cpu_count() or 1)


def available_memory_bytes() -> int | None:
    """What psutil calls available; None without psutil; unverified on a Mac."""
    try:
        import psutil

        return int(psutil.virtual_memory().available)
    except (ImportError, OSError):
        return None


def machine_reading() -> Reading:
    """Free memory and battery; the rest is None; unverified on a Mac."""
    try:
        import psutil

        battery = psutil.sensors_battery()
    except (ImportError, AttributeError, OSError):
        battery = None
    return Reading(
        free_memory_bytes=available_memory_bytes(),
        is_on_battery=None if battery is None or battery.power_plugged is None else not battery.power_plugged,
        battery_frac=None if battery is None else battery.percent / 100,
    )


def worker_reading(pid: int) -> Reading:
    """Resident memory, CPU time and faults of a child; peaks are None; unverified on a Mac."""
    try:
        import psutil

        worker = psutil.Process(pid)
        memory, cpu = worker.memory_info(), worker.cpu_times()
    except Exception:  # noqa: BLE001 (psutil's own errors cannot be named without psutil; a gone process is no fault)
        return Reading()
    return Reading(
        rss_bytes=memory.rss,
        cpu_user_s=cpu.user,
        cpu_system_s=cpu.system,
        n_major_faults=getattr(memory, "pageins", None),
    )
