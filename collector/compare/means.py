"""One number for several workloads: the geometric mean of the ratios of a headline metric."""

import math
from collections.abc import Sequence

from collector import stats
from collector.compare.matching import Matched
from collector.compare.records import MeanRow, Row
from collector.compare.values import paired_values, values_of


def mean_rows(workloads: Sequence[Matched], rows: Sequence[Row], *, is_paired: bool) -> tuple[MeanRow, ...]:
    """A row for every headline metric that has a ratio in two workloads or more."""
    metrics = dict.fromkeys(row.metric for row in rows if row.is_headline)
    return tuple(row for metric in metrics if (row := _mean_row(metric, workloads, rows, is_paired=is_paired)))


def _mean_row(metric: str, workloads: Sequence[Matched], rows: Sequence[Row], *, is_paired: bool) -> MeanRow | None:
    """Of paired arms from the blocks that have every workload; of others, or where no block has them all, the point."""
    kept = [row for row in rows if row.metric == metric and row.is_headline and row.ratio is not None]
    points = [row.ratio.value for row in kept if row.ratio is not None]
    if len(points) < 2:
        return None
    names = {(row.workload, row.shape) for row in kept}
    with_ratio = [one for one in workloads if (one.name, one.shape_label) in names]
    by_block = _by_block(metric, with_ratio) if is_paired else []
    whole = [of_block for of_block in by_block if len(of_block) == len(points)]
    by_row = [list(of_row) for of_row in zip(*whole, strict=True)] or [[point] for point in points]
    return MeanRow(metric=metric, n_workloads=len(points), ratio=stats.geometric_mean(by_row))


def _by_block(metric: str, workloads: Sequence[Matched]) -> list[list[float]]:
    """Of every block the ratios of the workloads that it has."""
    found: dict[tuple[str, int], list[float]] = {}
    for one in workloads:
        for a, b in paired_values(values_of(one.baseline, metric), values_of(one.other, metric)):
            if min(a.value, b.value) > 0 and math.isfinite(a.value + b.value):
                found.setdefault((a.run_id, a.block), []).append(b.value / a.value)
    return list(found.values())
