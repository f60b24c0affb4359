"""`phibench noise`: A against A, its floor, and what later comparisons make of it."""

import json
from pathlib import Path

from command_helpers import envelope, phibench

FAKE = ["--engine", "fake", "--model", "phi-3-mini-4k"]


def test_the_floor_is_found_stored_and_shown_by_comparisons(tmp_path: Path) -> None:
    done = phibench("noise", *FAKE, "--blocks", "6", "--seed", "1", cwd=tmp_path)
    out = done.stdout
    assert out.index("plan    phi-3-mini-4k q4_0 fake against itself, chat 64+32: 6 blocks") < out.index("time    ")
    assert "at most 15 min" in out
    assert out.index("block 6/6") < out.index("Noise floor here (A against A, 6 blocks): decode ±")
    assert "between sessions: unknown; phibench noise 2 times more" in out
    shown = phibench("compare", "last", cwd=tmp_path).stdout
    assert "noise floor here (A against A, 20" in shown
    assert "): decode ±" in shown
    phibench("noise", *FAKE, "--blocks", "2", "--quiet", cwd=tmp_path)
    third = phibench("noise", *FAKE, "--blocks", "2", "--quiet", cwd=tmp_path).stdout
    assert "No noise floor from this run: 2 blocks, and 6 are needed." in third
    assert "between sessions (sd of one arm from run to run): decode " in third
    assert "(n=3)" in third
    assert "the newest with an interval" in third
    assert "the newest with an interval" not in out
    unpaired = phibench("compare", "last~2", "last", cwd=tmp_path).stdout
    assert "between sessions (sd of one arm from run to run): decode " in unpaired
    assert "unknown" not in unpaired
    (pair,) = envelope(phibench("compare", "last~2", "last", "--json", cwd=tmp_path), "comparison")["pairs"]
    assert pair["noise"]["decode_tok_per_s"]["sessions"]["n"] == 3
    assert "widened by the noise between sessions" in pair["rows"][0]["ratio"]["method"]
    assert {row["verdict"] for row in pair["rows"] if row["is_headline"]} == {"unclear"}


def test_two_arms_of_one_kind_are_told_apart_by_their_place(tmp_path: Path) -> None:
    found = envelope(phibench("noise", *FAKE, "--blocks", "1", "--json", cwd=tmp_path), "noise")
    assert found["outcome"]["n_done"] == 2
    assert found["noise"]["ttft_s"]["floor"]["ratio"]["n"] == 1
    assert found["noise"]["ttft_s"]["floor"]["floor_frac"] is None
    (pair,) = envelope(phibench("compare", "last", "arm=1", "arm=2", "--json", cwd=tmp_path), "comparison")["pairs"]
    assert [pair["baseline"]["name"], pair["other"]["name"]] == ["arm 1", "arm 2"]
    assert not pair["design"]["is_same_launches"]


def test_a_real_engine_against_itself(tmp_path: Path, tiny_model: Path) -> None:
    words = ["--model", str(tiny_model), "--blocks", "1", "--no-gate", "--json"]
    done = phibench("noise", *words, cwd=tmp_path)
    data = json.loads(done.stdout)["data"]
    assert set(data["noise"]) == {"decode_tok_per_s", "ttft_s"}
    assert "against itself" in done.stderr


def test_mistakes(tmp_path: Path) -> None:
    assert "Did you mean 'phi-3-mini-4k'?" in phibench("noise", "--model", "phi-3-mini", cwd=tmp_path, code=2).stderr
    assert "no engine" in phibench("noise", "--engine", "fak", cwd=tmp_path, code=2).stderr
    phibench("noise", *FAKE, "--budget", "0s", cwd=tmp_path, code=2)
