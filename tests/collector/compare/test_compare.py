"""Two arms: ratios, the family of tests, verdicts, and the words that stand beside them."""

import math
from dataclasses import replace
from typing import Any

import pytest
from compare_helpers import CHAT, DECODE, TTFT, both, cell, noisy, side
from hypothesis import given
from hypothesis import strategies as st

from collector import stats
from collector.compare import Comparison, Pair, Row, compare
from collector.compare.findings import findings
from collector.compare.siding import against_baseline
from collector.queries import CellResult
from collector.stats import Verdict


def pair_of(*sides: object, **more: object) -> Pair:
    (found,) = comparison_of(*sides, **more).pairs
    return found


def comparison_of(first: object, second: object, **more: object) -> Comparison:
    return compare([(first, second)], **more)  # type: ignore[arg-type,list-item]


def row(pair: Pair, metric: str = DECODE, workload: str = "chat") -> Row:
    return next(one for one in pair.rows if (one.metric, one.workload) == (metric, workload))


def replace_shape(name: str, n_prompt: int) -> object:
    return replace(CHAT, name=name, n_prompt_tokens=n_prompt)


def arms(ratio: float, n: int = 10, sd: float = 0.005) -> tuple[CellResult, CellResult]:
    """Two arms of one run, the second faster by a ratio."""
    first = cell(both(10.0, n, 1, sd))
    second = cell(both(10.0 * ratio, n, 2, sd), arm_index=1, arm={"quant": "q4_k_m", "tensor_bytes": 8, "digest": "bb"})
    return first, second


@pytest.mark.parametrize(
    ("ratio", "n", "decode", "ttft"),
    [
        (0.9, 10, Verdict.SLOWER, Verdict.SLOWER),
        (1.1, 10, Verdict.FASTER, Verdict.FASTER),
        (1.0, 20, Verdict.EQUIVALENT, Verdict.EQUIVALENT),
        (0.9, 5, Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),
        (0.9, 6, Verdict.INCONCLUSIVE, Verdict.INCONCLUSIVE),  # two rows need seven blocks
        (0.9, 7, Verdict.SLOWER, Verdict.SLOWER),
    ],
)
def test_verdicts_of_paired_arms(ratio: float, n: int, decode: Verdict, ttft: Verdict) -> None:
    first, second = arms(ratio, n)
    pair = pair_of(side(first), side(second))
    assert (row(pair).verdict, row(pair, TTFT).verdict) == (decode, ttft)
    assert row(pair).ratio.value == pytest.approx(ratio, rel=0.01)  # type: ignore[union-attr]


def test_the_ratio_is_that_of_the_blocks_and_b_over_a() -> None:
    first, second = arms(0.9)
    found = row(pair_of(side(first), side(second)))
    expected = stats.paired_ratio(first.values[DECODE], second.values[DECODE])
    assert found.ratio == expected
    assert found.p_raw == stats.signed_rank_p(stats.log_ratios(first.values[DECODE], second.values[DECODE]))
    assert found.p_raw == pytest.approx(2 / 2**10)
    assert found.p_holm == pytest.approx(2 * 2 / 2**10), "decode and first token are tested together"


def test_blocks_that_only_one_arm_has_do_not_pair() -> None:
    first = cell({DECODE: noisy(10, 8, 1)})
    second = cell({DECODE: noisy(9, 7, 2)}, arm_index=1, blocks=[0, 1, 2, 4, 5, 6, 9])
    found = row(pair_of(side(first), side(second)))
    assert found.ratio.n == 6  # type: ignore[union-attr]
    assert found.baseline.n == 8  # type: ignore[union-attr]
    assert len(found.other_launches) == 7


def test_evidence_names_the_launches() -> None:
    first, second = arms(0.9, 2)
    found = row(pair_of(side(first), side(second)))
    assert (found.baseline_launches, found.other_launches) == (("r1/1", "r1/3"), ("r1/2", "r1/4"))


def test_the_family_is_that_of_the_comparison() -> None:
    """Rows without a verdict do not count, further arms and workloads do."""
    more = {"peak_rss_bytes": [2e9] * 10, "load_s": [1.0] * 10}
    first = cell(both(10, 10, 1) | more)
    others = [cell(both(9, 10, i) | more, arm_index=i, n_arms=3, arm={"quant": f"q{i}"}) for i in (1, 2)]
    found = compare([(side(first), side(other)) for other in others])
    assert found.n_family == 4
    assert {r.verdict for pair in found.pairs for r in pair.rows if r.metric not in {DECODE, TTFT}} == {None}
    smallest = min(r.p_holm for pair in found.pairs for r in pair.family if r.p_holm is not None)
    assert smallest == pytest.approx(4 * 2 / 2**10)


