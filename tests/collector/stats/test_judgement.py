"""Verdicts in their order, Holm over a fixed family, and how many blocks a family needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import stats
from collector.stats import Estimate, Verdict


def ratio(value: float, low: float | None = None, high: float | None = None) -> Estimate:
    return Estimate(value=value, low=low, high=high, n=10, method="")


NARROW, WIDE = ratio(1.001, 0.995, 1.007), ratio(1.001, 0.95, 1.05)
ABOVE, BELOW = ratio(1.1, 1.05, 1.15), ratio(0.9, 0.85, 0.95)


@pytest.mark.parametrize(
    ("narrower", "wider", "p", "better", "expected"),
    [
        (NARROW, NARROW, 0.8, "higher", Verdict.EQUIVALENT),
        (NARROW, NARROW, 0.001, "higher", Verdict.EQUIVALENT),
        (WIDE, WIDE, 0.8, "higher", Verdict.INCONCLUSIVE),
        (ABOVE, ABOVE, 0.01, "higher", Verdict.FASTER),
        (ABOVE, ABOVE, 0.01, "lower", Verdict.SLOWER),
        (BELOW, BELOW, 0.01, "lower", Verdict.FASTER),
        (BELOW, BELOW, 0.01, "higher", Verdict.SLOWER),
        (ABOVE, ABOVE, 0.06, "higher", Verdict.INCONCLUSIVE),
        (ratio(1.1), ratio(1.1), None, "higher", Verdict.INCONCLUSIVE),
    ],
)
def test_paired(narrower: Estimate, wider: Estimate, p: float | None, better: str, expected: Verdict) -> None:
    assert stats.verdict(narrower, wider, p, better=better, band_frac=0.02, is_paired=True) is expected


@pytest.mark.parametrize(
    ("wider", "p", "better", "expected"),
    [
        (NARROW, 0.8, "higher", Verdict.UNCLEAR),
        (ABOVE, 0.01, "higher", Verdict.LOOKS_FASTER),
        (ABOVE, 0.01, "lower", Verdict.LOOKS_SLOWER),
        (BELOW, 0.01, "lower", Verdict.LOOKS_FASTER),
        (ABOVE, 0.2, "higher", Verdict.UNCLEAR),
        (WIDE, 0.001, "higher", Verdict.UNCLEAR),
        (ratio(1.5), 0.001, "higher", Verdict.UNCLEAR),
    ],
)
def test_unpaired_words_are_weaker_and_never_equivalent(
    wider: Estimate, p: float, better: str, expected: Verdict
) -> None:
    assert stats.verdict(wider, wider, p, better=better, band_frac=0.02, is_paired=False) is expected


def test_the_band_is_symmetric_on_logs() -> None:
    assert stats.is_inside_band(ratio(1.0, 1 / 1.02 + 1e-9, 1.02 - 1e-9), 0.02)
    assert not stats.is_inside_band(ratio(1.0, 0.98, 1.0), 0.02)
    assert not stats.is_inside_band(ratio(1.0, 1.0, 1.0201), 0.02)
    assert not stats.is_inside_band(ratio(1.0), 0.02)


def test_holm_by_hand() -> None:
    assert stats.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert stats.holm([0.6, 0.5]) == [1.0, 1.0]
    assert stats.holm([]) == []


def test_a_row_without_a_test_counts_in_the_family() -> None:
    assert stats.holm([0.01, None, None]) == [pytest.approx(0.03), None, None]


@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=12), data=st.data())
def test_holm_keeps_the_order_of_the_rows_and_of_the_values(values: list[float], data: st.DataObject) -> None:
    places = data.draw(st.permutations(range(len(values))))
    adjusted, shuffled = stats.holm(values), stats.holm([values[i] for i in places])
    assert shuffled == pytest.approx([adjusted[i] for i in places])
    for raw, found in zip(values, adjusted, strict=True):
        assert found is not None
        assert raw <= found <= 1


@pytest.mark.parametrize(("n_rows", "n_blocks"), [(1, 6), (2, 7), (8, 9), (20, 10)])
def test_how_many_blocks_a_family_needs(n_rows: int, n_blocks: int) -> None:
    assert stats.least_blocks(n_rows) == n_blocks
    assert stats.smallest_p(n_blocks, n_rows) <= 0.05 < stats.smallest_p(n_blocks - 1, n_rows)
