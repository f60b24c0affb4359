"""One open database, read-only: everything that tables, exports and pages are made of."""

import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Self
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, desc, func, select

from collector import migrations, schema
from collector.errors import StoreError
from collector.paths import demo_database, shown
from collector.queries import cells as cell_queries
from collector.queries import launches as launch_queries
from collector.queries import pages
from collector.queries import progress as progress_queries
from collector.queries.launches import LaunchCounts, Surrounding
from collector.queries.pages import FailureCount, SeriesRow
from collector.queries.progress import Progress
from collector.queries.records import (
    BandwidthRow,
    BaselineRow,
    CellResult,
    CutRun,
    LastRates,
    LaunchDetail,
    LaunchRow,
    RunRow,
)
from collector.queries.samples import SAMPLE_COLUMNS, Sample, stream
from collector.schedule import Measured
from collector.store import Store, database, whole
from runners.contract import Event

_R, _L, _V = schema.run, schema.launch, schema.event
_RUN_COLUMNS = [name for name in (f.name for f in _R.columns) if name not in {"key", "arm_order", "plan_json"}]
_LAUNCH_COLUMNS = (
    "id", "number", "block", "position", "state", "is_orphaned", "started_at_utc", "ended_at_utc", "backend",
    "n_threads", "failure_kind", "failure_message", "failure_remedy", "failure_phase", "failure_detail",
)  # fmt: skip
_RATES = {
    "decode_tok_per_s": "decode_tok_per_s", "kernel_decode_tok_per_s": "decode_tok_per_s",
    "prefill_tok_per_s": "prefill_tok_per_s", "kernel_prefill_tok_per_s": "prefill_tok_per_s", "load_s": "load_s",
}  # fmt: skip
_RECENT = 2000


def exists(url: str) -> bool:
    """Whether there is a database to read: a server is taken to be there, a file must exist."""
    parsed = database.parsed(url)
    return not database.is_file(parsed) or Path(str(parsed.database)).is_file()


