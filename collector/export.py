"""
Taking results away as CSV: RFC 4180, UTF-8, full precision, units in the column names, blanks for what is unknown.

A file is written beside and renamed; samples are streamed. Text that a spreadsheet would take for a formula is defused.
"""

import csv
import io
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

from collector import queries, stats
from collector.errors import PhibenchError
from collector.metrics import BY_NAME, METRICS, definition_in_effect
from collector.queries import Ceiling, CellResult, Sample, ceiling
from runners.contract import Flag

Row = Mapping[str, Any]
_LINE_END = "\r\n"
_WORD = ("false", "true")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_ARM = ("model", "quant", "format", "engine", "n_bytes", "digest", "is_synthetic", "python")
_WORKLOAD = ("kind", "n_prompt_tokens", "n_generated_tokens", "n_depth_tokens")
_MACHINE = ("device", "fingerprint", "cpu_model", "n_physical_cores", "memory_bytes", "os_name", "os_version",
            "engine_version", "python_version", "phibench_version")  # fmt: skip
_CEILING = tuple(field.name for field in fields(Ceiling))
_CELL_COLUMNS = (
    "run_id", "suite", "workload", *_WORKLOAD, *_ARM, "options", "device", "device_fingerprint", "cpu_model",
    "n_physical_cores", "device_memory_bytes", "os_name", "os_version", "engine_version", "python_version",
    "phibench_version", "git_commit", "backend", "n_threads", "n_launches", "n_failed", "flags", "failure_kind",
    "failure_message", "failure_remedy", "started_at_utc", "seed", "predicted_bytes", *_CEILING,
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
SAMPLE_COLUMNS = (*queries.LAUNCH_COLUMNS, *queries.SAMPLE_COLUMNS)


def comparison_rows(cells: Iterable[CellResult]) -> Iterator[Row]:
    """One row a cell: a column a metric with its interval. Failed cells have their reason and no values."""
    for cell in cells:
        row = _cell_columns(cell)
        estimates = {metric: stats.interval(values) for metric, values in cell.values.items()}
        for metric, found in estimates.items():
            value, low, high = _bounds(metric, found)
            row |= {metric: value, f"{metric}_ci_low": low, f"{metric}_ci_high": high}
        yield row | _doubt(cell, estimates)


def _bounds(metric: str, found: stats.Estimate) -> tuple[float | None, float | None, float | None]:
    """Estimate and interval; bytes and counts as the whole numbers that they are."""
    bounds = (found.value, found.low, found.high)
    if not BY_NAME[metric].is_integer:
        return bounds
    value, low, high = (None if bound is None else round(bound) for bound in bounds)
    return value, low, high


def _doubt(cell: CellResult, estimates: Mapping[str, stats.Estimate]) -> dict[str, Any]:
    """
    Level and method of a row's intervals.

    The level is that of the metrics which every launch of the cell has; where a metric differs (fewer values, or no
    logs because one is zero) the method names it.
    """
    usual = next((e for e in estimates.values() if e.n == cell.n_launches and "no logs" not in e.method), None)
    if usual is None:
        return {}
    others = [f"{m}: n = {e.n}, {e.method}" for m, e in estimates.items() if (e.n, e.method) != (usual.n, usual.method)]
    return {"ci_level_exact": usual.level_exact, "ci_method": "; ".join([usual.method, *others])}


def long_rows(cells: Iterable[CellResult]) -> Iterator[Row]:
    """One row a value, with definition and unit; a cell without values has one row with its reason."""
    for cell in cells:
        common = _cell_columns(cell)
        if not cell.values:
            yield common
        for name, values in cell.values.items():
            metric, found = BY_NAME[name], stats.interval(values)
            value, low, high = _bounds(name, found)
            yield common | {
                "metric": name,
                "definition_id": definition_in_effect(metric, is_chunked=Flag.CHUNKED in cell.flags),
                "definition_version": metric.version,
                "unit": metric.unit,
                "better": metric.better,
                "value": value,
                "ci_low": low,
                "ci_high": high,
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

    def write(file: IO[str]) -> int:
        writer = csv.writer(file, lineterminator=_LINE_END)
        writer.writerow(columns)
        n_rows = 0
        for n_rows, row in enumerate(rows, 1):  # noqa: B007  # the count is what remains
            writer.writerow([defused(row.get(name)) for name in columns])
        return n_rows

    return _whole(target, write)


def write_samples(target: Path | IO[str], samples: Iterable[Sample]) -> int:
    """
    Write one row a sample as they come; what a launch's samples share is made into text once.

    Returns:
        How many rows were written, the header not counted.

    Raises:
        PhibenchError: the file cannot be written; nothing half-written is left.
    """

    def write(file: IO[str]) -> int:
        csv.writer(file, lineterminator=_LINE_END).writerow(SAMPLE_COLUMNS)
        lines = _SampleLines(file)
        csv.writer(lines, lineterminator=_LINE_END).writerows(lines.own_values(samples))
        return lines.n_lines

    return _whole(target, write)


class _SampleLines:
    """
    A file for lines of samples: the writer hands over a sample's own values, its launch's text comes before them.

    A cell has many launches and a launch several samples, so most of a line is made into text once and kept.
    """

    def __init__(self, file: IO[str]) -> None:
        self.n_lines = 0
        self._prefix = ""
        self._write = file.write

    def write(self, line: str) -> int:
        return self._write(self._prefix + line)

    def own_values(self, samples: Iterable[Sample]) -> Iterator[tuple[Any, ...]]:
        """The values of each sample, the prefix set to its launch before the writer asks for it."""
        last = None
        begin = queries.CELL_COLUMNS_BEGIN
        for launch, values in samples:
            if launch is not last:
                self._prefix = _line_beginning(launch[:begin]) + _kept_line_beginning(launch[begin:])
                last = launch
            self.n_lines += 1
            token_hash, is_warmup, finish_reason, *numbers = values
            yield (token_hash, _WORD[is_warmup], defused(finish_reason), *numbers)


def _line_beginning(values: Iterable[Any]) -> str:
    """These values as the beginning or the middle of a line, a comma behind each."""
    out = io.StringIO()
    csv.writer(out, lineterminator=",").writerow(map(defused, values))
    return out.getvalue()


_kept_line_beginning = lru_cache(maxsize=1024)(_line_beginning)


def _whole(target: Path | IO[str], write: Callable[[IO[str]], int]) -> int:
    if not isinstance(target, Path):
        return write(target)
    path = Path(os.path.realpath(target))  # a link stays a link; what it points to is written
    try:
        if path.exists() and not path.is_file():
            with path.open("w", encoding="utf-8", newline="") as file:  # a device or a pipe cannot be replaced
                return write(file)
        with _beside(path) as file:
            return write(file)
    except OSError as exc:
        raise PhibenchError(f"{target} cannot be written: {exc.strerror or exc}", "name another file") from exc


def defused(value: Any) -> Any:
    """A text that would run as a formula gets an apostrophe in front; True and False become words, None a blank."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, bool):
        return _WORD[value]
    return value


@contextmanager
def _beside(path: Path) -> Iterator[IO[str]]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    beside = Path(name)
    try:
        with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123  # a descriptor, not a path
            yield file
            file.flush()
            os.fsync(descriptor)
        beside.chmod(0o666 & ~_umask())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
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
        "flags": ",".join(cell.flags),
        "failure_kind": failure.kind if failure else None,
        "failure_message": failure.message if failure else None,
        "failure_remedy": failure.remedy if failure else None,
        "started_at_utc": cell.started_at_utc,
        "seed": cell.seed,
        "predicted_bytes": cell.predicted_bytes,
        **_picked(ceiling(cell), _CEILING),
    }


def _machine_columns(machine: Any) -> dict[str, Any]:
    renamed: Mapping[str, str] = {"fingerprint": "device_fingerprint", "memory_bytes": "device_memory_bytes"}
    return {renamed.get(name, name): value for name, value in _picked(machine, _MACHINE).items()}


def _picked(record: Any, names: Iterable[str], get: Callable[[Any, str], Any] = getattr) -> dict[str, Any]:
    return {name: get(record, name) for name in names}
