"""
Taking events of one launch inside one transaction.

Order does not matter: whatever arrives after the launch has ended is taken too, and the launch's figures are made
anew from all of its evidence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table, bindparam, func, insert, select, update

from collector import schema
from collector.store import ends, rows
from collector.store.conclusion import conclude
from runners.contract import DeviceSnapshot, EngineFacts, Event, EventType, Phase, Workload
from runners.texts import printable
from runners.wire import from_wire, to_wire

Key = tuple[str, int]
_FIRST_YEAR, _LAST_YEAR = 2020, 2200
MOST_CONFLICTS = 100
"""How many conflicts of one launch are kept: enough to see what went wrong, too few to fill a disk with."""
_LAUNCH, _EVENT = schema.launch, schema.event
LAUNCH_COLUMNS = tuple(
    _LAUNCH.c[name] for name in ("key", "state", "n_threads", "job_json", "is_end_waiting", "is_provisional")
)
"""What :func:`take` needs of a launch."""


_OF_BOOT = (_EVENT.c.launch_key == bindparam("launch_key")) & (_EVENT.c.boot == bindparam("boot"))
_EXTENT = select(func.count(), func.max(_EVENT.c.seq)).where(_OF_BOOT)
_SEQS = select(_EVENT.c.seq).where(_OF_BOOT).order_by(_EVENT.c.seq)
_STORED = select(_EVENT.c.seq, _EVENT.c.digest).where(
    _OF_BOOT, _EVENT.c.seq.between(bindparam("first"), bindparam("last"))
)
"""Asked at each accept: a statement that stands ready is bound in a fraction of the time that making one takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Came:
    """
    What came of events that were sent.

    Args:
        acked_seq: highest contiguous seq of the boot of the last of them, -1 when even 0 is missing.
        n_fresh: how many were not stored before.
        n_conflicts: how many were of another content than what is stored in their place.
        end: how the launch ended when these events made it whole; None when they did not.
    """

    acked_seq: int
    n_fresh: int
    n_conflicts: int
    end: ends.Ended | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sorted:
    """Events by what has to be done with them."""

    fresh: tuple[Event, ...]
    conflicts: tuple[Event, ...]


def take(
    connection: Connection, launch: Any, events: Sequence[Event], now_utc: str, ordered_at_utc: str | None = None
) -> Came:
    """
    Store what is new of these events and whatever follows from it.

    Args:
        launch: the columns ``LAUNCH_COLUMNS`` of the launch, read in this transaction.
        ordered_at_utc: when a remote launch was asked for, by our clock; its device's may be wrong.
    """
    got, end = _sort(connection, launch.key, events), None
    if got.conflicts:
        _note_conflicts(connection, launch.key, got.conflicts, now_utc)
    if got.fresh:
        facts = _facts(connection, got.fresh, now_utc, ordered_at_utc)
        _store(connection, launch, got.fresh, facts.get("n_threads", launch.n_threads))
        end = ends.look(connection, launch, got.fresh)
        if end is not None:
            facts |= {**end.columns, "ended_at_utc": now_utc} if end.is_whole else end.columns
        if facts:
            connection.execute(update(_LAUNCH).where(_LAUNCH.c.key == launch.key).values(facts))
        if end is not None and end.fault is not None:
            _note_conflicts(connection, launch.key, [end.event], now_utc)
        if _is_over(launch, facts):
            conclude(connection, launch.key)
    return Came(
        acked_seq=_contiguous(connection, launch.key, events[-1].boot),
        n_fresh=len(got.fresh),
        n_conflicts=len(got.conflicts),
        end=end if end is not None and end.is_whole else None,
    )


def _is_over(launch: Any, facts: Mapping[str, Any]) -> bool:
    """Whether the device itself has ended the launch; the host's own word waits for the device's."""
    state = facts.get("state", launch.state)
    return state != "started" and not facts.get("is_provisional", launch.is_provisional)


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
    known: dict[Key, bytes] = {}
    for boot in {event.boot for event in events}:
        seqs = [event.seq for event in events if event.boot == boot]
        asked = {"launch_key": launch_key, "boot": boot, "first": min(seqs), "last": max(seqs)}
        known |= {(boot, seq): digest for seq, digest in connection.execute(_STORED, asked)}
    fresh, conflicts = [], []
    for event in events:
        key, digest = (event.boot, event.seq), rows.digest(event)
        if key not in known:
            known[key] = digest
            fresh.append(event)
        elif known[key] != digest:
            conflicts.append(event)
    return _Sorted(fresh=tuple(fresh), conflicts=tuple(conflicts))


