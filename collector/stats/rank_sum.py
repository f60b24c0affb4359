"""
Two arms that are not paired, such as those of different runs or devices: the weaker case.

Two-sample Hodges-Lehmann with the interval of Moses and the test of Mann and Whitney, widened by the noise between
sessions. One session's launches say nothing of how another day, another boot or another room would have come out, so
an interval over launches alone is too narrow; a test shows it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, median, stdev

from collector.stats.distributions import mid_ranks, subset_sums, t_quantile, two_sided_p
from collector.stats.estimate import Estimate

MAX_EXACT_TOTAL = 100
"""Values of both arms together up to which the distribution is counted; above it is approximated, and named so."""

LEAST_SESSIONS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionNoise:
    """
    Spread of an arm's estimate from session to session.

    Args:
        sd: standard deviation of ln of the estimates.
        n: sessions that it comes from.
        dof: degrees of freedom: sessions less arms.
    """

    sd: float
    n: int
    dof: int


def session_noise(estimates: Sequence[float]) -> SessionNoise | None:
    """
    Noise between sessions from one arm's estimates, one a session; None from fewer than three.

    Args:
        estimates: shape (k,), positive.
    """
    return pooled_noise([estimates])


def pooled_noise(by_arm: Sequence[Sequence[float]]) -> SessionNoise | None:
    """
    Noise between sessions from several arms, each about its own mean; None when no arm has three sessions.

    Args:
        by_arm: for each arm its estimates, positive, one a session; arms with fewer than three are passed over.
    """
    known = [[math.log(v) for v in estimates] for estimates in by_arm if len(estimates) >= LEAST_SESSIONS]
    dof = sum(len(logs) - 1 for logs in known)
    if not dof:
        return None
    variance = math.fsum(stdev(logs) ** 2 * (len(logs) - 1) for logs in known) / dof
    return SessionNoise(sd=math.sqrt(variance), n=sum(map(len, known)), dof=dof)


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
        ValueError: no values, or one that is not positive and finite.

    Source:
        Hodges and Lehmann 1963; Moses 1965. The part between sessions is that of a two-sample t interval, added in
        quadrature to each side.
    """
    if not baseline or not other or not all(math.isfinite(v) and v > 0 for v in (*baseline, *other)):
        raise ValueError("ratios need positive, finite values of both arms")
    logs = [[math.log(v) for v in values] for values in (baseline, other)]
    differences = sorted(b - a for a in logs[0] for b in logs[1])
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
        between = t_quantile((1 + level) / 2, noise.dof) * noise.sd * math.sqrt(1 / n_sessions[0] + 1 / n_sessions[1])
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


def rank_sum_bounds(n: int, m: int, level: float) -> tuple[int, float | None]:
    """
    Which ordered pairwise differences bound an interval: the k-th from below and the k-th from above.

    Returns:
        k (0 = none reaches the level) and the exact level; None for large samples, where k is approximate.
    """
    if n + m > MAX_EXACT_TOTAL:
        spread = math.sqrt(n * m * (n + m + 1) / 12)
        return max(0, math.floor(n * m / 2 - NormalDist().inv_cdf((1 + level) / 2) * spread)), None
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

    Exact given the values up to 100 in all, ties by mid-ranks; above that the normal approximation with the variance
    of the ranks that are there.

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
    return 2 * NormalDist().cdf(-abs(total - n * mean) / math.sqrt(variance)) if variance else 1.0
