"""From what is chosen on a page to two arms and their launches, block by block and in the order of time. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from collector import numbers
from collector.compare import Row, Side
from collector.compare.matching import matched
from collector.compare.noise import twin_cells
from collector.compare.selecting import by_arm
from collector.compare.siding import is_usual_baseline, named
from collector.compare.values import Value, paired_values, values_of
from collector.queries import CellResult, SeriesRow
from dashboard.charts.noise import NoiseBlock
from dashboard.charts.paired import BlockRatio
from dashboard.charts.strips import LaunchValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Launches:
    """The launches behind one row: all of each arm, and those of the blocks that both have, in the order of time."""

    baseline: tuple[Value, ...]
    other: tuple[Value, ...]
    pairs: tuple[tuple[Value, Value], ...]


def arms_of(cells: Sequence[CellResult]) -> dict[str, tuple[CellResult, ...]]:
    """The arms of one run with good launches, by a name that tells them apart, in the order of the plan."""
    groups = by_arm(cell for cell in cells if cell.n_launches)
    labels = [group[0].arm.label for group in groups]
    return {
        label if labels.count(label) == 1 else f"{label} (arm {(group[0].arm_index or 0) + 1})": group
        for label, group in zip(labels, groups, strict=True)
    }


def usual_baseline(arms: Mapping[str, Sequence[CellResult]]) -> str:
    """The arm that others are set against: LLaMA-2-7B in 4 bits if it is there, else the first."""
    return next((name for name, cells in arms.items() if is_usual_baseline(cells[0])), next(iter(arms)))


def cells_of(one: SeriesRow, cells: Sequence[CellResult]) -> tuple[CellResult, ...]:
    """The cells of a series' arm in its newest run, all workloads; of an arm that a run had twice the first."""
    own = [cell for cell in cells if cell.run_id == one.run_id and cell.arm == one.arm and cell.n_launches]
    groups = by_arm(own)
    return groups[0] if groups else ()


def two_sides(
    first: Sequence[CellResult], second: Sequence[CellResult], plans: Mapping[str, Mapping[str, Any]]
) -> tuple[Side, Side]:
    """The two arms as a comparison takes them, with what their runs were asked to do."""
    a, b = named(first, second, (False, False))
    return _with_plans(a, plans), _with_plans(b, plans)


def _with_plans(side: Side, plans: Mapping[str, Mapping[str, Any]]) -> Side:
    return replace(side, plans={run_id: plans[run_id] for run_id in side.run_ids if run_id in plans})


def launches_of(row: Row, sides: tuple[Side, Side]) -> Launches:
    """The evidence of one row of the comparison of these sides."""
    one = next(m for m in matched(*sides) if (m.name, m.shape_label) == (row.workload, row.shape))
    first, second = values_of(one.baseline, row.metric), values_of(one.other, row.metric)
    pairs = sorted(paired_values(first, second), key=lambda pair: (pair[0].run_id, min(p.number for p in pair)))
    return Launches(baseline=tuple(first), other=tuple(second), pairs=tuple(pairs))


def block_ratios(row: Row, found: Launches) -> list[BlockRatio]:
    """The ratio of every block that both arms have."""
    return [
        BlockRatio(
            name=f"run {a.run_id}, block {a.block + 1}",
            number=a.block + 1,
            ratio=b.value / a.value,
            baseline=_with_unit(row.metric, a.value),
            other=_with_unit(row.metric, b.value),
            is_baseline_first=a.number < b.number,
            launch=b.launch_id,
        )
        for a, b in found.pairs
        if a.value > 0 and b.value > 0
    ]


def launch_values(row: Row, values: Sequence[Value], *, is_ranked: bool) -> tuple[LaunchValue, ...]:
    """
    One arm's values in the unit of the metric's header.

    Args:
        is_ranked: their place is counted within the arm, as launches of different runs have no common order.
    """
    ordered = sorted(values, key=lambda one: (one.run_id, one.number))
    scale = numbers.scale(row.metric)
    return tuple(
        LaunchValue(value=one.value / scale, launch=one.launch_id, place=place if is_ranked else one.number)
        for place, one in enumerate(ordered, 1)
    )


def launch_rows(row: Row, found: Launches) -> list[dict[str, Any]]:
    """The same as a table: one row a block, or one row a launch where the arms have no blocks in common."""
    header, scale = numbers.header(row.metric), numbers.scale(row.metric)
    if found.pairs:
        return [
            {
                "run": a.run_id, "block": a.block + 1, "ran first": "A" if a.number < b.number else "B",
                f"A {header}": a.value / scale, f"B {header}": b.value / scale,
                "ratio B/A": b.value / a.value if a.value else None, "A launch": a.launch_id, "B launch": b.launch_id,
            }
            for a, b in found.pairs
        ]  # fmt: skip
    return [
        {"arm": letter, "run": one.run_id, "block": one.block + 1, header: one.value / scale, "launch": one.launch_id}
        for letter, values in (("A", found.baseline), ("B", found.other))
        for one in values
    ]


def noise_blocks(cells: Sequence[CellResult], metric: str) -> list[NoiseBlock]:
    """The ratio of every block in which an arm ran against itself, second to first of the plan."""
    return [
        NoiseBlock(
            ratio=b.value / a.value,
            name=f"{first.arm.label}, run {a.run_id}, block {a.block + 1}",
            launch=b.launch_id,
        )
        for first, second in twin_cells(cells)
        for a, b in paired_values(values_of([first], metric), values_of([second], metric))
        if a.value > 0 and b.value > 0
    ]


def _with_unit(metric: str, value: float) -> str:
    name, _, unit = numbers.header(metric).rpartition(" ")
    return f"{numbers.plain(value / numbers.scale(metric), 4)} {unit}" if name else numbers.plain(value, 4)
