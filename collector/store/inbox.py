"""
Taking events of one launch inside one transaction.

Order does not matter: whatever arrives after the launch has ended is taken too, and the launch's figures are made
anew from all of its evidence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table, insert, select, update

from collector import schema
from collector.store import rows
from collector.store.conclusion import conclude
from runners.contract import DeviceSnapshot, EngineFacts, Event, EventType, Phase, Workload
from runners.wire import from_wire, to_wire

Key = tuple[str, int]
_LAUNCH, _EVENT = schema.launch, schema.event


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sorted:
    """Events by what has to be done with them; ``seqs`` is what is stored of the last one's boot afterwards."""

    fresh: tuple[Event, ...]
    conflicts: tuple[Event, ...]
    seqs: frozenset[int]


def take(connection: Connection, launch: Any, events: Sequence[Event], now_utc: str) -> int:
    """
    Store what is new of these events and whatever follows from it.

    Args:
        launch: key, state, n_threads and job_json of the launch, read in this transaction.

    Returns:
        The highest contiguous seq of the boot of the last of these events.
    """
    got = _sort(connection, launch.key, events)
    if got.conflicts:
        _note_conflicts(connection, launch.key, got.conflicts, now_utc)
    if got.fresh:
        facts = _facts(connection, got.fresh, now_utc, is_running=launch.state == "started")
        if facts:
            connection.execute(update(_LAUNCH).where(_LAUNCH.c.key == launch.key).values(facts))
        _store(connection, launch, got.fresh, facts.get("n_threads", launch.n_threads))
        if facts.get("state", launch.state) != "started":
            conclude(connection, launch.key)
    return _contiguous(got.seqs)


def insert_rows(connection: Connection, table: Table, new: Sequence[Mapping[str, Any]]) -> None:
    """
    Add rows that are ready; all of them have the same columns.

    They go to the driver as they are: our columns hold what every driver takes, and SQLAlchemy's conversion of each
    value would cost more than the insert itself.
    """
    if not new:
        return
    sql, order = _insert_text(table, tuple(new[0]), connection.dialect)
    if order is None:  # a driver that takes its parameters by name
        connection.exec_driver_sql(sql, [dict(row) for row in new])
    else:
        values = itemgetter(*order)  # a tuple a row: no table of ours has a single column
        connection.exec_driver_sql(sql, [values(row) for row in new])


@lru_cache(maxsize=64)
def _insert_text(table: Table, names: tuple[str, ...], dialect: Dialect) -> tuple[str, tuple[str, ...] | None]:
    """The statement in the driver's own words, and the order of its parameters where they go by position."""
    compiled: Any = insert(table).compile(dialect=dialect, column_keys=list(names))
    return str(compiled), tuple(compiled.positiontup) if compiled.positional else None


def _sort(connection: Connection, launch_key: int, events: Sequence[Event]) -> _Sorted:
    query = select(_EVENT.c.boot, _EVENT.c.seq, _EVENT.c.digest).where(
        _EVENT.c.launch_key == launch_key, _EVENT.c.boot.in_({event.boot for event in events})
    )
    known: dict[Key, bytes] = {(row.boot, row.seq): row.digest for row in connection.execute(query)}
    fresh, conflicts = [], []
    for event in events:
        key, digest = (event.boot, event.seq), rows.digest(event)
        if key not in known:
            known[key] = digest
            fresh.append(event)
        elif known[key] != digest:
            conflicts.append(event)
    boot = events[-1].boot
    return _Sorted(fresh=tuple(fresh), conflicts=tuple(conflicts), seqs=frozenset(seq for b, seq in known if b == boot))


def _contiguous(seqs: frozenset[int]) -> int:
    highest = -1
    while highest + 1 in seqs:
        highest += 1
    return highest


