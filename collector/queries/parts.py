"""Rows of the small tables as records; read once a query, because there are few of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select, true

from collector import physics, schema
from collector.queries.results import ArmResult, DeviceResult, EnvironmentResult, RunRow, WorkloadResult
from collector.store.rows import loads
from runners.contract import ModelShape
from runners.wire import from_wire


@dataclass(frozen=True)
class Parts:
    """Runs, arms, workloads, environments and devices by key."""

    connection: Connection
    run_keys: tuple[int, ...] | None = None

    @cached_property
    def runs(self) -> dict[int, RunRow]:
        """Of the runs that were asked for."""
        where = true() if self.run_keys is None else schema.run.c.key.in_(self.run_keys)
        return {row.key: run_row(row) for row in self._all(schema.run, where)}

    @cached_property
    def devices(self) -> dict[int, DeviceResult]:
        """All devices."""
        return {row.key: _record(DeviceResult, row) for row in self._all(schema.device)}

    @cached_property
    def environments(self) -> dict[int, tuple[EnvironmentResult, DeviceResult]]:
        """All environments, each with its device."""
        return {
            row.key: (
                _record(EnvironmentResult, row, engine_build=(loads(row.engine_json) or {}).get("build", {})),
                self.devices[row.device_key],
            )
            for row in self._all(schema.environment)
        }

    @cached_property
    def arms(self) -> dict[int, ArmResult]:
        """All arms, each with its artifact."""
        return {
            row.key: _record(ArmResult, row, self._artifacts[row.artifact_key], options=loads(row.options_json))
            for row in self._all(schema.arm)
        }

    @cached_property
    def workloads(self) -> dict[int, WorkloadResult]:
        """All workloads."""
        return {row.key: _record(WorkloadResult, row) for row in self._all(schema.workload)}

    def predicted_bytes(self, arm_key: int, workload_key: int) -> int | None:
        """Memory that a cell should need; None where shape or size of its model is unknown."""
        artifact, arm, workload = self._artifacts[self._artifact_of[arm_key]], self.arms[arm_key], None
        workload = self.workloads[workload_key]
        if artifact.shape_json is None or artifact.tensor_bytes is None:
            return None
        room = workload.n_prompt_tokens + workload.n_generated_tokens + workload.n_depth_tokens
        n_ctx = int(arm.options.get("n_ctx", room))
        shape = from_wire(ModelShape, loads(artifact.shape_json))
        return physics.memory_bytes(shape, artifact.tensor_bytes, n_ctx).total_bytes

    @cached_property
    def _artifacts(self) -> dict[int, Any]:
        return {row.key: row for row in self._all(schema.artifact)}

    @cached_property
    def _artifact_of(self) -> dict[int, int]:
        return {row.key: row.artifact_key for row in self._all(schema.arm)}

    def _all(self, table: Table, where: ColumnElement[bool] | None = None) -> Iterator[Any]:
        query = select(table) if where is None else select(table).where(where)
        yield from self.connection.execute(query)


def run_row(row: Any) -> RunRow:
    """A run as it is stored."""
    return _record(RunRow, row, plan=loads(row.plan_json))


def run_keys(connection: Connection, run_ids: Sequence[str] | None) -> tuple[int, ...] | None:
    """Keys of runs; None = all of them."""
    if run_ids is None:
        return None
    query = select(schema.run.c.key).where(schema.run.c.id.in_(run_ids))
    return tuple(connection.execute(query).scalars())


def of_runs(table: Table, keys: tuple[int, ...] | None) -> ColumnElement[bool]:
    """The condition that a row belongs to one of these runs."""
    return true() if keys is None else table.c.run_key.in_(keys)


def _record(cls: type[Any], row: Any, *others: Any, **given: Any) -> Any:
    """A record filled by column name from rows, what is given first."""
    values = dict(given)
    for field in fields(cls):
        if field.name not in values:
            source = next(source for source in (row, *others) if hasattr(source, field.name))
            values[field.name] = getattr(source, field.name)
    return cls(**values)


def unique(words: Iterable[str]) -> tuple[str, ...]:
    """Sorted, each once."""
    return tuple(sorted(set(words)))
