"""From intervals and p-values to verdicts: Holm over a family of rows, the band of equivalence, and the words."""

import math
from collections.abc import Sequence
from enum import StrEnum

from collector.stats.estimate import Estimate

ALPHA = 0.05
_MOST_BLOCKS = 1000


class Verdict(StrEnum):
    """What a row of a comparison says of B against A; the last three are for arms that are not paired."""

    FASTER = "faster"
    SLOWER = "slower"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"
    LOOKS_FASTER = "looks faster"
    LOOKS_SLOWER = "looks slower"
    UNCLEAR = "unclear"


def verdict(
    ratio_90: Estimate, ratio_95: Estimate, p_holm: float | None, *, better: str, band_frac: float, is_paired: bool
) -> Verdict:
    """
    The verdict of one row.

    Paired, in this order: equivalent when the 90 % interval lies inside the band; faster or slower when p is small
    enough; else inconclusive, which never means "the same". Not paired: looks faster or slower when the widened 95 %
    interval leaves out 1 and p is small enough; else unclear; never equivalent.

    Args:
        ratio_90, ratio_95: of B to A, with intervals of these levels.
        p_holm: adjusted for the family; None where there is no test.
        better: "higher" or "lower": of a time, a ratio below 1 is faster.
        band_frac: such as 0.02.
    """
    is_better = (ratio_95.value > 1) == (better == "higher")
    is_shown = p_holm is not None and p_holm <= ALPHA
    if is_paired:
        if is_inside_band(ratio_90, band_frac):
            return Verdict.EQUIVALENT
        if is_shown:
            return Verdict.FASTER if is_better else Verdict.SLOWER
        return Verdict.INCONCLUSIVE
    if is_shown and ratio_95.low is not None and ratio_95.high is not None and not ratio_95.low <= 1 <= ratio_95.high:
        return Verdict.LOOKS_FASTER if is_better else Verdict.LOOKS_SLOWER
    return Verdict.UNCLEAR


def is_inside_band(ratio_90: Estimate, band_frac: float) -> bool:
    """
    Whether an interval lies inside the band of equivalence: |ln ratio| at most ln(1 + band) at both ends.

    Source:
        two one-sided tests at 5 % each (Schuirmann 1987) are the 90 % interval inside the band.
    """
    if ratio_90.low is None or ratio_90.high is None:
        return False
    limit = math.log1p(band_frac)
    return -limit <= math.log(ratio_90.low) and math.log(ratio_90.high) <= limit


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """
    Adjusted p-values of a family, in its order.

    A row without a test (None) stays None and still counts: the family is fixed by what is compared, not by what could
    be tested.

    Source:
        Holm 1979.
    """
    adjusted: list[float | None] = [None] * len(p_values)
    known = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    highest = 0.0
    for place, (p, index) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(p_values) - place)))
        adjusted[index] = highest
    return adjusted


def smallest_p(n_blocks: int, n_rows: int = 1) -> float:
    """The smallest p that Holm leaves of a signed-rank test, when a family has so many rows."""
    return min(1.0, n_rows * 2.0 ** (1 - n_blocks))


def least_blocks(n_rows: int, alpha: float = ALPHA) -> int:
    """The fewest blocks with which a family of so many rows can show a difference: 7 for two rows, 9 for eight."""
    return next(n for n in range(1, _MOST_BLOCKS) if smallest_p(n, n_rows) <= alpha)
