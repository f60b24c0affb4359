"""Cells from ``launch`` and ``launch_stat``: never a look at ``sample``."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from collector import schema
from collector.queries.parts import Parts, of_runs, unique
from collector.queries.results import ArmResult, CellResult, Failure, RunRow
from collector.store.evidence import split

_LAUNCH, _STAT = schema.launch, schema.launch_stat
_CellKey = tuple[int, int, int, int | None]  # run, arm, workload, environment


@dataclass(slots=True)
class _Cell:
    """A cell as it is gathered."""

    good: list[Any] = field(default_factory=list)
    failed: list[Any] = field(default_factory=list)
    values: dict[str, list[float]] = field(default_factory=dict)
    value_blocks: dict[str, list[int]] = field(default_factory=dict)


def read_cells(connection: Connection, run_keys: tuple[int, ...] | None) -> list[CellResult]:
    """Every cell of these runs (None = all), runs in the order they began, cells in the order of their plan."""
    parts = Parts(connection, run_keys)
    cells: dict[_CellKey, _Cell] = {}
    cell_of: dict[int, _Cell] = {}
    for launch in connection.execute(_launches(run_keys)):  # the good ones first
        key = _home(cells, launch)
        cell = cells.setdefault(key, _Cell())
        (cell.good if launch.state == "done" else cell.failed).append(launch)
        cell_of[launch.key] = cell
    for stat in connection.execute(_stats(run_keys)):
        cell = cell_of[stat.launch_key]
        cell.values.setdefault(stat.metric, []).append(stat.median)
        cell.value_blocks.setdefault(stat.metric, []).append(stat.block)
    results = [(key, _result(parts, key, cell)) for key, cell in cells.items()]
    return [result for _, result in sorted(results, key=lambda pair: _place(parts.runs[pair[0][0]], pair))]


def _launches(run_keys: tuple[int, ...] | None) -> Any:
    names = ("key", "run_key", "arm_key", "workload_key", "environment_key", "block", "state", "flags")
    columns = [_LAUNCH.c[name] for name in (*names, "backend", "n_threads", "started_at_utc")]
    failure = [_LAUNCH.c[f"failure_{name}"] for name in ("kind", "message", "remedy")]
    return (
        select(*columns, *failure)
        .where(of_runs(_LAUNCH, run_keys), ~_LAUNCH.c.is_orphaned, _LAUNCH.c.state.in_(("done", "failed")))
        .order_by(_LAUNCH.c.state, _LAUNCH.c.block, _LAUNCH.c.key)
    )


def _stats(run_keys: tuple[int, ...] | None) -> Any:
    return (
        select(_STAT.c.launch_key, _STAT.c.metric, _STAT.c.median, _STAT.c.block)
        .where(of_runs(_STAT, run_keys), _STAT.c.is_good)
        .order_by(_STAT.c.block, _STAT.c.launch_key)
    )


def _home(cells: Iterable[_CellKey], launch: Row[Any]) -> _CellKey:
    """
    Cell of a launch.

    One that failed may have ended before its engine said which version it is: it belongs to the cell of its siblings.
    """
    key: _CellKey = (launch.run_key, launch.arm_key, launch.workload_key, launch.environment_key)
    if launch.state == "failed":
        return next((known for known in cells if known[:3] == key[:3]), key)
    return key


def _result(parts: Parts, key: _CellKey, cell: _Cell) -> CellResult:
    run_key, arm_key, workload_key, environment_key = key
    run = parts.runs[run_key]
    environment, device = parts.environments[environment_key] if environment_key is not None else (None, None)
    launches = cell.good or cell.failed
    first: Any = launches[0]
    return CellResult(
        run_id=run.id,
        suite=run.suite,
        started_at_utc=min((x.started_at_utc for x in launches if x.started_at_utc), default=run.started_at_utc),
        device=device,
        environment=environment,
        arm=parts.arms[arm_key],
        workload=parts.workloads[workload_key],
        backend=first.backend,
        n_threads=first.n_threads,
        values={name: tuple(values) for name, values in cell.values.items()},
        value_blocks={name: tuple(blocks) for name, blocks in cell.value_blocks.items()},
        blocks=tuple(launch.block for launch in cell.good),
        n_launches=len(cell.good),
        n_failed=len(cell.failed),
        failures=_failures(cell.failed),
        flags=unique(flag for launch in launches for flag in split(launch.flags)),
        predicted_bytes=parts.predicted_bytes(arm_key, workload_key),
    )


def _failures(failed: Iterable[Any]) -> tuple[Failure, ...]:
    counts = Counter((x.failure_kind, x.failure_message or "", x.failure_remedy or "") for x in failed)
    return tuple(Failure(kind=k, message=message, remedy=remedy, n=n) for (k, message, remedy), n in counts.items())


def _place(run: RunRow, pair: tuple[_CellKey, CellResult]) -> tuple[int, int, int, int, int]:
    """By run, then as the plan lists workloads and arms; what a plan does not tell stands at its end."""
    key, cell = pair
    workloads = [w.get("name") for w in run.plan.get("workloads", [])]
    arms = [_planned(arm) for arm in run.plan.get("arms", [])]
    return (key[0], _index(workloads, cell.workload.name), _index(arms, _measured(cell.arm)), key[2], key[1])


def _index(names: list[Any], name: Any) -> int:
    return names.index(name) if name in names else len(names)


def _planned(arm: Mapping[str, Any]) -> tuple[Any, ...]:
    model = arm.get("model", {})
    return model.get("model"), model.get("quant"), arm.get("engine"), dict(arm.get("options", {})), arm.get("python")


def _measured(arm: ArmResult) -> tuple[Any, ...]:
    return arm.model, arm.quant, arm.engine, dict(arm.options), arm.python
