"""How the launches of two arms stand to each other: paired by block, interleaved, or of different runs."""

from collections.abc import Sequence

from collector.compare.matching import Matched
from collector.compare.records import Design, Side
from collector.compare.values import paired_values, sides_in_time, values_of
from collector.schedule import is_interleaved


def design(baseline: Side, other: Side, workloads: Sequence[Matched]) -> Design:
    """The design of a comparison, from the launches that were really made."""
    is_paired = set(baseline.run_ids) == set(other.run_ids)
    both = [
        (values_of(one.baseline, metric), values_of(one.other, metric)) for one in workloads for metric in one.headlines
    ]
    rows = [row for row in both if all(row)]
    ids = [([v.launch_id for v in first], [v.launch_id for v in second]) for first, second in rows]
    is_mixed = all(is_interleaved(sides_in_time(first, second)) for first, second in rows)
    return Design(
        is_paired=is_paired,
        is_interleaved=is_mixed if is_paired else None,
        is_same_launches=bool(ids) and all(first == second for first, second in ids),
        n_blocks=min((len(paired_values(*row)) for row in rows), default=0) if is_paired else None,
        n_launches=_fewest(rows),
        n_sessions=(len(baseline.run_ids), len(other.run_ids)),
        seeds=tuple(dict.fromkeys(cell.seed for cell in (*baseline.cells, *other.cells))),
    )


def _fewest(rows: Sequence[tuple[Sequence[object], Sequence[object]]]) -> tuple[int, int]:
    counts = [(len(first), len(second)) for first, second in rows]
    return min((a for a, _ in counts), default=0), min((b for _, b in counts), default=0)
