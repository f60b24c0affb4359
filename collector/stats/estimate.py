"""A value with its doubt."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """
    A value with its doubt.

    Args:
        value: in the unit of the data.
        low, high: bounds of the interval; None where none exists at this n.
        level_exact: probability with which such an interval covers; None without one or when it is approximate.
        n: values that went in; of two arms that are not paired the smaller number.
        method: how it was made, in words for a table's footnote.
    """

    value: float
    low: float | None = None
    high: float | None = None
    level_exact: float | None = None
    n: int
    method: str


def relative_half_width(estimate: Estimate) -> float | None:
    """
    Half of the interval's width, as a share of the value; None without an interval.

    Not the longer of its two sides: an estimate need not lie in the middle, and waiting for both sides takes a tenth
    more launches for an interval that holds the truth no more often (tests/benchmarks/method.py).
    """
    if estimate.low is None or estimate.high is None or estimate.value == 0:
        return None
    return (estimate.high - estimate.low) / 2 / abs(estimate.value)