def _contiguous(connection: Connection, launch_key: int, boot: str) -> int:
    """Highest seq of a boot up to which nothing is missing, -1 when even 0 is."""
    asked = {"launch_key": launch_key, "boot": boot}
    n, highest = connection.execute(_EXTENT, asked).one()
    if n == 0 or n == highest + 1:
        return int(n) - 1
    seqs = connection.execute(_SEQS, asked).scalars()
    return next((i for i, seq in enumerate(seqs) if seq != i), n) - 1


def _note_conflicts(connection: Connection, launch_key: int, events: Iterable[Event], now_utc: str) -> None:
    """Once each, however often they are sent, and of one launch no more than ``MOST_CONFLICTS``."""
    table = schema.event_conflict
    query = select(table.c.boot, table.c.seq, table.c.digest).where(table.c.launch_key == launch_key)
    noted = {(row.boot, row.seq, row.digest) for row in connection.execute(query)}
    new: dict[tuple[str, int, bytes], rows.Row] = {}
    for event in events:
        if len(noted) + len(new) >= MOST_CONFLICTS:
            break
        row = rows.conflict_row(event, launch_key, now_utc)
        key = (event.boot, event.seq, row["digest"])
        if key not in noted:
            new[key] = row
    insert_rows(connection, table, list(new.values()))


def _store(connection: Connection, launch: Any, events: Sequence[Event], n_threads: int | None) -> None:
    insert_rows(connection, _EVENT, [rows.event_row(event, launch.key) for event in events])
    iterations = [event for event in events if event.type is EventType.ITERATION]
    if iterations:
        workload = from_wire(Workload, rows.loads(launch.job_json)["workload"])
        samples = [rows.sample_row(event, launch.key, workload, n_threads) for event in iterations]
        insert_rows(connection, schema.sample, samples)
    reported = [row for event in events for row in rows.reported_rows(event, launch.key)]
    insert_rows(connection, schema.reported_value, reported)


def _facts(connection: Connection, events: Iterable[Event], now_utc: str, ordered_at_utc: str | None) -> dict[str, Any]:
    """What these events say of the launch itself but its end, as columns of its row."""
    facts: dict[str, Any] = {}
    for event in events:
        if event.type is EventType.HELLO:
            facts |= {
                "environment_key": _environment_key(connection, printable(event.data)),
                "started_at_utc": _begun_at(event.data.get("started_at_utc"), now_utc, ordered_at_utc),
            }
        elif event.type is EventType.LOADED:
            data = printable(event.data, is_one_line=False)
            facts |= {
                "backend": data.get("backend"),
                "n_threads": data.get("n_threads"),
                "loaded_json": rows.json_text(data),
            }
        elif event.type is EventType.READING and event.data.get("phase") == Phase.GATE:
            facts["gate_waited_s"] = event.data.get("waited_s")
    return facts


def _begun_at(said: Any, now_utc: str, ordered_at_utc: str | None) -> str:
    """When a launch began: by its device's clock in UTC, by ours where that says nothing that can be."""
    try:
        at = datetime.fromisoformat(said)
        if at.tzinfo is None or not _FIRST_YEAR <= at.year <= _LAST_YEAR:
            return now_utc
        if ordered_at_utc is not None and not _is_between(at, ordered_at_utc, now_utc):
            return ordered_at_utc
        is_ours = said.endswith("+00:00")
        return said if is_ours else at.astimezone(UTC).isoformat(timespec="milliseconds")
    except (TypeError, ValueError, OverflowError):
        return now_utc


def _is_between(at: datetime, first_utc: str, last_utc: str) -> bool:
    return datetime.fromisoformat(first_utc) <= at <= datetime.fromisoformat(last_utc)


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
