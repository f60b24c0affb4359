"""One arm: the estimate, the exact interval, and honest silence below six launches."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import stats

EXACT = {6: (1, 0.96875), 7: (3, 0.953125), 8: (4, 0.9609375), 9: (6, 0.9609375), 10: (9, 0.951171875)}


@pytest.mark.parametrize("n", EXACT)
def test_ranks_and_levels_of_the_95_percent_interval(n: int) -> None:
    k, level = stats.signed_rank_bounds(n, 0.95)
    assert (k, level) == (EXACT[n][0], pytest.approx(EXACT[n][1], abs=1e-9))


@pytest.mark.parametrize(("n", "k"), [(6, 3), (7, 4), (8, 6), (9, 9), (10, 11), (12, 18), (15, 31), (20, 61)])
def test_ranks_of_the_90_percent_interval(n: int, k: int) -> None:
    assert stats.signed_rank_bounds(n, 0.90)[0] == k


@pytest.mark.parametrize("n", [1, 2, 5])
def test_below_six_there_is_a_median_and_no_interval(n: int) -> None:
    found = stats.interval([float(i + 1) for i in range(n)])
    assert (found.low, found.high, found.level_exact, found.n) == (None, None, None, n)
    assert "no interval" in found.method


def test_six_equal_ratios_apart() -> None:
    values = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    found = stats.interval(values)
    assert found.value == pytest.approx(math.sqrt(32.0))
    assert (found.low, found.high) == (pytest.approx(1.0), pytest.approx(32.0))
    assert found.level_exact == pytest.approx(0.96875)


@given(st.lists(st.floats(0.1, 1e6), min_size=6, max_size=30), st.floats(0.001, 1000))
def test_scale_carries_through_and_order_does_not_matter(values: list[float], scale: float) -> None:
    found, scaled = stats.interval(values), stats.interval([v * scale for v in reversed(values)])
    assert scaled.value == pytest.approx(found.value * scale, rel=1e-6)
    assert found.low is not None
    assert found.high is not None
    assert found.low <= found.value * (1 + 1e-9)
    assert found.value <= found.high * (1 + 1e-9)
    assert scaled.low == pytest.approx(found.low * scale, rel=1e-6)


def test_counts_with_zeros_get_no_logs_and_say_so() -> None:
    found = stats.interval([0.0, 0.0, 1.0, 0.0, 0.0, 2.0])
    assert "no logs" in found.method
    assert found.value == pytest.approx(0.5)


def test_above_one_hundred_the_approximation_is_named() -> None:
    found = stats.interval([1.0 + i / 1000 for i in range(101)])
    assert "normal approximation" in found.method
    assert found.level_exact is None


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_nonsense_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="finite"):
        stats.interval(values)


@pytest.mark.parametrize("n", [6, 10])
def test_the_interval_covers_at_its_exact_level(n: int) -> None:
    draw, covered, n_tries = random.Random(n), 0, 2000
    for _ in range(n_tries):
        found = stats.interval([math.exp(draw.gauss(0.0, 0.015)) for _ in range(n)])
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= 1.0 <= found.high
    level = stats.signed_rank_bounds(n, 0.95)[1]
    assert level is not None
    assert covered / n_tries == pytest.approx(level, abs=2.5 * math.sqrt(level * (1 - level) / n_tries))
