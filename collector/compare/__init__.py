"""
Two arms -> ratios, verdicts, and every other field in which they differ. Pure: cells in, records out.

Arms of one run are paired by block; arms of different runs or devices are not, and get wider intervals and weaker
words. Holm's family is fixed by what is compared: the headline metrics of every workload that both arms have, over all
arms that are set against the baseline; never by what a screen shows. Nothing is refused for being doubtful: doubt is
told. What is refused is a ratio of two things that are not the same metric, or of a simulated value to a measured one.
"""

from collections.abc import Iterable, Iterator, Sequence

from collector.compare import doubts
from collector.compare.design import design
from collector.compare.differences import differences
from collector.compare.matching import Matched, first_cells, matched
from collector.compare.means import mean_rows
from collector.compare.noise import Floor, Noise, noise_between
from collector.compare.records import Arm, Comparison, Design, Difference, MeanRow, Pair, Row, Side
from collector.compare.rows import Draft, drafts, judged, verdicts_without_outliers
from collector.metrics import METRICS
from collector.queries import CellResult
from collector.stats import Estimate, Verdict

__all__ = [
    "BAND_FRAC", "Arm", "Comparison", "Design", "Difference", "Estimate", "Floor", "MeanRow", "Noise", "Pair", "Row",
    "Side", "Verdict", "compare",
]  # fmt: skip

BAND_FRAC = 0.02
"""Half-width of the band within which two arms are called equivalent, unless another is chosen."""


def compare(
    pairs: Sequence[tuple[Side, Side]],
    *,
    band_frac: float = BAND_FRAC,
    history: Sequence[CellResult] = (),
    about: Iterable[str] = (),
) -> Comparison:
    """
    Set arms against their baselines.

    Args:
        pairs: (baseline, other) of each comparison; the ratio is other / baseline.
        band_frac: |ln ratio| <= ln(1 + band_frac) is equivalent.
        history: cells of stored runs of the same devices, from which the noise is taken.
        about: fields that were named on both sides, see :func:`collector.compare.differences.differences`.
    """
    prepared = [_Prepared(baseline, other, history) for baseline, other in pairs]
    found = [draft for one in prepared for draft in one.drafts]
    rows = judged(found, band_frac)
    n_family = sum(draft.is_tested for draft in found)
    changed = verdicts_without_outliers(found, rows, band_frac)
    results, start = [], 0
    for one in prepared:
        own = rows[start : start + len(one.drafts)]
        start += len(one.drafts)
        results.append(one.pair(own, [pair for pair in changed if pair[0] in own], about, n_family))
    return Comparison(pairs=tuple(results), n_family=n_family, band_frac=band_frac)


class _Prepared:
    """One pair of arms before its rows are judged."""

    def __init__(self, baseline: Side, other: Side, history: Sequence[CellResult]) -> None:
        self._sides = (baseline, other)
        self._workloads: list[Matched] = matched(baseline, other)
        self._design = design(baseline, other, self._workloads)
        self._headlines = tuple(dict.fromkeys(name for one in self._workloads for name in one.headlines))
        wanted = self._headlines if self._design.is_paired else tuple(_common_metrics(self._workloads))
        self._noise = {metric: noise_between(history, metric, (baseline.cells, other.cells)) for metric in wanted}
        self.drafts: list[Draft] = [
            draft
            for one in self._workloads
            for draft in drafts(
                one, is_paired=self._design.is_paired, noise=self._noise, n_sessions=self._design.n_sessions
            )
        ]

    def pair(
        self, rows: Sequence[Row], changed: Sequence[tuple[Row, Row]], about: Iterable[str], n_family: int
    ) -> Pair:
        """The finished record."""
        baseline, other = self._sides
        noise = {metric: self._noise[metric] for metric in self._headlines if metric in self._noise}
        warnings = (
            *doubts.of_kinds(self._sides),
            *doubts.of_design(self._design, n_family),
            *doubts.of_noise(noise.values(), self._design),
            *doubts.of_what_only_one_has(self._workloads),
            *doubts.of_failures(self._sides),
            *doubts.of_outliers(changed),
            *doubts.of_drift(self._workloads, self._sides, self._design),
        )
        return Pair(
            baseline=_arm(baseline),
            other=_arm(other),
            design=self._design,
            rows=tuple(doubts.doubted(row, self._design, noise.get(row.metric)) for row in rows),
            means=mean_rows(self._workloads, rows, is_paired=self._design.is_paired),
            differences=differences(baseline, other, about, first_cells(self._workloads)),
            noise=noise,
            warnings=warnings,
        )


def _common_metrics(workloads: Iterable[Matched]) -> Iterator[str]:
    """What both arms have in some workload."""
    for metric in METRICS:
        name = metric.name
        if any(all(_has(cells, name) for cells in (one.baseline, one.other)) for one in workloads):
            yield name


def _has(cells: Iterable[CellResult], metric: str) -> bool:
    return any(cell.values.get(metric) for cell in cells)


def _arm(side: Side) -> Arm:
    cell = side.cells[0]
    return Arm(
        name=side.name,
        label=side.label,
        device=side.device,
        runs=side.run_ids,
        engine=cell.arm.engine,
        engine_version=cell.machine.engine_version if cell.machine else None,
        flags=tuple(sorted({flag for one in side.cells for flag in one.flags})),
    )
