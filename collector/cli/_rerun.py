"""Measuring the baseline again: the two arms of a comparison in one interleaved plan, on this machine."""

import secrets

from rich.console import Console

from collector import stats
from collector.cli import _estimates as estimates
from collector.cli import _planned
from collector.cli._perform import machine_lock, perform
from collector.cli._sides import Asked, pair_of_run
from collector.compare import Side
from collector.compare.matching import is_across, matched
from collector.errors import PhibenchError, UsageError
from collector.queries import Reader
from collector.suite import Arm, Plan
from runners import device
from runners.contract import Workload

USUAL_BLOCKS = 10


def again(asked: Asked, *, db: str, n_blocks: int | None, wait_s: float, screen: Console) -> Asked:
    """
    Run both arms interleaved and put the new launches in place of the old ones.

    Raises:
        UsageError: several pairs, an arm of another device, or one that is the same as the other.
        PhibenchError: it was stopped, or an arm gave nothing.
    """
    if len(asked.pairs) > 1:
        names = ", ".join(f"{a.name} and {b.name}" for a, b in asked.pairs)
        raise UsageError(f"--rerun measures one arm on either side; these are {names}", "name one arm on either side")
    baseline, other = asked.pairs[0]
    plan = _plan(baseline, other, n_blocks, db)
    with machine_lock("phibench compare --rerun", [arm.engine for arm in plan.arms], screen, wait_s) as lock_fd:
        plan = _planned.ready(plan, screen)
        forecast = estimates.for_plan(plan, db)
        estimates.announce(screen, plan, forecast)
        outcome = perform(plan, db=db, console=screen, lock_fd=lock_fd, forecast=forecast)
    screen.print(f"stored as run {outcome.run_id}\n")
    if outcome.stop_reason == "cancelled":
        raise PhibenchError(f"run {outcome.run_id} was stopped before it was whole", "phibench run --resume goes on")
    with Reader.open(db) as reader:
        pair = pair_of_run(reader, outcome.run_id)
    return Asked(pairs=(pair,), about=asked.about, metric=asked.metric, warnings=_changed((baseline, other), pair))


def _plan(baseline: Side, other: Side, n_blocks: int | None, db: str) -> Plan:
    here = device.snapshot()
    for side in (baseline, other):
        if side.fingerprint != here.fingerprint:
            raise UsageError(
                f"{side.label} was measured on {side.device or 'an unknown device'}, and --rerun measures here",
                "run it there, or compare without --rerun",
            )
    with Reader.open(db) as reader:
        plans = [_planned.plan_of(reader.run(side.run_ids[-1])) for side in (baseline, other)]
    arms = tuple(_arm(side, plan) for side, plan in zip((baseline, other), plans, strict=True))
    if arms[0] == arms[1]:
        raise UsageError(
            f"both sides are {arms[0].label} here, so --rerun would measure it against itself",
            'name an older version by its Python: phibench run --arm "..." --arm "... python=PATH"; '
            "phibench noise runs an arm against itself",
        )
    workloads = _workloads(baseline, other, plans[1])
    n_rows = sum(len(one.headlines) for one in matched(baseline, other) if one.is_common)
    usual = max(USUAL_BLOCKS, stats.least_blocks(n_rows))
    return Plan(
        suite="rerun",
        arms=arms,
        workloads=workloads,
        seed=secrets.randbelow(1 << 31),
        n_blocks=n_blocks or usual,
        n_warmups=plans[1].n_warmups,
        n_iterations=plans[1].n_iterations,
        duration_s=plans[1].duration_s,
        timeout_s=plans[1].timeout_s,
        gate=plans[1].gate,
    )


def _arm(side: Side, plan: Plan) -> Arm:
    cell = side.cells[-1]
    if cell.arm_index is not None and cell.arm_index < len(plan.arms):
        return plan.arms[cell.arm_index]
    found = next((arm for arm in plan.arms if arm.label == cell.arm.label), None)
    if found is None:
        raise UsageError(f"the plan of run {cell.run_id} does not have {cell.arm.label}", "phibench run measures it")
    return found


def _workloads(baseline: Side, other: Side, plan: Plan) -> tuple[Workload, ...]:
    """Those that both sides have, as the newer plan asks them."""
    if is_across(baseline, other) and baseline.cells[0].workload.name != other.cells[0].workload.name:
        raise UsageError(
            "--rerun measures both arms with one workload, and the sides name two",
            "leave out --rerun, or name one workload on both sides",
        )
    names = {one.other[0].workload.name for one in matched(baseline, other) if one.is_common}
    found = tuple(workload for workload in plan.workloads if workload.name in names)
    if not found:
        raise UsageError("the two have no workload in common", "phibench run measures both in one run")
    return found


def _changed(old: tuple[Side, Side], new: tuple[Side, Side]) -> tuple[str, ...]:
    """Engines that are not any more what they were when the stored run was made."""
    words = []
    for before, after in zip(old, new, strict=True):
        versions = [side.cells[0].machine.engine_version if side.cells[0].machine else None for side in (before, after)]
        if versions[0] != versions[1]:
            words.append(f"{after.label} was measured with {versions[0]} before, and with {versions[1]} now")
    return tuple(words)
