"""What lists of runs and launches are made of: counts, gates and surroundings."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from collector import schema

_L, _R, _V, _E, _D = schema.launch, schema.run, schema.event, schema.environment, schema.device


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchCounts:
    """Launches of one run by how they ended; those set aside are counted apart from the others."""

    n_done: int = 0
    n_failed: int = 0
    n_open: int = 0
    n_orphaned: int = 0

    @property
    def n_launches(self) -> int:
        """All that were begun, however they ended: what 'launches' means of a run."""
        return self.n_done + self.n_failed + self.n_open + self.n_orphaned


@dataclass(frozen=True, slots=True, kw_only=True)
class Surrounding:
    """
    Where one launch ran and how it came through its gate; None = the launch never said.

    Args:
        waited_s: seconds spent at the gate; unmet: conditions that did not hold when it was let through; unknown:
            conditions of which the platform says nothing.
    """

    waited_s: float | None = None
    unmet: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    device: str | None = None
    os: str | None = None
    engine: str | None = None
    python_version: str | None = None
    phibench_version: str | None = None


def counts(connection: Connection, run_ids: Sequence[str]) -> dict[str, LaunchCounts]:
    """By run: its launches, counted; runs without any are left out."""
    query = (
        select(_R.c.id, _L.c.state, _L.c.is_orphaned, func.count().label("n"))
        .join(_R, _L.c.run_key == _R.c.key)
        .where(_R.c.id.in_(run_ids))
        .group_by(_R.c.id, _L.c.state, _L.c.is_orphaned)
    )
    found: dict[str, dict[str, int]] = {}
    for row in connection.execute(query):
        name = {"done": "n_done", "failed": "n_failed"}.get(row.state, "n_open")
        of_run = found.setdefault(row.id, {})
        name = "n_orphaned" if row.is_orphaned else name
        of_run[name] = of_run.get(name, 0) + row.n
    return {run_id: LaunchCounts(**of_run) for run_id, of_run in found.items()}


def surroundings(connection: Connection, run_id: str) -> dict[str, Surrounding]:
    """By launch: where it ran, and its gate."""
    gates = _gates(connection, run_id)
    query = (
        select(
            _L.c.id, _L.c.gate_waited_s, _E.c.os_name, _E.c.os_version, _E.c.engine, _E.c.engine_version,
            _E.c.python_version, _E.c.phibench_version, _D.c.name.label("device"),
        )
        .join_from(_L, _R, _L.c.run_key == _R.c.key)
        .outerjoin(_E, _L.c.environment_key == _E.c.key)
        .outerjoin(_D, _E.c.device_key == _D.c.key)
        .where(_R.c.id == run_id)
    )  # fmt: skip
    return {row.id: _surrounding(row, gates.get(row.id, {})) for row in connection.execute(query)}


def _gates(connection: Connection, run_id: str) -> dict[str, Mapping[str, Any]]:
    """By launch: what its gate said; only readings that were taken at a gate are read."""
    query = (
        select(_L.c.id, _V.c.data_json)
        .join_from(_L, _R, _L.c.run_key == _R.c.key)
        .join(_V, _V.c.launch_key == _L.c.key)
        .where(_R.c.id == run_id, _V.c.type == "reading", _V.c.data_json.contains('"phase":"gate"'))
        .order_by(_V.c.key)
    )
    return {row.id: json.loads(row.data_json) for row in connection.execute(query)}


def _surrounding(row: Any, gate: Mapping[str, Any]) -> Surrounding:
    return Surrounding(
        waited_s=row.gate_waited_s,
        unmet=tuple(gate.get("unmet") or ()),
        unknown=tuple(gate.get("unknown") or ()),
        device=row.device,
        os=" ".join(filter(None, (row.os_name, row.os_version))) or None,
        engine=" ".join(filter(None, (row.engine, row.engine_version))) or None,
        python_version=row.python_version,
        phibench_version=row.phibench_version,
    )
