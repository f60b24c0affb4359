"""What the doctor says on a Mac, from facts that no machine here has; unverified on a Mac."""

from dataclasses import replace
from pathlib import Path

import pytest

from collector.doctor import engines, machine, tiny
from collector.doctor.finding import Finding, Level
from collector.doctor.probe import METAL, Verdict
from runners.contract import DeviceSnapshot, Reading

GIB = 1 << 30
AIR = DeviceSnapshot(
    fingerprint="0" * 16, name="Apple M1, 8 cores", kind="mac", os_name="macOS", os_version="14.5", os_build="23F79",
    machine="arm64", cpu_model="Apple M1", cpu_features=("dotprod",), n_physical_cores=8, n_performance_cores=4,
    n_efficiency_cores=4, n_gpu_cores=7, memory_bytes=16 * GIB, is_virtual=False,
)  # fmt: skip
INTEL = replace(AIR, machine="x86_64", name="Intel Core i7, 6 cores", n_gpu_cores=None, n_performance_cores=None)
PC = replace(AIR, kind="pc", os_name="Linux", machine="x86_64")
CALM = Reading(free_memory_bytes=12 * GIB, thermal_state="nominal", thermal_pressure="nominal", is_low_power=False)


class Mlx:
    """The engine where it cannot be used."""

    name = "mlx"
    distribution = "mlx-lm"
    is_simulated = False

    def unavailable_because(self) -> str | None:
        return "the package mlx-lm is missing"

    def how_to_install(self) -> str:
        return "pip install mlx-lm"


class LlamaCpp(Mlx):
    name = "llama_cpp"
    distribution = "llama-cpp-python"

    def unavailable_because(self) -> str | None:
        return None


def findings(monkeypatch: pytest.MonkeyPatch, snapshot: DeviceSnapshot, verdict: Verdict) -> list[Finding]:
    """llama.cpp is there and ends its trial so; MLX is missing."""
    loaded = {"llama_cpp": LlamaCpp(), "mlx": Mlx()}
    monkeypatch.setattr(engines.registry, "load", lambda name: loaded[name])
    return list(engines.examine(snapshot, names=loaded, trial=lambda _: verdict, is_fresh=True))  # type: ignore[arg-type]


def on(backend: str) -> Verdict:
    return Verdict(is_ok=True, message="was tried", version="0.3.36", build={}, backend=backend)


def test_the_cores_of_a_mac() -> None:
    first, second, third = machine.cpu(AIR, 4)
    assert first.message == "Apple M1, 8 cores, macOS 14.5 23F79, DotProd"
    assert second.message == "4 performance cores, 4 efficiency cores, 7 GPU cores"
    assert "use 4 of 8 cores" in third.message
    wired = list(machine.cpu(replace(AIR, gpu_wired_limit_bytes=12 * GIB), 8))[1]
    assert "12.0 GiB, a limit that was set by hand" in wired.message


def test_a_calm_mac() -> None:
    assert [f.message for f in machine.power(CALM)] == ["cool enough: thermal pressure nominal"]


def test_a_mac_that_is_held_back() -> None:
    warm = replace(CALM, thermal_state="fair", thermal_pressure="moderate", is_low_power=True)
    low_power, heat = machine.power(warm)
    assert "pmset -a lowpowermode 0" in low_power.remedy
    assert (heat.level, "moderate" in heat.message) == (Level.NOTE, True)
    (hot,) = machine.power(replace(CALM, thermal_state="serious", thermal_pressure="heavy"))
    assert hot.level is Level.FIX


def test_memory_pressure_is_to_be_mended_before_a_run() -> None:
    (finding,) = machine.memory(AIR, replace(CALM, memory_pressure="warning", swap_used_bytes=3 * GIB))
    assert (finding.level, finding.is_blocking) == (Level.FIX, False)
    assert "3.0 GiB swapped out" in finding.message
    (fine,) = machine.memory(AIR, replace(CALM, memory_pressure="normal", swap_used_bytes=3 * GIB))
    assert fine.level is Level.OK


def test_metal_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    first = findings(monkeypatch, AIR, on("metal"))[0]
    assert (first.level, first.message) == (Level.OK, "llama_cpp 0.3.36 was tried on metal")


def test_an_engine_that_left_the_gpu_alone_is_to_be_built_again(monkeypatch: pytest.MonkeyPatch) -> None:
    _, off_gpu, _ = findings(monkeypatch, AIR, on("cpu"))
    assert (off_gpu.level, off_gpu.is_blocking) == (Level.FIX, False)
    assert METAL in off_gpu.remedy
    assert "cpu_fallback" in off_gpu.message
    virtual = findings(monkeypatch, replace(AIR, is_virtual=True), on("cpu"))[1]
    assert virtual.level is Level.NOTE
    assert not any("Metal" in f.message for f in findings(monkeypatch, INTEL, on("cpu")))
    assert not any("Metal" in f.message for f in findings(monkeypatch, PC, on("cpu")))


def test_mlx_belongs_on_apple_silicon(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = findings(monkeypatch, AIR, on("metal"))[-1]
    assert (missing.level, missing.is_blocking, missing.remedy) == (Level.FIX, False, "pip install mlx-lm")


def test_elsewhere_its_absence_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    on_linux = findings(monkeypatch, PC, on("cpu"))[-1]
    assert (on_linux.level, on_linux.remedy) == (Level.NOTE, "pip install mlx-lm")
    assert "for tests" in on_linux.message
    on_intel = findings(monkeypatch, INTEL, on("cpu"))[-1]
    assert (on_intel.level, on_intel.remedy) == (Level.NOTE, "")
    assert "llama_cpp is the engine of this Mac" in on_intel.message


@pytest.mark.parametrize(("engine", "format_name"), [("llama_cpp", "gguf"), ("mlx", "mlx"), ("fake", "none")])
def test_each_engine_is_tried_with_a_model_that_it_loads(tmp_path: Path, engine: str, format_name: str) -> None:
    model = tiny.model_for(engine, tmp_path)
    assert model.format == format_name
    assert model.is_synthetic is (format_name != "none")


def test_without_the_command_line_tools_no_compiler_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Mac without them has a c++ that only opens a dialogue."""
    assert engines.has_command_line_tools(("true",))
    assert not engines.has_command_line_tools(("false",))
    assert not engines.has_command_line_tools(("/no/such/xcode-select",))
    monkeypatch.setattr(engines.sys, "platform", "darwin")
    monkeypatch.setattr(engines, "has_command_line_tools", lambda: False)
    monkeypatch.setattr(engines.shutil, "which", lambda _: pytest.fail("asked for a compiler"))
    (missing,) = engines.compiler(AIR)
    assert "xcode-select --install" in missing.remedy
