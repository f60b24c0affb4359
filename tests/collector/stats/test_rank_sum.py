"""Arms that are not paired: agreement with scipy and with counting every choice, and what widens the interval."""

import math
import random
from itertools import combinations
from statistics import stdev

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


def sessions(names: str, sd: float, mean: float = 1.0) -> dict[str, float]:
    """Estimates of one arm, spread so that their logs have this deviation."""
    spread = sd / stdev(range(len(names))) if len(names) > 1 else 0.0
    return {name: mean * math.exp(spread * place) for place, name in enumerate(names)}


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
    expected = mannwhitneyu(first, second, method="asymptotic", use_continuity=True).pvalue
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
    both = stats.pooled_noise([sessions("abc", 0.02), sessions("xyz", 0.04, 5.0)])
    assert both is not None
    assert (both.sd, both.n, both.dof) == (pytest.approx(math.sqrt((0.02**2 + 0.04**2) / 2)), 6, 4)
    assert stats.pooled_noise([sessions("ab", 0.02), sessions("c", 0.02)]) is None


@pytest.mark.parametrize(
    ("names", "n", "dof"),
    [
        (["abc"], 3, 2),
        (["abc", "xyz"], 6, 4),
        (["abc"] * 8, 3, 2),
        (["abc", "bcd"], 4, 3),
        (["abc", "xyz", "cxq"], 7, 6),
    ],
)
def test_arms_of_the_same_sessions_know_no_more_than_one(names: list[str], n: int, dof: int) -> None:
    found = stats.pooled_noise([sessions(of_arm, 0.02) for of_arm in names])
    assert found is not None
    assert (found.sd, found.n, found.dof) == (pytest.approx(0.02), n, dof)


@given(
    first=st.lists(st.floats(0.9, 1.1), min_size=4, max_size=9, unique_by=lambda v: round(v, 6)),
    second=st.lists(st.floats(0.9, 1.1), min_size=4, max_size=9, unique_by=lambda v: round(v, 6)),
    sd=st.floats(1e-4, 0.05),
    dof=st.integers(2, 6),
    n_sessions=st.tuples(st.integers(1, 4), st.integers(1, 4)),
)
def test_the_p_of_a_widened_interval_agrees_with_it(
    first: list[float], second: list[float], sd: float, dof: int, n_sessions: tuple[int, int]
) -> None:
    noise = stats.SessionNoise(sd=sd, n=dof + 1, dof=dof)
    p = stats.unpaired_p(first, second, noise, n_sessions)
    assert p is not None
    assert p == pytest.approx(stats.unpaired_p(second, first, noise, n_sessions[::-1]), abs=1e-9)
    assert p >= (stats.mann_whitney_p(first, second) or 0) - 1e-9
    for level, is_left_out in ((1 - p * (1 - 1e-6), False), (1 - p * (1 + 1e-6), True)):
        if 0 < level < 1 and (p < 1 or not is_left_out):
            found = stats.unpaired_ratio(first, second, level, noise, n_sessions)
            assert is_left_out == (found.low is not None and not found.low <= 1 <= (found.high or 0))


def test_p_without_noise_is_that_of_mann_and_whitney() -> None:
    first, second = [1.0, 1.01, 0.99, 1.02], [1.1, 1.11, 1.09, 1.005]
    assert stats.unpaired_p(first, second) == stats.mann_whitney_p(first, second)
    assert stats.unpaired_p([], second, stats.SessionNoise(sd=0.01, n=3, dof=2)) is None


def test_holm_over_widened_rows_keeps_tables_of_equal_arms_quiet() -> None:
    """Eight rows, no difference but that of the sessions: one table in twenty may say more."""
    draw, noise, n_tables, n_loud = random.Random(3), stats.SessionNoise(sd=0.02, n=20, dof=19), 80, 0
    for _ in range(n_tables):
        rows = []
        for _ in range(8):
            luck = [draw.gauss(0, 0.02), draw.gauss(0, 0.02)]
            rows.append([[math.exp(draw.gauss(mean, 0.015)) for _ in range(6)] for mean in luck])
        adjusted = stats.holm([stats.unpaired_p(first, second, noise) for first, second in rows])
        n_loud += any(p is not None and p <= 0.05 for p in adjusted)
    assert n_loud / n_tables <= 0.05 + 2.5 * math.sqrt(0.05 * 0.95 / n_tables)


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
