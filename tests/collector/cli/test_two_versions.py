"""Two versions of an engine in one plan: each worker loads its own, and every table says which is which."""

import csv
import io
import json
import os
import re
import shlex
import sysconfig
from pathlib import Path
from typing import Any

import pytest
from command_helpers import Done, envelope, phibench
from environments import make_environment, site_of

from runners import interpreter

OURS = sysconfig.get_path("purelib")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "engine-versions.md"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two environments, old and new, that hold versions 1 and 2 of the stand-in."""
    folder = tmp_path_factory.mktemp("home")
    for version, name in ((1, "old"), (2, "new")):
        make_environment(folder / name, version)
    return folder


@pytest.fixture(scope="module")
def cwd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder and so one database for all: the bandwidth of the memory is measured once for each."""
    return tmp_path_factory.mktemp("cwd")


def run(cwd: Path, model: Path, *arms: str, blocks: int = 2, code: int = 0) -> Done:
    words = [word for arm in arms for word in ("--arm", arm)]
    more = ["--model", str(model), "--blocks", str(blocks), "--seed", "1", "--no-gate"]
    return phibench("run", "quick", *more, *words, cwd=cwd, code=code)


def launches(cwd: Path) -> list[Any]:
    """Every launch of the newest run, whole, in the order in which they ran."""
    shown = envelope(phibench("show", "last", "--json", cwd=cwd), "run")["launches"]
    return [envelope(phibench("show", f"last/{row['number']}", "--json", cwd=cwd), "launch") for row in shown]


def version_of(launch: Any) -> str:
    return str(launch["engine"]["version"])


def test_each_worker_loads_the_engine_of_its_own_environment(home: Path, cwd: Path, tiny_model: Path) -> None:
    run(cwd, tiny_model, f"python={home}/old/bin/python", f"python={home}/new/bin/python")
    found = launches(cwd)
    assert sorted(map(version_of, found)) == ["1", "1", "2", "2"]
    assert version_of(found[0]) != version_of(found[1])
    assert [version_of(launch) for launch in found[2:]] == [version_of(found[1]), version_of(found[0])]  # mirrored
    for launch in found:
        name, other = ("old", "new") if version_of(launch) == "1" else ("new", "old")
        assert launch["job"]["python"].endswith(f"/{name}/bin/python")
        prefix, first, *path = launch["engine"]["build"]["system_info"].split(os.pathsep)
        assert prefix == str(home / name)
        assert Path(first).name.startswith("runners-")
        assert Path(first).suffix == ".zip"
        assert str(site_of(home / name)) in path
        assert not {OURS, str(site_of(home / other)), str(Path.cwd()), ""} & set(path)
        assert launch["loaded"]["options"]["load_mode"] == "none"  # said by the two versions in two ways
    digests = {version_of(launch): launch["engine"]["build"]["libllama_sha256"] for launch in found}
    hashes = {version_of(launch): {sample["token_hash"] for sample in launch["samples"]} for launch in found}
    assert len(set(digests.values())) == 2
    assert [len(of_one) for of_one in hashes.values()] == [1, 1]
    assert hashes["1"] != hashes["2"]
    assert not any("output_changed" in launch["launch"]["flags"] for launch in found)


def test_ours_and_another_stand_in_one_plan(home: Path, cwd: Path, tiny_model: Path) -> None:
    run(cwd, tiny_model, "engine=llama_cpp threads=1", f"engine=llama_cpp threads=1 python={home}/new/bin/python")
    versions = {launch["job"].get("python"): version_of(launch) for launch in launches(cwd)}
    assert versions.pop(None) not in {"1", "2"}
    assert list(versions.values()) == ["2"]


def test_the_version_of_each_arm_is_exported(home: Path, cwd: Path, tiny_model: Path) -> None:
    run(cwd, tiny_model, f"python={home}/old/bin/python", f"python={home}/new/bin/python")
    for kind in ([], ["--long"], ["--samples"]):
        text = phibench("export", "csv", "-", "--run", "last", *kind, cwd=cwd).stdout
        rows = list(csv.DictReader(io.StringIO(text)))
        assert {(Path(row["python"]).parent.parent.name, row["engine_version"]) for row in rows} == {
            ("old", "1"),
            ("new", "2"),
        }


