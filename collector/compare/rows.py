"""
Rows of a comparison: the numbers of one metric and workload, first as drafts, then judged as a family.

A verdict depends on all rows that are tested together (Holm), so every draft is made before any is judged.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from collector import stats
from collector.compare.matching import Matched
from collector.compare.noise import Noise
from collector.compare.records import Row
from collector.compare.values import Value, is_simulated, paired_values, values_of
from collector.metrics import METRICS, Metric, definition_in_effect
from collector.queries import CellResult
from collector.stats import Estimate, SessionNoise, Verdict
from runners.contract import Flag

EQUIVALENCE_LEVEL = 0.90
"""Two one-sided tests at 5 % each: the interval that must lie inside the band."""

NOT_ONE_KIND = "a simulated value against a measured one"
"""Why two arms have no ratio of which a simulator made one: it would say nothing about a model or a device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """
    A row that is not judged yet, with the numbers that its test needs.

    Args:
        first, second: values of baseline and other, one a block where they are paired.
        sessions: noise that widens an unpaired ratio; n_sessions: runs of each arm.
    """

    row: Row
    first: tuple[float, ...] = ()
    second: tuple[float, ...] = ()
    is_paired: bool = True
    sessions: SessionNoise | None = None
    n_sessions: tuple[int, int] = (1, 1)

    @property
    def is_tested(self) -> bool:
        """Belongs to the family of tests."""
        return self.row.is_headline and self.row.refusal is None

    def measured(self) -> "Draft":
        """With ratio, interval and p of its values."""
        ratio, narrower = self._ratio(0.95), self._ratio(EQUIVALENCE_LEVEL)
        if min(len(self.first), len(self.second)) < stats.MIN_N:
            bare = _bare(ratio)
            return replace(self, row=replace(self.row, ratio=bare, ratio_90=bare))
        p_raw = self._p() if self.row.is_headline else None
        return replace(self, row=replace(self.row, ratio=ratio, ratio_90=narrower, p_raw=p_raw))

    def without_outliers(self) -> "Draft | None":
        """The same without the values that lie far from the others; None when there are none."""
        if self.is_paired:
            kept = [not is_far for is_far in stats.outliers(_ratios(self.first, self.second))]
            if all(kept):
                return None
            first, second = _kept(self.first, kept), _kept(self.second, kept)
        else:
            flags = [[not is_far for is_far in stats.outliers(side)] for side in (self.first, self.second)]
            if all(map(all, flags)):
                return None
            first, second = _kept(self.first, flags[0]), _kept(self.second, flags[1])
        return replace(self, first=first, second=second).measured() if first and second else None

    def _ratio(self, level: float) -> Estimate:
        if self.is_paired:
            return stats.paired_ratio(self.first, self.second, level)
        return stats.unpaired_ratio(self.first, self.second, level, noise=self.sessions, n_sessions=self.n_sessions)

    def _p(self) -> float | None:
        if self.is_paired:
            return stats.signed_rank_p(stats.log_ratios(self.first, self.second))
        return stats.unpaired_p(self.first, self.second, noise=self.sessions, n_sessions=self.n_sessions)


def drafts(
    matched: Matched, *, is_paired: bool, noise: dict[str, Noise], n_sessions: tuple[int, int]
) -> Iterator[Draft]:
    """One draft for every metric that either arm has in a workload, headlines first."""
    headlines = matched.headlines
    order = {name: place for place, name in enumerate(headlines)}
    for metric in sorted(METRICS, key=lambda metric: order.get(metric.name, len(order))):
        first, second = (values_of(cells, metric.name) for cells in (matched.baseline, matched.other))
        if first or second:
            yield _draft(matched, metric, first, second, is_paired=is_paired, noise=noise, n_sessions=n_sessions)


def judged(found: Sequence[Draft], band_frac: float) -> list[Row]:
    """
    The rows with Holm's p and their verdicts; the family is every draft that is tested.

    A row too small for a test counts in the family all the same: whether it can be tested was not known before.
    """
    tested = [draft.row for draft in found if draft.is_tested]
    adjusted = iter(stats.holm([row.p_raw for row in tested]))
    return [_judged(draft, next(adjusted), band_frac) if draft.is_tested else draft.row for draft in found]


