"""A run in progress: how far it came, what its newest launch does, and how narrow its intervals are by now."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, desc, func, select

from collector import schema
from collector.queries.cells import measured
from collector.queries.launches import LaunchCounts, counts
from collector.schedule import shown_estimates
from collector.stats import Estimate
from collector.suite import arm_label, is_usual_baseline

_L, _R, _V = schema.launch, schema.run, schema.event


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """An interval that a run narrows: the value of its only arm, or the ratio of an arm to the first one."""

    workload: str
    arm_label: str
    metric: str
    estimate: Estimate
    is_ratio: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """
    How far a run came.

    Args:
        n_planned: launches of the whole plan; a run that stops at a precision may need fewer.
        launch_id, cell, phase: of the newest launch: its id, its arm and workload, and what it does: 'gate', 'load',
            'warmup' or 'iteration', 'done' or 'failed' once it ended; None before its first event.
        last_event_at_utc: by the clock of the device; before any event, when the run began.
    """

    run_id: str
    n_blocks_planned: int
    n_planned: int
    n_blocks_done: int
    counts: LaunchCounts
    launch_id: str | None
    cell: str | None
    phase: str | None
    last_event_at_utc: str
    narrowing: tuple[Narrowing, ...]
    precision_frac: float | None


def progress(connection: Connection, run_id: str) -> Progress:
    """How far a run came, from its launches and the events of the newest one."""
    run = connection.execute(
        select(_R.c.plan_json, _R.c.n_blocks_done, _R.c.started_at_utc).where(_R.c.id == run_id)
    ).one()
    plan = json.loads(run.plan_json)
    launch, phase, at_utc = _newest(connection, run_id)
    arms, workloads = plan.get("arms", []), plan.get("workloads", [])
    n_blocks = plan.get("n_blocks", 0)
    return Progress(
        run_id=run_id,
        n_blocks_planned=n_blocks,
        n_planned=n_blocks * len(arms) * len(workloads),
        n_blocks_done=run.n_blocks_done,
        counts=counts(connection, [run_id]).get(run_id, LaunchCounts()),
        launch_id=launch.id if launch else None,
        cell=_cell(json.loads(launch.job_json)) if launch else None,
        phase=phase,
        last_event_at_utc=at_utc or _last_end(connection, run_id) or run.started_at_utc,
        narrowing=_narrowing(connection, run_id, plan),
        precision_frac=plan.get("precision_frac"),
    )


def _narrowing(connection: Connection, run_id: str, plan: Mapping[str, Any]) -> tuple[Narrowing, ...]:
    names = [workload["name"] for workload in plan.get("workloads", [])]
    labels = [_label(arm) for arm in plan.get("arms", [])]
    usual = (
        i
        for i, arm in enumerate(plan.get("arms", []))
        if is_usual_baseline(arm["model"]["model"], arm["model"]["quant"])
    )
    found = shown_estimates(measured(connection, run_id), next(usual, 0))
    return tuple(
        Narrowing(workload=names[w], arm_label=labels[a], metric=metric, estimate=one, is_ratio=len(labels) > 1)
        for (w, a, metric), one in found.items()
        if w < len(names) and a < len(labels)
    )


def _label(one: Mapping[str, Any]) -> str:
    """Of an arm in a plan, or of a job."""
    model = one["model"]
    return arm_label(model["model"], model["quant"], one["engine"], one.get("options", {}), one.get("python"))


def _cell(job: Mapping[str, Any]) -> str:
    return f"{_label(job)}, {job['workload']['name']}"


def _last_end(connection: Connection, run_id: str) -> str | None:
    found: str | None = connection.execute(
        select(func.max(_L.c.ended_at_utc)).join(_R, _L.c.run_key == _R.c.key).where(_R.c.id == run_id)
    ).scalar()
    return found


def _newest(connection: Connection, run_id: str) -> tuple[Any, str | None, str | None]:
    """The newest launch of a run, its phase, and when its newest event was, as far as they are known."""
    launch = connection.execute(
        select(_L.c.key, _L.c.id, _L.c.state, _L.c.started_at_utc, _L.c.ended_at_utc, _L.c.job_json)
        .join(_R, _L.c.run_key == _R.c.key)
        .where(_R.c.id == run_id)
        .order_by(desc(_L.c.number))
        .limit(1)
    ).first()
    if launch is None:
        return None, None, None
    if launch.ended_at_utc is not None:
        return launch, launch.state, launch.ended_at_utc
    events = connection.execute(
        select(_V.c.type, _V.c.t_ns, _V.c.boot, _V.c.data_json).where(_V.c.launch_key == launch.key).order_by(_V.c.key)
    ).all()
    if not events or launch.started_at_utc is None:
        return launch, None, None
    boot = [event for event in events if event.boot == events[-1].boot]
    at = datetime.fromisoformat(launch.started_at_utc) + timedelta(microseconds=(boot[-1].t_ns - boot[0].t_ns) / 1000)
    starting = [json.loads(event.data_json)["phase"] for event in boot if event.type == "starting"]
    return launch, (starting[-1] if starting else None), at.isoformat(timespec="milliseconds")
