"""The command line in tests: as the script runs it, in this process or in one of its own."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from collector.cli import cli
from collector.cli._common import run_guarded

MAIN = [sys.executable, "-P", "-c", "from collector.cli import main; main()"]


@dataclass
class Done:
    """What a command printed."""

    stdout: str
    stderr: str


def phibench(*words: str, cwd: Path, code: int = 0) -> Done:
    """Run a command as the script does, in this process; its workers are processes all the same."""
    out, err, before = io.StringIO(), io.StringIO(), Path.cwd()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setenv("PHIBENCH_DB", str(cwd / "p.db"))
        patch.setattr(sys, "argv", ["phibench", *words])
        patch.chdir(cwd)
        found = run_guarded(cli)
    assert Path.cwd() == before
    done = Done(out.getvalue(), err.getvalue())
    assert found == code, f"{words}\n{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    return done


def fake_run(cwd: Path, *more: str, code: int = 0) -> Done:
    return phibench("run", "quick", "--engine", "fake", "--seed", "1", *more, cwd=cwd, code=code)


def envelope(done: Done, schema: str) -> Any:
    data = json.loads(done.stdout)
    assert set(data) == {"schema", "data", "warnings"}
    assert data["schema"] == f"phibench.{schema}/1"
    return data["data"]


def start(cwd: Path, *words: str) -> subprocess.Popen[str]:
    env = {**os.environ, "PHIBENCH_DB": str(cwd / "p.db")}
    return subprocess.Popen(
        [*MAIN, *words], cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
