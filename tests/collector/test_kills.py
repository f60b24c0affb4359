"""
SIGKILL to worker, collector or both at random instants: a typed failure or a resume, and no committed sample lost.

The default run does a few, `pytest -m slow` a bounded share, and PHIBENCH_KILLS=200 before it as many as you like.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from collector.cli import cli
from collector.cli._common import run_guarded
from collector.queries import Reader

RUN = "from collector.cli import main; main()"
ARM = "engine=fake is_realtime=true decode_tok_per_s=400 prefill_tok_per_s=4000"
N_BLOCKS = 3


def start(db: str) -> subprocess.Popen[bytes]:
    words = ["run", "quick", "--arm", ARM, "--blocks", str(N_BLOCKS), "--db", db, "--quiet"]
    return subprocess.Popen(
        [sys.executable, "-P", "-c", RUN, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def samples(db: str) -> set[tuple[str, int, str]]:
    with sqlite3.connect(db) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        query = "SELECT launch.id, seq, boot FROM sample JOIN launch ON launch.key = launch_key"
        return set(connection.execute(query).fetchall())


def strike(db: str, target: str, after_s: float, seen: list[int]) -> None:
    """Start a run, kill the target at some instant, and hold what is left against what must be."""
    run = start(db)
    deadline = time.monotonic() + 30
    while not Path(db).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(after_s)
    workers = children(run.pid)
    if target in {"collector", "both"}:
        kill(run.pid)
    if target in {"worker", "both"}:
        for worker in workers:
            kill(worker)
    run.wait(timeout=60)
    committed = samples(db) if has_tables(db) else set()
    seen.append(len(committed))
    assert run_guarded_resume(db) in {0, 3}
    assert committed <= samples(db), "a committed sample was lost"
    with Reader.open(db) as reader:
        assert reader.unfinished_run() is None
        for cell in reader.cells([reader.resolve_run("last")]):
            assert cell.n_launches + cell.n_failed == N_BLOCKS
            assert all(f.kind == "crashed" and "SIGKILL" in f.message for f in cell.failures)


def has_tables(db: str) -> bool:
    with sqlite3.connect(db) as connection:
        return bool(connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sample'").fetchone())


def run_guarded_resume(db: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        words = ["run", "--resume", "quick", "--arm", ARM, "--blocks", str(N_BLOCKS), "--db", db, "--quiet"]
        patch.setattr(sys, "argv", ["phibench", *words])
        return run_guarded(cli)


def many(tmp_path: Path, n: int, seed: int) -> None:
    draw, seen = random.Random(seed), list[int]()
    for index in range(n):
        target = ("worker", "collector", "both")[index % 3]
        strike(str(tmp_path / f"{index}.db"), target, draw.uniform(0.3, 3.0), seen)
    assert any(seen), "no strike came after a committed sample, so nothing was shown"


def test_a_few_kills_lose_nothing(tmp_path: Path) -> None:
    many(tmp_path, 3, seed=1)


@pytest.mark.slow
def test_many_kills_lose_nothing(tmp_path: Path) -> None:
    many(tmp_path, int(os.environ.get("PHIBENCH_KILLS", "15")), seed=2)
