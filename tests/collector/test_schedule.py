"""The order of a block: complete, repeatable, mirrored, and fair to every position; and when a run has enough."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.schedule import (
    Measured,
    block_order,
    headlines,
    is_interleaved,
    kept_cells,
    shown_estimates,
    stop_reason,
    widest,
)
from runners.contract import Workload, WorkloadKind


@given(w=st.integers(1, 5), a=st.integers(1, 5), block=st.integers(0, 20), seed=st.integers(0, 2**32))
def test_a_block_holds_every_cell_once_and_the_same_seed_repeats_it(w: int, a: int, block: int, seed: int) -> None:
    order = block_order(w, a, block, seed)
    assert sorted(order) == [(i, j) for i in range(w) for j in range(a)]
    assert order == block_order(w, a, block, seed)


@given(w=st.integers(1, 5), a=st.integers(1, 5), pair=st.integers(0, 10), seed=st.integers(0, 2**32))
def test_the_second_block_of_a_pair_mirrors_the_first(w: int, a: int, pair: int, seed: int) -> None:
    assert block_order(w, a, 2 * pair + 1, seed) == block_order(w, a, 2 * pair, seed)[::-1]


def test_the_arms_of_a_workload_are_adjacent() -> None:
    order = [workload for workload, _ in block_order(4, 3, 0, seed=7)]
    assert len([i for i in range(1, 12) if order[i] != order[i - 1]]) == 3


def test_two_arms_start_with_either_one_equally_often() -> None:
    starts = Counter(block_order(1, 2, 0, seed)[0][1] for seed in range(2000))
    assert 900 < starts[0] < 1100


def test_the_order_is_frozen() -> None:
    assert block_order(2, 2, 0, seed=4711) == ((0, 1), (0, 0), (1, 1), (1, 0))


def test_dropped_cells_are_left_out() -> None:
    assert kept_cells(((0, 0), (0, 1)), frozenset({(0, 0)})) == ((0, 1),)


def measured(ratios: Sequence[float], metric: str = "decode_tok_per_s") -> list[Measured]:
    """Arm 0 at 10, arm 1 at 10 times the ratio of the block."""
    return [
        Measured(workload=0, arm=arm, block=block, metric=metric, value=10 * (ratio if arm else 1.0))
        for block, ratio in enumerate(ratios)
        for arm in (0, 1)
    ]


def test_with_two_arms_the_ratio_to_the_first_decides() -> None:
    both_drift = [
        Measured(workload=0, arm=arm, block=block, metric="ttft_s", value=(1 + block) * (2 if arm else 1))
        for block in range(6)
        for arm in (0, 1)
    ]
    found = shown_estimates(both_drift)
    assert list(found) == [(0, 1, "ttft_s")]
    assert found[0, 1, "ttft_s"].value == pytest.approx(2)
    assert widest(both_drift) == pytest.approx(0, abs=1e-9)


def test_one_arm_alone_is_judged_by_its_own_values() -> None:
    alone = [Measured(workload=0, arm=0, block=b, metric="ttft_s", value=2.0) for b in range(6)]
    assert list(shown_estimates(alone)) == [(0, 0, "ttft_s")]


def test_counts_and_memory_do_not_decide_when_a_run_ends() -> None:
    assert shown_estimates(measured([1.0] * 6, metric="peak_rss_bytes")) == {}


def stop(found: list[Measured], n_blocks: int, **more: Any) -> str | None:
    given = {"precision_frac": 0.02, "budget_s": None, "elapsed_s": 60.0, "n_cells": 2} | more
    return stop_reason(found, n_blocks_done=n_blocks, n_blocks_timed=n_blocks, **given)


def test_a_narrow_interval_stops_a_run_but_not_within_a_mirrored_pair() -> None:
    narrow = measured([1.0, 1.001] * 4)
    assert stop(narrow, 8) is not None
    assert stop(narrow, 7) is None
    assert stop(narrow, 7, n_cells=1) is not None
    assert stop(narrow, 8, precision_frac=None) is None


def test_nothing_stops_before_an_interval_exists() -> None:
    assert widest(measured([1.0] * 5)) is None
    assert stop(measured([1.0] * 4), 4) is None
    assert stop([], 8) is None


def test_a_narrow_ratio_does_not_stop_a_run_before_its_family_can_show_a_difference() -> None:
    def two_metrics(n_blocks: int) -> list[Measured]:
        return [
            Measured(workload=0, arm=arm, block=block, metric=metric, value=1.0 + arm)
            for block in range(n_blocks)
            for arm in (0, 1)
            for metric in ("ttft_s", "decode_tok_per_s")
        ]

    assert widest(two_metrics(6)) == pytest.approx(0, abs=1e-9)
    assert stop(two_metrics(6), 6) is None  # two rows: the smallest p after Holm is 0.0625
    assert stop(two_metrics(8), 8) is not None


def test_a_clear_difference_with_a_wide_interval_does_not_stop_a_run() -> None:
    """P is as small as it can be here, and is not looked at."""
    assert stop(measured([2.0, 3.0, 2.5, 3.5, 2.2, 3.3, 2.8, 3.1]), 8) is None


def test_a_budget_counts_the_block_that_would_come() -> None:
    wide = measured([1.0, 1.5] * 2)
    assert stop(wide, 4, budget_s=80.0, elapsed_s=60.0) is None
    assert stop(wide, 4, budget_s=70.0, elapsed_s=60.0) == "budget spent"


@pytest.mark.parametrize(
    ("sides", "is_mixed"),
    [
        ([0, 0, 0, 0, 1, 1, 1, 1], False),
        ([1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0], False),
        ([0, 1, 1, 0, 0, 1, 1, 0], True),
        ([0, 1, 0, 1, 0, 1, 0, 1], True),
        ([0, 0], True),
    ],
)
def test_a_sequential_order_is_recognised(sides: list[int], *, is_mixed: bool) -> None:
    assert is_interleaved(sides) is is_mixed


def test_each_kind_of_workload_has_its_headlines() -> None:
    chat = Workload(name="chat", n_prompt_tokens=8, n_generated_tokens=4)
    prefill = Workload(name="pp", kind=WorkloadKind.KERNEL, n_prompt_tokens=8)
    decode = Workload(name="tg", kind=WorkloadKind.KERNEL, n_generated_tokens=8)
    assert headlines(chat, is_sustained=False) == ("decode_tok_per_s", "ttft_s")
    assert headlines(prefill, is_sustained=False) == ("kernel_prefill_tok_per_s",)
    assert headlines(decode, is_sustained=False) == ("kernel_decode_tok_per_s",)
    assert headlines(chat, is_sustained=True) == ("burst_tok_per_s", "sustained_tok_per_s")


def test_the_baseline_of_the_plan_is_what_the_others_are_set_against() -> None:
    three = [
        Measured(workload=0, arm=arm, block=block, metric="ttft_s", value=float(arm + 1))
        for block in range(6)
        for arm in range(3)
    ]
    found = shown_estimates(three, baseline=1)
    assert list(found) == [(0, 0, "ttft_s"), (0, 2, "ttft_s")]
    assert found[0, 2, "ttft_s"].value == pytest.approx(1.5)
    assert list(shown_estimates([m for m in three if m.arm != 1], baseline=1)) == [(0, 2, "ttft_s")]
