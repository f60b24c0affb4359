"""Each check, on the facts of machines that are not here."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from collector.doctor import engines, install, is_blocked, machine, quiet
from collector.doctor.finding import Finding, Group, Level, fix
from collector.doctor.probe import Verdict
from runners.contract import DeviceSnapshot, Reading
from runners.device.load import Load, Neighbour
from runners.device.lock import Holder, acquire
from runners.device.platforms import refuse_platform

PC = DeviceSnapshot(
    fingerprint="0" * 16,
    name="AMD EPYC, 2 cores",
    kind="pc",
    os_name="Linux",
    os_version="Debian GNU/Linux 12 (bookworm)",
    cpu_model="AMD EPYC",
    cpu_features=("avx", "avx2", "fma"),
    n_physical_cores=2,
    n_logical_cores=4,
    n_usable_cores=4,
    memory_bytes=24 << 30,
    is_virtual=False,
)
GIB = 1 << 30


def only(findings: Iterator[Finding]) -> Finding:
    (finding,) = findings
    return finding


def levels(findings: Iterator[Finding]) -> list[str]:
    return [str(finding.level) for finding in findings]


def test_what_is_to_be_mended_has_a_remedy() -> None:
    with pytest.raises(ValueError, match="remedy"):
        fix(Group.MACHINE, "broken", "")
    with pytest.raises(ValueError, match="stop a run"):
        Finding(group=Group.MACHINE, level=Level.NOTE, message="x", is_blocking=True)


def test_windows_stops_a_run() -> None:
    finding = only(machine.platform(refuse_platform("win32")))
    assert finding.is_blocking
    assert "wsl --install" in finding.remedy
    assert "wsl" not in finding.message
    assert list(machine.platform(None)) == []


def test_the_processor_line() -> None:
    finding = only(machine.cpu(PC, 2))
    assert finding.level is Level.OK
    assert finding.message.startswith("AMD EPYC, 2 cores (4 usable), Debian GNU/Linux 12 (bookworm)")
    assert finding.message.endswith(", AVX2")


def test_fewer_threads_than_cores_are_explained() -> None:
    assert "use 4 of 12 cores" in list(machine.cpu(replace(PC, n_physical_cores=12), 4))[1].message


def test_a_virtual_machine_is_noted() -> None:
    finding = list(machine.cpu(replace(PC, is_virtual=True, hypervisor="kvm"), 2))[1]
    assert (finding.level, "(kvm)" in finding.message) == (Level.NOTE, True)


@pytest.mark.parametrize(
    ("free", "level", "blocks"),
    [(20 * GIB, "ok", False), (5 * GIB, "note", False), (GIB // 2, "fix", True), (None, "note", False)],
)
def test_memory(free: int | None, level: str, *, blocks: bool) -> None:
    finding = only(machine.memory(PC, Reading(free_memory_bytes=free)))
    assert (finding.level, finding.is_blocking) == (level, blocks)


def test_power_and_heat() -> None:
    assert list(machine.power(Reading())) == [], "nothing is said of what is unknown"
    bad = Reading(is_on_battery=True, battery_frac=0.61, is_low_power=True, thermal_state="serious", temperature_c=99.0)
    found = list(machine.power(bad))
    assert [f.level for f in found] == [Level.FIX] * 3
    assert "61%" in found[0].message
    assert "99 °C" in found[2].message
    assert not is_blocked(found), "such results are flagged, not refused"
    good = Reading(
        is_on_battery=False, governor="performance", frequency_hz=3.2e9, thermal_state="nominal", temperature_c=41.0
    )
    assert levels(machine.power(good)) == ["ok"] * 3
    assert levels(machine.power(Reading(thermal_state="fair", temperature_c=93.0))) == ["note"]


def test_variables_that_matter() -> None:
    assert list(machine.environment({"HOME": "/root"})) == []
    assert only(machine.environment({"SOURCE_DATE_EPOCH": "0"})).remedy == "unset SOURCE_DATE_EPOCH"
    assert "five times" in only(machine.environment({"OMP_WAIT_POLICY": "passive"})).message
    assert "GOMP_SPINCOUNT" in only(machine.environment({"GOMP_SPINCOUNT": "0"})).message
    assert "OMP_NUM_THREADS" in only(machine.environment({"OMP_NUM_THREADS": "2"})).message
    assert "CMAKE_ARGS" in only(machine.environment({"CMAKE_ARGS": "-DGGML_NATIVE=OFF"})).message
    assert "PHIBENCH_DB=/x" in only(machine.environment({"PHIBENCH_DB": "/x"})).message


def test_a_password_in_a_database_url_is_not_shown() -> None:
    finding = only(machine.environment({"PHIBENCH_DB": "postgresql://me:secret@host/db"}))
    assert "secret" not in finding.message
    assert "me:***@host" in finding.message


def test_a_container_is_noted() -> None:
    assert "container (podman)" in list(machine.cpu(PC, 2, "podman"))[1].message


def test_names_that_others_use() -> None:
    ours = {name: Path("/site") / name for name in ("runners", "collector", "dashboard")}
    assert only(install.packages({"dashboard": ["phibench"]}, ours)).level is Level.OK
    assert only(install.packages({}, ours)).level is Level.OK, "an editable install is absent from the mapping"
    clash = only(install.packages({"dashboard": ["phibench", "acme-dashboard"]}, ours))
    assert clash.is_blocking
    assert "acme-dashboard" in clash.message
    assert "uv tool install" in clash.remedy
    apart = only(install.packages({}, ours | {"dashboard": Path("/other/dashboard")}))
    assert "do not lie together" in apart.message
    assert only(install.packages({}, ours | {"dashboard": None})).is_blocking


def test_this_installation_is_sound() -> None:
    assert only(install.packages()).level is Level.OK


def test_engines_that_are_simulated_take_one_line() -> None:
    finding = only(engines.examine(PC, names={"fake": "", "replay": ""}))
    assert finding.message == "fake, replay: simulated, need no model"


class Missing:
    name = "llama_cpp"
    distribution = "llama-cpp-python"
    is_simulated = False

    def unavailable_because(self) -> str | None:
        return "the package llama-cpp-python is not installed"


class Installed(Missing):
    def unavailable_because(self) -> str | None:
        return None


def test_without_any_real_engine_nothing_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines.registry, "load", lambda _name: Missing())
    finding = only(engines.examine(PC, names={"llama_cpp": ""}))
    assert finding.is_blocking
    assert "is not installed" in finding.message
    assert "pip install" in finding.remedy


@pytest.mark.parametrize("is_ok", [True, False])
def test_an_engine_is_tried(monkeypatch: pytest.MonkeyPatch, *, is_ok: bool) -> None:
    monkeypatch.setattr(engines.registry, "load", lambda _name: Installed())
    verdict = Verdict(is_ok=is_ok, message="was tried", remedy="rebuild", took_s=0.31, version="0.3.36", build={})
    finding = only(engines.examine(PC, names={"llama_cpp": ""}, trial=lambda _: verdict, is_fresh=True))
    assert finding.message.startswith("llama_cpp 0.3.36")
    assert "was tried" in finding.message
    assert finding.is_blocking is not is_ok


def test_a_build_without_the_cpus_instructions_is_found() -> None:
    slow = {"system_info": "CPU : SSE3 = 1 | OPENMP = 1 | "}
    finding = only(engines.unused("llama_cpp", PC, slow))
    assert "without AVX2" in finding.message
    assert "unset SOURCE_DATE_EPOCH" in finding.remedy
    fast = {"system_info": "CPU : SSE3 = 1 | AVX2 = 1 | "}
    assert list(engines.unused("llama_cpp", PC, fast)) == []
    assert list(engines.unused("llama_cpp", PC, {})) == [], "a build that says nothing is not accused"


def test_compilers() -> None:
    amx = replace(PC, cpu_features=("avx512f", "amx_int8"))
    gcc12 = "c++ (Debian 12.2.0-14+deb12u1) 12.2.0\nCopyright"
    assert levels(engines.compiler(PC, lambda: ("/usr/bin/c++", gcc12))) == ["ok"]
    assert levels(engines.compiler(amx, lambda: ("/usr/bin/c++", gcc12))) == ["ok", "note"]
    assert levels(engines.compiler(amx, lambda: ("/usr/bin/c++", "g++ (GCC) 14.2.1 20240912"))) == ["ok"]
    assert levels(engines.compiler(amx, lambda: ("/usr/bin/c++", "Debian clang version 14.0.6"))) == ["ok"]
    missing = only(engines.compiler(PC, lambda: None))
    assert "apt install g++" in missing.remedy


def test_who_measures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PHIBENCH_LOCK", str(tmp_path / "lock"))
    assert list(quiet.lock()) == []
    with acquire("phibench run quick"):
        finding = only(quiet.lock())
    assert finding.is_blocking
    assert "phibench run quick" in finding.message
    assert "kill" in finding.remedy
    assert only(quiet.lock(Holder)).remedy == "wait until it has ended"


def test_a_lock_that_cannot_be_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PHIBENCH_LOCK", str(tmp_path / "no" / "lock"))
    finding = only(quiet.lock())
    assert finding.is_blocking
    assert "PHIBENCH_LOCK" in finding.remedy


def test_neighbours() -> None:
    calm = Load(other_cores=0.02, steal_cores=0.0)
    assert levels(quiet.neighbours(1, PC, lambda _: calm)) == ["ok"]
    chromium = Neighbour(pid=4121, name="chromium", cores=0.9)
    busy = Load(other_cores=0.93, steal_cores=0.2, neighbours=(chromium, Neighbour(pid=1, name="init", cores=0.01)))
    found = list(quiet.neighbours(1, PC, lambda _: busy))
    assert "0.9 of 4 cores (pid 4121 chromium 0.9)" in found[0].message
    assert [f.level for f in found] == [Level.FIX, Level.NOTE]
    assert not is_blocked(found)
    assert levels(quiet.neighbours(1, PC, lambda _: Load())) == ["note"]
