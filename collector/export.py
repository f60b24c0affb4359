"""
Taking results away as CSV: RFC 4180, UTF-8, full precision, units in the column names, blanks for what is unknown.

A file is written beside and renamed; samples are streamed. Text that a spreadsheet would take for a formula is defused.
"""

import csv
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from collector import stats
from collector.errors import PhibenchError
from collector.metrics import BY_NAME, METRICS, SAMPLE_METRICS
from collector.queries import CellResult

Row = Mapping[str, Any]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ARM = ("model", "quant", "format", "engine", "n_bytes", "digest", "is_synthetic", "python")
_WORKLOAD = ("kind", "n_prompt_tokens", "n_generated_tokens", "n_depth_tokens")
_MACHINE = ("device", "fingerprint", "cpu_model", "n_physical_cores", "memory_bytes", "os_name", "os_version",
            "engine_version", "python_version", "phibench_version")  # fmt: skip
_CELL_COLUMNS = (
    "run_id", "suite", "workload", *_WORKLOAD, *_ARM, "options", "device", "device_fingerprint", "cpu_model",
    "n_physical_cores", "device_memory_bytes", "os_name", "os_version", "engine_version", "python_version",
    "phibench_version", "git_commit", "backend", "n_threads", "n_launches", "n_failed", "flags", "failure_kind",
    "failure_message", "failure_remedy", "started_at_utc", "seed", "predicted_bytes",
)  # fmt: skip
COMPARISON_COLUMNS = (
    *_CELL_COLUMNS,
    *(f"{metric.name}{end}" for metric in METRICS for end in ("", "_ci_low", "_ci_high")),
    "ci_level_exact",
    "ci_method",
)
LONG_COLUMNS = (
    *_CELL_COLUMNS, "metric", "definition_id", "definition_version", "unit", "better", "value", "ci_low", "ci_high",
    "ci_level_exact", "ci_method", "n",
)  # fmt: skip
SAMPLE_COLUMNS = (
    "run_id", "launch_id", "block", "position", "started_at_utc", "model", "quant", "engine", "options_json",
    "workload", "kind", "is_warmup", "iteration", "n_prompt_tokens", "n_cached_tokens", "n_generated_tokens",
    "granularity",
    "finish_reason", "token_hash", "cpu_time_ns", *(m.name for m in SAMPLE_METRICS), "is_orphaned", "flags",
)  # fmt: skip


def comparison_rows(cells: Iterable[CellResult]) -> Iterator[Row]:
    """One row a cell: a column a metric with its interval. Failed cells have their reason and no values."""
    for cell in cells:
        row = _cell_columns(cell)
        for metric, values in cell.values.items():
            found = stats.interval(values)
            row |= {metric: found.value, f"{metric}_ci_low": found.low, f"{metric}_ci_high": found.high}
            row |= {"ci_level_exact": found.level_exact, "ci_method": found.method}
        yield row


def long_rows(cells: Iterable[CellResult]) -> Iterator[Row]:
    """One row a value, with definition and unit; a cell without values has one row with its reason."""
    for cell in cells:
        common = _cell_columns(cell)
        if not cell.values:
            yield common
        for name, values in cell.values.items():
            metric, found = BY_NAME[name], stats.interval(values)
            yield common | {
                "metric": name,
                "definition_id": metric.definition,
                "definition_version": metric.version,
                "unit": metric.unit,
                "better": metric.better,
                "value": found.value,
                "ci_low": found.low,
                "ci_high": found.high,
                "ci_level_exact": found.level_exact,
                "ci_method": found.method,
                "n": found.n,
            }


def write_csv(target: Path | IO[str], columns: Sequence[str], rows: Iterable[Row]) -> int:
    """
    Write rows, one after the other; a path gets the whole file or none.

    Returns:
        How many rows were written, the header not counted.

    Raises:
        PhibenchError: the file cannot be written; nothing half-written is left.
    """
    if not isinstance(target, Path):
        return _write(target, columns, rows)
    try:
        with _beside(target) as file:
            return _write(file, columns, rows)
    except OSError as exc:
        raise PhibenchError(f"{target} cannot be written: {exc.strerror or exc}", "name another file") from exc


def _write(file: IO[str], columns: Sequence[str], rows: Iterable[Row]) -> int:
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(columns)
    n_rows = 0
    for row in rows:
        writer.writerow([defused(row.get(name)) for name in columns])
        n_rows += 1
    return n_rows


def defused(value: Any) -> Any:
    """A text that would run as a formula gets an apostrophe in front; True and False become words, None a blank."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


@contextmanager
def _beside(path: Path) -> Iterator[IO[str]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    name = ""
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=path.parent, prefix=f".{path.name}.", suffix=".partial", delete=False, encoding="utf-8", newline=""
        ) as file:
            name = file.name
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        if name:
            Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _cell_columns(cell: CellResult) -> dict[str, Any]:
    failure = cell.failures[0] if cell.failures else None
    machine = cell.machine
    return {
        "run_id": cell.run_id,
        "suite": cell.suite,
        "workload": cell.workload.name,
        **_picked(cell.workload, _WORKLOAD),
        **_picked(cell.arm, _ARM),
        "options": json.dumps(dict(cell.arm.options), sort_keys=True) if cell.arm.options else None,
        **(_machine_columns(machine) if machine else {}),
        "git_commit": cell.git_commit,
        "backend": cell.backend,
        "n_threads": cell.n_threads,
        "n_launches": cell.n_launches,
        "n_failed": cell.n_failed,
        "flags": " ".join(cell.flags),
        "failure_kind": failure.kind if failure else None,
        "failure_message": failure.message if failure else None,
        "failure_remedy": failure.remedy if failure else None,
        "started_at_utc": cell.started_at_utc,
        "seed": cell.seed,
        "predicted_bytes": cell.predicted_bytes,
    }


def _machine_columns(machine: Any) -> dict[str, Any]:
    renamed: Mapping[str, str] = {"fingerprint": "device_fingerprint", "memory_bytes": "device_memory_bytes"}
    return {renamed.get(name, name): value for name, value in _picked(machine, _MACHINE).items()}


def _picked(record: Any, names: Iterable[str], get: Callable[[Any, str], Any] = getattr) -> dict[str, Any]:
    return {name: get(record, name) for name in names}
