"""Axes of ratios: round ticks within the range, and one far value does not rule the scale."""

import pytest

from dashboard.charts.scale import ratio_ticks, reaching


@pytest.mark.parametrize(("low", "high"), [(0.97, 1.04), (0.5, 2.4), (1.8, 1.9), (0.06, 40.0)])
def test_ticks_are_inside_and_few(low: float, high: float) -> None:
    ticks = ratio_ticks(low, high)
    assert 2 <= len(ticks) <= 11
    assert low <= min(ticks)
    assert max(ticks) <= high


def test_a_far_value_is_left_outside_and_what_must_be_held_is_not() -> None:
    low, high = reaching([1.0, 1.01, 0.99, 1.02, 30.0])
    assert high < 1.1
    assert reaching([1.0, 1.01, 0.99, 1.02, 30.0], held=[25.0])[1] > 25
    assert low < 0.99


def test_equal_values_and_none_at_all_have_a_range() -> None:
    for values in ([1.5, 1.5], [1.5], []):
        low, high = reaching(values)
        assert low < (values[0] if values else 1.0) < high
