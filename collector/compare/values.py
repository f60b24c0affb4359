"""The values of an arm as evidence: each with its run, its block and its launch."""

from collections.abc import Sequence
from dataclasses import dataclass

from collector.queries import CellResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One launch's value of one metric."""

    run_id: str
    block: int
    number: int
    value: float

    @property
    def launch_id(self) -> str:
        """RUN/NUMBER, as `phibench show` takes it."""
        return f"{self.run_id}/{self.number}"


def is_simulated(cell: CellResult) -> bool:
    """Whether a simulator made its values, so that they say nothing about a device."""
    return cell.backend == "simulated" or "simulated" in cell.flags


def values_of(cells: Sequence[CellResult], metric: str) -> list[Value]:
    """Values of good launches by run and block."""
    return [
        Value(run_id=cell.run_id, block=block, number=number, value=value)
        for cell in cells
        for block, number, value in zip(
            cell.blocks.get(metric, ()), cell.numbers.get(metric, ()), cell.values.get(metric, ()), strict=True
        )
    ]


def paired_values(baseline: Sequence[Value], other: Sequence[Value]) -> list[tuple[Value, Value]]:
    """The values of the blocks in which both arms have one."""
    by_block = {(one.run_id, one.block): one for one in other}
    return [(one, by_block[one.run_id, one.block]) for one in baseline if (one.run_id, one.block) in by_block]


def sides_in_time(baseline: Sequence[Value], other: Sequence[Value]) -> list[int]:
    """0 for each launch of the baseline and 1 for each of the other arm, in the order in which a run had them."""
    places = [(one.run_id, one.number, side) for side, values in enumerate((baseline, other)) for one in values]
    return [side for _, _, side in sorted(places)]


def in_time(values: Sequence[Value]) -> list[float]:
    """The bare values in the order of the launches."""
    return [one.value for one in sorted(values, key=lambda one: (one.run_id, one.number))]
