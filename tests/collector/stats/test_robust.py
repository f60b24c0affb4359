"""Outliers that are flagged, drift that is seen, and the mean over rows."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from collector import stats


def test_one_far_value_is_flagged_and_the_others_are_not() -> None:
    assert stats.outliers([10.0, 10.1, 9.9, 10.05, 9.95, 5.0]) == (False, False, False, False, False, True)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 100.0], [10.0, 10.1, 5.0], [2.0] * 6, [1.0 + 1e-15, *[1.0] * 5]])
def test_few_or_equal_values_have_no_outliers(values: list[float]) -> None:
    assert not any(stats.outliers(values))


def test_where_most_values_are_equal_the_mean_deviation_is_used() -> None:
    assert stats.outliers([10.0] * 9 + [20.0]) == (False,) * 9 + (True,)


def test_normal_values_are_rarely_flagged() -> None:
    draw = random.Random(1)
    flagged = sum(sum(stats.outliers([math.exp(draw.gauss(0, 0.015)) for _ in range(20)])) for _ in range(200))
    assert flagged / 4000 < 0.01


@given(values=st.lists(st.floats(0.1, 10), min_size=3, max_size=12), factor=st.floats(0.1, 10))
def test_scale_does_not_make_an_outlier(values: list[float], factor: float) -> None:
    found, scaled = stats.outliers(values), stats.outliers([factor * v for v in values])
    assert sum(a != b for a, b in zip(found, scaled, strict=True)) <= 1  # rounding at the limit


def test_a_falling_rate_is_a_drift_with_its_size() -> None:
    found = stats.drift([10 * 0.99**i for i in range(12)])
    assert found is not None
    assert found.change_frac == pytest.approx(0.99**11 - 1)
    assert found.p < 0.001
    assert stats.drift([10.0] * 5) is None
    assert stats.drift([0.0] + [10.0] * 7) is None
    assert stats.drift([10.0] * 8) == stats.Drift(change_frac=0.0, p=1.0, n=8)


@given(values=st.lists(st.floats(1, 2), min_size=8, max_size=20, unique=True))
def test_its_p_is_near_scipys(values: list[float]) -> None:
    found = stats.drift(values)
    assert found is not None
    assert found.p == pytest.approx(kendalltau(range(len(values)), values, method="exact").pvalue, abs=0.03)


def test_the_mean_of_paired_rows_has_an_exact_interval() -> None:
    rows = [[1.1, 1.2, 1.15, 1.12, 1.18, 1.16], [0.9, 1.0, 0.95, 0.92, 0.98, 0.96]]
    found = stats.geometric_mean(rows)
    each = stats.interval([math.sqrt(a * b) for a, b in zip(*rows, strict=True)])
    assert (found.value, found.low, found.level_exact) == (each.value, each.low, each.level_exact)


def test_rows_of_different_length_give_a_point() -> None:
    found = stats.geometric_mean([[2.0, 2.0], [8.0]])
    assert (found.value, found.low) == (pytest.approx(4.0), None)
    with pytest.raises(ValueError, match="at least one row"):
        stats.geometric_mean([])
