"""
Two arms that are not paired, such as those of different runs or devices: the weaker case.

Two-sample Hodges-Lehmann with the interval of Moses and the test of Mann and Whitney, widened by the noise between
sessions. One session's launches say nothing of how another day, another boot or another room would have come out, so
an interval over launches alone is too narrow; a test shows it.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist, median

from collector.stats.distributions import mid_ranks, subset_sums, t_quantile, two_sided_p
from collector.stats.estimate import Estimate
from collector.stats.sessions import SessionNoise

MAX_EXACT_TOTAL = 100
"""Values of both arms together up to which the distribution is counted; above it is approximated, and named so."""


def unpaired_ratio(
    baseline: Sequence[float],
    other: Sequence[float],
    level: float = 0.95,
    noise: SessionNoise | None = None,
    n_sessions: tuple[int, int] = (1, 1),
) -> Estimate:
    """
    Ratio other / baseline of two arms that did not run in the same blocks.

    Args:
        baseline, other: shape (n,) and (m,), positive, one value a launch.
        level: probability that the interval must at least have.
        noise: between sessions; None where it is unknown, and then the interval is that of these launches alone.
        n_sessions: sessions that the launches of each arm come from.

    Raises:
        ValueError: no values, one that is not positive and finite, or a level outside 0 to 1.

    Source:
        Hodges and Lehmann 1963; Moses 1965. The part between sessions is that of a two-sample t interval, which counts
        sessions and not launches, added in quadrature to each side. A quantile of its own for each part is Cochran's
        answer (1964) to the problem of Behrens and Fisher; it errs on the wide side.
    """
    if not 0 < level < 1:
        raise ValueError("a level lies between 0 and 1")
    differences = _differences(baseline, other)
    n, m = len(baseline), len(other)
    value = median(differences)
    k, level_exact = rank_sum_bounds(n, m, level)
    exactly = "exact" if n + m <= MAX_EXACT_TOTAL else "normal approximation"
    method = f"Hodges-Lehmann of two samples on logs, rank sum {exactly} (n = {n} and {m})"
    if k == 0:
        return Estimate(value=math.exp(value), n=min(n, m), method=f"{method}; no interval of this level at this n")
    low, high = differences[k - 1], differences[-k]
    if noise is None:
        method += "; noise between sessions unknown, not in it"
    else:
        between = _between(level, noise, n_sessions)
        low, high = value - math.hypot(value - low, between), value + math.hypot(high - value, between)
        level_exact = None
        method += f"; widened by the noise between sessions (sd {100 * noise.sd:.1f} %, {noise.n} sessions)"
    return Estimate(
        value=math.exp(value),
        low=math.exp(low),
        high=math.exp(high),
        level_exact=level_exact,
        n=min(n, m),
        method=method,
    )


def unpaired_p(
    baseline: Sequence[float],
    other: Sequence[float],
    noise: SessionNoise | None = None,
    n_sessions: tuple[int, int] = (1, 1),
) -> float | None:
    """
    Two-sided p that belongs to the interval of :func:`unpaired_ratio`: the least 1 - level at which it excludes 1.

    Without noise that is :func:`mann_whitney_p`. With it the test of the launches alone would be far too sure of
    itself, and Holm's correction of such p-values would correct nothing: of eight rows without a difference, one was
    called different in 28 of 100 tables (simulated).

    Returns:
        None when an arm has no value.

    Raises:
        ValueError: a value that is not positive and finite.
    """
    if noise is None or not baseline or not other:
        return mann_whitney_p(baseline, other)
    differences = _differences(baseline, other)
    if median(differences) < 0:
        differences = [-difference for difference in reversed(differences)]
    value = median(differences)  # not negative, so that the lower bound decides

    def excludes_one(alpha: float) -> bool:
        k, _ = rank_sum_bounds(len(baseline), len(other), 1 - alpha)
        return k > 0 and math.hypot(value - differences[k - 1], _between(1 - alpha, noise, n_sessions)) < value

    low, high = 0.0, 1.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if excludes_one(middle) else (middle, high)
    return high


def _differences(baseline: Sequence[float], other: Sequence[float]) -> list[float]:
    """All ln(other / baseline), rising."""
    if not baseline or not other or not all(math.isfinite(v) and v > 0 for v in (*baseline, *other)):
        raise ValueError("ratios need positive, finite values of both arms")
    logs = [[math.log(v) for v in values] for values in (baseline, other)]
    return sorted(b - a for a in logs[0] for b in logs[1])


def _between(level: float, noise: SessionNoise, n_sessions: tuple[int, int]) -> float:
    """Half-width, on logs, that the sessions alone would give the ratio."""
    return t_quantile((1 + level) / 2, noise.dof) * noise.sd * math.sqrt(1 / n_sessions[0] + 1 / n_sessions[1])


def rank_sum_bounds(n: int, m: int, level: float) -> tuple[int, float | None]:
    """
    Which ordered pairwise differences bound an interval: the k-th from below and the k-th from above.

    Returns:
        k (0 = none reaches the level) and the exact level; None for large samples, where k comes from the
        normal approximation with continuity correction.
    """
    if n + m > MAX_EXACT_TOTAL:
        spread = math.sqrt(n * m * (n + m + 1) / 12)
        return max(0, math.floor(n * m / 2 + 0.5 - NormalDist().inv_cdf((1 + level) / 2) * spread)), None
    cumulative = subset_sums(tuple(range(1, n + m + 1)), n)
    least = n * (n + 1) // 2  # of the sum of ranks, where U is 0
    allowed = (1 - level) / 2 * cumulative[-1] * (1 + 1e-12)
    k = 0
    while cumulative[least + k] <= allowed:
        k += 1
    return k, 1 - 2 * cumulative[least + k - 1] / cumulative[-1] if k else None


def mann_whitney_p(baseline: Sequence[float], other: Sequence[float]) -> float | None:
    """
    Two-sided p of the hypothesis that both arms have one distribution.

    Exact given the values up to 100 in all, ties by mid-ranks; above that the normal approximation with continuity
    correction and the variance of the ranks that are there.

    Args:
        baseline, other: shape (n,) and (m,).

    Returns:
        None when an arm has no value.

    Source:
        Mann and Whitney 1947.
    """
    if not baseline or not other:
        return None
    ranks = mid_ranks([*baseline, *other])
    n, n_all = len(baseline), len(ranks)
    total = sum(ranks[:n])
    if n_all <= MAX_EXACT_TOTAL:
        return two_sided_p(subset_sums(tuple(sorted(ranks)), n), total)
    mean = sum(ranks) / n_all
    variance = n * (n_all - n) / (n_all - 1) * math.fsum((rank - mean) ** 2 for rank in ranks) / n_all
    return min(1.0, 2 * NormalDist().cdf((1 - abs(total - n * mean)) / math.sqrt(variance))) if variance else 1.0
