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
    """The larger distance from the value to a bound, as a share of the value; None without an interval."""
    if estimate.low is None or estimate.high is None or estimate.value == 0:
        return None
    return max(estimate.high - estimate.value, estimate.value - estimate.low) / abs(estimate.value)
