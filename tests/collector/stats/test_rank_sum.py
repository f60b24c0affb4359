"""Arms that are not paired: agreement with scipy and with counting every choice, and what widens the interval."""

import math
import random
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu
from scipy.stats import t as student

from collector import stats
from collector.stats.distributions import t_quantile
from collector.stats.rank_sum import rank_sum_bounds

SAMPLE = st.lists(st.integers(1, 8), min_size=1, max_size=5)


def counted_p(first: list[int], second: list[int]) -> float:
    """By trying every choice of the first arm's values among all."""
    everything = [*first, *second]
    ordered = sorted(everything)
    ranks = [(2 * ordered.index(v) + ordered.count(v) + 1) / 2 for v in everything]
    seen = sum(ranks[: len(first)])
    sums = [sum(choice) for choice in combinations(ranks, len(first))]
    return min(1.0, 2 * min(sum(s <= seen for s in sums), sum(s >= seen for s in sums)) / len(sums))


@given(first=SAMPLE, second=SAMPLE)
def test_p_is_exact_with_ties(first: list[int], second: list[int]) -> None:
    assert stats.mann_whitney_p(first, second) == pytest.approx(counted_p(first, second), rel=1e-12)


@given(
    values=st.lists(st.floats(0.5, 2), min_size=6, max_size=30, unique=True),
    share=st.floats(0.2, 0.8),
)
def test_p_agrees_with_scipy(values: list[float], share: float) -> None:
    n = max(1, min(len(values) - 1, round(share * len(values))))
    expected = mannwhitneyu(values[:n], values[n:], method="exact").pvalue
    assert stats.mann_whitney_p(values[:n], values[n:]) == pytest.approx(expected, rel=1e-9)


@given(values=st.lists(st.floats(0.5, 2), min_size=12, max_size=24, unique_by=lambda v: round(v, 6)))
def test_p_and_interval_agree(values: list[float]) -> None:
    half = len(values) // 2
    found = stats.unpaired_ratio(values[:half], values[half:])
    p = stats.mann_whitney_p(values[:half], values[half:])
    assert found.low is not None
    assert found.high is not None
    assert p is not None
    assert (p <= 1 - (found.level_exact or 0) + 1e-12) == (not found.low <= 1 <= found.high)


@pytest.mark.parametrize(("n", "p"), [(3, 0.1), (4, 2 / 70), (5, 2 / 252), (6, 2 / 924)])
def test_the_smallest_p(n: int, p: float) -> None:
    assert stats.mann_whitney_p(range(n), range(10, 10 + n)) == pytest.approx(p)


def test_where_no_interval_of_the_level_exists_there_is_none_and_it_says_so() -> None:
    assert rank_sum_bounds(3, 3, 0.95) == (0, None)
    found = stats.unpaired_ratio([1.0, 1.1, 1.2], [2.0, 2.2, 2.4])
    assert (found.low, found.high) == (None, None)
    assert found.value == pytest.approx(2.0, rel=0.05)
    assert "no interval" in found.method


def test_no_values_at_all() -> None:
    assert stats.mann_whitney_p([], [1.0]) is None
    with pytest.raises(ValueError, match="both arms"):
        stats.unpaired_ratio([], [1.0])


@given(
    first=st.lists(st.floats(0.5, 2), min_size=4, max_size=8),
    second=st.lists(st.floats(0.5, 2), min_size=4, max_size=8),
    factor=st.floats(0.1, 10),
)
def test_scale_carries_through_and_swapping_inverts(first: list[float], second: list[float], factor: float) -> None:
    found = stats.unpaired_ratio(first, second)
    scaled = stats.unpaired_ratio(first, [factor * v for v in second])
    swapped = stats.unpaired_ratio(second, first)
    assert scaled.value == pytest.approx(factor * found.value, rel=1e-9)
    assert swapped.value == pytest.approx(1 / found.value, rel=1e-9)
    assert swapped.low == pytest.approx(1 / (found.high or 0), rel=1e-9)


def test_large_samples_are_approximated_and_say_so() -> None:
    draw = random.Random(1)
    first = [math.exp(draw.gauss(0, 0.02)) for _ in range(60)]
    second = [math.exp(draw.gauss(0.005, 0.02)) for _ in range(60)]
    expected = mannwhitneyu(first, second, method="asymptotic", use_continuity=False).pvalue
    assert stats.mann_whitney_p(first, second) == pytest.approx(expected, rel=1e-9)
    assert "normal approximation" in stats.unpaired_ratio(first, second).method


@pytest.mark.parametrize("dof", [1, 2, 3, 4, 5, 10, 11, 30, 99])
@pytest.mark.parametrize("probability", [0.9, 0.95, 0.975, 0.995])
def test_students_quantiles_are_scipys(probability: float, dof: int) -> None:
    assert t_quantile(probability, dof) == pytest.approx(student.ppf(probability, dof), rel=1e-9)


def test_noise_between_sessions_needs_three_and_pools_arms_about_their_own_means() -> None:
    assert stats.session_noise([1.0, 1.1]) is None
    one = stats.session_noise([1.0, math.exp(0.02), math.exp(0.04)])
    assert one is not None
    assert (one.sd, one.n, one.dof) == (pytest.approx(0.02), 3, 2)
    both = stats.pooled_noise([[1.0, math.exp(0.02), math.exp(0.04)], [5.0, 5 * math.exp(0.04), 5 * math.exp(0.08)]])
    assert both is not None
    assert (both.sd, both.n, both.dof) == (pytest.approx(math.sqrt((0.02**2 + 0.04**2) / 2)), 6, 4)
    assert stats.pooled_noise([[1.0, 2.0], [3.0]]) is None


def test_noise_widens_and_more_sessions_widen_less() -> None:
    first, second = [1.0, 1.01, 0.99, 1.02, 0.98, 1.005], [1.1, 1.11, 1.09, 1.12, 1.08, 1.105]
    noise = stats.SessionNoise(sd=0.02, n=6, dof=4)
    alone, widened = stats.unpaired_ratio(first, second), stats.unpaired_ratio(first, second, noise=noise)
    often = stats.unpaired_ratio(first, second, noise=noise, n_sessions=(3, 3))
    widths = [math.log((found.high or 0) / (found.low or 1)) for found in (alone, often, widened)]
    assert widths == sorted(widths)
    assert alone.value == widened.value == often.value
    assert "sd 2.0 %, 6 sessions" in widened.method
    assert widened.level_exact is None
    assert "unknown" in alone.method
