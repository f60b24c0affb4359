"""Each recorded machine is read as what it is; an empty tree is unknown and no error."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runners.contract import DeviceSnapshot, Reading
from runners.device import cgroup, cpu, linux, power, virtual
from runners.wire import from_wire, to_wire

Machine = Callable[[str], Path]
GIB = 1 << 30


def test_a_bare_virtual_machine(machine: Machine) -> None:
    found = linux.snapshot(machine("amd_vm"))
    assert (found.name, found.cpu_model, found.kind, found.machine) == ("AMD EPYC, 2 cores", "AMD EPYC", "pc", "x86_64")
    assert (found.n_physical_cores, found.n_logical_cores, found.n_usable_cores) == (2, 2, 2)
    assert (found.is_virtual, found.hypervisor, found.product_type) == (True, "kvm", None)
    assert found.memory_bytes == 24684092 * 1024
    assert found.memory_limit_bytes is None, "version 1 spells no limit as a huge number"
    assert found.cgroup_cpu_quota is None
    assert found.swap_bytes == 0, "no swap is known, not unknown"
    assert (found.os_name, found.os_version) == ("Linux", "Debian GNU/Linux 12 (bookworm)")
    assert found.os_build == "6.18.44"
    assert {"avx2", "f16c", "fma"} <= set(found.cpu_features)
    assert "smep" not in found.cpu_features, "no instruction set"


def test_a_virtual_machine_without_sensors_reads_as_unknown(machine: Machine) -> None:
    reading = linux.machine_reading(machine("amd_vm"))
    assert reading == Reading(free_memory_bytes=20000000 * 1024, frequency_hz=2445432000.0)


def test_a_hybrid_laptop(machine: Machine) -> None:
    root = machine("intel_hybrid_laptop")
    found = linux.snapshot(root)
    assert found.name == "12th Gen Intel Core i7-1260P, 12 cores"
    assert (found.n_physical_cores, found.n_logical_cores, found.is_virtual) == (12, 16, False)
    assert found.product_type == "LENOVO 21CB001"
    assert linux.default_threads(root) == 4, "performance cores only, one thread each"
    assert linux.allowed_logical_cpus(root) == 16


def test_a_laptop_on_battery(machine: Machine) -> None:
    reading = linux.machine_reading(machine("intel_hybrid_laptop"), other_cpu_cores=0.25)
    assert (reading.is_on_battery, reading.battery_frac, reading.is_low_power) == (True, 0.61, True)
    assert (reading.governor, reading.frequency_hz) == ("powersave", 1.5e9)
    assert (reading.temperature_c, reading.thermal_state) == (93.0, "fair")
    assert reading.throttle_count == 3 + 7, "a counter that two threads or a package share counts once"
    assert reading.other_cpu_cores == 0.25


def test_a_container_with_quota_and_limit(machine: Machine) -> None:
    root = machine("container_v2")
    found = linux.snapshot(root)
    assert (found.cgroup_cpu_quota, found.memory_limit_bytes) == (2.5, 4 * GIB)
    assert found.affinity == (0, 1, 2, 3, 8, 9, 10, 11)
    assert (linux.default_threads(root), linux.allowed_logical_cpus(root), found.n_usable_cores) == (2, 3, 3)
    assert linux.available_memory_bytes(root) == 2.5 * GIB, "limit - used + page cache"
    assert found.is_virtual is False
    assert virtual.container(root) == "docker"
    assert len(found.fingerprint) == 16, "without a machine id, too"
    assert found.name == "AMD Ryzen 7 5800X, 8 cores"


def test_a_desktop_has_no_battery(machine: Machine) -> None:
    reading = linux.machine_reading(machine("container_v2"))
    assert (reading.is_on_battery, reading.battery_frac, reading.is_low_power) == (False, None, False)
    assert (reading.temperature_c, reading.thermal_state) == (45.125, None), "no limit is known, so no state"


def test_limits_of_the_parent_group_count(machine: Machine) -> None:
    root = machine("container_v1")
    found = linux.snapshot(root)
    assert (found.cgroup_cpu_quota, found.memory_limit_bytes) == (0.5, 2 * GIB)
    assert (linux.default_threads(root), linux.allowed_logical_cpus(root)) == (1, 1), "never less than one"
    assert linux.available_memory_bytes(root) == 1.25 * GIB
    assert (found.hypervisor, virtual.container(root)) == ("amazon", "docker")
    assert {"amx_int8", "avx512_vnni"} <= set(found.cpu_features)


def test_a_board_without_a_model_name(machine: Machine) -> None:
    root = machine("arm_board")
    found = linux.snapshot(root)
    assert (found.cpu_model, found.product_type) == ("Cortex-A76 + Cortex-A55", "Radxa ROCK 5B")
    assert (found.is_virtual, found.machine) == (False, "aarch64")
    assert set(found.cpu_features) == {"asimd", "asimddp", "asimdhp", "fphp"}
    assert linux.default_threads(root) == 4, "the big cores"
    reading = linux.machine_reading(root)
    assert (reading.temperature_c, reading.thermal_state) == (51.0, "nominal"), "the CPU's zone, not the GPU's"
    assert reading.governor == "ondemand+performance"


def test_efficiency_cores_are_used_when_nothing_else_is_allowed(machine: Machine) -> None:
    root = machine("intel_hybrid_laptop")
    (root / "proc/self/status").write_text("Cpus_allowed_list:\t8-11\n", encoding="utf-8")
    assert linux.default_threads(root) == 4
    (root / "proc/self/status").write_text("Cpus_allowed_list:\t7-11\n", encoding="utf-8")
    assert linux.default_threads(root) == 1


def test_an_empty_tree_is_unknown(tmp_path: Path) -> None:
    found = linux.snapshot(tmp_path)
    unknown = {k: v for k, v in to_wire(found).items() if k not in {"fingerprint", "name", "kind", "os_name"}}
    assert unknown == {"cpu_features": [], "n_usable_cores": 1}
    assert linux.machine_reading(tmp_path) == Reading()
    assert linux.default_threads(tmp_path) == linux.allowed_logical_cpus(tmp_path) == 1
    assert cgroup.limits(tmp_path) == cgroup.Limits()


FILES = (
    "proc/cpuinfo", "proc/meminfo", "proc/self/status", "proc/self/cgroup", "proc/self/mountinfo", "etc/os-release",
    "sys/devices/system/cpu/online", "sys/devices/system/cpu/cpu0/topology/thread_siblings_list",
    "sys/class/thermal/thermal_zone0/type", "sys/class/thermal/thermal_zone0/temp", "sys/devices/cpu_core/cpus",
    "sys/class/power_supply/BAT0/type", "sys/class/power_supply/BAT0/capacity", "sys/fs/cgroup/cpu.max",
)  # fmt: skip


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=60), path=st.sampled_from(FILES))
def test_rubbish_in_one_file_never_raises(machine: Machine, content: bytes, path: str) -> None:
    root = machine("intel_hybrid_laptop")
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)
    found = linux.snapshot(root)
    assert from_wire(DeviceSnapshot, to_wire(found)) == found
    assert linux.machine_reading(root) is not None
    assert linux.default_threads(root) >= 1


@pytest.mark.parametrize(
    ("temp", "trip", "slowed", "state"),
    [
        (60_000, 75_000, 0, "nominal"),
        (66_000, 75_000, 0, "fair"),
        (75_000, 75_000, 0, "serious"),
        (60_000, 75_000, 1, "serious"),
    ],
)
def test_thermal_state(machine: Machine, temp: int, trip: int, slowed: int, state: str) -> None:
    root = machine("arm_board")
    zone = root / "sys/class/thermal/thermal_zone0"
    (zone / "temp").write_text(str(temp), encoding="utf-8")
    (zone / "trip_point_0_temp").write_text(str(trip), encoding="utf-8")
    (root / "sys/class/thermal/cooling_device0/cur_state").write_text(str(slowed), encoding="utf-8")
    assert power.temperature(root)[1] == state


@pytest.mark.parametrize(
    ("governor", "driver", "preference", "is_low"),
    [
        ("powersave", "acpi-cpufreq", None, True),
        ("powersave", "intel_pstate", None, False),
        ("powersave", "intel_pstate", "power", True),
        ("performance", "amd-pstate-epp", "performance", False),
    ],
)
def test_low_power_without_a_profile(
    tmp_path: Path, governor: str, driver: str, preference: str | None, *, is_low: bool
) -> None:
    folder = tmp_path / "sys/devices/system/cpu/cpu0/cpufreq"
    folder.mkdir(parents=True)
    (folder / "scaling_governor").write_text(governor, encoding="utf-8")
    (folder / "scaling_driver").write_text(driver, encoding="utf-8")
    if preference:
        (folder / "energy_performance_preference").write_text(preference, encoding="utf-8")
    assert power.power(tmp_path).is_low_power is is_low


def test_charging_and_mains(machine: Machine) -> None:
    root = machine("intel_hybrid_laptop")
    (root / "sys/class/power_supply/AC/online").write_text("1", encoding="utf-8")
    assert power.power(root).is_on_battery is False


def test_wsl_and_bare_cloud_servers(machine: Machine) -> None:
    root = machine("container_v1")
    (root / "proc/cpuinfo").write_text("processor: 0\nflags: fpu avx2\n", encoding="utf-8")
    (root / "sys/class/dmi/id/product_name").write_text("m7i.metal-24xl", encoding="utf-8")
    assert virtual.hypervisor(root) == (False, None)
    (root / "proc/sys/kernel/osrelease").write_text("5.15.153.1-microsoft-standard-WSL2", encoding="utf-8")
    assert virtual.hypervisor(root) == (True, "hyper-v (wsl)")


def test_features_of_this_machine_are_spelled_as_the_kernel_does() -> None:
    assert all(feature == feature.lower() for feature in cpu.features())