def test_memory_has_a_ratio_and_no_verdict() -> None:
    first = cell({DECODE: [10.0] * 3, "peak_rss_bytes": [2e9] * 3})
    second = cell({DECODE: [10.0] * 3, "peak_rss_bytes": [3e9] * 3}, arm_index=1)
    found = row(pair_of(side(first), side(second)), "peak_rss_bytes")
    assert found.ratio.value == pytest.approx(1.5)  # type: ignore[union-attr]
    assert (found.verdict, found.p_raw, found.p_holm) == (None, None, None)


def test_what_only_one_arm_has_is_a_row_that_says_so() -> None:
    first = cell({DECODE: [10.0] * 3, TTFT: [1.0] * 3})
    second = cell({DECODE: [10.0] * 3}, arm_index=1)
    found = pair_of(side(first), side(second))
    assert row(found, TTFT).refusal == "only A has it"
    assert row(found, TTFT).ratio is None
    assert comparison_of(side(first), side(second)).n_family == 1


def test_different_definitions_are_not_compared() -> None:
    first = cell(both(10, 10, 1))
    second = cell(both(9, 10, 2), arm_index=1, flags=("chunked",))
    found = pair_of(side(first), side(second))
    assert row(found).refusal == "definitions differ: decode.gap_mean against decode.gap_chunk1"
    assert row(found).verdict is None
    assert row(found, TTFT).verdict is Verdict.SLOWER, "the first token is the same thing on both sides"


def test_a_value_of_zero_has_no_ratio() -> None:
    first = cell({DECODE: [10.0] * 3, "stall_count": [0.0, 1.0, 0.0]})
    second = cell({DECODE: [10.0] * 3, "stall_count": [1.0, 1.0, 2.0]}, arm_index=1)
    assert row(pair_of(side(first), side(second)), "stall_count").refusal == "no ratio: a value is 0"


def test_the_same_launches_are_never_faster_or_slower_nor_equivalent() -> None:
    one = cell(both(10, 20, 1))
    found = pair_of(side(one), side(one))
    assert found.design.is_same_launches
    assert {r.verdict for r in found.family} == {Verdict.INCONCLUSIVE}
    assert any("the same launches" in warning for warning in found.warnings)


@given(seed=st.integers(0, 10_000), ratio=st.floats(0.5, 2.0))
def test_b_against_a_is_the_inverse_of_a_against_b(seed: int, ratio: float) -> None:
    first = cell({DECODE: noisy(10, 8, seed)})
    second = cell({DECODE: noisy(10 * ratio, 8, seed + 1)}, arm_index=1)
    there, back = row(pair_of(side(first), side(second))), row(pair_of(side(second), side(first)))
    assert there.ratio is not None
    assert back.ratio is not None
    assert there.ratio.value * back.ratio.value == pytest.approx(1)
    assert there.p_holm == back.p_holm
    opposite = {Verdict.FASTER: Verdict.SLOWER, Verdict.SLOWER: Verdict.FASTER}
    assert there.verdict is not None
    assert back.verdict == opposite.get(there.verdict, there.verdict)


def test_too_few_blocks_say_what_is_needed() -> None:
    warnings = pair_of(*map(side, arms(0.9, 4))).warnings
    assert "4 blocks: no 95 % interval exists, 6 blocks give one" in warnings
    assert "2 rows, 4 blocks: no difference can be shown, 7 are needed" in warnings
    assert "2 rows, 6 blocks: no difference can be shown, 7 are needed" in pair_of(*map(side, arms(0.9, 6))).warnings
    assert not any("needed" in warning for warning in pair_of(*map(side, arms(0.9, 7))).warnings)
    assert "n=4: no interval" in row(pair_of(*map(side, arms(0.9, 4)))).doubts


def test_a_sequential_order_is_told() -> None:
    first = cell(both(10, 8, 1), numbers=range(1, 9))
    second = cell(both(9, 8, 2), arm_index=1, numbers=range(9, 17))
    found = pair_of(side(first), side(second))
    assert found.design.is_interleaved is False
    assert "order was sequential: drift and difference cannot be told apart" in found.warnings
    assert "sequential order" in row(found).doubts
    assert pair_of(*map(side, arms(0.9))).design.is_interleaved


