"""Which arm is set against which, and what the two are called where they must be told apart."""

from collections.abc import Sequence

from collector import suite
from collector.compare.records import Side
from collector.compare.selecting import by_arm
from collector.compare.values import is_simulated
from collector.queries import CellResult


def against_baseline(cells: Sequence[CellResult]) -> list[tuple[Side, Side]]:
    """
    Every arm of one run against its baseline: LLaMA-2-7B in 4 bits if it is there, else the first arm.

    Measured arms come first and simulated ones have a baseline of their own: the two are not set against each other.
    """
    arms = by_arm(cell for cell in cells if cell.n_launches)
    found: list[tuple[Side, Side]] = []
    for is_made_up in (False, True):
        own = [arm for arm in arms if is_simulated(arm[0]) == is_made_up]
        if own:
            baseline = next((arm for arm in own if is_usual_baseline(arm[0])), own[0])
            found += [named(baseline, other, (False, False)) for other in own if other is not baseline]
    return found


def named(
    first: Sequence[CellResult], second: Sequence[CellResult], has_workload: tuple[bool, bool]
) -> tuple[Side, Side]:
    """Two sides with names that tell them apart: by label, device, version of the engine, workload or run."""
    a, b = first[0], second[0]
    names = [
        (a.arm.label, b.arm.label),
        *([(a.machine.device, b.machine.device)] if a.machine and b.machine else []),
        *([(_version(a), _version(b))] if a.machine and b.machine else []),
        *([(a.workload.name, b.workload.name)] if all(has_workload) else []),
        (f"run {a.run_id}", f"run {b.run_id}"),
        (f"arm {(a.arm_index or 0) + 1}", f"arm {(b.arm_index or 0) + 1}"),
        (a.arm.label, b.arm.label),
    ]
    one, two = next(((x, y) for x, y in names if x != y), names[-1])
    return (
        Side(name=one, cells=tuple(first), is_one_workload=has_workload[0]),
        Side(name=two, cells=tuple(second), is_one_workload=has_workload[1]),
    )


def _version(cell: CellResult) -> str:
    version = cell.machine.engine_version if cell.machine else None
    return f"{cell.arm.engine} {version or 'of unknown version'}"


def is_usual_baseline(cell: CellResult) -> bool:
    """Whether a cell is of LLaMA-2-7B in 4 bits."""
    return suite.is_usual_baseline(cell.arm.model, cell.arm.quant)
