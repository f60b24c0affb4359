"""Cells of runs: read from ``launch`` and ``launch_stat``, never from ``sample``."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Select, select

from collector import schema
from collector.queries.ceilings import is_implausible
from collector.queries.records import ArmRow, BandwidthRow, CellResult, FailureRow, MachineRow, WorkloadRow
from collector.schedule import HEADLINE_METRICS, Measured
from collector.suite import arm_label
from runners.contract import Flag, ModelShape
from runners.errors import FailureKind
from runners.wire import from_wire

_L, _R, _A, _W, _T = schema.launch, schema.run, schema.arm, schema.workload, schema.artifact
_E, _D, _B, _STAT = schema.environment, schema.device, schema.bandwidth, schema.launch_stat
_ROWS = 1000
_ARTIFACT = ("model", "format", "quant", "n_bytes", "tensor_bytes", "digest", "is_synthetic", "shape_json")
_WORKLOAD = ("name", "kind", "n_prompt_tokens", "n_generated_tokens", "n_depth_tokens", "prompt_seed", "prompt_path")


def cells(connection: Connection, run_ids: Sequence[str] | None) -> list[CellResult]:
    """Every cell of the runs, in the order of their plans; of all runs when none is named."""
    groups: dict[tuple[int, int, int | None, int], list[Any]] = defaultdict(list)
    for row in connection.execute(_launches(run_ids)):
        groups[row.run_key, row.arm_key, row.arm_index, row.workload_key].append(row)
    values = launch_values(connection, run_ids)
    bandwidths = best_bandwidths(connection)
    found = [_judged(_cell(rows, values, bandwidths)) for rows in groups.values()]
    plans = {row.id: _plan_order(row.plan_json) for row in connection.execute(_plans(run_ids))}
    runs = {run_id: index for index, run_id in enumerate(dict.fromkeys(cell.run_id for cell in found))}
    return sorted(found, key=lambda cell: (runs[cell.run_id], *_place(cell, plans[cell.run_id])))


def launch_values(connection: Connection, run_ids: Sequence[str] | None) -> dict[int, dict[str, float]]:
    """By launch key: its value of every metric, good or not."""
    by_launch: dict[int, dict[str, float]] = defaultdict(dict)
    for rows in connection.execute(_stats(run_ids)).partitions(_ROWS):
        for launch_key, metric, median in rows:
            by_launch[launch_key][metric] = median
    return by_launch


def measured(connection: Connection, run_id: str) -> list[Measured]:
    """Headline values of a run's good launches; workload and arm as places in its plan."""
    names, _ = _plan_order(connection.execute(_plans([run_id])).one().plan_json)
    query = (
        select(_STAT.c.metric, _STAT.c.median, _L.c.block, _L.c.arm_index, _W.c.name)
        .join(_L, _STAT.c.launch_key == _L.c.key)
        .join(_R, _L.c.run_key == _R.c.key)
        .join(_W, _L.c.workload_key == _W.c.key)
        .where(_R.c.id == run_id, _STAT.c.is_good, _STAT.c.metric.in_(HEADLINE_METRICS))
        .order_by(_L.c.number)
    )
    return [
        Measured(
            workload=names.index(row.name), arm=row.arm_index or 0, block=row.block, metric=row.metric, value=row.median
        )
        for row in connection.execute(query)
    ]


def best_bandwidths(connection: Connection) -> dict[str, BandwidthRow]:
    """By fingerprint of the device: the highest that was measured."""
    query = select(_D.c.fingerprint, _B).join(_D, _B.c.device_key == _D.c.key).order_by(_B.c.byte_per_s)
    return {
        row.fingerprint: BandwidthRow(**{f.name: getattr(row, f.name) for f in fields(BandwidthRow)})
        for row in connection.execute(query)
    }


def arm_row(row: Any) -> ArmRow:
    """The arm in a row that has the columns of arm and artifact."""
    return ArmRow(
        **{name: getattr(row, name) for name in _ARTIFACT if name != "shape_json"},
        engine=row.engine,
        options=json.loads(row.options_json),
        python=row.python,
        shape=_shape(row.shape_json) if row.shape_json else None,
    )


@lru_cache(maxsize=256)
def _shape(text: str) -> ModelShape:
    return from_wire(ModelShape, json.loads(text))


def in_runs(query: Select[Any], run_ids: Sequence[str] | None) -> Select[Any]:
    """Only these runs; the query joins ``run``."""
    return query if run_ids is None else query.where(_R.c.id.in_(run_ids))


def _launches(run_ids: Sequence[str] | None) -> Select[Any]:
    columns = [
        _L.c.key, _L.c.id, _L.c.number, _L.c.run_key, _L.c.arm_key, _L.c.arm_index, _L.c.workload_key, _L.c.block,
        _L.c.state, _L.c.is_orphaned, _L.c.flags, _L.c.loaded_json, _L.c.backend, _L.c.n_threads,
        _L.c.failure_kind, _L.c.failure_message, _L.c.failure_remedy,
        _R.c.id.label("run_id"), _R.c.suite, _R.c.started_at_utc, _R.c.seed, _R.c.git_commit,
        _A.c.engine, _A.c.options_json, _A.c.python,
        *(_T.c[name] for name in _ARTIFACT),
        *(_W.c[name] for name in _WORKLOAD),
        _E.c.os_name, _E.c.os_version, _E.c.engine_version, _E.c.python_version, _E.c.phibench_version,
        _E.c.engine_json, _E.c.device_json, _D.c.name.label("device"), _D.c.fingerprint, _D.c.cpu_model,
        _D.c.product_type, _D.c.n_physical_cores, _D.c.memory_bytes,
    ]  # fmt: skip
    query = (
        select(*columns)
        .join_from(_L, _R, _L.c.run_key == _R.c.key)
        .join(_A, _L.c.arm_key == _A.c.key)
        .join(_T, _A.c.artifact_key == _T.c.key)
        .join(_W, _L.c.workload_key == _W.c.key)
        .outerjoin(_E, _L.c.environment_key == _E.c.key)
        .outerjoin(_D, _E.c.device_key == _D.c.key)
        .order_by(_L.c.run_key, _L.c.number)
    )
    return in_runs(query, run_ids)