def test_outliers_that_decide_are_told_with_both_estimates_and_kept() -> None:
    rates = noisy(10, 7, 1, sd=0.001)
    second = [0.97 * rate for rate in rates[:-1]] + [rates[-1] * 1.4]
    found = pair_of(side(cell({DECODE: rates})), side(cell({DECODE: second}, arm_index=1)))
    (told,) = [warning for warning in found.warnings if "outlier" in warning]
    assert row(found).verdict is Verdict.INCONCLUSIVE
    assert "chat decode_tok_per_s: 1 outlier decides:" in told
    assert "inconclusive with" in told
    assert "slower without" in told
    assert row(found).ratio.n == 7  # type: ignore[union-attr]


def test_outliers_that_change_nothing_are_not_told() -> None:
    rates = noisy(10, 12, 1)
    second = [0.8 * rate for rate in rates[:-1]] + [rates[-1] * 0.5]
    found = pair_of(side(cell({DECODE: rates})), side(cell({DECODE: second}, arm_index=1)))
    assert not any("outlier" in warning for warning in found.warnings)


def test_drift_over_the_launches_is_told() -> None:
    falling = [10 * (1 - 0.02 * block) for block in range(10)]
    found = pair_of(side(cell({DECODE: falling})), side(cell({DECODE: [0.9 * v for v in falling]}, arm_index=1)))
    (first, second) = [warning for warning in found.warnings if "over the run" in warning]
    assert "chat decode_tok_per_s of phi-3-mini-4k q4_0 changed by -1" in first
    assert "pairs of blocks cancel it" in second


def test_failures_and_workloads_of_one_arm_are_told() -> None:
    first, second = arms(0.9)
    extra = cell(both(5, 10, 3), workload=replace_shape("search", 512))
    failing = cell(second.values, arm_index=1, n_failed=2)
    found = pair_of(side(first, extra), side(failing))
    assert "only A has the workload search" in found.warnings
    assert "2 launches of B failed: phibench show r1" in found.warnings
    assert row(found, workload="search").refusal == "only A has it"
    assert not row(found, workload="search").is_headline


def test_workloads_match_by_what_they_ask() -> None:
    """The same name and another shape is another workload; another name and the same shape is the same."""
    first, second = arms(0.9)
    other_shape = cell(second.values, arm_index=1, workload=replace_shape("chat", 128))
    found = compare([(side(first), side(other_shape))])
    assert found.n_family == 0
    other_name = cell(second.values, arm_index=1, workload=replace_shape("talk", 64))
    found = compare([(side(first), side(other_name))])
    assert found.n_family == 2
    assert ("workload chat: name", "chat", "talk") in {
        (d.field, d.baseline, d.other) for d in found.pairs[0].differences
    }


def test_two_workloads_that_are_named_on_purpose_are_compared() -> None:
    short = cell(both(10, 10, 1))
    long = cell(both(8, 10, 2), workload=replace_shape("long", 512), numbers=range(2, 21, 2))
    found = compare([(side(short, is_one_workload=True), side(long, is_one_workload=True))])
    assert found.n_family == 2
    assert row(found.pairs[0]).verdict is Verdict.SLOWER
    assert "workload chat: shape" in {d.field for d in found.pairs[0].differences}


def test_a_geometric_mean_over_workloads_is_exact_for_blocks() -> None:
    names = [replace_shape(f"w{i}", 64 + i) for i in range(3)]
    first = [cell(both(10, 8, i), workload=w) for i, w in enumerate(names)]
    second = [
        cell(both(10 * ratio, 8, 9 + i), arm_index=1, workload=names[i]) for i, ratio in enumerate((0.9, 0.8, 0.95))
    ]
    found = pair_of(side(*first), side(*second))
    decode, ttft = found.means
    assert (decode.metric, decode.n_workloads, decode.ratio.n) == (DECODE, 3, 8)
    assert decode.ratio.value == pytest.approx((0.9 * 0.8 * 0.95) ** (1 / 3), rel=0.01)
    assert decode.ratio.low is not None
    assert ttft.ratio.value == pytest.approx(1 / decode.ratio.value, rel=0.01)
    assert pair_of(*map(side, arms(0.9))).means == ()


def test_a_workload_without_a_ratio_is_not_in_the_mean() -> None:
    names = [replace_shape(f"w{i}", 64 + i) for i in range(3)]
    first = [cell({DECODE: [10.0] * 8}, workload=w) for w in names]
    second = [
        cell({DECODE: [9.0] * 7}, arm_index=1, workload=names[0]),
        cell({DECODE: [9.0] * 8}, arm_index=1, workload=names[1]),
        cell({DECODE: [30.0] * 8}, arm_index=1, workload=names[2], flags=("chunked",)),
    ]
    (mean,) = pair_of(side(*first), side(*second)).means
    assert (mean.n_workloads, mean.ratio.n) == (2, 7)
    assert mean.ratio.value == pytest.approx(0.9)


