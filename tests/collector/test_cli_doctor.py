"""``phibench doctor`` as a person calls it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from collector.doctor import probe


def doctor(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The command, with everything that it may touch in a folder of the test's own."""
    places = {
        "PHIBENCH_DB": str(folder / "phibench.db"),
        "PHIBENCH_CACHE": str(folder / "cache"),
        "PHIBENCH_MODELS": str(folder / "models"),
        "PHIBENCH_LOCK": str(folder / "lock"),
    }
    command = [sys.executable, "-P", "-c", "from collector.cli import main; main()", "doctor", *words]
    environment = {**os.environ, "COLUMNS": "80", **places, **variables}
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, check=False)


def messages(data: dict[str, Any], group: str) -> list[str]:
    return [row["message"] for row in data["findings"] if row["group"] == group]


def check_report(path: Path) -> None:
    """It holds each engine's trial and the verdicts, and nothing of where this home folder or test lies."""
    text = path.read_text(encoding="utf-8")
    report = json.loads(text)
    assert report["schema"] == "phibench.doctor/1"
    checks = {check["name"]: check["outcome"] for check in report["data"]["checks"]}
    assert checks["llama_cpp"] == checks["rss grows"] == "pass"
    assert {"device", "readings", "engines", "held", "findings", "commands"} <= report["data"].keys()
    llama_cpp = next(engine for engine in report["data"]["engines"] if engine["engine"] == "llama_cpp")
    assert llama_cpp["facts"]["build"]["system_info"]
    assert llama_cpp["loaded"]["backend"] == "cpu"
    assert f"{Path.home()}/" not in text


def test_the_engine_is_tried_once_and_remembered(tmp_path: Path) -> None:
    result = doctor(tmp_path, "--json", "--report", "report.json")
    assert result.returncode == 0, result.stdout + result.stderr
    envelope = json.loads(result.stdout)
    assert envelope["schema"] == "phibench.doctor/1"
    check_report(tmp_path / "report.json")
    data = envelope["data"]
    assert {row["group"] for row in data["findings"]} == {"machine", "engines", "models", "storage", "quiet"}
    assert "decodes 64 tokens in a child process" in messages(data, "engines")[0]
    assert data["device"]["cpu_model"]
    assert data["device"]["swap_bytes"] is not None
    assert not (tmp_path / "phibench.db").exists()
    again = doctor(tmp_path)
    assert "remembered" in again.stdout
    assert again.stdout.startswith("machine   ok    ")
    assert "Traceback" not in again.stderr


def test_what_stops_a_run_is_exit_1_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "phibench.db").write_text("no database" * 100, encoding="utf-8")
    result = doctor(tmp_path, "--quiet", SOURCE_DATE_EPOCH="0")
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert any(line.startswith("machine   fix   SOURCE_DATE_EPOCH") for line in lines)
    assert "try: unset SOURCE_DATE_EPOCH" in result.stdout
    assert any(line.startswith("storage   fix") for line in lines)
    assert not any(" ok  " in line for line in lines), "--quiet shows only what is to be mended"
    assert max(len(line) for line in lines if "try:" not in line) <= 80


def test_a_real_engine_decodes_in_a_child() -> None:
    """A 64-token trial of llama.cpp takes well under its minute, and its build tells what it has."""
    verdict = probe.try_engine("llama_cpp")
    assert verdict.is_ok, verdict.message
    assert verdict.build["system_info"]


@pytest.mark.parametrize("word", ["--fresh", "--report", "--json", "--db"])
def test_help_names_every_option(tmp_path: Path, word: str) -> None:
    assert word in doctor(tmp_path, "--help").stdout


@pytest.mark.parametrize(
    ("place", "words"), [("file/doctor.json", "a file is in the place of"), (".", "it is a folder")]
)
def test_a_report_that_cannot_be_written_is_refused_at_once(tmp_path: Path, place: str, words: str) -> None:
    (tmp_path / "file").touch()
    result = doctor(tmp_path, "--report", place)
    assert (result.returncode, result.stdout) == (1, "")
    assert "no report can be written to" in result.stderr
    assert words in result.stderr
    assert "Try: phibench doctor --report ~/doctor.json" in result.stderr
