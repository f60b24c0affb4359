"""What a Mac is: the snapshot, from ``sysctl`` and the GPU's own count of cores."""

import os
from collections.abc import Callable, Mapping
from functools import cache

from runners.contract import DeviceSnapshot
from runners.device import files, identity
from runners.device.macos import commands, footprint, gpu

_FEATURE = "hw.optional.arm.FEAT_"
_MIB = 1 << 20


@cache
def read() -> Mapping[str, str]:
    """``name: value`` of :data:`commands.SYSCTL_NAMES`, read once a process; empty where there is no sysctl."""
    return files.parse_fields(commands.ask("facts") or "")


def is_translated(facts: Callable[[], Mapping[str, str]] | None = None) -> bool:
    """Whether this process is Intel code under Rosetta (``sysctl.proc_translated``); unverified on a Mac."""
    return (facts or read)().get("sysctl.proc_translated") == "1"


def is_apple_silicon(facts: Callable[[], Mapping[str, str]] | None = None) -> bool:
    """Whether the chip is Apple's own (``hw.optional.arm64``), under Rosetta too; unverified on a Mac."""
    return (facts or read)().get("hw.optional.arm64") == "1"


def snapshot(
    facts: Mapping[str, str] | None = None,
    ask: commands.Ask = commands.ask,
    host_id: Callable[[], str | None] = footprint.host_id,
) -> DeviceSnapshot:
    """
    What this Mac is; every field None that its commands do not tell; unverified on a Mac.

    ``n_performance_cores`` are those of ``hw.perflevel0``, ``n_efficiency_cores`` of ``hw.perflevel1``. A wired limit
    of 0 is the system's own, about two thirds to three quarters of the memory: that is no limit that was set, so None.
    """
    facts = read() if facts is None else facts
    cpu_model = facts.get("machdep.cpu.brand_string")
    n_physical, n_logical, n_performance, n_efficiency, memory_bytes = (
        files.to_int(facts.get(name))
        for name in (
            "hw.physicalcpu", "hw.logicalcpu", "hw.perflevel0.physicalcpu", "hw.perflevel1.physicalcpu", "hw.memsize",
        )
    )  # fmt: skip
    is_virtual = {"1": True, "0": False}.get(facts.get("kern.hv_vmm_present", ""))
    wired_mib = files.to_int(facts.get("iogpu.wired_limit_mb"))
    features = [name for name, value in facts.items() if name.startswith(_FEATURE) and value == "1"]
    return DeviceSnapshot(
        fingerprint=identity.fingerprint(host_id(), cpu_model, memory_bytes),
        name=identity.display_name(cpu_model, n_physical),
        kind="mac",
        os_name="macOS",
        os_version=facts.get("kern.osproductversion"),
        os_build=facts.get("kern.osversion"),
        machine="arm64" if is_apple_silicon(lambda: facts) else os.uname().machine,
        cpu_model=cpu_model,
        cpu_features=tuple(sorted(name.removeprefix(_FEATURE).lower() for name in features)),
        n_physical_cores=n_physical,
        n_logical_cores=n_logical,
        n_usable_cores=n_logical,
        n_performance_cores=n_performance,
        n_efficiency_cores=n_efficiency,
        n_gpu_cores=gpu.n_cores(ask) if is_apple_silicon(lambda: facts) else None,
        memory_bytes=memory_bytes,
        gpu_wired_limit_bytes=wired_mib * _MIB if wired_mib else None,
        is_virtual=is_virtual,
        hypervisor="apple" if is_virtual else None,
        product_type=facts.get("hw.model"),
    )


def default_threads(facts: Mapping[str, str] | None = None) -> int:
    """Performance cores, else physical cores; unverified on a Mac."""
    facts = read() if facts is None else facts
    for name in ("hw.perflevel0.physicalcpu", "hw.physicalcpu"):
        n = files.to_int(facts.get(name))
        if n:
            return n
    return max(1, os.cpu_count() or 1)
