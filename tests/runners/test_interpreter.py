"""Names of interpreters: as stored, in labels, in commands."""

import os
import sys
from pathlib import Path

import pytest

from runners import interpreter


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("~/work/new/.venv/bin/python", "work/new"),
        ("/srv/envs/llama-0.3.30/bin/python3.12", "envs/llama-0.3.30"),
        ("~/new/bin/python", "new"),
        ("~/.venv/bin/python", ".venv"),
        ("../other/.venv/bin/python", "other"),  # as databases before the whole path was kept have it
        ("/usr/bin/python3.12", "python3.12"),
        ("/usr/local/bin/python3", "python3"),
        ("/opt/homebrew/bin/python3", "python3"),
        ("/python", "python"),
        ("/opt/python", "opt"),
    ],
)
def test_an_environment_goes_by_its_own_name(path: str, label: str) -> None:
    assert interpreter.label(path) == label


def test_what_is_stored_does_not_depend_on_where_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env = tmp_path / "env"
    (env / "bin").mkdir(parents=True)
    (env / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "below").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    for folder, typed in (
        (tmp_path, "env/bin/python"),
        (tmp_path, "./env/bin/python"),
        (tmp_path / "below", "../env/bin/python"),
        (env, "bin/python"),
        (Path("/"), "~/env/bin/python"),
        (Path("/"), f"{tmp_path}/env/bin/python"),
    ):
        monkeypatch.chdir(folder)
        assert interpreter.stored(typed) == "~/env/bin/python", (folder, typed)
    monkeypatch.setenv("HOME", "/elsewhere")
    assert interpreter.stored(f"{env}/bin/python") == f"{env}/bin/python"
    assert interpreter.stored("~/x/bin/python") == "~/x/bin/python"  # not there: kept all the same


def test_a_command_is_stored_as_what_it_stands_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "python-of-mine").symlink_to(sys.executable)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    assert interpreter.stored("python-of-mine") == str(tmp_path / "python-of-mine")


def test_a_folder_that_is_a_link_is_followed_only_where_dots_lead_out_of_it(tmp_path: Path) -> None:
    (tmp_path / "a" / "inner").mkdir(parents=True)
    (tmp_path / "a" / "python").symlink_to(sys.executable)
    (tmp_path / "link").symlink_to(tmp_path / "a" / "inner")
    assert interpreter.stored(f"{tmp_path}/link/../python") == f"{tmp_path}/a/python"
    (tmp_path / "a" / "inner" / "python").symlink_to(sys.executable)
    assert interpreter.stored(f"{tmp_path}/link/python") == f"{tmp_path}/link/python"


def test_an_arm_is_picked_by_the_short_name_or_any_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    kept = "~/work/new/.venv/bin/python"
    for typed in ("work/new", "new", kept, "work/new/.venv/bin/python", f"{tmp_path}/work/new/.venv/bin/python"):
        assert interpreter.is_meant(typed, kept), typed
    for typed in ("", "old", "ew", "work", "other/new", "new/.venv/bin/python"):
        assert not interpreter.is_meant(typed, kept), typed


@pytest.mark.parametrize(
    ("path", "words"),
    [("/a/bin/python", "/a/bin/python"), ("~/a b/bin/python", "~/'a b/bin/python'"), ("/a b/python", "'/a b/python'")],
)
def test_a_path_can_be_pasted(path: str, words: str) -> None:
    assert interpreter.pasteable(path) == words


def test_here_is_here_and_a_package_comes_with_the_project() -> None:
    assert not interpreter.is_handed_over()
    assert interpreter.place() == "here"
    assert interpreter.install("acme") == "uv sync (or pip install acme)"
    assert interpreter.install("acme", is_again=True) == "uv sync --reinstall-package acme"