def verdicts_without_outliers(found: Sequence[Draft], rows: Sequence[Row], band_frac: float) -> list[tuple[Row, Row]]:
    """Rows whose verdict rests on outliers, each with what it would be without them."""
    changed = []
    for place, draft in enumerate(found):
        cleaned = draft.without_outliers() if draft.is_tested else None
        if cleaned is None:
            continue
        row = judged([*found[:place], cleaned, *found[place + 1 :]], band_frac)[place]
        if row.verdict != rows[place].verdict:
            changed.append((rows[place], row))
    return changed


def _judged(draft: Draft, p_holm: float | None, band_frac: float) -> Row:
    row = draft.row
    if row.ratio is None or row.ratio_90 is None or row.better is None:
        return replace(row, p_holm=p_holm)
    found = stats.verdict(
        row.ratio_90, row.ratio, p_holm, better=row.better, band_frac=band_frac, is_paired=draft.is_paired
    )
    return replace(row, p_holm=p_holm, verdict=found)


def _draft(
    matched: Matched, metric: Metric, first: Sequence[Value], second: Sequence[Value], *, is_paired: bool,
    noise: dict[str, Noise], n_sessions: tuple[int, int],
) -> Draft:  # fmt: skip
    row = Row(
        workload=matched.name,
        shape=matched.shape_label,
        metric=metric.name,
        unit=metric.unit,
        better=metric.better,
        definition=_definition(metric, matched.baseline or matched.other),
        is_headline=metric.name in matched.headlines,
        baseline=_estimate(first),
        other=_estimate(second),
        baseline_launches=tuple(one.launch_id for one in first),
        other_launches=tuple(one.launch_id for one in second),
    )
    pairs = paired_values(first, second)
    refusal = _refusal(matched, metric, first, second) or (None if pairs or not is_paired else "no block has both")
    if refusal is not None:
        return Draft(row=replace(row, refusal=refusal))
    if row.baseline_launches == row.other_launches:
        same = Estimate(value=1.0, n=len(first), method="the same launches")
        verdict = Verdict.INCONCLUSIVE if row.is_headline else None
        return Draft(row=replace(row, ratio=same, verdict=verdict, doubts=("the same launches",)))
    known = noise.get(metric.name)
    draft = Draft(
        row=row,
        first=tuple(a.value for a, _ in pairs) if is_paired else tuple(one.value for one in first),
        second=tuple(b.value for _, b in pairs) if is_paired else tuple(one.value for one in second),
        is_paired=is_paired,
        sessions=known.sessions if known else None,
        n_sessions=n_sessions,
    )
    return draft.measured()


def _refusal(matched: Matched, metric: Metric, first: Sequence[Value], second: Sequence[Value]) -> str | None:
    if not first or not second:
        return f"only {'B' if not first else 'A'} has it"
    if len({is_simulated(cell) for cell in (*matched.baseline, *matched.other)}) > 1:
        return NOT_ONE_KIND
    kinds = [_definition(metric, cells) for cells in (matched.baseline, matched.other)]
    if kinds[0] != kinds[1]:
        return f"definitions differ: {kinds[0]} against {kinds[1]}"
    if min(one.value for one in (*first, *second)) <= 0:
        return "no ratio: a value is 0"
    return None


def _bare(found: Estimate) -> Estimate:
    """Without an interval: five launches against forty have one by arithmetic, and it trusts five launches too far."""
    method = found.method if found.low is None else f"{found.method}; no interval below n = {stats.MIN_N}"
    return replace(found, low=None, high=None, level_exact=None, method=method)


def _definition(metric: Metric, cells: Sequence[CellResult]) -> str:
    return definition_in_effect(metric, is_chunked=any(Flag.CHUNKED in cell.flags for cell in cells))


def _estimate(values: Sequence[Value]) -> Estimate | None:
    return stats.interval([one.value for one in values]) if values else None


def _ratios(first: Sequence[float], second: Sequence[float]) -> list[float]:
    return [math.exp(one) for one in stats.log_ratios(first, second)]


def _kept(values: Sequence[float], flags: Sequence[bool]) -> tuple[float, ...]:
    return tuple(value for value, is_kept in zip(values, flags, strict=True) if is_kept)
