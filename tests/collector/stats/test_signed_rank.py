"""Signed ranks: exact levels, agreement with scipy and with counting every pattern of signs."""

import math
import random
from itertools import product
from statistics import fmean

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from collector import stats

VALUES = st.floats(min_value=1e-3, max_value=1e3)
DIFFERENCES = st.lists(st.integers(-6, 6), min_size=1, max_size=9)


def counted_p(differences: list[int]) -> float:
    """By trying every sign on every mid-rank; zeros have a rank and no sign."""
    sizes = sorted(map(abs, differences))
    kept = [d for d in differences if d]
    ranks = [(2 * sizes.index(abs(d)) + sizes.count(abs(d)) + 1) / 2 for d in kept]
    seen = sum(rank for rank, d in zip(ranks, kept, strict=True) if d > 0)
    sums = [sum(r for r, sign in zip(ranks, signs, strict=True) if sign) for signs in product((0, 1), repeat=len(kept))]
    below = sum(s <= seen for s in sums) / len(sums)
    above = sum(s >= seen for s in sums) / len(sums)
    return min(1.0, 2 * min(below, above))


@given(differences=DIFFERENCES)
def test_p_is_exact_with_ties_and_zeros(differences: list[int]) -> None:
    assert stats.signed_rank_p(differences) == pytest.approx(counted_p(differences), rel=1e-12)


@given(values=st.lists(st.floats(-10, 10).filter(lambda v: abs(v) > 1e-3), min_size=3, max_size=25, unique_by=abs))
def test_p_agrees_with_scipy(values: list[float]) -> None:
    assert stats.signed_rank_p(values) == pytest.approx(wilcoxon(values, method="exact").pvalue, rel=1e-9)


@given(values=st.lists(st.floats(0.9, 1.1).filter(lambda v: abs(v - 1) > 1e-6), min_size=6, max_size=20))
def test_p_and_interval_agree(values: list[float]) -> None:
    logs = [math.log(v) for v in values]
    sums = {abs(a + b) for i, a in enumerate(logs) for b in logs[i:]}
    if len({abs(v) for v in logs}) < len(logs) or min(sums) < 1e-12:
        return  # ties and a Walsh average of 0 leave the two a hair apart
    found = stats.paired_ratio([1.0] * len(values), values)
    p = stats.signed_rank_p(logs)
    assert found.low is not None
    assert found.high is not None
    assert p is not None
    assert (p <= 1 - (found.level_exact or 0) + 1e-12) == (not found.low <= 1 <= found.high)


@given(values=st.lists(st.integers(-1000, 1000), min_size=6, max_size=12, unique_by=abs), n_zeros=st.integers(0, 6))
def test_positive_ranks_are_positive_walsh_averages_with_zeros_too(values: list[int], n_zeros: int) -> None:
    """The reason for Pratt's rule: p falls with what the interval counts, whatever lies at 0."""
    kept = [v for v in values if v]
    everything = [*kept, *[0] * n_zeros]
    averages = [a + b for i, a in enumerate(everything) for b in everything[i:]]
    n_below = sum(average < 0 for average in averages)
    n_above = sum(average > 0 for average in averages)
    ranks = [n_zeros + 1 + sorted(map(abs, kept)).index(abs(v)) for v in kept]
    assert n_above == sum(rank for rank, v in zip(ranks, kept, strict=True) if v > 0)
    assert n_below == sum(rank for rank, v in zip(ranks, kept, strict=True) if v < 0)
    n_as_extreme = sum(
        sum(rank for rank, sign in zip(ranks, signs, strict=True) if sign) <= min(n_above, n_below)
        for signs in product((0, 1), repeat=len(ranks))
    )
    assert stats.signed_rank_p(everything) == pytest.approx(min(1.0, 2 * n_as_extreme / 2 ** len(ranks)))


@pytest.mark.parametrize("seed", range(40))
def test_p_and_interval_agree_where_both_are_approximated(seed: int) -> None:
    draw = random.Random(seed)
    values = [math.exp(draw.gauss(0.19 * 0.01, 0.01)) for _ in range(101)]
    found, p = stats.interval(values), stats.signed_rank_p([math.log(v) for v in values])
    assert found.low is not None
    assert found.high is not None
    assert p is not None
    assert (p <= 0.05) == (not found.low <= 1 <= found.high)


