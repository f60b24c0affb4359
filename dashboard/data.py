"""
What pages read, kept for as long as the database does not change.

Every page asks for the revision first, which costs a millisecond; all else is kept under it, so a new sample appears on
the next look and nothing old is ever shown. Records are frozen, so they are shared and not copied.
"""

import os
import threading
from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from collector.compare import Pair
from collector.queries import (
    BaselineRow,
    CellResult,
    Course,
    Event,
    FailureCount,
    LaunchCounts,
    LaunchDetail,
    LaunchRow,
    Progress,
    Reader,
    RunRow,
    SeriesRow,
    Surrounding,
    TraceRow,
    exists,
    traces,
)
from collector.queries import course as course_of
from dashboard.rows import pair_of

_FEW, _MANY, _PAIRS = 8, 64, 512
_ONE_READS = threading.Lock()
"""Viewers that ask for the same runs at once wait for one of them to read."""

_MOST_RUNS = 400
"""Runs whose cells are kept; beyond, all are read anew rather than memory filled."""


def url() -> str:
    """The database that is shown."""
    return os.environ["PHIBENCH_DB"]


def is_there() -> bool:
    """Whether there is a database at all."""
    return exists(url())


def revision() -> str:
    """Changes whenever something was written that a page shows."""
    return reader().revision()


def reader() -> Reader:
    """The open database; another file of the same name is another one."""
    path = Path(url()).expanduser()
    return _reader(url(), path.stat().st_ino if path.exists() else 0)


def runs() -> list[RunRow]:
    """All runs, the newest first."""
    return _runs(url(), revision())


def series() -> list[SeriesRow]:
    """Every arm on a device under a workload: measured ones before simulated ones, and of each the newest first."""
    return _series(url(), revision())


def failures() -> list[FailureCount]:
    """Launches that failed, counted by kind and cell."""
    return _failures(url(), revision())


def baselines() -> list[BaselineRow]:
    """Runs that have a name."""
    return _baselines(url(), revision())


def cells(run_ids: Sequence[str]) -> list[CellResult]:
    """Every cell of some runs, in the order of time; what was read for one choice serves the next."""
    kept = _cells_by_run(url(), revision())
    with _ONE_READS:
        found = {run_id: kept[run_id] for run_id in dict.fromkeys(run_ids) if run_id in kept}
        missing: dict[str, list[CellResult]] = {run_id: [] for run_id in run_ids if run_id not in found}
        if missing:
            for cell in reader().cells(list(missing)):
                missing[cell.run_id].append(cell)
            if len(kept) + len(missing) > _MOST_RUNS:
                kept.clear()
            kept.update(missing)
    by_run = [cells for cells in (found | missing).values() if cells]
    by_run.sort(key=lambda cells: (cells[0].started_at_utc, cells[0].run_id))
    return [cell for cells in by_run for cell in cells]


def pair(baseline: Sequence[CellResult], other: Sequence[CellResult]) -> Pair:
    """An arm against another one with all their workloads; kept, as what is shown of it changes with every choice."""
    return _pair(url(), revision(), _names(baseline), _names(other), (baseline, other))


def runs_on(fingerprints: Sequence[str], limit: int) -> list[str]:
    """Ids of the newest runs on some devices, the newest first."""
    return _runs_on(url(), revision(), tuple(dict.fromkeys(fingerprints)), limit)


def history(one: SeriesRow) -> list[str]:
    """The runs that measured a series, the newest first."""
    return reader().history(one)


def counts(run_ids: Sequence[str]) -> dict[str, LaunchCounts]:
    """By run: how its launches ended."""
    return _counts(url(), revision(), tuple(run_ids))


def surroundings(run_id: str) -> dict[str, Surrounding]:
    """By launch of a run: where it ran, and its gate."""
    return _surroundings(url(), revision(), run_id)


def progress(run_id: str) -> Progress:
    """How far a run came."""
    return _progress(url(), revision(), run_id)


