"""What looks at many values at once: outliers, drift over the order of time, and the mean of several rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, median

from collector.stats.estimate import Estimate
from collector.stats.signed_rank import MIN_N, interval

OUTLIER_SCORE = 3.5
"""Modified z-score from which a value is called an outlier: Iglewicz and Hoaglin 1993."""

_MAD_TO_SD = 0.6745
_MEAN_DEVIATION_TO_SD = 1 / 1.2533


def outliers(values: Sequence[float]) -> tuple[bool, ...]:
    """
    Which values lie far from the others; they are shown and never dropped.

    Modified z-score on the logs (on the values if one is not positive), from the median absolute deviation, or from the
    mean one where more than half of the values are equal.

    Args:
        values: shape (n,); none of fewer than six is an outlier: of three ordinary ones the rule would call one far in
            three samples of ten.

    Source:
        Iglewicz and Hoaglin 1993, How to Detect and Handle Outliers.
    """
    if len(values) < MIN_N:
        return (False,) * len(values)
    numbers = [math.log(v) for v in values] if min(values) > 0 else list(values)
    middle = median(numbers)
    deviations = [abs(v - middle) for v in numbers]
    scale = median(deviations) / _MAD_TO_SD or fmean(deviations) / _MEAN_DEVIATION_TO_SD
    # Values that differ by rounding alone are equal.
    least = 1e-9 * max(1.0, abs(middle))
    return tuple(deviation > max(least, OUTLIER_SCORE * scale) for deviation in deviations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """
    A trend over the order of time.

    Args:
        change_frac: from the first launch to the last, along the trend; negative = values fell.
        p: two-sided, of no trend.
        n: launches.
    """

    change_frac: float
    p: float
    n: int


def drift(values: Sequence[float]) -> Drift | None:
    """
    Whether values rise or fall with the order in which they were measured.

    Args:
        values: shape (n,), in the order of time.

    Returns:
        None from fewer than six, or when one is not positive and has no log.

    Source:
        Mann 1945 and Kendall 1975 (rank correlation with time, normal approximation with continuity correction and
        ties); Theil 1950 and Sen 1968 (median slope), on logs.
    """
    n = len(values)
    if n < MIN_N or min(values) <= 0:
        return None
    logs = [math.log(v) for v in values]
    pairs = [(i, j) for j in range(n) for i in range(j)]
    slope = median((logs[j] - logs[i]) / (j - i) for i, j in pairs)
    score = sum((logs[j] > logs[i]) - (logs[j] < logs[i]) for i, j in pairs)
    ties = [logs.count(value) for value in set(logs)]
    variance = (_kendall_term(n) - sum(map(_kendall_term, ties))) / 18
    p = 1.0 if variance <= 0 else 2 * NormalDist().cdf(-max(0, abs(score) - 1) / math.sqrt(variance))
    return Drift(change_frac=math.expm1(slope * (n - 1)), p=min(1.0, p), n=n)


def _kendall_term(n: int) -> int:
    return n * (n - 1) * (2 * n + 5)


def geometric_mean(rows: Sequence[Sequence[float]], level: float = 0.95) -> Estimate:
    """
    Geometric mean of several rows' ratios, with an interval where the rows are paired by block.

    The mean of a block's log ratios is itself one value a block, so the interval is the exact one of paired values; no
    bootstrap is needed. Rows of different length (or of one value each, as of arms that are not paired) give the point
    alone.

    Args:
        rows: for each row its ratios, positive, one a block, the blocks of all rows the same.

    Raises:
        ValueError: no rows, or a row without values.
    """
    if not rows or not all(rows):
        raise ValueError("a mean needs at least one row, and values in each")
    if len({len(row) for row in rows}) == 1:
        means = [math.exp(fmean(math.log(v) for v in block)) for block in zip(*rows, strict=True)]
        found = interval(means, level)
        return Estimate(
            value=found.value,
            low=found.low,
            high=found.high,
            level_exact=found.level_exact,
            n=found.n,
            method=f"geometric mean of {len(rows)} rows a block; {found.method}",
        )
    points = [interval(row).value for row in rows]
    value = math.exp(fmean(math.log(v) for v in points))
    return Estimate(value=value, n=min(map(len, rows)), method=f"geometric mean of {len(rows)} rows; no interval")
