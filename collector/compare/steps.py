"""
Lasting changes of one cell from run to run: where its level stepped, and by how much. Pure.

The runs are cut into stretches of one level by the same exact partitioning that finds a plateau in a long launch
(:func:`collector.sustained.cuts`). A cut is called a step only where it is also plain to see: the levels differ by more
than the band within which two arms are equivalent, and so do the nearest ends of the intervals of the two runs beside
it. What looks like a cut and is not both is noise, and is not shown.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from collector import sustained
from collector.stats import Estimate

LEAST_RUNS = 4
"""Below it the scatter from run to run cannot be told from a step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Runs ``first`` to ``last`` (places, both included) stand at one value, the median of theirs."""

    first: int
    last: int
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The level changed before the run at ``place``; ``ratio`` is the new level over the old one."""

    place: int
    ratio: float


def levels(runs: Sequence[Estimate], band_frac: float) -> tuple[Level, ...]:
    """
    The stretches of one level, cut at steps alone; one stretch below ``LEAST_RUNS``, none without a run.

    Args:
        runs: shape (n,): the value of one metric in each run, above 0, in the order of time.
        band_frac: half-width of the band of equivalence.
    """
    if not runs:
        return ()
    places = list(_cuts(runs))
    while True:
        found = _levels(runs, places)
        doubtful = next((b.first for a, b in pairwise(found) if not _is_step(runs, a, b, band_frac)), None)
        if doubtful is None:
            return found
        places.remove(doubtful)


def steps(found: Sequence[Level]) -> tuple[Step, ...]:
    """The changes between the levels."""
    return tuple(Step(place=after.first, ratio=after.value / before.value) for before, after in pairwise(found))


def _cuts(runs: Sequence[Estimate]) -> tuple[int, ...]:
    if len(runs) < LEAST_RUNS:
        return (0,)
    logs = [math.log(run.value) for run in runs]
    return sustained.cuts(logs, sustained.noise_of(logs))


def _levels(runs: Sequence[Estimate], places: Sequence[int]) -> tuple[Level, ...]:
    ends = [*places[1:], len(runs)]
    return tuple(
        Level(first=first, last=end - 1, value=median(run.value for run in runs[first:end]))
        for first, end in zip(places, ends, strict=True)
    )


def _is_step(runs: Sequence[Estimate], before: Level, after: Level, band_frac: float) -> bool:
    """Whether levels and intervals on both sides are further apart than the band; without an interval never."""
    old, new = runs[before.last], runs[after.first]
    if old.low is None or old.high is None or new.low is None or new.high is None:
        return False
    widest = 1 + band_frac
    if after.value > before.value:
        return after.value > widest * before.value and new.low > widest * old.high
    return before.value > widest * after.value and old.low > widest * new.high