def test_sustained_rates_have_a_family_of_their_own() -> None:
    values = {"burst_tok_per_s": noisy(10, 7, 1), "sustained_tok_per_s": noisy(7, 7, 2), "retained_frac": [0.7] * 7}
    slower = {name: [0.8 * v for v in found] for name, found in values.items()}
    found = pair_of(side(cell(values)), side(cell(slower, arm_index=1)))
    assert {r.metric for r in found.family} == {"burst_tok_per_s", "sustained_tok_per_s"}
    assert {r.verdict for r in found.family} == {Verdict.SLOWER}


def test_nothing_in_common_is_no_matter_of_blocks() -> None:
    found = pair_of(side(cell({DECODE: [10.0] * 3})), side(cell({TTFT: [1.0] * 3}, arm_index=1)))
    assert found.family == ()
    assert found.warnings == ()


def test_a_headline_that_neither_arm_has_does_not_count() -> None:
    """A short sustained run has a burst and no tail yet."""
    burst = {"burst_tok_per_s": noisy(10, 7, 1)}
    found = pair_of(side(cell(burst)), side(cell({"burst_tok_per_s": noisy(8, 7, 2)}, arm_index=1)))
    assert (found.design.n_blocks, found.design.n_launches) == (7, (7, 7))
    assert not any("needed" in warning for warning in found.warnings)
    assert row(found, "burst_tok_per_s").verdict is Verdict.SLOWER


def unpaired(ratio: float, n: int = 8, **machine: str) -> tuple[CellResult, CellResult]:
    return cell(both(10, n, 1)), cell(both(10 * ratio, n, 2), run_id="r2", machine=machine)


def test_arms_of_different_runs_only_look_faster_or_slower() -> None:
    for ratio, verdict in ((0.8, Verdict.LOOKS_SLOWER), (1.3, Verdict.LOOKS_FASTER), (1.0, Verdict.UNCLEAR)):
        found = pair_of(*map(side, unpaired(ratio, 12)))
        assert not found.design.is_paired
        assert {r.verdict for r in found.family} == {verdict}
        assert "noise between sessions unknown" in row(found).doubts
        assert any("the noise between sessions is unknown (2 of 3 runs)" in w for w in with_own_history(ratio).warnings)


def with_own_history(ratio: float) -> Pair:
    cells = unpaired(ratio)
    return pair_of(*map(side, cells), history=cells)


def test_an_unpaired_ratio_is_widened_by_the_noise_between_sessions() -> None:
    first, second = unpaired(0.95)
    history = [
        cell(both(rate, 8, i), run_id=f"old{i}", started_at_utc=f"2026-11-0{i + 1}T00:00:00+00:00")
        for i, rate in enumerate((9.0, 10.0, 11.0))
    ]
    narrow = row(pair_of(side(first), side(second)))
    found = pair_of(side(first), side(second), history=[*history, first, second])
    wide = row(found)
    assert (narrow.verdict, wide.verdict) == (Verdict.LOOKS_SLOWER, Verdict.UNCLEAR)
    assert wide.ratio is not None
    assert wide.ratio.low is not None
    assert narrow.ratio is not None
    assert narrow.ratio.low is not None
    assert wide.ratio.low < narrow.ratio.low
    assert found.noise[DECODE].is_whole
    assert "noise between sessions unknown" not in wide.doubts
    assert not any("between sessions" in warning for warning in found.warnings)


def test_several_runs_of_an_arm_are_several_sessions() -> None:
    first = [cell(both(10, 4, i), run_id=f"a{i}") for i in range(3)]
    second = [cell(both(9, 4, 9 + i), run_id=f"b{i}") for i in range(3)]
    found = pair_of(side(*first), side(*second))
    assert found.design.n_sessions == (3, 3)
    assert found.design.n_launches == (12, 12)
    assert found.baseline.runs == ("a0", "a1", "a2")


def test_the_same_runs_on_both_sides_pair_by_run_and_block() -> None:
    first = [cell(both(10, 4, i), run_id=f"r{i}") for i in range(2)]
    second = [cell(both(9, 4, 9 + i), run_id=f"r{i}", arm_index=1, arm={"quant": "q8_0"}) for i in range(2)]
    found = pair_of(side(*first), side(*second))
    assert found.design.is_paired
    assert found.design.n_blocks == 8
    assert row(found).verdict is Verdict.SLOWER


