"""Stored events made whole again: token times come back from their sample, so that an event is what was sent."""

import json
from typing import Any

from sqlalchemy import select

from collector import schema
from collector.packing import unpack_times
from runners.contract import Event, EventType
from runners.wire import from_wire

_EVENT, _SAMPLE = schema.event, schema.sample


def query() -> Any:
    """Every event with the packed times of its sample, for a caller to narrow and order."""
    is_its = (
        (_SAMPLE.c.launch_key == _EVENT.c.launch_key)
        & (_SAMPLE.c.boot == _EVENT.c.boot)
        & (_SAMPLE.c.seq == _EVENT.c.seq)
    )
    return select(_EVENT, _SAMPLE.c.packed_times).outerjoin(_SAMPLE, is_its)


def fields(row: Any) -> dict[str, Any]:
    """An event as it crosses a wire."""
    data = json.loads(row.data_json)
    if row.type == EventType.ITERATION and row.packed_times is not None:
        dt_ns, n_tokens = unpack_times(row.packed_times)
        data["trace"]["dt_ns"] = list(dt_ns)
        if n_tokens is not None:
            data["trace"]["n_tokens"] = list(n_tokens)
    return {"boot": row.boot, "seq": row.seq, "t_ns": row.t_ns, "type": row.type, "data": data}


def event(row: Any) -> Event:
    """An event in the contract's type."""
    return from_wire(Event, fields(row))