class Reader:
    """An open database that cannot be changed through this; a context manager."""

    def __init__(self, engine: Engine, url: URL) -> None:
        self._engine = engine
        self._url = url

    @classmethod
    def open(cls, url: str) -> Self:
        """
        Open an existing database for reading; one of an older version is migrated first.

        Raises:
            StoreError: there is none, it is of a newer version, or it cannot be read.
        """
        parsed = database.parsed(url)
        if database.is_file(parsed) and not Path(str(parsed.database)).is_file():
            name = database.masked(parsed)
            if Path(str(parsed.database)).is_dir():
                raise StoreError(f"{name} is a folder, not a database", "name a file: --db FOLDER/phibench.db")
            raise StoreError(f"there are no results yet: {name} does not exist", _first_step(str(parsed.database)))
        pragmas: dict[str, str | int] = {"busy_timeout": 30_000, "query_only": "ON"}
        engine = database.make_engine(_read_only(parsed), pragmas, begin="BEGIN")
        with database.speaking(parsed), engine.connect() as connection:
            version = database.check_version(connection, parsed)
        if version != migrations.HEAD:
            Store.open(url).close()
        return cls(engine, parsed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _connect(self) -> Connection:
        return self._engine.connect()

    def version(self) -> str | None:
        """Version of the schema."""
        with database.speaking(self._url), self._connect() as connection:
            return migrations.version_of(connection)

    def n_runs(self) -> int:
        """How many runs there are."""
        with database.speaking(self._url), self._connect() as connection:
            return int(connection.execute(select(func.count()).select_from(_R)).scalar_one())

    def runs(self, limit: int | None = None) -> list[RunRow]:
        """The newest runs first."""
        with database.speaking(self._url), self._connect() as connection:
            query = select(_R).order_by(desc(_R.c.key))
            return [_run_row(row) for row in connection.execute(query.limit(limit) if limit else query)]

    def resolve_run(self, ref: str) -> str:
        """
        The id of a run from ``last``, ``last~N`` or the beginning of an id.

        Raises:
            StoreError: none fits, or several do.
        """
        with database.speaking(self._url), self._connect() as connection:
            ids: list[str] = list(connection.execute(select(_R.c.id).order_by(desc(_R.c.key))).scalars())
        if ref == "last" or ref.startswith("last~"):
            steps = ref.removeprefix("last").removeprefix("~") or "0"
            if steps.isdigit() and int(steps) < len(ids):
                return ids[int(steps)]
            raise StoreError(f"there is no run {ref}; the database has {len(ids)}", "phibench list")
        fitting = [run_id for run_id in ids if run_id.startswith(ref)]
        if ref in fitting or len(fitting) == 1:
            return ref if ref in fitting else fitting[0]
        if fitting:
            raise StoreError(f"{ref!r} fits {len(fitting)} runs: {', '.join(fitting[:5])}", "write more of the id")
        raise StoreError(f"there is no run {ref!r}", "phibench list shows them; `last` is the newest")

    def run(self, run_id: str) -> RunRow:
        """One run by its whole id."""
        with database.speaking(self._url), self._connect() as connection:
            return _run_row(connection.execute(select(_R).where(_R.c.id == run_id)).one())

    def unfinished_run(self) -> CutRun | None:
        """The newest run, if it was cut; an older cut run is history."""
        with database.speaking(self._url), self._connect() as connection:
            row = connection.execute(select(_R).order_by(desc(_R.c.key)).limit(1)).first()
            if row is None or row.stop_reason is not None:
                return None
            query = select(func.max(_L.c.number)).where(_L.c.run_key == row.key)
            highest = connection.execute(query).scalar() or 0
        return CutRun(run=_run_row(row), n_blocks_done=row.n_blocks_done, last_launch_number=highest)

    def cells(self, run_ids: Sequence[str] | None = None) -> list[CellResult]:
        """Every cell of the runs (all runs when None), in the order of their plans."""
        with database.speaking(self._url), self._connect() as connection:
            return cell_queries.cells(connection, run_ids)

    def revision(self) -> str:
        """A text that changes whenever something was written that a page shows."""
        with database.speaking(self._url), self._connect() as connection:
            return pages.revision(connection)

    def series(self) -> list[SeriesRow]:
        """Every arm on a device under a workload that has a good launch, the one measured last first."""
        with database.speaking(self._url), self._connect() as connection:
            return pages.series(connection)

    def runs_on(self, fingerprints: Sequence[str], limit: int) -> list[str]:
        """Ids of the newest runs with a good launch on any of these devices, the newest first."""
        with database.speaking(self._url), self._connect() as connection:
            return pages.runs_on(connection, fingerprints, limit)

    def history(self, one: SeriesRow) -> list[str]:
        """The runs that measured a series, the newest first."""
        with database.speaking(self._url), self._connect() as connection:
            return pages.history(connection, one)

    def option_names(self) -> frozenset[str]:
        """The engine options that any arm was given, those of phones among them."""
        with database.speaking(self._url), self._connect() as connection:
            texts = connection.execute(select(schema.arm.c.options_json).distinct()).scalars()
            return frozenset(name for text in texts for name in json.loads(text))

    def counts(self, run_ids: Sequence[str]) -> dict[str, LaunchCounts]:
        """By run: how its launches ended; runs without any are left out."""
        with database.speaking(self._url), self._connect() as connection:
            return launch_queries.counts(connection, run_ids)

    def surroundings(self, run_id: str) -> dict[str, Surrounding]:
        """By launch of a run: where it ran, and how it came through its gate."""
        with database.speaking(self._url), self._connect() as connection:
            return launch_queries.surroundings(connection, run_id)

    def progress(self, run_id: str) -> Progress:
        """How far a run came, and what its newest launch does."""
        with database.speaking(self._url), self._connect() as connection:
            return progress_queries.progress(connection, run_id)

    def failures(self) -> list[FailureCount]:
        """Launches that failed, counted by kind and cell, the newest first."""
        with database.speaking(self._url), self._connect() as connection:
            return pages.failures(connection)

    def measured(self, run_id: str) -> list[Measured]:
        """What the good launches of a run came to in the metrics that its end is decided by."""
        with database.speaking(self._url), self._connect() as connection:
            return cell_queries.measured(connection, run_id)

    def bandwidth(self, fingerprint: str) -> BandwidthRow | None:
        """The best memory bandwidth measured on a device; None where it never was."""
        with database.speaking(self._url), self._connect() as connection:
            return cell_queries.best_bandwidths(connection).get(fingerprint)

    def bandwidth_measured_at_utc(self, fingerprint: str) -> str | None:
        """When a device's bandwidth was measured last; None where it never was."""
        table, device = schema.bandwidth, schema.device
        query = select(func.max(table.c.measured_at_utc)).join(device, table.c.device_key == device.c.key)
        with database.speaking(self._url), self._connect() as connection:
            found: str | None = connection.execute(query.where(device.c.fingerprint == fingerprint)).scalar()
        return found

    def baselines(self) -> list[BaselineRow]:
        """The runs that have a name, by name."""
        named = schema.named_run
        query = select(named.c.name, named.c.set_at_utc, _R.c.id).join(_R, named.c.run_key == _R.c.key)
        with database.speaking(self._url), self._connect() as connection:
            rows = connection.execute(query.order_by(named.c.name)).all()
        return [BaselineRow(name=row.name, run_id=row.id, set_at_utc=row.set_at_utc) for row in rows]

    def launches(self, run_id: str) -> list[LaunchRow]:
        """The launches of a run in the order in which they ran."""
        with database.speaking(self._url), self._connect() as connection:
            values = cell_queries.launch_values(connection, [run_id])
            rows = connection.execute(_launch_query().where(_R.c.id == run_id).order_by(_L.c.number))
            return [_launch_row(row, values.get(row.key, {})) for row in rows]

    def launch(self, ref: str) -> LaunchDetail:
        """
        One launch with its samples, by ``RUN/NUMBER``; RUN as in :meth:`resolve_run`.

        Raises:
            StoreError: no such run or launch.
        """
        launch_id = self._launch_id(ref)
        with database.speaking(self._url), self._connect() as connection:
            row = connection.execute(_launch_query().where(_L.c.id == launch_id)).one()
            values = cell_queries.launch_values(connection, [row.run_id]).get(row.key, {})
            environment = connection.execute(
                select(schema.environment).where(schema.environment.c.key == row.environment_key)
            ).first()
            samples = [dict(zip(SAMPLE_COLUMNS, s, strict=True)) for _, s in stream(connection, _L.c.id == launch_id)]
            reported = connection.execute(
                select(schema.reported_value).where(schema.reported_value.c.launch_key == row.key)
            )
            return LaunchDetail(
                launch=_launch_row(row, values),
                job=json.loads(row.job_json),
                loaded=json.loads(row.loaded_json) if row.loaded_json else None,
                device=json.loads(environment.device_json) if environment else None,
                engine=json.loads(environment.engine_json) if environment and environment.engine_json else None,
                samples=tuple(samples),
                reported=tuple(
                    {"iteration": r.iteration, "metric": r.metric, "value": r.value, "value_text": r.value_text}
                    for r in reported
                ),
            )

    def events(self, ref: str) -> Iterator[Event]:
        """The events of one launch, whole again: token times come back from their sample."""
        launch_id = self._launch_id(ref)
        query = whole.query().join(_L, _V.c.launch_key == _L.c.key).where(_L.c.id == launch_id).order_by(_V.c.key)
        with database.speaking(self._url), self._connect() as connection:
            for row in connection.execute(query):
                yield whole.event(row)

    def samples(self, run_ids: Sequence[str] | None = None) -> Iterator[Sample]:
        """Every sample of the runs (all runs when None) with its launch, in constant memory; warm-ups too, marked."""
        where = None if run_ids is None else _R.c.id.in_(run_ids)
        with database.speaking(self._url), self._connect() as connection:
            yield from stream(connection, where)

    def last_rates(self, fingerprint: str) -> dict[str, LastRates]:
        """By arm label: the rates of the newest good launches on a device."""
        stat, arm, artifact = schema.launch_stat, schema.arm, schema.artifact
        query = (
            select(stat.c.metric, stat.c.median, arm.c.engine, arm.c.options_json, arm.c.python, artifact)
            .join(schema.device, stat.c.device_key == schema.device.c.key)
            .join(arm, stat.c.arm_key == arm.c.key)
            .join(artifact, arm.c.artifact_key == artifact.c.key)
            .where(schema.device.c.fingerprint == fingerprint, stat.c.is_good, stat.c.metric.in_(_RATES))
            .order_by(desc(stat.c.launch_key))
            .limit(_RECENT)
        )
        found: dict[str, dict[str, list[float]]] = {}
        with database.speaking(self._url), self._connect() as connection:
            for row in connection.execute(query):
                rates = found.setdefault(cell_queries.arm_row(row).label, {})
                rates.setdefault(_RATES[row.metric], []).append(row.median)
        return {label: LastRates(**{m: median(v[:10]) for m, v in rates.items()}) for label, rates in found.items()}

    def _launch_id(self, ref: str) -> str:
        run_ref, _, number = ref.rpartition("/")
        run_id = self.resolve_run(run_ref)
        with database.speaking(self._url), self._connect() as connection:
            known: str | None = connection.execute(select(_L.c.id).where(_L.c.id == f"{run_id}/{number}")).scalar()
        if known is None:
            raise StoreError(f"run {run_id} has no launch {number}", f"phibench show {run_id}")
        return known


def _first_step(missing: str) -> str:
    """What makes the first results, or where the demonstration lies when one was made."""
    made = Path(demo_database())
    if not made.is_file() or made == Path(missing):
        return "phibench quickstart"
    return f"phibench quickstart   (or add --db {shlex.quote(shown(made))}: a demonstration was made there)"


def _read_only(url: URL) -> URL:
    """A SQLite file opened so that nothing can be written; any other database as it is."""
    if not database.is_file(url):
        return url
    path = quote(str(Path(str(url.database)).absolute()))
    return URL.create("sqlite", database=f"file:{path}", query={"mode": "ro", "uri": "true"})


def _run_row(row: Any) -> RunRow:
    return RunRow(**{name: getattr(row, name) for name in _RUN_COLUMNS}, plan=json.loads(row.plan_json))


def _launch_query() -> Any:
    arm, artifact, workload = schema.arm, schema.artifact, schema.workload
    return (
        select(
            _L,
            _R.c.id.label("run_id"),
            arm.c.engine,
            arm.c.options_json,
            arm.c.python,
            workload.c.name.label("workload_name"),
            *(artifact.c[n] for n in ("model", "format", "quant", "n_bytes", "tensor_bytes", "digest")),
            artifact.c.is_synthetic,
            artifact.c.shape_json,
        )
        .join_from(_L, _R, _L.c.run_key == _R.c.key)
        .join(arm, _L.c.arm_key == arm.c.key)
        .join(artifact, arm.c.artifact_key == artifact.c.key)
        .join(workload, _L.c.workload_key == workload.c.key)
    )


def _launch_row(row: Any, values: dict[str, float]) -> LaunchRow:
    return LaunchRow(
        **{name: getattr(row, name) for name in _LAUNCH_COLUMNS},
        arm_label=cell_queries.arm_row(row).label,
        workload=row.workload_name,
        flags=tuple(filter(None, row.flags.split(","))),
        stats=values,
    )
