"""
Statistics on plain numbers: one value a launch goes in, an estimate with its doubt comes out.

``signed_rank`` is for one arm and for arms that are paired by block, ``rank_sum`` for arms of different runs,
``sessions`` for the noise between those; ``judgement`` turns intervals and p-values into verdicts, ``robust`` looks at
outliers, drift and several rows at once. Everything works on logarithms, because speeds and times vary in proportion,
and is exact where the name of the method says so. Pure functions of the standard library: a table needs no import of
numpy or scipy (scipy has the p-values but neither of the two intervals; the tests hold ours against it).
"""

from collector.stats.estimate import Estimate, relative_half_width
from collector.stats.judgement import Verdict, holm, is_inside_band, least_blocks, smallest_p, verdict
from collector.stats.rank_sum import mann_whitney_p, unpaired_p, unpaired_ratio
from collector.stats.robust import Drift, drift, geometric_mean, outliers
from collector.stats.sessions import SessionNoise, pooled_noise, session_noise
from collector.stats.signed_rank import (
    MAX_EXACT_N,
    MIN_N,
    expected_half_width,
    interval,
    log_ratios,
    paired_ratio,
    signed_rank_bounds,
    signed_rank_p,
)

__all__ = [
    "MAX_EXACT_N", "MIN_N", "Drift", "Estimate", "SessionNoise", "Verdict", "drift", "expected_half_width",
    "geometric_mean", "holm", "interval", "is_inside_band", "least_blocks", "log_ratios", "mann_whitney_p", "outliers",
    "paired_ratio", "pooled_noise", "relative_half_width", "session_noise", "signed_rank_bounds", "signed_rank_p",
    "smallest_p", "unpaired_p", "unpaired_ratio", "verdict",
]  # fmt: skip
