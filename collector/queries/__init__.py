"""
The reader: every question that tables, charts and exports ask. SQL for reading lives here and nowhere else.

Connections are read-only, so looking never waits for a run and can change nothing. Cells come from ``launch_stat``;
only the export of samples and the view of one launch read ``sample``.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Self
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, select

from collector import migrations, schema
from collector.errors import StoreError
from collector.queries import names
from collector.queries.cells import read_cells
from collector.queries.launches import read_detail, read_events, read_launches
from collector.queries.parts import Parts, run_keys, run_row
from collector.queries.results import (
    ArmResult,
    CellResult,
    DeviceResult,
    EnvironmentResult,
    Failure,
    LastRates,
    LaunchDetail,
    LaunchRow,
    RunRow,
    SampleOrigin,
    UnfinishedRun,
    WorkloadResult,
)
from collector.queries.samples import SAMPLE_COLUMNS, Sample, read_samples
from collector.store import BUSY_TIMEOUT_S, database
from runners.contract import Event

__all__ = [
    "SAMPLE_COLUMNS",
    "ArmResult",
    "CellResult",
    "DeviceResult",
    "EnvironmentResult",
    "Failure",
    "LastRates",
    "LaunchDetail",
    "LaunchRow",
    "Reader",
    "RunRow",
    "Sample",
    "SampleOrigin",
    "UnfinishedRun",
    "WorkloadResult",
]

_RUN, _LAUNCH, _STAT = schema.run, schema.launch, schema.launch_stat
_RATES = ("decode_tok_per_s", "prefill_tok_per_s", "load_s")
_LAST_LAUNCHES = 10
"""Launches of an arm that its last rates are the median of."""


class Reader:
    """A database opened for reading. Closed by ``close`` or as a context manager."""

    def __init__(self, engine: Engine, url: URL) -> None:
        self._engine = engine
        self._url = url

    @classmethod
    def open(cls, url: str, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> Self:
        """
        Open a database that exists.

        One of an older version is migrated first; that is the only time that a reader writes.

        Raises:
            StoreError: absent, written by a newer version, another program's, not a database.
        """
        parsed = database.parsed(url)
        if database.is_file(parsed) and not Path(str(parsed.database)).is_file():
            raise StoreError(
                f"there is no database {database.masked(parsed)} yet", "phibench quickstart measures and makes one"
            )
        engine = database.make_engine(
            _read_only(parsed), {"busy_timeout": int(busy_timeout_s * 1000), "query_only": "ON"}, begin="BEGIN"
        )
        reader = cls(engine, parsed)
        try:
            if reader._version() != migrations.HEAD:
                database.open_for_writing(parsed, synchronous="FULL", busy_timeout_s=busy_timeout_s).dispose()
        except BaseException:
            reader.close()
            raise
        return reader

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        """One snapshot of the database."""
        with database.speaking(self._url), self._engine.connect() as connection:
            yield connection

    def _version(self) -> str | None:
        with self._reading() as connection:
            return database.check_version(connection, self._url)

    def resolve_run(self, ref: str) -> str:
        """
        Id of the run that an id, its beginning, ``last`` or ``last~1`` stands for.

        Raises:
            StoreError: none or several; the nearest are named.
        """
        with self._reading() as connection:
            return names.run_id(connection, ref)

    def runs(self, limit: int | None = None) -> list[RunRow]:
        """Runs, the newest first."""
        with self._reading() as connection:
            return [run_row(row) for row in connection.execute(select(_RUN).order_by(_RUN.c.key.desc()).limit(limit))]

    def run(self, run_id: str) -> RunRow:
        """
        One run by what ``resolve_run`` understands.

        Raises:
            StoreError: no such run.
        """
        with self._reading() as connection:
            query = select(_RUN).where(_RUN.c.id == names.run_id(connection, run_id))
            return run_row(connection.execute(query).one())

    def unfinished_run(self) -> UnfinishedRun | None:
        """
        The newest run, if it was cut: neither ended nor running to its end.

        Only the newest one: an older cut run was left behind by whoever began another.
        """
        with self._reading() as connection:
            run = connection.execute(select(_RUN).order_by(_RUN.c.key.desc()).limit(1)).first()
            if run is None or run.stop_reason is not None:
                return None
            query = select(_LAUNCH.c.number).where(_LAUNCH.c.run_key == run.key).order_by(_LAUNCH.c.number.desc())
            last: int | None = connection.execute(query.limit(1)).scalar()
            return UnfinishedRun(run=run_row(run).record, n_blocks_done=run.n_blocks_done, last_launch_number=last or 0)

    def launches(self, run_id: str) -> list[LaunchRow]:
        """Every launch of a run, orphans too, in the order in which they began."""
        with self._reading() as connection:
            query = select(_RUN.c.key).where(_RUN.c.id == names.run_id(connection, run_id))
            return read_launches(connection, _LAUNCH.c.run_key == connection.execute(query).scalar_one())

    def launch(self, ref: str) -> LaunchDetail:
        """
        One launch: run/number such as ``7f3a/12``, or its full id.

        Raises:
            StoreError: no such launch.
        """
        with self._reading() as connection:
            return read_detail(connection, _launch_key(connection, ref))

    def events(self, ref: str) -> Iterator[Event]:
        """
        Events of one launch exactly as they came.

        Raises:
            StoreError: no such launch.
        """
        with self._reading() as connection:
            yield from read_events(connection, _launch_key(connection, ref))

    def cells(self, run_ids: Sequence[str] | None = None) -> list[CellResult]:
        """Every cell of these runs (None = all): a value a good launch, failures, flags and provenance."""
        with self._reading() as connection:
            return read_cells(connection, run_keys(connection, run_ids))

    def samples(self, run_ids: Sequence[str] | None = None) -> Iterator[Sample]:
        """Every sample of these runs (None = all), warm-ups and orphans too, in constant memory."""
        with self._reading() as connection:
            yield from read_samples(connection, run_keys(connection, run_ids))

    def last_rates(self, fingerprint: str) -> dict[str, LastRates]:
        """Median rates of the last launches of each arm on a device, by the arm's label."""
        device = schema.device
        query = (
            select(_STAT.c.arm_key, _STAT.c.metric, _STAT.c.median)
            .join(device, device.c.key == _STAT.c.device_key)
            .where(_STAT.c.metric.in_(_RATES), device.c.fingerprint == fingerprint, _STAT.c.is_good)
            .order_by(_STAT.c.launch_key.desc())
        )
        found: dict[int, dict[str, list[float]]] = {}
        with self._reading() as connection:
            for arm_key, metric, value in connection.execute(query):
                values = found.setdefault(arm_key, {}).setdefault(metric, [])
                if len(values) < _LAST_LAUNCHES:
                    values.append(value)
            arms = Parts(connection).arms
        newest_wins = {
            arms[key].label: {metric: median(values) for metric, values in rates.items()}
            for key, rates in reversed(found.items())
        }
        return {label: LastRates(**rates) for label, rates in newest_wins.items()}


def _launch_key(connection: Connection, ref: str) -> int:
    key: int | None = connection.execute(names.launch_query(connection, ref)).scalar()
    if key is None:
        raise StoreError(f"there is no launch {ref!r}", f"phibench show {ref.rpartition('/')[0]} lists them")
    return key


def _read_only(url: URL) -> URL:
    """A SQLite file opened so that nothing can be written; any other database as it is."""
    if not database.is_file(url):
        return url
    path = quote(str(Path(str(url.database)).absolute()))
    return URL.create("sqlite", database=f"file:{path}", query={"mode": "ro", "uri": "true"})
