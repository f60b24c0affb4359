"""
What pages begin with: which series there are, and which launches failed; from indexes alone, whatever the size.

A series is an arm on a device under a workload. Pages choose among them first and read cells only of the runs that
they then show.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from sqlalchemy import Connection, desc, func, select

from collector import schema
from collector.queries.cells import arm_row
from collector.queries.records import ArmRow, WorkloadRow

_L, _R, _A, _W, _T = schema.launch, schema.run, schema.arm, schema.workload, schema.artifact
_D, _E, _STAT, _V = schema.device, schema.environment, schema.launch_stat, schema.event
_ONE_A_LAUNCH = ("decode_tok_per_s", "kernel_prefill_tok_per_s", "kernel_decode_tok_per_s", "burst_tok_per_s")
"""Of each kind of launch the one metric that every good launch of the kind has."""

_MOST_KEYS = 500
"""Keys in one query: old SQLite takes fewer than a thousand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRow:
    """
    An arm on a device under a workload, with what was measured of it.

    Args:
        device, fingerprint: None where a launch never said where it ran.
        run_id: the newest run that has it; n_runs and n_launches: in all, good launches alone.
        is_sustained: its launches repeat for a while, so its speeds are others.
        is_simulated: no model ran, by the flags of its newest launch.
    """

    arm: ArmRow
    workload: WorkloadRow
    device: str | None
    fingerprint: str | None
    run_id: str
    started_at_utc: str
    n_runs: int
    n_launches: int
    is_sustained: bool
    is_simulated: bool

    @property
    def key(self) -> str:
        """A name that stays the same from visit to visit and stands in an address."""
        kind = "sustained" if self.is_sustained else self.workload.kind
        return "|".join([self.arm.label, kind, self.workload.shape_label, self.device or "", self.fingerprint or ""])


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureCount:
    """Launches that failed in one way on one device, and the newest of them."""

    kind: str
    arm_label: str
    model: str
    engine: str
    workload: str
    device: str | None
    n_launches: int
    launch_id: str
    message: str
    remedy: str | None
    run_id: str


def revision(connection: Connection) -> str:
    """Changes whenever something that a page shows was written: the newest event, run, name and bandwidth."""
    newest = [
        select(func.max(_V.c.key)).scalar_subquery(),
        select(func.max(_R.c.key)).scalar_subquery(),
        select(func.count()).select_from(_R).scalar_subquery(),
        select(func.max(schema.named_run.c.set_at_utc)).scalar_subquery(),
        select(func.max(schema.bandwidth.c.key)).scalar_subquery(),
        select(func.sum(_R.c.n_blocks_done)).scalar_subquery(),
        select(func.count(_R.c.stop_reason)).scalar_subquery(),
    ]
    row = connection.execute(select(*newest)).one()
    return "/".join(str(value or 0) for value in row)


def series(connection: Connection) -> list[SeriesRow]:
    """Every series with a good launch, the one measured last first."""
    counted = (
        select(
            _STAT.c.metric,
            _STAT.c.arm_key,
            _STAT.c.workload_key,
            _STAT.c.device_key,
            func.count(_STAT.c.run_key.distinct()).label("n_runs"),
            func.count().label("n_launches"),
            func.max(_STAT.c.run_key).label("run_key"),
            func.max(_STAT.c.launch_key).label("launch_key"),
        )
        .where(_STAT.c.metric.in_(_ONE_A_LAUNCH), _STAT.c.is_good)
        .group_by(_STAT.c.metric, _STAT.c.arm_key, _STAT.c.workload_key, _STAT.c.device_key)
        .order_by(desc("run_key"))
    )
    arms, workloads = _arms(connection), _workloads(connection)
    devices = {row.key: row for row in connection.execute(select(_D.c.key, _D.c.name, _D.c.fingerprint, _D.c.kind))}
    runs = {row.key: row for row in connection.execute(select(_R.c.key, _R.c.id, _R.c.started_at_utc))}
    found = connection.execute(counted).all()
    made_up = _simulated(connection, [row.launch_key for row in found])
    return [_series(row, arms, workloads, devices, runs, is_simulated=row.launch_key in made_up) for row in found]


def _simulated(connection: Connection, launch_keys: Sequence[int]) -> set[int]:
    """Those of some launches whose values a simulator made."""
    found: set[int] = set()
    for start in range(0, len(launch_keys), _MOST_KEYS):
        query = select(_L.c.key, _L.c.flags).where(_L.c.key.in_(launch_keys[start : start + _MOST_KEYS]))
        found |= {row.key for row in connection.execute(query) if "simulated" in row.flags.split(",")}
    return found


