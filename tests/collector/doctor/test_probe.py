"""An engine that would crash is found out in a child process, with the remedy that fits how it died."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.doctor import engines, probe
from collector.doctor.probe import Verdict, has_feature, judge, key_of, remember, remembered, try_engine
from runners import device
from runners.contract import Event, EventType, Job

AVX2 = {"system_info": "CPU : SSE3 = 1 | AVX = 1 | AVX2 = 1 | OPENMP = 1 | "}
AMX = {"system_info": "CPU : SSE3 = 1 | AVX = 1 | AVX2 = 1 | AMX_INT8 = 1 | OPENMP = 1 | "}
FINE = Verdict(is_ok=True, message="decodes", build=AVX2)


def ending(kind: str, message: str, build: dict[str, str]) -> list[Event]:
    """The events of a launch that said hello and then failed."""
    hello = {"engine": {"engine": "llama_cpp", "version": "0.3.36", "build": build}}
    failed = {"kind": kind, "message": message, "remedy": "", "detail": ""}
    return [
        Event(boot="b", seq=0, t_ns=0, type=EventType.HELLO, data=hello),
        Event(boot="b", seq=1, t_ns=1, type=EventType.FAILED, data=failed),
    ]


def test_an_engine_that_works() -> None:
    verdict = try_engine("fake")
    assert verdict.is_ok
    assert verdict.message == "decodes 64 tokens in a child process"
    assert verdict.version == "1"
    assert verdict.took_s


@pytest.mark.parametrize("die", ["SIGSEGV", "SIGILL", "SIGABRT", "SIGBUS"])
@pytest.mark.parametrize("phase", ["load", "warmup"])
def test_an_engine_that_dies_of_a_signal(die: str, phase: str) -> None:
    verdict = try_engine("fake", options={"die": die, "phase": phase})
    assert not verdict.is_ok
    assert die in verdict.message
    assert verdict.remedy
    assert verdict.is_lasting, "the same library would die again"


@pytest.mark.parametrize("die", ["hang", "SIGKILL"])
def test_what_may_pass_by_itself_is_not_remembered(die: str, tmp_path: Path) -> None:
    verdict = try_engine("fake", options={"die": die, "phase": "load"}, deadline_s=1.0)
    assert not verdict.is_ok
    remember("key", verdict, tmp_path)
    assert remembered("key", tmp_path) is None


def test_an_illegal_instruction_means_another_cpu() -> None:
    verdict = judge(ending("crashed", "the engine crashed with SIGILL while loading", AVX2), 0.1)
    assert "built for another CPU" in verdict.message
    assert "uv sync --reinstall-package llama-cpp-python" in verdict.remedy


@pytest.mark.parametrize("name", ["SIGSEGV", "SIGILL"])
def test_a_crash_of_a_build_with_amx_is_the_compilers_fault(name: str) -> None:
    verdict = judge(ending("crashed", f"the engine crashed with {name} while generating", AMX), 0.1)
    assert "gcc 12" in verdict.message
    assert "another CPU" not in verdict.message
    lines = verdict.remedy.splitlines()
    assert [line.split()[0] for line in lines] == ["uv", "uv", "pip"]
    for line in lines[1:]:
        assert "-C cmake.define.CMAKE_C_FLAGS=-U__AMX_INT8__" in line
        assert "-C cmake.define.CMAKE_CXX_FLAGS=-U__AMX_INT8__" in line


def test_a_typed_failure_keeps_its_own_words() -> None:
    verdict = judge(ending("model_invalid", "the file is cut", AVX2), 0.1)
    assert verdict.message == "the file is cut"
    assert "doctor --report" in verdict.remedy
    assert not verdict.is_lasting


@pytest.mark.parametrize(
    ("build", "name", "has"),
    [
        (AVX2, "AVX2", True),
        (AVX2, "AVX512", False),
        (AVX2, "AMX_INT8", False),
        (AMX, "AMX_INT8", True),
        ({"AVX2": True}, "AVX2", True),
        ({"AVX2": False}, "AVX2", False),
        ({"AVX2": 0}, "AVX2", False),
        ({"features": "AVX,AVX2,FMA"}, "AVX2", True),
        ({}, "AVX", False),
    ],
)
def test_features_of_a_build(build: dict[str, str], name: str, *, has: bool) -> None:
    assert has_feature(build, name) is has


def test_a_verdict_is_remembered(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there yet"
    remember("a", FINE, folder)
    remember("b", Verdict(is_ok=False, message="m", remedy="r", build={}), folder)
    found = remembered("a", folder)
    assert found is not None
    assert found.is_remembered
    assert (found.is_ok, found.message, dict(found.build)) == (True, "decodes", AVX2)
    assert remembered("c", folder) is None
    assert remembered(None, folder) is None


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a": 1}', '{"a": {"is_ok": "yes"}}', '{"a": {}}', "\x00"])
def test_a_damaged_memory_is_forgotten(tmp_path: Path, content: str) -> None:
    (tmp_path / "engine-trials.json").write_text(content, encoding="utf-8")
    assert remembered("a", tmp_path) is None
    remember("a", FINE, tmp_path)
    assert remembered("a", tmp_path) is not None


def test_a_cache_folder_that_cannot_be_written_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    remember("a", FINE, tmp_path / "file")
    assert remembered("a", tmp_path / "file") is None


def test_what_an_engine_says_of_where_it_computes() -> None:
    verdict = try_engine("fake")
    assert verdict.backend == "simulated"


def test_mlx_comes_compiled_so_nothing_is_built_again() -> None:
    events = ending("crashed", "the engine crashed with SIGSEGV while loading", {})
    events[0].data["engine"]["engine"] = "mlx"
    assert "llama-cpp-python" not in judge(events, 0.1).remedy


def test_a_package_without_an_init_has_a_key_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As mlx, whose library has another ending on a Mac."""
    (tmp_path / "a_space" / "lib").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert key_of("x", "a_space", "cpu") is None
    (tmp_path / "a_space/lib/libx.dylib").write_bytes(b"1")
    assert key_of("x", "a_space", "cpu") is not None


def test_the_key_follows_library_and_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "an_engine"
    (package / "lib").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('never imported')", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert key_of("x", "an_engine", "cpu") is None, "no library to identify it by"
    (package / "lib/libx.so").write_bytes(b"1")
    first = key_of("x", "an_engine", "cpu")
    assert first == key_of("x", "an_engine", "cpu")
    assert first != key_of("x", "an_engine", "another cpu")
    (package / "lib/libx.so").write_bytes(b"2")
    assert first != key_of("x", "an_engine", "cpu")
    assert key_of("x", "no_such_package", "cpu") is None
    assert "an_engine" not in sys.modules


def test_the_second_look_asks_the_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PHIBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(probe, "key_of", lambda *_: "key")
    tried = []

    def trial(name: str) -> Verdict:
        tried.append(name)
        return FINE

    snapshot = device.snapshot()
    assert not engines.verdict_of("llama_cpp", snapshot, trial).is_remembered
    assert engines.verdict_of("llama_cpp", snapshot, trial).is_remembered
    assert not engines.verdict_of("llama_cpp", snapshot, trial, is_fresh=True).is_remembered
    assert tried == ["llama_cpp", "llama_cpp"]


def test_a_job_is_refused_by_the_launcher_itself() -> None:
    def refusing(job: Job) -> Iterator[Event]:
        assert job.workload.n_generated_tokens == 64
        yield from ending("unavailable", "the worker cannot be started", {})

    verdict = try_engine("fake", run=refusing)
    assert verdict.message == "the worker cannot be started"
    assert verdict.remedy