def test_nothing_in_our_environment_leads_a_worker_astray(
    home: Path, tmp_path: Path, cwd: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for package in ("llama_cpp", "runners"):
        for folder in (tmp_path / "trap", site_of(home / "new")):
            decoy = folder / package / "__init__.py"
            if not decoy.exists():
                decoy.parent.mkdir(parents=True, exist_ok=True)
                decoy.write_text("raise SystemExit('the wrong one')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "trap"))
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    monkeypatch.setenv("VIRTUAL_ENV", str(home / "old"))
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(home / "old"))
    run(cwd, tiny_model, f"python={home}/new/bin/python", blocks=1)
    (launch,) = launches(cwd)
    assert version_of(launch) == "2"
    assert f"engine llama_cpp 2 of {launch['job']['python']}" in phibench("show", "last/1", cwd=cwd).stdout
    assert launch["engine"]["build"]["is_library_overridden"] is False


def test_a_relative_path_and_a_home_folder_are_kept_so_that_any_folder_can_repeat_the_run(
    home: Path, cwd: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(home))
    relative = os.path.relpath(home / "new", cwd)
    run(cwd, tiny_model, "python=~/old/bin/python", f"python={relative}/bin/python", blocks=1)
    assert {launch["job"]["python"] for launch in launches(cwd)} == {"~/old/bin/python", "~/new/bin/python"}
    phibench("run", "--like", "last", "--db", str(cwd / "p.db"), cwd=tmp_path)
    assert sorted(map(version_of, launches(cwd))) == ["1", "2"]


def test_the_tables_stay_readable_in_eighty_columns(
    home: Path, cwd: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    arms = [f"python={home}/old/bin/python", f"python={home}/new/bin/python"]
    names = [f"python={home.name}/old", f"python={home.name}/new"]
    for text in (run(cwd, tiny_model, *arms).stdout, phibench("show", cwd=cwd).stdout):
        table = text[text.index("\nchat ") : text.index("\nversions: ")].splitlines()
        assert max(map(len, table)) <= 80
        for word in [*names, "synthetic", "virtualised" if "virtualised" in text else "ungated"]:
            assert any(word in line for line in table), word
        for version, name in enumerate(names, 1):
            assert f"llama_cpp {version} {name}" in text


def test_the_same_environment_twice_is_one_arm(home: Path, cwd: Path, tiny_model: Path) -> None:
    arms = [f"python={home}/old/bin/python", f"python={home}/new/../old/bin/python"]
    assert "two of the arms are the same" in run(cwd, tiny_model, *arms, code=2).stderr


def test_two_environments_with_one_short_name_are_told_apart_by_a_link(
    tmp_path: Path, cwd: Path, tiny_model: Path
) -> None:
    folders = [tmp_path / name / "x" / "llama" / ".venv" for name in ("a", "b")]
    arms = [f"python={make_environment(folder, version)}" for version, folder in enumerate(folders, 1)]
    refused = run(cwd, tiny_model, *arms, code=2).stderr
    assert "two environments have one short name, x/llama" in refused
    (tmp_path / "other-name").symlink_to(folders[1])
    run(cwd, tiny_model, arms[0], f"python={tmp_path}/other-name/bin/python", blocks=1)
    assert sorted(map(version_of, launches(cwd))) == ["1", "2"]


def test_an_environment_without_the_engine_is_refused_before_anything_runs(tmp_path: Path, tiny_model: Path) -> None:
    python = make_environment(tmp_path / "empty")
    refused = run(tmp_path, tiny_model, f"python={python}", code=1)
    name = interpreter.stored(str(python))
    assert f"llama_cpp cannot be used by {name}: the package llama-cpp-python is missing" in refused.stderr
    assert f"uv pip install --python {name} llama-cpp-python" in refused.stderr
    assert f"{name} -m pip install llama-cpp-python" in refused.stderr
    assert not (tmp_path / "p.db").exists()


def test_a_version_that_lacks_what_is_called_is_a_typed_failure(tmp_path: Path, cwd: Path, tiny_model: Path) -> None:
    python = make_environment(tmp_path / "strange", 2)
    module = site_of(tmp_path / "strange") / "llama_cpp" / "llama_cpp.py"
    module.write_text(module.read_text().replace('name != "llama_version"', 'name != "llama_free"'))
    done = run(cwd, tiny_model, f"python={python}", blocks=1, code=1)
    assert "unavailable: this llama-cpp-python has no llama_free" in done.stdout
    assert f"uv pip install --python {interpreter.stored(str(python))} 'llama-cpp-python>=" in done.stdout


def test_a_plan_keeps_no_more_than_the_path(home: Path, cwd: Path, tiny_model: Path) -> None:
    run(cwd, tiny_model, f"python={home}/old/bin/python", blocks=1)
    shown = envelope(phibench("show", "last", "--json", cwd=cwd), "run")
    (arm,) = shown["run"]["plan"]["arms"]
    assert arm["python"] == interpreter.stored(f"{home}/old/bin/python")  # the link, not what it points to
    assert json.dumps(shown).count(os.path.realpath(home / "old" / "bin" / "python")) == 0


def test_the_pages_example_finds_the_slower_version(home: Path, tiny_model: Path) -> None:
    cwd = home / "checkout"  # beside the environments, as the page has it
    cwd.mkdir()
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("phibench ")]
    said = {}
    for line in lines:
        _, *words = shlex.split(line.replace("phi-3-mini-4k", str(tiny_model)))
        more = ["--no-gate"] if words[0] == "run" else []
        said[words[0]] = phibench(*words, *more, cwd=cwd).stdout
    assert list(said) == ["run", "compare", "show", "export"]
    rows = [line for line in said["compare"].splitlines() if re.search("decode tok/s|first token", line)]
    assert len(rows) == 2
    assert all("slower" in row for row in rows), said["compare"]  # every token of the second takes twice as long
    assert "engine version" in said["compare"].lower()
    with (cwd / "versions.csv").open(newline="") as file:
        versions = {(row["python"], row["engine_version"]) for row in csv.DictReader(file)}
    assert versions == {
        (interpreter.stored(f"{home}/{name}/bin/python"), v) for name, v in (("old", "1"), ("new", "2"))
    }
    phibench("compare", "last", "python=old", "python=new", "--fail-on", "slower", cwd=cwd, code=4)
    assert "faster" in phibench("compare", "last", "python=new", f"python={home}/old/bin/python", cwd=cwd).stdout
