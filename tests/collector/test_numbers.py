"""Numbers for people."""

import pytest

from collector import numbers

GIB = numbers.GIB


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (2.2, 2.5, "2.30 ± 0.20"),
        (2.2999, 2.3001, "2.30 ± <0.01"),
        (2.3, 2.3, "2.30 ± 0.00"),
        (None, None, "2.30 ·n=3"),
    ],
)
def test_memory_that_hardly_varies_shows_no_longer_number(low: float | None, high: float | None, shown: str) -> None:
    low, high = (None if bound is None else bound * GIB for bound in (low, high))
    assert numbers.gib_with_interval(2.3 * GIB, low, high, 3) == shown


@pytest.mark.parametrize(("p", "shown"), [(0.0, "<0.0001"), (9.9e-5, "<0.0001"), (0.00012, "0.00012"), (0.5, "0.5")])
def test_a_p_that_is_too_small_to_print_is_not_zero(p: float, shown: str) -> None:
    assert numbers.p_value(p) == shown