def test_too_few_unpaired_launches_say_what_is_needed() -> None:
    found = pair_of(*map(side, unpaired(0.8, 3)))
    wanted = "2 rows, 3 and 3 launches: n too small for an interval or a verdict; 6 of each are enough"
    assert wanted in found.warnings
    assert {r.verdict for r in found.family} == {Verdict.UNCLEAR}
    assert not any("n too small" in warning for warning in pair_of(*map(side, unpaired(0.8, 6))).warnings)


def test_three_launches_against_forty_have_no_interval_and_no_verdict() -> None:
    """By ranks alone 3 against 40 would have both, and rest on three launches."""
    few, many = cell(both(10, 3, 1)), cell(both(50, 40, 2), run_id="r2")
    for pair in (pair_of(side(few), side(many)), pair_of(side(many), side(few))):
        assert {r.verdict for r in pair.family} == {Verdict.UNCLEAR}
        for found in pair.family:
            assert found.ratio is not None
            assert (found.ratio.low, found.ratio.high, found.p_holm) == (None, None, None)
            assert "n=3: no interval" in found.doubts


@pytest.mark.parametrize("more", [{"backend": "simulated"}, {"flags": ("simulated",)}])
def test_a_simulated_arm_is_not_set_against_a_measured_one(more: dict[str, Any]) -> None:
    measured, made_up = cell(both(10, 8, 1)), cell(both(50, 8, 2), run_id="r2", **more)
    found = pair_of(side(measured), side(made_up))
    assert found.family == ()
    assert {r.refusal for r in found.rows} == {"a simulated value against a measured one"}
    assert all(r.ratio is None and r.verdict is None for r in found.rows)
    assert any(text.startswith("B is simulated and the other values were measured") for text in found.warnings)
    (sentence,) = findings(comparison_of(side(measured), side(made_up)), None)
    assert "are not compared: one was simulated, the other measured" in sentence


def test_one_side_of_both_kinds_is_compared_with_nothing() -> None:
    measured, made_up = cell(both(10, 8, 1)), cell(both(50, 8, 2), run_id="r2", backend="simulated")
    found = pair_of(side(measured, made_up), side(cell(both(9, 8, 3), run_id="r3")))
    assert found.family == ()
    assert any(text.startswith("A is simulated") for text in found.warnings)


def test_each_kind_of_a_run_has_its_own_baseline_and_measured_arms_come_first() -> None:
    made_up = [cell(both(50, 8, i), arm_index=i, n_arms=4, arm={"quant": q}, backend="simulated")
               for i, q in enumerate(("q4_0", "q8_0"))]  # fmt: skip
    measured = [cell(both(10, 8, i), arm_index=i, n_arms=4, arm={"quant": q}) for i, q in ((2, "q4_k_m"), (3, "f16"))]
    pairs = against_baseline([*made_up, *measured])
    assert [(a.cells[0], b.cells[0]) for a, b in pairs] == [tuple(measured), tuple(made_up)]
    assert against_baseline([made_up[0], measured[0]]) == []


def test_two_simulated_arms_are_compared() -> None:
    found = pair_of(*(side(replace(one, backend="simulated")) for one in arms(0.8)))
    assert row(found).verdict is Verdict.SLOWER
    assert not any("simulated" in text for text in found.warnings)


def test_a_difference_below_the_noise_floor_is_doubted() -> None:
    """A against A, measured before: its interval reaches further than the difference that is claimed."""
    rates = noisy(10, 12, 1, sd=0.0005)
    first = cell({DECODE: rates})
    second = cell({DECODE: [1.025 * v for v in rates]}, arm_index=1, arm={"quant": "q8_0"})
    twins = [cell({DECODE: noisy(10, 12, i, sd=0.05)}, run_id="aa", arm_index=i, suite="noise") for i in (0, 1)]
    found = pair_of(side(first), side(second), history=[first, second, *twins])
    assert row(found).verdict is Verdict.FASTER
    assert "smaller than the noise floor" in row(found).doubts
    assert found.noise[DECODE].floor is not None
    assert found.noise[DECODE].floor.run_id == "aa"
    assert "smaller than the noise floor" not in row(pair_of(side(first), side(second))).doubts


def test_the_band_is_measured_in_logs() -> None:
    first, second = arms(1.03, 20, sd=0.001)
    assert row(pair_of(side(first), side(second), band_frac=0.05)).verdict is Verdict.EQUIVALENT
    assert row(pair_of(side(first), side(second), band_frac=0.02)).verdict is Verdict.FASTER
    assert math.isclose(comparison_of(side(first), side(second), band_frac=0.05).band_frac, 0.05)