def launches(run_id: str) -> list[LaunchRow]:
    """The launches of a run in the order in which they ran."""
    return _launches(url(), revision(), run_id)


def launch(launch_id: str) -> LaunchDetail:
    """One launch with its samples."""
    return _launch(url(), revision(), launch_id)


def events(launch_id: str) -> tuple[Event, ...]:
    """The events of one launch, token times and all."""
    return _events(url(), revision(), launch_id)


def generations(launch_ids: Sequence[str]) -> dict[str, tuple[TraceRow, ...]]:
    """The raw traces of some launches, by launch."""
    return _generations(url(), revision(), tuple(dict.fromkeys(launch_ids)))


def course(launch_id: str) -> Course:
    """What one sustained launch went through."""
    return _course(url(), revision(), launch_id)


@st.cache_resource(max_entries=4)
def _reader(db: str, _inode: int) -> Reader:
    return Reader.open(db)


@st.cache_resource(max_entries=_FEW)
def _runs(db: str, revision: str) -> list[RunRow]:
    return reader().runs()


@st.cache_resource(max_entries=_FEW)
def _series(db: str, revision: str) -> list[SeriesRow]:
    return sorted(reader().series(), key=lambda one: one.is_simulated)


@st.cache_resource(max_entries=_FEW)
def _failures(db: str, revision: str) -> list[FailureCount]:
    return reader().failures()


@st.cache_resource(max_entries=_FEW)
def _baselines(db: str, revision: str) -> list[BaselineRow]:
    return reader().baselines()


def _names(cells: Sequence[CellResult]) -> tuple[str, ...]:
    """What tells the cells of an arm in a database from all others."""
    return tuple(f"{c.run_id}|{c.arm_index}|{c.arm.label}|{c.arm.digest}|{c.workload}" for c in cells)


@st.cache_resource(max_entries=_PAIRS)
def _pair(
    db: str,
    revision: str,
    baseline: tuple[str, ...],
    other: tuple[str, ...],
    _cells: tuple[Sequence[CellResult], Sequence[CellResult]],
) -> Pair:
    return pair_of(*_cells)


@st.cache_resource(max_entries=2)
def _cells_by_run(db: str, revision: str) -> dict[str, list[CellResult]]:
    return {}


@st.cache_resource(max_entries=_MANY)
def _runs_on(db: str, revision: str, fingerprints: tuple[str, ...], limit: int) -> list[str]:
    return reader().runs_on(fingerprints, limit)


@st.cache_resource(max_entries=_FEW)
def _counts(db: str, revision: str, run_ids: tuple[str, ...]) -> dict[str, LaunchCounts]:
    return reader().counts(run_ids)


@st.cache_resource(max_entries=_FEW)
def _surroundings(db: str, revision: str, run_id: str) -> dict[str, Surrounding]:
    return reader().surroundings(run_id)


@st.cache_resource(max_entries=_FEW)
def _progress(db: str, revision: str, run_id: str) -> Progress:
    return reader().progress(run_id)


@st.cache_resource(max_entries=_MANY)
def _launches(db: str, revision: str, run_id: str) -> list[LaunchRow]:
    return reader().launches(run_id)


@st.cache_resource(max_entries=_MANY)
def _launch(db: str, revision: str, launch_id: str) -> LaunchDetail:
    return reader().launch(launch_id)


@st.cache_resource(max_entries=_FEW)
def _events(db: str, revision: str, launch_id: str) -> tuple[Event, ...]:
    return tuple(reader().events(launch_id))


@st.cache_resource(max_entries=_FEW)
def _generations(db: str, revision: str, launch_ids: tuple[str, ...]) -> dict[str, tuple[TraceRow, ...]]:
    return {launch_id: traces(reader().events(launch_id)) for launch_id in launch_ids}


@st.cache_resource(max_entries=_MANY)
def _course(db: str, revision: str, launch_id: str) -> Course:
    return course_of(reader().events(launch_id))