def _note_conflicts(connection: Connection, launch_key: int, events: Iterable[Event], now_utc: str) -> None:
    """Once each, however often they are sent."""
    table = schema.event_conflict
    query = select(table.c.boot, table.c.seq, table.c.digest).where(table.c.launch_key == launch_key)
    noted = {(row.boot, row.seq, row.digest) for row in connection.execute(query)}
    new = {}
    for event in events:
        row = rows.conflict_row(event, launch_key, now_utc)
        key = (event.boot, event.seq, row["digest"])
        if key not in noted:
            new[key] = row
    insert_rows(connection, table, list(new.values()))


def _store(connection: Connection, launch: Any, events: Sequence[Event], n_threads: int | None) -> None:
    workload = from_wire(Workload, rows.loads(launch.job_json)["workload"])
    insert_rows(connection, _EVENT, [rows.event_row(event, launch.key) for event in events])
    samples = [
        rows.sample_row(event, launch.key, workload, n_threads) for event in events if event.type is EventType.ITERATION
    ]
    insert_rows(connection, schema.sample, samples)
    reported = [row for event in events for row in rows.reported_rows(event, launch.key)]
    insert_rows(connection, schema.reported_value, reported)


def _facts(connection: Connection, events: Iterable[Event], now_utc: str, *, is_running: bool) -> dict[str, Any]:
    """What these events say of the launch itself, as columns of its row; the first end that arrives is its end."""
    facts: dict[str, Any] = {}
    for event in events:
        if event.type is EventType.HELLO:
            facts |= {
                "environment_key": _environment_key(connection, event.data),
                "started_at_utc": event.data.get("started_at_utc") or now_utc,
            }
        elif event.type is EventType.LOADED:
            data = event.data
            facts |= {
                "backend": data.get("backend"),
                "n_threads": data.get("n_threads"),
                "loaded_json": rows.json_text(data),
            }
        elif event.type is EventType.READING and event.data.get("phase") == Phase.GATE:
            facts["gate_waited_s"] = event.data.get("waited_s")
        elif event.type.is_last and is_running and "state" not in facts:
            facts |= {"state": str(event.type), "ended_at_utc": now_utc, **_failure(event)}
    return facts


def _failure(event: Event) -> dict[str, Any]:
    if event.type is not EventType.FAILED:
        return {}
    names = ("kind", "message", "remedy", "phase", "detail")
    return {f"failure_{name}": rows.cut(event.data.get(name)) for name in names}


def _environment_key(connection: Connection, hello: Mapping[str, Any]) -> int:
    """The row of a device with these versions of everything, made when it is new."""
    device = from_wire(DeviceSnapshot, hello["device"])
    engine = from_wire(EngineFacts, hello["engine"]) if hello.get("engine") else None
    versions = {name: hello.get(name) for name in ("python_version", "phibench_version")}
    columns = {
        **versions,
        "os_name": device.os_name,
        "os_version": device.os_version,
        "os_build": device.os_build,
        "engine": engine.engine if engine else None,
        "engine_version": engine.version if engine else None,
        "device_json": rows.json_text(device),
        "engine_json": rows.json_text(engine) if engine else None,
    }
    identity = {"digest": rows.digest(columns)}
    return key_of(connection, schema.environment, identity, {**columns, "device_key": device_key(connection, device)})


def device_key(connection: Connection, device: DeviceSnapshot) -> int:
    """The row of a device, made when it is new."""
    wire = to_wire(device)
    names = [c.name for c in schema.device.columns if c.name not in {"key", "fingerprint"}]
    return key_of(
        connection, schema.device, {"fingerprint": device.fingerprint}, {name: wire.get(name) for name in names}
    )


def key_of(connection: Connection, table: Table, identity: Mapping[str, Any], rest: Mapping[str, Any]) -> int:
    """Key of the row with this identity (one unique column), inserted when it is new."""
    ((name, value),) = identity.items()
    found: int | None = connection.execute(select(table.c.key).where(table.c[name] == value)).scalar()
    if found is not None:
        return found
    inserted = connection.execute(insert(table).values({**identity, **rest}).returning(table.c.key))
    key: int = inserted.scalar_one()
    return key
