"""Finding the run that was cut, and making its plan ready to go on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from collector import models
from collector.cli._perform import Resumption, synthesis_progress
from collector.queries import Reader
from collector.run import Start
from collector.suite import Arm, Plan
from runners.wire import from_wire


def find_resumption(db: str, console: Console) -> tuple[Plan, Resumption] | None:
    """The last run that was cut, with the block to redo; None when there is none."""
    if "://" not in db and not Path(db).is_file():
        return None
    with Reader.open(db) as reader:
        cut = reader.unfinished_run()
    if cut is None:
        return None
    plan = from_wire(Plan, cut.run.plan)
    with synthesis_progress(console) as on_progress:
        plan = replace(plan, arms=tuple(_present(arm, on_progress) for arm in plan.arms))
    start = Start(block=cut.n_blocks_done, launch_number=cut.last_launch_number + 1)
    console.print(f"resume  run {cut.run.id}, block {start.block + 1} of {plan.n_blocks}")
    return plan, Resumption(run_id=cut.run.id, start=start)


def _present(arm: Arm, on_progress: Any) -> Arm:
    """The arm with its model on the disk: a synthetic one that was removed is written again."""
    path = arm.model.path
    if path is None or Path(path).exists() or not arm.model.is_synthetic:
        return arm
    found = models.find_or_synthesise(
        arm.model.model, arm.model.quant, lambda done, total: on_progress(arm.label, done, total)
    )
    return replace(arm, model=found)
