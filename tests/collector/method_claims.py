"""
What the method promises, each promise with its bar, and how often simulated experiments keep it.

``CLAIMS`` is the one list: the tests hold a bounded number of experiments against the bars, the benchmark ``method.py``
the full one, and docs/method.md has a row for each. A share is held against its bar with a tolerance of 2.5 standard
errors of the simulation; every seed is fixed, so a result can be repeated.
"""

import math
import zlib
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from statistics import fmean, stdev
from typing import Literal

import method_experiments as ex

from collector import stats
from collector.simulate import Scatter
from collector.stats import Verdict
from collector.suite import MAX_BLOCKS
from runners.contract import Workload

TOLERANCE_SE = 2.5
LEVEL = 0.95
MISLED = {Verdict.FASTER, Verdict.SLOWER}
Sense = Literal["is", "at least", "at most", "for information"]
Experiment = Callable[[int], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """
    What so many experiments came to.

    Args:
        observed: share of the experiments in which it was so, or the mean of what they gave.
        n: experiments.
        bound: what was promised; None where nothing was.
        se: standard error of ``observed`` by the number of experiments; for a share, as if the bound were true.
    """

    observed: float
    n: int
    bound: float | None
    se: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """
    One promise.

    Args:
        name: its id, for seeds and tests.
        says: what is promised, in words; a row of the table in docs/method.md.
        sense: how the share stands to the bound.
        bound: share promised; None for information.
        experiment: from a seed to true or false, or to a number.
        is_heavy: thousands of launches an experiment.
    """

    name: str
    says: str
    sense: Sense
    bound: float | None
    experiment: Experiment
    is_heavy: bool = False

    def find(self, n_experiments: int) -> Finding:
        """Repeat the experiment with seeds that no other claim has."""
        first = zlib.crc32(self.name.encode()) << 24
        results = [float(self.experiment(first + i)) for i in range(n_experiments)]
        return Finding(observed=fmean(results), n=n_experiments, bound=self.bound, se=self._se(results))

    def holds(self, finding: Finding) -> bool:
        """Whether the bar is kept within the tolerance."""
        if self.bound is None:
            return True
        over, slack = finding.observed - self.bound, TOLERANCE_SE * finding.se
        return {"is": abs(over) <= slack, "at least": over >= -slack, "at most": over <= slack}[self.sense]

    def _se(self, results: list[float]) -> float:
        if set(results) <= {0.0, 1.0}:
            share = fmean(results) if self.bound is None else self.bound
            return math.sqrt(share * (1 - share) / len(results))
        return stdev(results) / math.sqrt(len(results))


def _misleads(make: Callable[[int], Sequence[ex.Row]], seed: int) -> bool:
    """Some row of a table of A against A is called faster or slower."""
    return any(row.verdict in MISLED for row in ex.compared(make(seed)).pairs[0].family)


def _is_warned_about(seed: int) -> bool:
    """A comparison that ran one arm after the other says so, above the table and beside its row; nothing soothes."""
    pair = ex.compared([ex.sequential(seed, ex.N_TABLE_BLOCKS, ex.WARMING)]).pairs[0]
    is_above = any("order was sequential" in warning for warning in pair.warnings)
    is_played_down = any("cancel" in warning for warning in pair.warnings)
    return is_above and not is_played_down and all("sequential order" in row.doubts for row in pair.family)


def _gets(words: Container[Verdict | None], n_blocks: int, scatter: Scatter, ratio: float, seed: int) -> bool:
    """A comparison of one row gets one of these words."""
    (row,) = ex.compared([ex.mirrored(seed, n_blocks, scatter, ratio)]).pairs[0].family
    return row.verdict in words


def _covers_when_stopped(precision_frac: float, n_arms: int, seed: int) -> bool:
    """The interval at which a run stopped covers the truth."""
    _, kept = ex.stopped(seed, precision_frac, n_arms=n_arms)
    if n_arms == 2:
        return ex.covers(stats.paired_ratio(*kept.pairs(ex.METRIC)), ex.RATIO)
    return ex.covers(stats.interval(list(kept.by_block(0, 0, ex.METRIC).values())), ex.RATE)


def _misleads_when_stopped(seed: int) -> bool:
    """A against A, stopped by its own precision, is called faster or slower."""
    _, kept = ex.stopped(seed, 0.02, n_arms=2, ratio=1.0)
    (row,) = ex.compared([ex.row_of(kept)]).pairs[0].family
    return row.verdict in MISLED


def _misleads_when_peeking(seed: int) -> bool:
    """A against A: some block from the sixth on would have ended a run that stops as soon as p is small."""
    row = ex.mirrored(seed, MAX_BLOCKS, ex.QUIET)
    logs = stats.log_ratios([one.value for one in row.baseline], [one.value for one in row.other])
    return any((stats.signed_rank_p(logs[:n]) or 0.0) <= 0.05 for n in range(stats.MIN_N, MAX_BLOCKS + 1))


def _share_of_launches(workload: Workload, seed: int) -> float:
    """Launches until ±1 %, as a share of the fixed design's 20."""
    outcome, _ = ex.stopped(seed, 0.01, n_arms=1, workload=workload)
    return outcome.n_done / MAX_BLOCKS


def _claims() -> Iterator[Claim]:
    yield from _of_intervals()
    yield from _of_tables()
    yield from _of_verdicts()
    yield from _of_stopping()
    yield from _of_sessions()


def _of_intervals() -> Iterator[Claim]:
    kinds = (("one arm", "launches", ex.one_arm), ("two arms", "blocks", ex.paired))
    for arms, unit, experiment in kinds:
        for n in (6, 10, 20):
            yield Claim(
                name=f"{arms} {n}",
                says=f"{arms}, {n} {unit}: the interval covers at its exact level",
                sense="is",
                bound=stats.signed_rank_bounds(n, LEVEL)[1],
                experiment=partial(experiment, n=n),
            )
    yield Claim(
        name="two arms 10 warming",
        says="two arms, 10 blocks, warming up: it covers at least at that level",
        sense="at least",
        bound=stats.signed_rank_bounds(10, LEVEL)[1],
        experiment=partial(ex.paired, n=10, scatter=ex.WARMING),
    )
    yield Claim(
        name="one process",
        says="shown to fail: the interval over 10 iterations of one process covers",
        sense="at most",
        bound=0.5,
        experiment=ex.one_process,
    )


def _of_tables() -> Iterator[Claim]:
    table = "A against A, 20 rows, 10 blocks, warming up"
    makes = (
        ("mirrored", "mirrored pairs", partial(ex.table, ex.mirrored)),
        ("randomised", "every block drawn anew", partial(ex.table, ex.randomised)),
        ("one plan", "mirrored pairs, the rows in one plan", ex.one_plan),
    )
    for name, order, make in makes:
        yield Claim(
            name=f"tables {name}",
            says=f"{table}, {order}: a row is called faster or slower",
            sense="at most",
            bound=0.05,
            experiment=partial(_misleads, make),
            is_heavy=True,
        )
    yield Claim(
        name="tables sequential",
        says=f"shown to mislead: {table}, sequential: a row is called faster or slower",
        sense="at least",
        bound=0.95,
        experiment=partial(_misleads, partial(ex.table, ex.sequential)),
        is_heavy=True,
    )
    yield Claim(
        name="sequential warned",
        says="the same, one row: the table and the row carry the warning",
        sense="at least",
        bound=1.0,
        experiment=_is_warned_about,
    )


def _of_verdicts() -> Iterator[Claim]:
    faster, equivalent = {Verdict.FASTER}, {Verdict.EQUIVALENT}
    for name, says, sense, bound, words, n_blocks, scatter, ratio in (
        ("power", "B 3 % faster, 10 blocks: called faster", "at least", 0.90, faster, 10, ex.QUIET, 1.03),
        ("power warming", "the same, warming up", "for information", None, faster, 10, ex.WARMING, 1.03),
        ("power 2", "B 2 % faster, 15 blocks, warming up: called faster", "for information", None, faster, 15,
         ex.WARMING, 1.02),
        ("equivalent", "A against A, 20 blocks, warming up: called equivalent", "at least", 0.90, equivalent, 20,
         ex.WARMING, 1.0),
        ("equivalent 10", "the same, 10 blocks", "for information", None, equivalent, 10, ex.WARMING, 1.0),
        ("not equivalent", "B exactly 2 % faster, 20 blocks, warming up: called equivalent", "at most", 0.05,
         equivalent, 20, ex.WARMING, 1.02),
        ("not equivalent below", "B slower by the same ratio: called equivalent", "at most", 0.05, equivalent, 20,
         ex.WARMING, 1 / 1.02),
    ):  # fmt: skip
        yield Claim(
            name=name, says=says, sense=sense, bound=bound, experiment=partial(_gets, words, n_blocks, scatter, ratio)
        )


def _of_stopping() -> Iterator[Claim]:
    for precision, arms, n_arms in ((0.01, "one arm", 1), (0.02, "one arm", 1), (0.02, "two arms", 2)):
        yield Claim(
            name=f"stopped {precision} {arms}",
            says=f"{arms}, stopped at ±{100 * precision:.0f} % by the run itself: the interval covers",
            sense="at least",
            bound=0.92,
            experiment=partial(_covers_when_stopped, precision, n_arms),
        )
    yield Claim(
        name="stopped A against A",
        says="A against A, one row, stopped at ±2 % by the run itself: called faster or slower",
        sense="at most",
        bound=0.05,
        experiment=_misleads_when_stopped,
    )
    yield Claim(
        name="peeking",
        says="shown to mislead: the same, had it stopped as soon as p ≤ 0.05, from 6 to 20 blocks",
        sense="at least",
        bound=0.10,
        experiment=_misleads_when_peeking,
    )
    yield Claim(
        name="launches",
        says="launches until ±1 % of one rate, as a share of a fixed 20",
        sense="at most",
        bound=0.65,
        experiment=partial(_share_of_launches, ex.ROW),
    )
    yield Claim(
        name="launches of two metrics",
        says="the same until decode rate and first token are both within ±1 %",
        sense="for information",
        bound=None,
        experiment=partial(_share_of_launches, ex.CHAT),
    )


def _of_sessions() -> Iterator[Claim]:
    design = f"{ex.N_SESSIONS} sessions an arm, 2 % (sd) between sessions"
    yield Claim(
        name="unpaired",
        says=f"arms of different runs, {design}: the widened interval covers",
        sense="at least",
        bound=LEVEL,
        experiment=partial(ex.unpaired, is_widened=True),
    )
    yield Claim(
        name="unpaired not widened",
        says="shown to fail: the same interval without the noise between sessions covers",
        sense="at most",
        bound=0.75,
        experiment=partial(ex.unpaired, is_widened=False),
    )


CLAIMS: tuple[Claim, ...] = tuple(_claims())
