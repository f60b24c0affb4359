"""
Estimates and intervals on plain numbers: one value a launch goes in.

The Hodges-Lehmann estimate with the signed-rank interval, on logarithms because speeds and times vary in proportion;
exact by dynamic programming up to n = 100, a normal approximation (named) above. Below n = 6 no 95 % interval exists,
so there is a median and no interval. Pure functions; no numpy, so that a table needs no import of it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist, median

MIN_N = 6
MAX_EXACT_N = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """
    A value with its doubt.

    Args:
        value: in the unit of the data.
        low, high: bounds of the interval; None where none exists at this n.
        level_exact: probability with which such an interval covers; None without one or when it is approximate.
        n: values that went in.
        method: how it was made, in words for a table's footnote.
    """

    value: float
    low: float | None = None
    high: float | None = None
    level_exact: float | None = None
    n: int
    method: str


def interval(values: Sequence[float], level: float = 0.95) -> Estimate:
    """
    Estimate of the location of one arm, with its interval from n = 6.

    Median of all pairwise (Walsh) averages, taken on logs; on the values themselves if one of them is not positive.

    Args:
        values: shape (n,), n >= 1, one a launch.
        level: probability that the interval must at least have.

    Raises:
        ValueError: no values, one that is not finite, or a level outside 0 to 1.

    Source:
        Hodges and Lehmann 1963; speeds and times vary in proportion, hence the logs.
    """
    if not 0 < level < 1:
        raise ValueError("a level lies between 0 and 1")
    numbers, is_log = _transformed(values)
    n = len(numbers)
    if n < MIN_N:
        return Estimate(value=median(values), n=n, method=f"median; no interval below n = {MIN_N}")
    averages = sorted(_walsh_averages(numbers))
    back = math.exp if is_log else float
    method = f"Hodges-Lehmann on {'logs' if is_log else 'values (a value is not positive, so no logs)'}, signed-rank"
    k, level_exact = signed_rank_bounds(n, level)
    method += " exact" if n <= MAX_EXACT_N else " normal approximation"
    if k == 0:
        return Estimate(value=back(median(averages)), n=n, method=f"{method}; no interval of this level at this n")
    return Estimate(
        value=back(median(averages)),
        low=back(averages[k - 1]),
        high=back(averages[-k]),
        level_exact=level_exact,
        n=n,
        method=method,
    )


def signed_rank_bounds(n: int, level: float) -> tuple[int, float | None]:
    """
    Which ordered Walsh averages bound an interval: the k-th from below and the k-th from above.

    Returns:
        k (0 = none reaches the level) and the exact level; None above n = 100, where k comes from the normal
        approximation.
    """
    n_averages = n * (n + 1) // 2
    if n > MAX_EXACT_N:
        spread = math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
        return max(0, math.floor(n_averages / 2 - NormalDist().inv_cdf((1 + level) / 2) * spread)), None
    cumulative = _cumulative_counts(n)
    # One part in 10^12 of slack, so that 0.9 asked in binary is still 0.9.
    allowed = (1 - level) / 2 * 2**n * (1 + 1e-12)
    k = 0
    while k < len(cumulative) and cumulative[k] <= allowed:
        k += 1
    return k, 1 - 2 * cumulative[k - 1] / 2**n if k else None


@lru_cache(maxsize=MAX_EXACT_N)
def _cumulative_counts(n: int) -> tuple[int, ...]:
    """Sign patterns, of 2^n, whose positive ranks sum to at most w; for w = 0 .. half of all ranks."""
    half = n * (n + 1) // 4
    counts = [1] + [0] * half
    for rank in range(1, n + 1):
        for w in range(half, rank - 1, -1):
            counts[w] += counts[w - rank]
    total, cumulative = 0, []
    for count in counts:
        total += count
        cumulative.append(total)
    return tuple(cumulative)


def _transformed(values: Sequence[float]) -> tuple[list[float], bool]:
    """Logs of the values, or the values when logs do not exist."""
    if not values or not all(math.isfinite(v) for v in values):
        raise ValueError("an estimate needs at least one value, and finite ones")
    is_log = min(values) > 0
    return [math.log(v) if is_log else float(v) for v in values], is_log


def _walsh_averages(numbers: Sequence[float]) -> list[float]:
    return [(a + b) / 2 for i, a in enumerate(numbers) for b in numbers[i:]]


def paired_ratio(baseline: Sequence[float], other: Sequence[float], level: float = 0.95) -> Estimate:
    """
    Ratio other / baseline of two arms that ran in the same blocks.

    Args:
        baseline, other: shape (n,), one value a block, in the same order.
        level: probability that the interval must at least have.

    Raises:
        ValueError: lengths that differ, no values, or one that is not positive and finite.

    Source:
        Hodges and Lehmann 1963 on the log ratios of the blocks.
    """
    if not baseline or min(*baseline, *other) <= 0:
        raise ValueError("ratios need positive values")
    return interval([b / a for a, b in zip(baseline, other, strict=True)], level)


def relative_half_width(estimate: Estimate) -> float | None:
    """The larger distance from the value to a bound, as a share of the value; None without an interval."""
    if estimate.low is None or estimate.high is None or estimate.value == 0:
        return None
    return max(estimate.high - estimate.value, estimate.value - estimate.low) / abs(estimate.value)


def smallest_p(n_blocks: int, n_rows: int = 1) -> float:
    """The smallest p that Holm leaves of a signed-rank test, when a family has so many rows."""
    return min(1.0, n_rows * 2.0 ** (1 - n_blocks))


def least_blocks(n_rows: int, alpha: float = 0.05) -> int:
    """The fewest blocks with which a family of so many rows can show a difference."""
    return next(n for n in range(1, 1000) if smallest_p(n, n_rows) <= alpha)
