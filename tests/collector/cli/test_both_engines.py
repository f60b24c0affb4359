"""MLX and llama.cpp in one plan on one machine, from synthesis to the comparison; computes with MLX."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from collector import catalog, gates
from collector.cli import cli, quickstart
from runners.contract import Gate, ModelShape

TINY = ModelShape(
    architecture="phi3", n_layers=2, n_embd=256, n_ff=512, n_heads=4, n_kv_heads=4, head_dim=64, vocab_size=512,
    context_length=4096, is_tied=False, n_params=1_574_144,
)  # fmt: skip

pytestmark = pytest.mark.mlx


@pytest.fixture(autouse=True)
def _own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {
        name: catalog.CatalogModel(
            id=name, name=name, family="t", hf_repo="x/y", licence="MIT", is_gated=False, shape=TINY
        )
        for name in ("tiny", "little")
    }
    monkeypatch.setattr(catalog, "models", lambda: entries)
    monkeypatch.setenv("PHIBENCH_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("PHIBENCH_LOCK", str(tmp_path / "lock"))
    monkeypatch.setenv("PHIBENCH_DB", str(tmp_path / "phibench.db"))
    monkeypatch.setenv("MLX_DISABLE_COMPILE", "1")


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words), catch_exceptions=False)


def data(*words: str) -> Any:
    return json.loads(run(*words, "--json").stdout)["data"]


def test_both_engines_in_one_plan_end_in_a_comparison_that_says_what_differs() -> None:
    words = ["--model", "tiny", "--engine", "llama_cpp", "--engine", "mlx", "--blocks", "2", "--no-gate"]
    done = run("run", "quick", *words)
    assert done.exit_code == 0, done.output
    assert "2 arms × 1 workload × 2 blocks" in done.output
    text = run("compare", "last").output
    for line in ("engine: llama_cpp / mlx", "quant: q4_0 / mlx_4bit_g64", "format: gguf / mlx"):
        assert line in text
    assert "synthetic" in text
    assert "engine build: libllama" not in text
    rows = {
        tuple(arm["model"][key] for key in ("format", "quant")) for arm in data("show", "last")["run"]["plan"]["arms"]
    }
    assert rows == {("gguf", "q4_0"), ("mlx", "mlx_4bit_g64")}


def test_a_folder_by_path_runs_on_mlx_without_being_asked(tmp_path: Path) -> None:
    written = data("models", "synth", "tiny", "--engine", "mlx")
    assert (written["format"], written["quant"], written["is_synthetic"]) == ("mlx", "mlx_4bit_g64", True)
    done = run("run", "quick", "--model", written["path"], "--blocks", "1", "--no-gate")
    assert done.exit_code == 0, done.output
    assert "tiny mlx_4bit_g64 mlx" in done.output
    row, _ = data("models", "list")
    assert row["present"] == ["mlx_4bit_g64"]
    assert run("models", "rm", "tiny", "--yes").output.startswith("freed")
    assert not Path(written["path"]).exists()
    again = run("run", "--like", "last")  # the plan's model is written again, as it was
    assert again.exit_code == 0, again.output
    assert Path(written["path"]).is_dir()


def test_quickstart_measures_both_engines_where_it_is_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quickstart, "SMALL", ("tiny", "little"))
    admit = gates.admit
    at_once = Gate(longest_wait_s=0.0)  # nobody waits here until other tests are quiet
    monkeypatch.setattr(gates, "admit", lambda gate, **around: admit(at_once, **around))
    done = run("quickstart", "--small", "--engine", "llama_cpp", "--engine", "mlx", "--blocks", "1")
    assert done.exit_code == 0, done.output
    assert "4 arms × 1 block, a fresh process each" in done.output
    assert done.output.count("the baseline") == 1
    for label in ("tiny q4_0", "little q4_0", "tiny mlx_4bit_g64 mlx", "little mlx_4bit_g64 mlx"):
        assert label in done.output
    assert "phibench quickstart --small --engine llama_cpp --engine mlx --blocks 8" in done.output
