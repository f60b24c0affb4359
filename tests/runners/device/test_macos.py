"""A Mac from what its commands print, as recorded; none of these tests runs on one."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.gates import unmet
from collector.suite import DEFAULT_GATE
from runners import device
from runners.contract import DeviceSnapshot, Reading
from runners.device import files, load, macos
from runners.device.macos import commands, facts, footprint, gpu, others, power
from runners.wire import from_wire, to_wire

Machine = Callable[[str], Path]
Ask = commands.Ask
GIB = 1 << 30


def asking(root: Path) -> Ask:
    """A Mac that prints what was recorded, and has no other command."""
    return lambda name: files.text(root / name)


def silent(name: str) -> str | None:
    return None


def snapshot(ask: Ask) -> DeviceSnapshot:
    return macos.snapshot(files.parse_fields(ask("facts") or ""), ask, lambda: "5f" * 16)


@pytest.fixture
def air(machine: Machine) -> Ask:
    return asking(machine("m1_air"))


@pytest.fixture
def pro(machine: Machine) -> Ask:
    return asking(machine("m2_pro_low_power"))


def test_what_an_m1_is(air: Ask) -> None:
    found = snapshot(air)
    assert (found.name, found.kind, found.product_type) == ("Apple M1, 8 cores", "mac", "MacBookAir10,1")
    assert (found.n_performance_cores, found.n_efficiency_cores, found.n_gpu_cores) == (4, 4, 7)
    assert (found.os_version, found.os_build, found.machine) == ("14.5", "23F79", "arm64")
    assert found.gpu_wired_limit_bytes is None, "0 is the system's own limit, which is no limit of 0 bytes"
    assert found.cpu_features == ("dotprod",)
    assert (found.memory_bytes, found.is_virtual) == (16 * GIB, False)
    assert from_wire(DeviceSnapshot, to_wire(found)) == found


def test_a_wired_limit_that_was_set(pro: Ask) -> None:
    assert snapshot(pro).gpu_wired_limit_bytes == 28 * GIB


def test_system_profiler_is_asked_only_when_ioreg_says_nothing(air: Ask, pro: Ask) -> None:
    asked: list[str] = []

    def noting(ask: Ask) -> Ask:
        return lambda name: (asked.append(name), ask(name))[1]

    assert (gpu.n_cores(noting(air)), asked) == (7, ["gpu"])
    asked.clear()
    assert (gpu.n_cores(noting(pro)), asked) == (19, ["gpu", "displays"])
    assert gpu.of_displays(air("displays")) == 7, "both commands tell the same of one machine"


def test_an_intel_mac_has_no_gpu_cores_and_no_levels(machine: Machine) -> None:
    ask = asking(machine("intel_mac"))
    found = snapshot(ask)
    assert (found.n_gpu_cores, found.n_performance_cores, found.n_efficiency_cores) == (None, None, None)
    assert found.name == "Intel Core i7-8750H, 6 cores"
    assert macos.default_threads(files.parse_fields(ask("facts") or "")) == 6
    reading = macos.machine_reading(ask)
    assert (reading.thermal_state, reading.is_low_power) == (None, None), "not said, so not known"
    assert (reading.is_on_battery, reading.battery_frac, reading.swap_used_bytes) == (False, None, 0)


def test_the_fingerprint_does_not_show_the_machines_id(air: Ask) -> None:
    first, second = snapshot(air), macos.snapshot(files.parse_fields(air("facts") or ""), air, lambda: "a0" * 16)
    assert first.fingerprint != second.fingerprint
    assert "5f5f" not in first.fingerprint


def test_how_an_m1_is(air: Ask) -> None:
    reading = macos.machine_reading(air, other_cpu_cores=0.25)
    assert (reading.thermal_state, reading.thermal_pressure) == ("nominal", "nominal")
    assert (reading.is_on_battery, reading.battery_frac, reading.is_low_power) == (False, 0.95, False)
    assert reading.swap_used_bytes == round(1024.75 * (1 << 20))
    assert (reading.memory_pressure, reading.other_cpu_cores) == ("normal", 0.25)
    assert unmet(DEFAULT_GATE, reading) == ()
    assert from_wire(Reading, to_wire(reading)) == reading


def test_a_warm_mac_on_battery_does_not_pass_the_gate(pro: Ask) -> None:
    reading = macos.machine_reading(pro)
    assert (reading.thermal_state, reading.thermal_pressure) == ("serious", "heavy")
    assert (reading.is_on_battery, reading.battery_frac, reading.is_low_power) == (True, 0.34, True)
    assert reading.swap_used_bytes == 2.5 * GIB, "with the decimal comma of another country, too"
    assert reading.memory_pressure == "warning"
    broken = set(unmet(DEFAULT_GATE, reading))
    assert {"is_thermal_nominal", "is_low_power_off"} <= broken


def test_a_mac_whose_commands_are_missing() -> None:
    found = macos.snapshot({}, silent, lambda: None)
    unknown = {k: v for k, v in to_wire(found).items() if k not in {"fingerprint", "name", "kind", "os_name"}}
    assert unknown == {"cpu_features": [], "machine": os.uname().machine}
    reading = macos.machine_reading(silent)
    assert to_wire(reading).keys() <= {"free_memory_bytes"}
    assert macos.default_threads({}) >= 1


@pytest.mark.parametrize(
    ("level", "pressure", "state"),
    [
        ("0", "nominal", "nominal"),
        ("1", "moderate", "fair"),
        ("2", "heavy", "serious"),
        ("3", "trapping", "critical"),
        ("4", "sleeping", "critical"),
        ("5", None, None),
        ("-1", None, None),
        ("", None, None),
    ],
)
def test_thermal_pressure(level: str, pressure: str | None, state: str | None) -> None:
    name = "com.apple.system.thermalpressurelevel"
    reading = macos.machine_reading(lambda command: f"{name} {level}" if command == "thermal" else None)
    assert (reading.thermal_pressure, reading.thermal_state) == (pressure, state)


@pytest.mark.parametrize(
    ("line", "is_low"),
    [
        (" lowpowermode         1", True),
        (" lowpowermode         0", False),
        (" powermode            2", False),
        (" powermode            1", True),
        (" powernap             1", None),
    ],
)
def test_low_power(line: str, is_low: bool | None) -> None:
    assert power.is_low_power(f"Currently in use:\n{line}\n womp 1\n") is is_low


@given(printed=st.text(max_size=80))
def test_rubbish_from_a_command_never_raises(printed: str) -> None:
    macos.machine_reading(lambda _: printed)
    snapshot(lambda _: printed)
    others.processes(printed)
    gpu.of_displays(printed)


def rusage(**at: int) -> bytes:
    """A buffer as proc_pid_rusage fills it: 512 bytes, 64-bit integers at their offsets."""
    raw = bytearray(512)
    raw[:16] = b"\xff" * 16  # the UUID must not be read as a number
    for offset, value in at.items():
        start = int(offset.removeprefix("at_"))
        raw[start : start + 8] = value.to_bytes(8, "little")
    return bytes(raw)


def test_the_struct_of_proc_pid_rusage() -> None:
    raw = rusage(
        at_16=24_000_000, at_24=2_400_000, at_48=12, at_64=3 * GIB, at_72=5 * GIB, at_144=4096, at_240=6 * GIB, at_280=1
    )
    reading = footprint.parse(raw, 125 / 3 * 1e-9)
    assert (reading.footprint_bytes, reading.peak_footprint_bytes, reading.rss_bytes) == (5 * GIB, 6 * GIB, 3 * GIB)
    assert reading.cpu_user_s == pytest.approx(1.0)
    assert reading.cpu_system_s == pytest.approx(0.1)
    assert (reading.n_major_faults, reading.disk_read_bytes) == (12, 4096)
    assert reading.peak_rss_bytes is None, "only the footprint's peak is kept by the kernel"


def test_a_process_that_has_ended_holds_nothing_and_not_zero() -> None:
    reading = footprint.parse(rusage(), 1e-9)
    assert (reading.footprint_bytes, reading.peak_footprint_bytes, reading.rss_bytes) == (None, None, None)


class Library:
    """libSystem as far as it is called."""

    def __init__(self, code: int) -> None:
        self.code = code

    def proc_pid_rusage(self, pid: object, flavour: object, buffer: object) -> int:
        assert (pid.value, flavour.value, len(buffer)) == (7, 4, 512)  # type: ignore[attr-defined,arg-type]
        buffer[72:80] = (123).to_bytes(8, "little")  # type: ignore[index]
        return self.code


def test_the_call_and_its_failure() -> None:
    raw = footprint._rusage(7, lambda: Library(0))
    assert raw is not None
    assert footprint.parse(raw, 1e-9).footprint_bytes == 123
    assert footprint._rusage(7, lambda: Library(-1)) is None
    assert footprint._rusage(7, object) is None, "a libSystem without the call"
    assert footprint._rusage(7, lambda: None) is None


def test_elsewhere_there_is_no_libsystem() -> None:
    assert footprint.worker_reading(os.getpid()) == Reading()
    assert footprint.host_id() is None


def test_processes_of_ps(air: Ask) -> None:
    found = others.processes(air("processes"))
    assert {found[812].name, found[812].parent, found[812].ticks} == {"Some Editor", 1, 72_410}
    assert (found[0].name, found[4000].name) == ("kernel_task", "python")
    assert sum(process.ticks for process in found.values()) > 0


@pytest.mark.parametrize(
    ("time", "ticks"),
    [("0:00.01", 1), ("1:02:03.50", 372_350), ("1-00:00:00", 8_640_000), ("100:00.00", 600_000), ("-", 0)],
)
def test_times_of_ps(time: str, ticks: int) -> None:
    assert others.processes(f"1 0 {time} /sbin/launchd")[1].ticks == ticks


def test_the_work_of_others_between_two_looks(air: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """The editor takes 0.5 cores and a process of ours 1; what is left of the machine's 2 is not seen, but others'."""
    before = air("processes") or ""
    after = before.replace("12:04.10", "12:05.10").replace("0:09.50", "0:11.50")
    printed, busy, times = iter([before, after]), iter([100_000, 100_400]), iter([0.0, 2.0])
    monkeypatch.setattr(others, "_busy_ticks", lambda: next(busy))
    found = load.watch(
        2.0, own_pid=4000, sleep=lambda _: None, clock=lambda: next(times),
        see=lambda t_s: others.look(t_s, lambda _: next(printed)),
    )  # fmt: skip
    assert found.other_cores == pytest.approx(1.0)
    assert [(n.name, n.cores) for n in found.neighbours] == [("Some Editor", 0.5)]
    assert found.steal_cores is None


def test_the_whole_machine_by_psutil() -> None:
    assert (others._busy_ticks() or 0) > 0


def test_commands_have_a_limit_and_no_country(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: tuple[str, ...], **how: object) -> subprocess.CompletedProcess[bytes]:
        assert how["env"]["LC_ALL"] == "C"  # type: ignore[index]
        assert how["timeout"] == (20.0 if "system_profiler" in command[0] else 5.0)
        return subprocess.CompletedProcess(command, 1, stdout=b"hw.model: \xff\n", stderr=b"unknown oid")

    monkeypatch.setattr(subprocess, "run", run)
    assert commands.ask("facts") == "hw.model: �\n", "one name that is not known does not lose the others"
    assert commands.ask("displays")


@pytest.mark.parametrize("fault", [FileNotFoundError(), PermissionError(), subprocess.TimeoutExpired("ioreg", 5.0)])
def test_a_command_that_is_missing_or_hangs_says_nothing(fault: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_of: object, **_how: object) -> None:
        raise fault

    monkeypatch.setattr(subprocess, "run", run)
    assert all(commands.ask(name) is None for name in commands.COMMANDS)


def test_a_mac_through_the_door_that_others_use(air: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_IS_MAC", True)
    monkeypatch.setattr(facts, "read", lambda: files.parse_fields(air("facts") or ""))
    assert device.default_threads() == 4
    assert device.expects_gpu()
    assert device.worker_reading(os.getpid()) == Reading(), "there is no libSystem here"
    assert device.last_level_cache_bytes() is None


def test_linux_expects_no_gpu() -> None:
    assert not device.expects_gpu()
