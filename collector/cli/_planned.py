"""Plans that are stored: the one of a run that was cut, to go on with, and the one of any run, to repeat."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from collector import models
from collector.cli._perform import Resumption, synthesis_progress
from collector.errors import StoreError
from collector.paths import cache_folder
from collector.queries import CutRun, Reader, RunRow, exists
from collector.run import Start
from collector.suite import Arm, Plan
from runners import handover, registry
from runners.errors import FailureKind, ModelError
from runners.wire import WireError, from_wire


def engines_of_cut_run(db: str) -> list[str]:
    """The engines that resuming would use, to know whether the machine's lock is needed; empty without a cut run."""
    cut = _cut_run(db)
    return _engines_here(cut[1]) if cut else []


def is_cut_elsewhere(db: str) -> bool:
    """Whether the run that was cut is one of a paired device, so that nothing of this machine is needed."""
    cut = _cut_run(db)
    return cut is not None and cut[1].device_id is not None


def engines_of(db: str, ref: str) -> list[str]:
    """The engines that repeating a stored run would use here."""
    return _engines_here(_stored(db, ref)[1])


def _engines_here(plan: Plan) -> list[str]:
    return [] if plan.device_id is not None else [arm.engine for arm in plan.arms]


def repeated(db: str, ref: str, console: Console) -> Plan:
    """
    The plan of a stored run, to be run once more: same arms, seed and order, and as many blocks as it ran.

    Raises:
        StoreError: no such run, or its plan cannot be read.
        RunnerError: a model of it is gone and cannot be written again.
    """
    run, plan = _stored(db, ref)
    console.print(f"like    run {run.id}: {plan.suite}, seed {plan.seed}, {run.n_blocks_done} blocks")
    if not run.n_blocks_done:
        raise StoreError(f"run {run.id} finished no block, so there is nothing to repeat", "phibench list")
    return replace(ready(plan, console), n_blocks=run.n_blocks_done, precision_frac=None, budget_s=None)


def find_resumption(db: str, console: Console) -> tuple[Plan, Resumption] | None:
    """The last run that was cut, with the block to redo; None when there is none."""
    found = _cut_run(db)
    if found is None:
        return None
    cut, plan = found
    plan = ready(plan, console)
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
    return cut, plan_of(cut.run)


def _stored(db: str, ref: str) -> tuple[RunRow, Plan]:
    with Reader.open(db) as reader:
        run = reader.run(reader.resolve_run(ref))
    return run, plan_of(run)


def plan_of(run: RunRow) -> Plan:
    """
    The plan that a run stored.

    Raises:
        StoreError: it is of a newer version and cannot be read.
    """
    try:
        return from_wire(Plan, run.plan)
    except WireError as exc:
        raise StoreError(f"the plan of run {run.id} cannot be read: {exc}", "phibench run starts a new one") from exc


def ready(plan: Plan, console: Console) -> Plan:
    """The plan with its synthetic models on the disk; what a paired device has, it has."""
    if plan.device_id is not None:
        return plan
    with synthesis_progress(console) as on_progress:
        return replace(plan, arms=tuple(_present(arm, on_progress) for arm in plan.arms))


def _present(arm: Arm, on_progress: Any) -> Arm:
    """The arm with its model on the disk: a synthetic one that was removed is written again."""
    _check_engine(arm)
    path = arm.model.path
    if path is None or Path(path).exists():
        return arm
    if not arm.model.is_synthetic:
        message = f"the model of {arm.label} is gone: there is no file {path}"
        raise ModelError(
            FailureKind.MODEL_MISSING, message, "bring it back, or start a new run: phibench run --model PATH"
        )
    found = models.find_or_synthesise(
        arm.model.model, arm.model.quant, lambda done, total: on_progress(arm.label, done, total)
    )
    return replace(arm, model=found)


def _check_engine(arm: Arm) -> None:
    """Refuse before anything runs what would fail in every launch: an engine or an interpreter that is gone."""
    if arm.python is None:
        registry.check_available(registry.load(arm.engine))
    else:
        handover.check_engine(arm.python, arm.engine, cache_folder())
