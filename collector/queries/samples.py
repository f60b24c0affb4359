"""Samples as a stream: one at a time from the database, whatever their number."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, select

from collector import schema
from collector.metrics import SAMPLE_METRICS
from collector.queries.parts import Parts, of_runs
from collector.queries.results import SampleOrigin

_LAUNCH, _SAMPLE = schema.launch, schema.sample
_FETCHED_AT_ONCE = 1000
_ORIGIN = ("run_key", "arm_key", "workload_key", "environment_key")
_OF_LAUNCH = ("number", "block", "position", "state", "flags", "started_at_utc", "backend", "n_threads")
_OF_SAMPLE = (
    "iteration", "is_warmup", "n_prompt_tokens", "n_cached_tokens", "n_generated_tokens", "granularity",
    "finish_reason", "cpu_time_ns",
)  # fmt: skip

SAMPLE_COLUMNS: tuple[str, ...] = (*_OF_LAUNCH, *_OF_SAMPLE, *(metric.name for metric in SAMPLE_METRICS))
"""Names of the values that come with each sample, in order."""

Sample = tuple[SampleOrigin, tuple[Any, ...]]


def read_samples(connection: Connection, run_keys: tuple[int, ...] | None) -> Iterator[Sample]:
    """Every sample of these runs (None = all), launch by launch: its origin, and its values as SAMPLE_COLUMNS."""
    parts = Parts(connection, run_keys)
    columns = [
        *(_LAUNCH.c[name] for name in (*_ORIGIN, *_OF_LAUNCH)),
        *(_SAMPLE.c[name] for name in SAMPLE_COLUMNS[len(_OF_LAUNCH) :]),
    ]
    query = (
        select(*columns)
        .join_from(_SAMPLE, _LAUNCH, _LAUNCH.c.key == _SAMPLE.c.launch_key)
        .where(of_runs(_LAUNCH, run_keys))
        .order_by(_SAMPLE.c.launch_key, _SAMPLE.c.seq, _SAMPLE.c.boot)
        .execution_options(yield_per=_FETCHED_AT_ONCE)
    )
    origins: dict[tuple[Any, ...], SampleOrigin] = {}
    n_keys = len(_ORIGIN)
    for rows in connection.execute(query).partitions():
        for row in rows:
            keys = row[:n_keys]
            if keys not in origins:
                origins[keys] = _origin(parts, *keys)
            yield origins[keys], row[n_keys:]


def _origin(parts: Parts, run_key: int, arm_key: int, workload_key: int, environment_key: int | None) -> SampleOrigin:
    run = parts.runs[run_key]
    environment, device = parts.environments[environment_key] if environment_key is not None else (None, None)
    return SampleOrigin(
        run_id=run.id,
        suite=run.suite,
        arm=parts.arms[arm_key],
        workload=parts.workloads[workload_key],
        device=device,
        environment=environment,
    )
