"""
Exact null distributions of rank statistics, as counts of equally likely arrangements; and Student's t.

A distribution is the product of one polynomial a rank. All of its coefficients lie side by side in one integer, so that
multiplying by (1 + x^r) is a shift and an addition, and a hundred ranks take a millisecond.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate


def mid_ranks(values: Sequence[float]) -> tuple[int, ...]:
    """
    Ranks from small to large, doubled so that the mean rank of ties is whole.

    Args:
        values: shape (n,).
    """
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0] * len(values)
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or values[order[end]] != values[order[start]]:
            for index in order[start:end]:
                ranks[index] = start + end + 1
            start = end
    return tuple(ranks)


@lru_cache(maxsize=512)
def sign_sums(ranks: tuple[int, ...]) -> tuple[int, ...]:
    """
    Of the 2^n ways to give each rank a sign, how many have positive ranks that sum to at most w, for w = 0, 1, ...

    Args:
        ranks: whole and positive, sorted, so that equal sets are computed once.
    """
    width = len(ranks) // 8 + 1
    packed = 1
    for rank in ranks:
        packed += packed << (8 * width * rank)
    return _cumulative(packed, width, sum(ranks) + 1)


@lru_cache(maxsize=512)
def subset_sums(ranks: tuple[int, ...], n_chosen: int) -> tuple[int, ...]:
    """
    Of all ways to choose so many of the ranks, how many have a sum of at most w, for w = 0, 1, ...

    Args:
        ranks: whole and positive, sorted.
        n_chosen: from 0 to the number of ranks.
    """
    width = len(ranks) // 8 + 1
    packed = [1] + [0] * n_chosen
    for rank in ranks:
        for size in range(n_chosen, 0, -1):
            packed[size] += packed[size - 1] << (8 * width * rank)
    return _cumulative(packed[n_chosen], width, sum(sorted(ranks)[len(ranks) - n_chosen :]) + 1)


def two_sided_p(cumulative: Sequence[int], total: int) -> float:
    """Twice the smaller tail of a symmetric distribution, at most 1."""
    n_all = cumulative[-1]
    below = cumulative[total]
    above = n_all - (cumulative[total - 1] if total else 0)
    return min(1.0, 2 * min(below, above) / n_all)


def _cumulative(packed: int, width: int, n_sums: int) -> tuple[int, ...]:
    data = packed.to_bytes(width * n_sums, "little")
    counts = (int.from_bytes(data[start : start + width], "little") for start in range(0, len(data), width))
    return tuple(accumulate(counts))


def t_quantile(probability: float, dof: int) -> float:
    """
    Quantile of Student's t for a probability above 0.5, by bisection on the exact distribution.

    Source:
        Abramowitz and Stegun 26.7.3 and 26.7.4, the finite sums for whole degrees of freedom.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(52):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_central(middle, dof) < 2 * probability - 1 else (low, middle)
    return math.sqrt(dof) * math.tan((low + high) / 2)


def _t_central(angle: float, dof: int) -> float:
    """Probability that Student's t lies within plus or minus sqrt(dof) tan(angle)."""
    cosine = math.cos(angle)
    is_odd = dof % 2
    term, total = (cosine, cosine) if is_odd else (1.0, 1.0)
    if dof == 1:
        total = 0.0
    for k in range(2 if is_odd else 1, (dof - 1) // 2 + 1 if is_odd else dof // 2):
        term *= cosine**2 * ((2 * k - 2) / (2 * k - 1) if is_odd else (2 * k - 1) / (2 * k))
        total += term
    return 2 / math.pi * (angle + math.sin(angle) * total) if is_odd else math.sin(angle) * total