@pytest.mark.parametrize(
    ("n", "k_95", "k_90", "level"),
    [
        (6, 1, 3, 96.9), (7, 3, 4, 95.3), (8, 4, 6, 96.1), (9, 6, 9, 96.1), (10, 9, 11, 95.1), (12, 14, 18, 95.8),
        (15, 26, 31, 95.2), (20, 53, 61, 95.2),
    ],
)  # fmt: skip
def test_the_bounds_are_those_of_the_tables(n: int, k_95: int, k_90: int, level: float) -> None:
    """Hollander, Wolfe and Chicken, table A.4; exact levels by the same count."""
    assert stats.signed_rank_bounds(n, 0.90)[0] == k_90
    k, exact = stats.signed_rank_bounds(n, 0.95)
    assert k == k_95
    assert 100 * (exact or 0) == pytest.approx(level, abs=0.05)


@pytest.mark.parametrize(("n", "p"), [(5, 0.0625), (6, 0.03125), (10, 2 / 2**10)])
def test_the_smallest_p(n: int, p: float) -> None:
    assert stats.signed_rank_p([float(i) for i in range(1, n + 1)]) == pytest.approx(p)
    assert stats.smallest_p(n) == pytest.approx(p)


def test_none_one_and_two_values() -> None:
    assert stats.signed_rank_p([]) is None
    assert stats.signed_rank_p([0.0, 0.0]) == 1.0
    assert stats.signed_rank_p([3.0]) == 1.0
    assert stats.signed_rank_p([3.0, 1.0]) == 0.5
    two = stats.paired_ratio([1.0, 2.0], [2.0, 4.0])
    assert (two.value, two.low, two.n) == (pytest.approx(2.0), None, 2)
    with pytest.raises(ValueError, match="at least one value"):
        stats.paired_ratio([], [])


@given(values=st.lists(VALUES, min_size=6, max_size=15), factor=st.floats(0.01, 100))
def test_a_ratio_is_carried_through(values: list[float], factor: float) -> None:
    found = stats.paired_ratio(values, [v * factor for v in values])
    assert found.value == pytest.approx(factor)
    assert found.low == pytest.approx(factor)


@given(pairs=st.lists(st.tuples(VALUES, VALUES), min_size=6, max_size=12), data=st.data())
def test_order_of_blocks_and_of_arms_does_not_matter(pairs: list[tuple[float, float]], data: st.DataObject) -> None:
    found = stats.paired_ratio(*zip(*pairs, strict=True))
    shuffled = stats.paired_ratio(*zip(*data.draw(st.permutations(pairs)), strict=True))
    swapped = stats.paired_ratio(*zip(*((b, a) for a, b in pairs), strict=True))
    assert shuffled.value == pytest.approx(found.value, rel=1e-9)
    assert swapped.value == pytest.approx(1 / found.value, rel=1e-9)
    assert swapped.low == pytest.approx(1 / (found.high or 0), rel=1e-9)


@pytest.mark.parametrize("bad", [[1.0, 0.0], [1.0, -2.0], [1.0, math.inf], [1.0, math.nan]])
def test_what_has_no_ratio_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="positive, finite"):
        stats.paired_ratio([1.0, 1.0], bad)


def test_blocks_of_different_number_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shorter|longer"):
        stats.paired_ratio([1.0, 2.0], [1.0])


def test_above_a_hundred_values_the_approximation_is_close_and_named() -> None:
    values = [math.sin(i) + 0.1 for i in range(101)]
    assert stats.signed_rank_p(values) == pytest.approx(
        wilcoxon(values, method="approx", correction=True).pvalue, rel=1e-9
    )
    assert "normal approximation" in stats.interval([v + 5 for v in values]).method


@pytest.mark.parametrize("n", [6, 8, 10, 20])
def test_the_width_that_is_to_be_expected_is_that_of_simulated_intervals(n: int) -> None:
    draw, widths = random.Random(n), []
    for _ in range(800):
        found = stats.interval([math.exp(draw.gauss(0, 0.015)) for _ in range(n)])
        assert found.low is not None
        assert found.high is not None
        widths.append(math.log(found.high / found.low) / 2)
    assert stats.expected_half_width(0.015, n) == pytest.approx(fmean(widths), rel=0.06)


@pytest.mark.parametrize(("n", "level"), [(0, 0.95), (5, 0.95), (6, 0.99)])
def test_where_no_interval_exists_no_width_is_expected(n: int, level: float) -> None:
    assert stats.expected_half_width(0.015, n, level) is None


@pytest.mark.parametrize(
    ("estimate", "share"),
    [
        (stats.Estimate(value=2.0, low=1.9, high=2.2, n=6, method=""), 0.075),
        (stats.Estimate(value=2.0, n=5, method=""), None),
    ],
)
def test_a_half_width_is_half_of_the_whole_width(estimate: stats.Estimate, share: float | None) -> None:
    assert stats.relative_half_width(estimate) == (None if share is None else pytest.approx(share))
