"""The worked examples of CONTRIBUTING.md, executed in a copy just as they stand."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STEP = re.compile(r"<!-- (write|insert|replace|run) ?(.*?) -->\n```\w+\n(.*?)```\n", re.DOTALL)


def steps(heading: str) -> list[tuple[str, str, str]]:
    text = (ROOT / "CONTRIBUTING.md").read_text()
    section = text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return STEP.findall(section)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for room in ("runners", "collector"):
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__", "app"))
    return tmp_path


def follow(copy: Path, heading: str) -> list[dict[str, str]]:
    """Do what the section says; the rows of the CSV that it ends with."""
    for verb, where, code in steps(heading):
        if verb == "run":
            for line in code.splitlines():
                phibench(copy, line)
        elif verb == "write":
            (copy / where).write_text(code)
        else:
            edit(copy, verb, where, code)
    (exported,) = copy.glob("*.csv")
    with exported.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def edit(copy: Path, verb: str, where: str, code: str) -> None:
    name, _, anchor = where.partition(" ")
    path = copy / name
    side, text = ("at", anchor) if verb == "replace" else tuple(anchor.split(" ", 1))
    lines = path.read_text().splitlines(keepends=True)
    (at,) = [i for i, line in enumerate(lines) if text in line]
    if side == "at":
        lines[at] = code
    else:
        lines.insert(at + (side == "after"), code)
    path.write_text("".join(lines))


def phibench(copy: Path, line: str) -> None:
    words = line.split()
    assert words.pop(0) == "phibench"
    command = [sys.executable, "-P", "-c", "from collector.cli import main; main()", *words]
    env = {**os.environ, "PYTHONPATH": str(copy), "PHIBENCH_CACHE": str(copy / "cache")}
    done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def test_an_engine_is_one_file_and_one_line(copy: Path) -> None:
    (row,) = follow(copy, "Add an engine")
    assert row["engine"] == "metronome"
    assert 100 < float(row["decode_tok_per_s"]) < 1000


def test_a_metric_is_a_line_a_function_and_a_migration(copy: Path) -> None:
    rows = follow(copy, "Add a metric")
    assert len(rows) == 2
    for row in rows:
        assert float(row["ttft_s"]) < float(row["half_answer_s"]) < float(row["e2e_s"])


def test_a_suite_is_a_file(copy: Path) -> None:
    rows = follow(copy, "Add a suite")
    assert [row["workload"] for row in rows].count("deep") == 2
    rates = {row["options"]: float(row["decode_tok_per_s"]) for row in rows if row["workload"] == "short"}
    assert len(rates) == 2
    assert 1.8 < max(rates.values()) / min(rates.values()) < 2.2
