"""Launches: those of a run in a list, one of them whole, and its events as they came."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select

from collector import schema
from collector.packing import unpack_times
from collector.queries.parts import Parts
from collector.queries.results import LaunchDetail, LaunchRow
from collector.store.evidence import split
from collector.store.rows import loads
from runners.contract import Event, EventType

_LAUNCH, _STAT, _EVENT, _SAMPLE = schema.launch, schema.launch_stat, schema.event, schema.sample
_PLAIN = (
    "id", "number", "block", "position", "state", "is_orphaned", "started_at_utc", "ended_at_utc", "failure_kind",
    "failure_message", "failure_remedy", "failure_phase", "failure_detail",
)  # fmt: skip


def read_launches(connection: Connection, where: ColumnElement[bool]) -> list[LaunchRow]:
    """Launches in the order in which they began."""
    parts = Parts(connection)
    keys = select(_LAUNCH.c.key).where(where)
    stats: dict[int, dict[str, float]] = {}
    for stat in connection.execute(select(_STAT).where(_STAT.c.launch_key.in_(keys))):
        stats.setdefault(stat.launch_key, {})[stat.metric] = stat.median
    found = connection.execute(select(_LAUNCH).where(where).order_by(_LAUNCH.c.key))
    return [_row(parts, launch, stats.get(launch.key, {})) for launch in found]


def read_detail(connection: Connection, key: int) -> LaunchDetail:
    """One launch with all that is known of it."""
    parts = Parts(connection)
    launch: Any = connection.execute(select(_LAUNCH).where(_LAUNCH.c.key == key)).one()
    environment = schema.environment
    query = select(environment).where(environment.c.key == launch.environment_key)
    found: Any = connection.execute(query).first()
    conflict = schema.event_conflict
    count = select(func.count()).select_from(conflict).where(conflict.c.launch_key == key)
    return LaunchDetail(
        launch=read_launches(connection, _LAUNCH.c.key == key)[0],
        arm=parts.arms[launch.arm_key],
        workload=parts.workloads[launch.workload_key],
        job=loads(launch.job_json),
        device=loads(found.device_json) if found else None,
        engine=loads(found.engine_json) if found else None,
        loaded=loads(launch.loaded_json),
        reported=_reported(connection, key),
        n_conflicts=connection.execute(count).scalar_one(),
    )


def read_events(connection: Connection, key: int) -> Iterator[Event]:
    """The events of a launch exactly as they came, in the order in which they were stored."""
    query = (
        select(_EVENT, _SAMPLE.c.packed_times)
        .outerjoin(
            _SAMPLE,
            (_SAMPLE.c.launch_key == _EVENT.c.launch_key)
            & (_SAMPLE.c.boot == _EVENT.c.boot)
            & (_SAMPLE.c.seq == _EVENT.c.seq),
        )
        .where(_EVENT.c.launch_key == key)
        .order_by(_EVENT.c.key)
    )
    for row in connection.execute(query):
        data = loads(row.data_json)
        if row.packed_times is not None:
            dt_ns, n_tokens = unpack_times(row.packed_times)
            data["trace"] |= {"dt_ns": list(dt_ns)} | ({} if n_tokens is None else {"n_tokens": list(n_tokens)})
        yield Event(boot=row.boot, seq=row.seq, t_ns=row.t_ns, type=EventType(row.type), data=data)


def _row(parts: Parts, launch: Any, stats: dict[str, float]) -> LaunchRow:
    return LaunchRow(
        **{name: getattr(launch, name) for name in _PLAIN},
        run_id=parts.runs[launch.run_key].id,
        arm_label=parts.arms[launch.arm_key].label,
        workload=parts.workloads[launch.workload_key].name,
        flags=tuple(sorted(split(launch.flags))),
        stats=stats,
    )


def _reported(connection: Connection, key: int) -> tuple[dict[str, Any], ...]:
    table = schema.reported_value
    columns = (table.c.iteration, table.c.metric, table.c.level, table.c.value, table.c.value_text, table.c.unit)
    query = select(*columns).where(table.c.launch_key == key).order_by(table.c.key)
    return tuple(dict(row._mapping) for row in connection.execute(query))  # noqa: SLF001  # SQLAlchemy's public name
