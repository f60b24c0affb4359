"""
How a launch ends: by its device's own word once all is there that it counts, until then by the host's at most.

The first end of a device that is whole stays. An end of the boot ``host`` is provisional: it says that a phone was
lost, and what the phone says later takes its place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from collector import schema
from collector.store import rows, seal
from runners.bridging import HOST_BOOT
from runners.contract import Event, EventType
from runners.errors import FailureKind
from runners.wire import from_wire

_EVENT = schema.event
_FAILURE_FIELDS = ("kind", "message", "remedy", "phase", "detail")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """
    An end and what follows from it.

    Args:
        columns: of the launch's row.
        is_whole: whether the launch is over with it; False when it waits for events that are missing.
        fault: why its count or digest does not fit.
    """

    event: Event
    columns: Mapping[str, Any]
    is_whole: bool = True
    fault: str | None = None


def look(connection: Connection, launch: Any, fresh: Sequence[Event]) -> Ended | None:
    """What a launch's ends come to now that these events are stored; None where nothing changes."""
    if launch.state != "started" and not launch.is_provisional:
        return None
    new = [event for event in fresh if event.type.is_last]
    own = [event for event in new if event.boot != HOST_BOOT]
    if launch.is_end_waiting:
        own = _stored(connection, launch.key)
    waiting: Ended | None = None
    for end in own:
        found = _judged(connection, launch.key, end)
        if found.is_whole:
            return found
        waiting = waiting or found
    hosts = [event for event in new if event.boot == HOST_BOOT]
    if hosts and launch.state == "started":
        columns = {"state": str(hosts[0].type), "is_provisional": True, **failure(hosts[0])}
        return Ended(event=hosts[0], columns=columns | ({"is_end_waiting": True} if waiting else {}))
    return None if launch.is_end_waiting else waiting


def _judged(connection: Connection, launch_key: int, end: Event) -> Ended:
    verdict = seal.verdict(connection, launch_key, end)
    if not verdict.is_whole:
        return Ended(event=end, columns={"is_end_waiting": True}, is_whole=False)
    columns: dict[str, Any] = {f"failure_{name}": None for name in _FAILURE_FIELDS}
    columns |= {"is_end_waiting": False, "is_provisional": False}
    if verdict.fault is None:
        return Ended(event=end, columns={**columns, "state": str(end.type), **failure(end)})
    refused = {
        "state": str(EventType.FAILED),
        "failure_kind": str(FailureKind.PROTOCOL_ERROR),
        "failure_message": f"the end of the launch does not fit its events: {verdict.fault}",
        "failure_remedy": "measure it again; if it comes back, the program on the device counts its events wrongly",
    }
    return Ended(event=end, columns={**columns, **refused}, fault=verdict.fault)


def failure(event: Event) -> dict[str, Any]:
    """Why a launch failed, as columns of its row; empty when it did not."""
    if event.type is not EventType.FAILED:
        return {}
    return {f"failure_{name}": rows.cut(event.data.get(name)) for name in _FAILURE_FIELDS}


def _stored(connection: Connection, launch_key: int) -> list[Event]:
    """The ends of the device that are there, the first that came first."""
    query = select(_EVENT).where(
        _EVENT.c.launch_key == launch_key,
        _EVENT.c.type.in_([EventType.DONE, EventType.FAILED]),
        _EVENT.c.boot != HOST_BOOT,
    )
    return [_event(row) for row in connection.execute(query.order_by(_EVENT.c.key))]


def _event(row: Any) -> Event:
    data: Any = rows.loads(row.data_json)
    return from_wire(Event, {"boot": row.boot, "seq": row.seq, "t_ns": row.t_ns, "type": row.type, "data": data})
