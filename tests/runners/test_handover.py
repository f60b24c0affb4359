"""Another Python: which ones are refused and why, and what is handed to the others."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from environments import install_stand_in, make_environment, site_of

from runners import handover, interpreter
from runners.contract import EventType, Job, ModelRef, Workload
from runners.errors import FailureKind, RunnerUnavailable
from runners.launch import launch


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment with nothing in it."""
    return make_environment(tmp_path_factory.mktemp("environments") / "empty")


def program(folder: Path, script: str) -> str:
    """Something that may be run and is no Python."""
    path = folder / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def refusal(python: str) -> RunnerUnavailable:
    with pytest.raises(RunnerUnavailable) as caught:
        handover.path_of(python)
    assert caught.value.kind is FailureKind.UNAVAILABLE
    assert caught.value.remedy
    return caught.value


def job(python: Path | str, engine: str = "fake") -> Job:
    return Job(
        launch_id="run/1",
        model=ModelRef(model="m", format="none", quant="none"),
        engine=engine,
        workload=Workload(name="chat", n_prompt_tokens=4, n_generated_tokens=4),
        python=str(python),
    )


@pytest.mark.parametrize("python", ["no/such/python", "no-such-command", "", "/"])
def test_a_python_that_is_not_there(python: str) -> None:
    assert refusal(python).message == f"there is no Python at {python!r}"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 3 10", "is Python 3.10; a worker needs 3.11 or later"),
        ("echo 2 7", "is Python 2.7; a worker needs 3.11 or later"),
        ("echo unknown option >&2; exit 2", "does not answer as a Python 3 does: exit code 2 (unknown option)"),
        ("exit 0", "does not answer as a Python 3 does: what it printed is no answer"),
        ("echo a b", "does not answer as a Python 3 does: what it printed is no answer"),
        ("kill -SEGV $$", "does not answer as a Python 3 does: exit code -11"),
    ],
)
def test_a_python_that_is_none_or_too_old(tmp_path: Path, script: str, message: str) -> None:
    python = program(tmp_path, script)
    assert refusal(python).message == f"{python} {message}"


def test_a_file_that_cannot_be_run_at_all(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_bytes(b"\x7fELF no program")
    python.chmod(0o755)
    assert "Exec format error" in refusal(str(python)).message
    python.chmod(0o644)
    assert refusal(str(python)).message == f"there is no Python at {str(python)!r}"


def test_an_environments_folder_is_answered_with_its_interpreter(empty: Path) -> None:
    folder = empty.parent.parent
    assert refusal(str(folder)).remedy == f"python={empty}"


def test_the_link_in_an_environment_is_not_followed(empty: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert empty.is_symlink()
    assert handover.path_of(str(empty)) == str(empty)
    monkeypatch.setenv("HOME", str(empty.parent))
    monkeypatch.chdir(empty.parent.parent)
    assert handover.path_of("bin/python") == str(empty)
    assert handover.path_of("~/python") == str(empty)


def test_an_environment_is_asked_for_its_engine(empty: Path, tmp_path: Path) -> None:
    handover.check_engine(str(empty), "fake", tmp_path)
    with pytest.raises(RunnerUnavailable) as caught:
        handover.check_engine(str(empty), "llama_cpp", tmp_path)
    name = interpreter.stored(str(empty))
    assert caught.value.message == f"llama_cpp cannot be used by {name}: the package llama-cpp-python is missing"
    assert f"{name} -m pip install llama-cpp-python" in caught.value.remedy
    install_stand_in(site_of(empty.parent.parent), 1)
    handover.check_engine(str(empty), "llama_cpp", tmp_path)


def test_an_environment_that_breaks_at_its_start_says_its_last_words(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "broken")
    (site_of(tmp_path / "broken") / "sitecustomize.py").write_text(
        "import os, sys; os.write(2, b'gone\\n'); os._exit(3)"
    )
    with pytest.raises(RunnerUnavailable, match=r"does not answer as a Python 3 does: exit code 3 \(gone\)"):
        handover.check_engine(str(python), "fake", tmp_path)


def test_a_launch_without_the_engine_is_typed_and_names_the_interpreter(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "other")
    events = list(launch(job(python, "llama_cpp"), cache=tmp_path))
    assert [event.type for event in events][-1] is EventType.FAILED
    assert events[-1].data["kind"] == FailureKind.UNAVAILABLE
    assert f"uv pip install --python {interpreter.stored(str(python))} llama-cpp-python" in events[-1].data["remedy"]


def test_an_environment_that_goes_away_in_the_middle_of_a_run_is_typed(tmp_path: Path) -> None:
    python = make_environment(tmp_path / "other")
    assert list(launch(job(python), cache=tmp_path))[-1].type is EventType.DONE
    python.unlink()
    last = list(launch(job(python), cache=tmp_path))[-1]
    assert (last.type, last.data["kind"]) == (EventType.FAILED, FailureKind.UNAVAILABLE)
    assert str(tmp_path) not in last.data["message"]


def test_the_other_environment_sees_our_package_and_nothing_else_of_ours(
    empty: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{Path.cwd()}")
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("VIRTUAL_ENV", sys.prefix)
    environment = handover.environment(os.environ, tmp_path)
    code = "import json, runners, sys; print(json.dumps([sys.path, runners.__file__, sys.prefix]))"
    done = subprocess.run([str(empty), "-P", "-c", code], env=environment, capture_output=True, text=True, check=True)
    path, package, prefix = json.loads(done.stdout)
    archive, *rest = path
    assert package.startswith(archive)
    assert prefix == str(empty.parent.parent)
    base = (sys.base_prefix, sys.base_exec_prefix)
    assert all(entry.startswith((prefix, *base)) and not entry.startswith(sys.prefix) for entry in rest)
    assert not {"VIRTUAL_ENV", "PYTHONHOME"} & set(environment)


def test_the_copy_is_made_once_and_holds_the_package_alone(tmp_path: Path) -> None:
    archive = handover.runners_archive(tmp_path / "cache")
    made = archive.stat().st_mtime_ns
    assert handover.runners_archive(tmp_path / "cache") == archive
    assert archive.stat().st_mtime_ns == made
    assert [path.name for path in archive.parent.iterdir()] == [archive.name]
    with zipfile.ZipFile(archive) as bundle:
        names = bundle.namelist()
    assert all(name.startswith("runners/") and name.endswith(".py") for name in names)
    assert {"runners/worker.py", "runners/engines/llama_cpp/__init__.py"} <= set(names)


def test_a_copy_that_cannot_be_written_is_a_typed_failure_and_leaves_nothing(empty: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("in the way")
    last = list(launch(job(empty), cache=tmp_path / "cache"))[-1]
    assert (last.type, last.data["kind"]) == (EventType.FAILED, FailureKind.UNAVAILABLE)
    with pytest.raises(OSError, match="exists"):
        handover.check_engine(str(empty), "fake", tmp_path / "cache")