def runs_on(connection: Connection, fingerprints: Sequence[str], limit: int) -> list[str]:
    """Ids of the newest runs with a good launch on any of these devices, the newest first."""
    on_device = (
        select(_STAT.c.run_key)
        .join(_D, _STAT.c.device_key == _D.c.key)
        .where(_STAT.c.metric.in_(_ONE_A_LAUNCH), _STAT.c.is_good, _D.c.fingerprint.in_(fingerprints))
    )
    query = select(_R.c.id).where(_R.c.key.in_(on_device)).order_by(desc(_R.c.key)).limit(limit)
    return list(connection.execute(query).scalars())


def history(connection: Connection, one: SeriesRow) -> list[str]:
    """The runs that have a good launch of a series, the newest first."""
    arms = [key for key, arm in _arms(connection).items() if arm == one.arm]
    workloads = [key for key, workload in _workloads(connection).items() if workload == one.workload]
    metrics = _ONE_A_LAUNCH[-1:] if one.is_sustained else _ONE_A_LAUNCH[:-1]
    device = select(_D.c.key).where(_D.c.fingerprint == one.fingerprint).scalar_subquery()
    inside = (
        select(_STAT.c.run_key)
        .where(_STAT.c.metric.in_(metrics), _STAT.c.arm_key.in_(arms), _STAT.c.workload_key.in_(workloads))
        .where(_STAT.c.device_key.is_(None) if one.fingerprint is None else _STAT.c.device_key == device)
        .where(_STAT.c.is_good)
        .distinct()
    )
    return list(connection.execute(select(_R.c.id).where(_R.c.key.in_(inside)).order_by(desc(_R.c.key))).scalars())


def failures(connection: Connection, limit: int = 200) -> list[FailureCount]:
    """Launches that failed, counted by kind and cell, the newest first; cancelled ones are no failures."""
    counted = (
        select(
            _L.c.failure_kind, _L.c.arm_key, _L.c.workload_key, _E.c.device_key,
            func.count().label("n_launches"), func.max(_L.c.key).label("newest"),
        )
        .outerjoin_from(_L, _E, _L.c.environment_key == _E.c.key)
        .where(_L.c.state == "failed", _L.c.failure_kind != "cancelled")
        .group_by(_L.c.failure_kind, _L.c.arm_key, _L.c.workload_key, _E.c.device_key)
        .order_by(desc("newest"))
        .limit(limit)
    )  # fmt: skip
    rows = connection.execute(counted).all()
    columns = (_L.c.key, _L.c.id, _L.c.failure_message, _L.c.failure_remedy, _R.c.id.label("run_id"), _D.c.name)
    query = (
        select(*columns)
        .join_from(_L, _R, _L.c.run_key == _R.c.key)
        .outerjoin(_E, _L.c.environment_key == _E.c.key)
        .outerjoin(_D, _E.c.device_key == _D.c.key)
        .where(_L.c.key.in_([row.newest for row in rows]))
    )
    newest = {row.key: row for row in connection.execute(query)}
    arms, workloads = _arms(connection), _workloads(connection)
    return [
        FailureCount(
            kind=row.failure_kind,
            arm_label=arms[row.arm_key].label,
            model=arms[row.arm_key].model,
            engine=arms[row.arm_key].engine,
            workload=workloads[row.workload_key].name,
            device=newest[row.newest].name,
            n_launches=row.n_launches,
            launch_id=newest[row.newest].id,
            message=newest[row.newest].failure_message or "",
            remedy=newest[row.newest].failure_remedy,
            run_id=newest[row.newest].run_id,
        )
        for row in rows
    ]


def _arms(connection: Connection) -> dict[int, ArmRow]:
    query = select(_A.c.key, _A.c.engine, _A.c.options_json, _A.c.python, *(c for c in _T.columns if c.name != "key"))
    return {row.key: arm_row(row) for row in connection.execute(query.join(_T, _A.c.artifact_key == _T.c.key))}


def _workloads(connection: Connection) -> dict[int, WorkloadRow]:
    names = [field.name for field in fields(WorkloadRow)]
    return {
        row.key: WorkloadRow(**{name: getattr(row, name) for name in names}) for row in connection.execute(select(_W))
    }


def _series(
    row: Any,
    arms: Mapping[int, ArmRow],
    workloads: Mapping[int, WorkloadRow],
    devices: Mapping[int, Any],
    runs: Mapping[int, Any],
    *,
    is_simulated: bool,
) -> SeriesRow:
    device, run = devices.get(row.device_key), runs[row.run_key]
    return SeriesRow(
        arm=arms[row.arm_key],
        workload=workloads[row.workload_key],
        device=device.name if device else None,
        fingerprint=device.fingerprint if device else None,
        run_id=run.id,
        started_at_utc=run.started_at_utc,
        n_runs=row.n_runs,
        n_launches=row.n_launches,
        is_sustained=row.metric == "burst_tok_per_s",
        is_simulated=is_simulated,
    )
