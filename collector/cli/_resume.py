"""Finding the run that was cut, and making its plan ready to go on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from collector import models
from collector.cli._perform import Resumption, synthesis_progress
from collector.errors import StoreError
from collector.queries import CutRun, Reader, exists
from collector.run import Start
from collector.suite import Arm, Plan
from runners.wire import WireError, from_wire


def engines_of_cut_run(db: str) -> tuple[str, ...]:
    """The engines that resuming would use, to know whether the machine's lock is needed; empty without a cut run."""
    cut = _cut_run(db)
    return tuple(arm.engine for arm in cut[1].arms) if cut else ()


def find_resumption(db: str, console: Console) -> tuple[Plan, Resumption] | None:
    """The last run that was cut, with the block to redo; None when there is none."""
    found = _cut_run(db)
    if found is None:
        return None
    cut, plan = found
    with synthesis_progress(console) as on_progress:
        plan = replace(plan, arms=tuple(_present(arm, on_progress) for arm in plan.arms))
    start = Start(block=cut.n_blocks_done, launch_number=cut.last_launch_number + 1)
    console.print(f"resume  run {cut.run.id}, block {start.block + 1} of {plan.n_blocks}")
    return plan, Resumption(run_id=cut.run.id, start=start)


def _cut_run(db: str) -> tuple[CutRun, Plan] | None:
    if not exists(db):
        return None
    with Reader.open(db) as reader:
        cut = reader.unfinished_run()
    if cut is None:
        return None
    try:
        return cut, from_wire(Plan, cut.run.plan)
    except WireError as exc:
        raise StoreError(
            f"the plan of run {cut.run.id} cannot be read: {exc}", "phibench run starts a new one"
        ) from exc


def _present(arm: Arm, on_progress: Any) -> Arm:
    """The arm with its model on the disk: a synthetic one that was removed is written again."""
    path = arm.model.path
    if path is None or Path(path).exists() or not arm.model.is_synthetic:
        return arm
    found = models.find_or_synthesise(
        arm.model.model, arm.model.quant, lambda done, total: on_progress(arm.label, done, total)
    )
    return replace(arm, model=found)