def _stats(run_ids: Sequence[str] | None) -> Select[Any]:
    query = select(_STAT.c.launch_key, _STAT.c.metric, _STAT.c.median)
    if run_ids is None:
        return query
    # by the launches, as the rows of a launch lie together: a third less time than by the index of runs
    return query.join(_L, _STAT.c.launch_key == _L.c.key).join(_R, _L.c.run_key == _R.c.key).where(_R.c.id.in_(run_ids))


def _plans(run_ids: Sequence[str] | None) -> Select[Any]:
    return in_runs(select(_R.c.id, _R.c.plan_json), run_ids)


def _cell(
    rows: Sequence[Any], values: Mapping[int, Mapping[str, float]], bandwidths: Mapping[str, BandwidthRow]
) -> CellResult:
    good = [row for row in rows if row.state == "done" and not row.is_orphaned]
    failed = [
        row
        for row in rows
        if row.state == "failed" and not row.is_orphaned and row.failure_kind != FailureKind.CANCELLED
    ]
    last = (good or rows)[-1]
    by_metric: dict[str, list[tuple[int, int, float]]] = defaultdict(list)
    for row in sorted(good, key=lambda row: (row.block, row.number)):
        for metric, value in values.get(row.key, {}).items():
            by_metric[metric].append((row.block, row.number, value))
    columns = {metric: tuple(zip(*found, strict=True)) for metric, found in by_metric.items()}
    return CellResult(
        run_id=last.run_id,
        suite=last.suite,
        started_at_utc=last.started_at_utc,
        seed=last.seed,
        git_commit=last.git_commit,
        arm=arm_row(last),
        arm_index=last.arm_index,
        workload=WorkloadRow(**{name: getattr(last, name) for name in _WORKLOAD}),
        machine=_machine(last),
        backend=last.backend,
        n_threads=last.n_threads,
        options_in_effect=_options_in_effect(last),
        engine_build=_engine_build(last),
        values={metric: values for metric, (_, _, values) in columns.items()},
        blocks={metric: blocks for metric, (blocks, _, _) in columns.items()},
        numbers={metric: numbers for metric, (_, numbers, _) in columns.items()},
        n_launches=len(good),
        n_failed=len(failed),
        n_orphaned=sum(row.is_orphaned for row in rows),
        failures=tuple(_unlike(failed)),
        flags=tuple(sorted({flag for row in good or failed for flag in row.flags.split(",") if flag})),
        bandwidth=bandwidths.get(last.fingerprint) if last.fingerprint else None,
    )


def _judged(cell: CellResult) -> CellResult:
    """With the flag of what is faster than physics allows; it depends on a bandwidth that may be measured later."""
    if not is_implausible(cell):
        return cell
    return replace(cell, flags=tuple(sorted({*cell.flags, str(Flag.IMPLAUSIBLE)})))


def _options_in_effect(row: Any) -> dict[str, Any]:
    """What the engine said once the model was loaded; empty when it never was."""
    return dict(json.loads(row.loaded_json).get("options", {})) if row.loaded_json else {}


def _engine_build(row: Any) -> dict[str, Any]:
    return dict(json.loads(row.engine_json).get("build", {})) if row.engine_json else {}


def _machine(row: Any) -> MachineRow | None:
    if row.fingerprint is None:
        return None
    return MachineRow(
        device=row.device,
        fingerprint=row.fingerprint,
        cpu_model=row.cpu_model,
        product_type=row.product_type,
        n_physical_cores=row.n_physical_cores,
        memory_bytes=row.memory_bytes,
        os_name=row.os_name,
        os_version=row.os_version,
        engine_version=row.engine_version,
        python_version=row.python_version,
        phibench_version=row.phibench_version,
        **_told_of_gpu(row.device_json or "{}"),
    )


@lru_cache(maxsize=256)
def _told_of_gpu(device_json: str) -> dict[str, int | None]:
    """What stands in the snapshot alone, as few devices tell it."""
    found = json.loads(device_json)
    return {name: found.get(name) for name in ("n_gpu_cores", "gpu_wired_limit_bytes")}


def _unlike(failed: Iterable[Any]) -> Iterable[FailureRow]:
    """Each kind and message once."""
    seen = set()
    for row in failed:
        if (row.failure_kind, row.failure_message) not in seen:
            seen.add((row.failure_kind, row.failure_message))
            yield FailureRow(
                launch_id=row.id,
                kind=row.failure_kind or "",
                message=row.failure_message or "",
                remedy=row.failure_remedy,
            )


def _plan_order(plan_json: str) -> tuple[list[str], list[str]]:
    """Names of the workloads and labels of the arms as the plan lists them."""
    plan = json.loads(plan_json)
    labels = [
        arm_label(
            arm["model"]["model"], arm["model"]["quant"], arm["engine"], arm.get("options", {}), arm.get("python")
        )
        for arm in plan.get("arms", [])
    ]
    return [workload["name"] for workload in plan.get("workloads", [])], labels


def _place(cell: CellResult, plan: tuple[list[str], list[str]]) -> tuple[int, int, str]:
    workloads, labels = plan
    name, label = cell.workload.name, cell.arm.label
    return (
        workloads.index(name) if name in workloads else len(workloads),
        cell.arm_index if cell.arm_index is not None else labels.index(label) if label in labels else len(labels),
        label,
    )
