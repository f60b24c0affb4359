"""
Samples as a stream: a few at a time from the database, whatever their number.

What a launch's samples share is read once a launch: launches and samples are two streams in the same order, merged.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, select, true

from collector import schema
from collector.metrics import SAMPLE_METRICS

_L, _R, _A, _W, _T = schema.launch, schema.run, schema.arm, schema.workload, schema.artifact
_E, _D, _S = schema.environment, schema.device, schema.sample
_AT_ONCE = 1000

_OF_LAUNCH: dict[str, ColumnElement[Any]] = {
    "launch_id": _L.c.id,
    "block": _L.c.block,
    "position": _L.c.position,
    "started_at_utc": _L.c.started_at_utc,
    "state": _L.c.state,
    "is_orphaned": _L.c.is_orphaned,
    "flags": _L.c.flags,
}
_OF_CELL: dict[str, ColumnElement[Any]] = {
    "run_id": _R.c.id,
    "workload": _W.c.name,
    "kind": _W.c.kind,
    "model": _T.c.model,
    "quant": _T.c.quant,
    "n_bytes": _T.c.n_bytes,
    "digest": _T.c.digest,
    "is_synthetic": _T.c.is_synthetic,
    "engine": _A.c.engine,
    "engine_version": _E.c.engine_version,
    "python": _A.c.python,
    "options": _A.c.options_json,
    "backend": _L.c.backend,
    "n_threads": _L.c.n_threads,
    "device": _D.c.name,
    "os_name": _E.c.os_name,
    "os_version": _E.c.os_version,
}
LAUNCH_COLUMNS = (*_OF_LAUNCH, *_OF_CELL)
CELL_COLUMNS_BEGIN = len(_OF_LAUNCH)
"""Values of LAUNCH_COLUMNS from here on are the same for all launches of a cell."""

SAMPLE_COLUMNS = (
    "token_hash", "is_warmup", "finish_reason", "granularity", "iteration", "n_prompt_tokens", "n_cached_tokens",
    "n_generated_tokens", "cpu_time_ns", *(metric.name for metric in SAMPLE_METRICS),
)  # fmt: skip

Sample = tuple[tuple[Any, ...], tuple[Any, ...]]
"""Values of LAUNCH_COLUMNS, the same object for all samples of a launch, and values of SAMPLE_COLUMNS."""


def stream(connection: Connection, where: ColumnElement[bool] | None = None) -> Iterator[Sample]:
    """
    Samples in the order in which their launches began, warm-ups and orphans too.

    Args:
        where: which launches; a condition on ``launch`` and ``run``; None = all.
    """
    launches = _rows(connection, _launches(true() if where is None else where))
    key: int | None = None
    shared: tuple[Any, ...] = ()
    for row in _rows(connection, _samples(where)):
        if row[0] != key:  # launches without samples are passed over
            launch = next(launch for launch in launches if launch[0] == row[0])
            key, shared = row[0], tuple(launch[1:])
        yield shared, (None if row[1] is None else row[1].hex(), *row[2:])


def _launches(where: ColumnElement[bool]) -> Select[Any]:
    return (
        select(_L.c.key, *_OF_LAUNCH.values(), *_OF_CELL.values())
        .join_from(_L, _R, _L.c.run_key == _R.c.key)
        .join(_A, _L.c.arm_key == _A.c.key)
        .join(_T, _A.c.artifact_key == _T.c.key)
        .join(_W, _L.c.workload_key == _W.c.key)
        .outerjoin(_E, _L.c.environment_key == _E.c.key)
        .outerjoin(_D, _E.c.device_key == _D.c.key)
        .where(where)
        .order_by(_L.c.key)
    )


def _samples(where: ColumnElement[bool] | None) -> Select[Any]:
    query = select(_S.c.launch_key, *(_S.c[name] for name in SAMPLE_COLUMNS))
    if where is not None:
        keys = select(_L.c.key).join_from(_L, _R, _L.c.run_key == _R.c.key).where(where)
        query = query.where(_S.c.launch_key.in_(keys))
    return query.order_by(_S.c.launch_key, _S.c.seq, _S.c.boot)


def _rows(connection: Connection, query: Select[Any]) -> Iterator[Any]:
    """Rows as they come, never more than a few at once."""
    for rows in connection.execute(query.execution_options(yield_per=_AT_ONCE)).partitions():
        yield from rows
