"""
This machine as Linux describes it.

Every function takes the root of a tree with ``proc``, ``sys`` and ``etc``, so that recorded machines can be read in
tests.
"""

import os
from pathlib import Path

from runners.contract import DeviceSnapshot, Reading
from runners.device import cgroup, cpu, files, identity, power, virtual


def snapshot(root: Path = files.ROOT) -> DeviceSnapshot:
    """What this machine is."""
    limits = cgroup.limits(root)
    memory = files.fields(root / "proc/meminfo")
    memory_bytes = files.kib(memory.get("MemTotal"))
    cpu_model = cpu.model(root)
    online = cpu.online(root)
    n_physical = len(cpu.cores(online, root)) or None
    is_virtual, hypervisor = virtual.hypervisor(root)
    product = virtual.product(root)
    limit = limits.memory_bytes
    return DeviceSnapshot(
        fingerprint=identity.fingerprint(machine_id(root), cpu_model, memory_bytes),
        name=identity.display_name(cpu_model or product, n_physical),
        kind="pc",
        os_name="Linux",
        os_version=_release(root),
        os_build=files.text(root / "proc/sys/kernel/osrelease"),
        machine=os.uname().machine if root == files.ROOT else files.text(root / "proc/sys/kernel/arch"),
        cpu_model=cpu_model,
        cpu_features=cpu.features(root),
        n_physical_cores=n_physical,
        n_logical_cores=len(online) or None,
        n_usable_cores=cpu.allowed_logical_cpus(limits.cpu_quota_cores, root),
        affinity=cpu.affinity(root) or None,
        cgroup_cpu_quota=limits.cpu_quota_cores,
        memory_bytes=memory_bytes,
        memory_limit_bytes=limit if limit is not None and (memory_bytes is None or limit < memory_bytes) else None,
        swap_bytes=files.kib(memory.get("SwapTotal")),
        is_virtual=is_virtual,
        hypervisor=hypervisor,
        product_type=product,
    )


def machine_id(root: Path = files.ROOT) -> str | None:
    """The installation's own random id; None in images that were not started yet."""
    for path in ("etc/machine-id", "var/lib/dbus/machine-id"):
        value = files.text(root / path)
        if value and value != "uninitialized":
            return value
    return None


def _release(root: Path) -> str | None:
    release = files.fields(root / "etc/os-release", "=") or files.fields(root / "usr/lib/os-release", "=")
    return release.get("PRETTY_NAME", release.get("NAME", "")).strip("\"'") or None


def machine_reading(root: Path = files.ROOT, *, other_cpu_cores: float | None = None) -> Reading:
    """How this machine is now; ``other_cpu_cores`` comes from :mod:`runners.device.load`."""
    temperature_c, thermal_state = power.temperature(root)
    supply = power.power(root, is_virtual=virtual.hypervisor(root)[0])
    return Reading(
        free_memory_bytes=available_memory_bytes(root),
        other_cpu_cores=other_cpu_cores,
        governor=power.governor(root),
        frequency_hz=power.frequency_hz(root),
        temperature_c=temperature_c,
        thermal_state=thermal_state,
        throttle_count=power.throttle_count(root),
        is_on_battery=supply.is_on_battery,
        battery_frac=supply.battery_frac,
        is_low_power=supply.is_low_power,
    )


def available_memory_bytes(root: Path = files.ROOT) -> int | None:
    """``MemAvailable``, or what the control group leaves if that is less."""
    available = files.kib(files.fields(root / "proc/meminfo").get("MemAvailable"))
    room = cgroup.limits(root).memory_free_bytes
    return min((value for value in (available, room) if value is not None), default=None)


def allowed_logical_cpus(root: Path = files.ROOT) -> int:
    """Logical CPUs within affinity and quota (rounded up); at least 1."""
    return cpu.allowed_logical_cpus(cgroup.limits(root).cpu_quota_cores, root)


def default_threads(root: Path = files.ROOT) -> int:
    """Physical performance cores within affinity and quota (rounded down); at least 1."""
    return cpu.default_threads(cgroup.limits(root).cpu_quota_cores, root)
