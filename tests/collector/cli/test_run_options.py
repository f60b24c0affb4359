"""What decides how long a run goes on, and repeating one exactly."""

import re
from pathlib import Path
from typing import Any

import pytest
from command_helpers import envelope, fake_run, phibench

QUIET = "engine=fake noise_frac=0.001"
FASTER = "engine=fake noise_frac=0.001 decode_tok_per_s=13"


def shown(cwd: Path, ref: str = "last") -> Any:
    return envelope(phibench("show", ref, "--json", cwd=cwd), "run")


def test_a_run_with_a_precision_stops_when_the_ratios_are_narrow_enough(tmp_path: Path) -> None:
    words = ["--model", "phi-3-mini-4k", "--arm", QUIET, "--arm", FASTER, "--precision", "1%"]
    out = phibench("run", "quick", *words, cwd=tmp_path).stdout
    assert "at most 20 blocks, until every interval is within ±1 %" in out
    assert re.search(r"block 6/20  widest interval ±0\.\d %, aim ±1 %", out)
    assert shown(tmp_path)["run"]["stop_reason"].startswith("precision reached (±0.")
    assert shown(tmp_path)["run"]["n_blocks_done"] == 8


def test_a_noisy_run_ends_at_its_most_blocks_and_says_so(tmp_path: Path) -> None:
    arms = ["--arm", "engine=fake noise_frac=0.2", "--arm", "engine=fake noise_frac=0.2 seed=2"]
    phibench("run", "quick", "--model", "phi-3-mini-4k", *arms, "--max-blocks", "8", cwd=tmp_path)
    assert shown(tmp_path)["run"]["stop_reason"] == "most blocks done"
    assert shown(tmp_path)["run"]["n_blocks_done"] == 8


def test_a_budget_ends_a_run_after_its_first_block_at_the_earliest(tmp_path: Path) -> None:
    fake_run(tmp_path, "--max-blocks", "20", "--budget", "1s")
    run = shown(tmp_path)["run"]
    assert (run["stop_reason"], 1 <= run["n_blocks_done"] < 6) == ("budget spent", True)


def test_a_run_says_before_it_starts_what_it_will_be_able_to_tell(tmp_path: Path) -> None:
    assert "points only: 6 blocks give an interval, this plan has 3" in fake_run(tmp_path).stdout
    six = fake_run(tmp_path, "--blocks", "6").stdout
    assert "2 rows, 6 blocks: no difference can be shown (smallest p 0.062), 7 are needed" in six
    seven = fake_run(tmp_path, "--blocks", "7").stdout
    assert "2 rows: a difference can be shown from 7 blocks on" in seven


def test_what_a_run_of_three_arms_can_tell_is_what_its_comparison_can(tmp_path: Path) -> None:
    arms = ["--arm", QUIET, "--arm", FASTER, "--arm", "engine=fake noise_frac=0.001 decode_tok_per_s=14"]
    words = ["--model", "phi-3-mini-4k", *arms, "--blocks", "7"]
    out = phibench("run", "quick", *words, cwd=tmp_path).stdout
    assert "4 rows, 7 blocks: no difference can be shown (smallest p 0.062), 8 are needed" in out
    compared = phibench("compare", "last", cwd=tmp_path).stdout
    assert "4 rows, 7 blocks: no difference can be shown, 8 are needed" in compared


def test_the_next_step_that_gives_intervals_can_be_pasted(tmp_path: Path) -> None:
    out = fake_run(tmp_path, "--max-blocks", "3", "--precision", "1%", "--budget", "3s").stdout
    (step,) = re.findall(r"next +phibench (.+?) +enough for intervals", out)
    assert step == "run quick --engine fake --seed 1 --blocks 8"
    again = phibench("run", "--like", "last", cwd=tmp_path).stdout
    assert "shorter" not in again
    assert "enough for intervals" not in again


def test_like_repeats_arms_seed_order_and_number_of_blocks(tmp_path: Path) -> None:
    fake_run(tmp_path, "--blocks", "3", "--model", "phi-3-mini-4k", "--quant", "q4_0", "--quant", "q8_0")
    first = shown(tmp_path)
    out = phibench("run", "--like", "last", cwd=tmp_path).stdout
    assert f"like    run {first['run']['id']}: quick, seed 1, 3 blocks" in out
    again = shown(tmp_path)
    assert again["run"]["id"] != first["run"]["id"]

    def order(found: Any) -> list[tuple[int, int, str]]:
        return [(one["block"], one["position"], one["arm_label"]) for one in found["launches"]]

    assert order(again) == order(first)
    assert again["run"]["seed"] == first["run"]["seed"]


def test_a_sustained_run_tells_burst_and_tail_and_shows_a_launch_over_time(tmp_path: Path) -> None:
    arm = "engine=fake heat_frac=0.3 heat_tau_s=20"
    words = ["--model", "phi-3-mini-4k", "--arm", arm, "--duration", "120s", "--blocks", "1"]
    out = phibench("run", "sustained", *words, cwd=tmp_path).stdout
    assert re.search(r"block 1/1 .* burst \d+\.\d+ tok/s   sustained \d+\.\d+ tok/s", out)
    assert "decode" not in out.split("block 1/1")[1].split("next")[0]
    launch = phibench("show", "last/1", cwd=tmp_path).stdout
    assert "retained_frac" in launch
    assert "decode.gap_mean" not in launch
    assert "from s" in launch


def test_a_kernel_workload_has_no_sustained_rate(tmp_path: Path) -> None:
    done = phibench("run", "kernels", "--engine", "fake", "--duration", "10s", cwd=tmp_path, code=2)
    assert "kernel workload, which has no burst" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--blocks", "3", "--precision", "1%"], "--blocks fixes the number of blocks"),
        (["--like", "last", "--blocks", "3"], "--like repeats a run exactly"),
        (["--like", "last", "--seed", "0"], "--like repeats a run exactly"),
        (["standard", "--like", "last"], "--like repeats a run exactly"),
        (["--precision", "200%"], "is no share; write 2% or 0.02"),
        (["--precision", "narrow"], "is no share; write 2% or 0.02"),
        (["--budget", "soon"], "is no time; write 90s, 15m or 2h"),
    ],
)
def test_wrong_usage_is_refused_before_anything_runs(tmp_path: Path, words: list[str], message: str) -> None:
    assert message in phibench("run", *words, cwd=tmp_path, code=2).stderr
    assert not (tmp_path / "p.db").exists()


def test_like_without_such_a_run_says_what_to_try(tmp_path: Path) -> None:
    assert "phibench quickstart" in phibench("run", "--like", "last", cwd=tmp_path, code=1).stderr
    fake_run(tmp_path, "--blocks", "1")
    assert "there is no run 'zzz'" in phibench("run", "--like", "zzz", cwd=tmp_path, code=1).stderr
