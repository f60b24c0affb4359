"""
The writer: every event of every launch goes through ``Store.accept``, and nothing else writes samples.

What ``accept`` has returned for is on the disk, whatever process dies next. One transaction an accept;
``launch_stat`` is written in the transaction that ends the launch, so a page never sees one without the other.

``rows`` and ``evidence`` are pure; ``inbox``, ``ends``, ``seal`` and ``conclusion`` work inside a transaction;
``database`` opens it. ``queue`` and ``devices`` are what the bridge asks, ``orders`` what a run asks of a phone.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any, Self

from sqlalchemy import URL, Connection, Engine, delete, func, insert, select, update

from collector import schema
from collector.errors import StoreError
from collector.store import database, inbox, rows
from collector.store.access import Access
from collector.store.conclusion import add_flags
from collector.store.devices import Devices, cancel_jobs
from collector.store.orders import Orders
from collector.store.queue import Queue
from collector.store.records import RunRecord
from runners.contract import DeviceSnapshot, Event, Flag, Job

__all__ = ["RunRecord", "Store"]

BUSY_TIMEOUT_S = 30.0
"""Another process may hold the write lock for as long as an import takes a step."""

_RUN, _LAUNCH, _STAT, _NAMED, _JOB = schema.run, schema.launch, schema.launch_stat, schema.named_run, schema.job


class Store:
    """An open database; it is the :class:`runners.contract.Inbox`. Closed by ``close`` or as a context manager."""

    def __init__(self, engine: Engine, url: URL, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._url = url
        self._access = Access(engine, url, now)
        self.queue = Queue(self._access)
        self.devices = Devices(self._access)
        self.orders = Orders(self._access)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        is_bulk: bool = False,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> Self:
        """
        Open a database, made or migrated as needed.

        Args:
            url: a path or a database URL.
            is_bulk: importing, where the last seconds may be repeated after a power cut; a live run waits for the disk
                at every commit.
            busy_timeout_s: longest wait for another writer.
            now: the date in UTC; a simulated run has one of its own.

        Raises:
            StoreError: written by a newer version, another program's, read-only, full, locked, not a database.
        """
        parsed = database.parsed(url)
        synchronous = "NORMAL" if is_bulk else "FULL"
        return cls(
            database.open_for_writing(parsed, synchronous=synchronous, busy_timeout_s=busy_timeout_s), parsed, now
        )

    @property
    def name(self) -> str:
        """The database as it may be shown."""
        return database.masked(self._url)

    def close(self) -> None:
        """Let go of the database; what was accepted is in it."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _now_utc(self) -> str:
        return self._access.now_utc()

    def _writing(self) -> AbstractContextManager[Connection]:
        """One transaction that waits for the write lock and then has it."""
        return self._access.writing()

    def accept(self, launch_id: str, events: Sequence[Event]) -> int:
        """
        Take events of one launch, in any order, any number of times; committed when this returns.

        Returns:
            The highest contiguous seq of the boot of the last event, -1 when even 0 is missing.

        Raises:
            StoreError: no such launch, or the database cannot be written.
            WireError: an event's content cannot be used; nothing of the call is stored.
        """
        for event in events:
            rows.check(event)
        if not events:
            return -1
        with self._writing() as connection:
            return inbox.take(connection, _launch(connection, launch_id), events, self._now_utc()).acked_seq

    def begin_run(self, run: RunRecord) -> None:
        """
        Note that a run begins.

        Raises:
            StoreError: there is a run of this id.
        """
        columns = {
            "id": run.id,
            "started_at_utc": run.started_at_utc,
            "suite": run.suite,
            "seed": run.seed,
            "arm_order": run.plan.get("order"),
            "plan_json": rows.json_text(run.plan),
            "phibench_version": run.phibench_version,
            "git_commit": run.git_commit,
            "command_line": run.command_line,
            "note": run.note,
        }
        with self._writing() as connection:
            if connection.execute(select(_RUN.c.key).where(_RUN.c.id == run.id)).first():
                raise StoreError(f"there is a run {run.id} in {self.name} already", "phibench list")
            connection.execute(insert(_RUN).values(columns))

    def end_run(self, run_id: str, stop_reason: str) -> None:
        """Note why a run is over; it can no longer be resumed."""
        self._change_run(run_id, stop_reason=stop_reason, ended_at_utc=self._now_utc())

    def end_block(self, run_id: str, block: int) -> None:
        """Note that every launch of a block has ended; ``--resume`` begins with the next one."""
        self._change_run(run_id, n_blocks_done=block + 1)

    def note(self, run_id: str, text: str) -> None:
        """Replace the note of a run; an empty text takes it away."""
        self._change_run(run_id, note=text or None)

    def remove_run(self, run_id: str) -> None:
        """Delete a run with all its launches, samples and events, and what is queued for it."""
        with self._writing() as connection:
            run_key = _run_key(connection, run_id)
            connection.execute(delete(_JOB).where(_JOB.c.launch_id.in_(_launch_ids(_LAUNCH.c.run_key == run_key))))
            connection.execute(delete(_RUN).where(_RUN.c.key == run_key))

    def begin_launch(
        self,
        job: Job,
        *,
        run_id: str,
        block: int,
        position: int,
        arm_index: int,
    ) -> None:
        """
        Note that a launch begins, before it does: one that never ends is seen.

        Args:
            block, position: from 0; the place of the launch in the run.
            arm_index: place of its arm in the plan, which tells an arm from itself in a run of A against A.

        Raises:
            StoreError: no such run, or a launch of this id exists.
        """
        with self._writing() as connection:
            run_key = _run_key(connection, run_id)
            if connection.execute(select(_LAUNCH.c.key).where(_LAUNCH.c.id == job.launch_id)).first():
                raise StoreError(f"there is a launch {job.launch_id} in {self.name} already", "phibench list")
            columns = {
                **_cell(connection, job),
                "id": job.launch_id,
                "run_key": run_key,
                "number": _next_number(connection, run_key),
                "block": block,
                "position": position,
                "state": "started",
                "arm_index": arm_index,
                "is_orphaned": False,
                "replication_unit": str(job.replication_unit),
                "job_json": rows.json_text(job),
                "gate_json": None if job.gate is None else rows.json_text(job.gate),
                "started_at_utc": self._now_utc(),
            }
            connection.execute(insert(_LAUNCH).values(columns))

    def add_flags(self, launch_id: str, flags: Iterable[Flag]) -> None:
        """Add doubts to a launch; what it has stays."""
        with self._writing() as connection:
            add_flags(connection, _launch(connection, launch_id).key, flags)

    def orphan_block(self, run_id: str, block: int) -> int:
        """
        Set aside the launches of a block that was cut, because it is about to be repeated.

        Returns:
            How many launches were set aside.
        """
        with self._writing() as connection:
            run_key = _run_key(connection, run_id)
            query = select(_LAUNCH.c.key).where(
                _LAUNCH.c.run_key == run_key, _LAUNCH.c.block == block, ~_LAUNCH.c.is_orphaned
            )
            keys = connection.execute(query).scalars().all()
            cancel_jobs(connection, _JOB.c.launch_id.in_(_launch_ids(_LAUNCH.c.key.in_(keys))), self._now_utc())
            for key in keys:
                add_flags(connection, key, [Flag.ORPHANED])
                connection.execute(update(_LAUNCH).where(_LAUNCH.c.key == key).values(is_orphaned=True))
                connection.execute(update(_STAT).where(_STAT.c.launch_key == key).values(is_good=False))
            return len(keys)

    def record_bandwidth(self, device: DeviceSnapshot, columns: Mapping[str, Any]) -> None:
        """Keep a measured memory bandwidth; ``columns`` are those of the table but key, device and time."""
        with self._writing() as connection:
            keys = {"device_key": inbox.device_key(connection, device), "measured_at_utc": self._now_utc()}
            connection.execute(insert(schema.bandwidth).values({**keys, **columns}))

    def set_baseline(self, name: str, run_id: str) -> None:
        """
        Give a run a name by which others are set against it; a name that is taken moves.

        Raises:
            StoreError: no such run.
        """
        with self._writing() as connection:
            run_key = _run_key(connection, run_id)
            connection.execute(delete(_NAMED).where(_NAMED.c.name == name))
            connection.execute(insert(_NAMED).values(name=name, run_key=run_key, set_at_utc=self._now_utc()))

    def remove_baseline(self, name: str) -> None:
        """
        Take a name away; its run stays.

        Raises:
            StoreError: no such name.
        """
        with self._writing() as connection:
            if connection.execute(delete(_NAMED).where(_NAMED.c.name == name)).rowcount == 0:
                raise StoreError(f"there is no baseline {name!r}", "phibench baseline list")

    def _change_run(self, run_id: str, **columns: Any) -> None:
        with self._writing() as connection:
            run_key = _run_key(connection, run_id)
            connection.execute(update(_RUN).where(_RUN.c.key == run_key).values(columns))


def _run_key(connection: Connection, run_id: str) -> int:
    key: int | None = connection.execute(select(_RUN.c.key).where(_RUN.c.id == run_id)).scalar()
    if key is None:
        raise StoreError(f"there is no run {run_id}", "phibench list")
    return key


def _launch_ids(which: Any) -> Any:
    return select(_LAUNCH.c.id).where(which).scalar_subquery()


def _launch(connection: Connection, launch_id: str) -> Any:
    launch = connection.execute(select(*inbox.LAUNCH_COLUMNS).where(_LAUNCH.c.id == launch_id)).first()
    if launch is None:
        raise StoreError(f"there is no launch {launch_id}; events need one that was begun", "phibench list")
    return launch


def _next_number(connection: Connection, run_key: int) -> int:
    highest: int | None = connection.execute(
        select(func.max(_LAUNCH.c.number)).where(_LAUNCH.c.run_key == run_key)
    ).scalar()
    return (highest or 0) + 1


def _cell(connection: Connection, job: Job) -> dict[str, int]:
    """Keys of the arm and the workload of a job, their rows made when they are new."""

    def key_of(table: Any, row: rows.Row) -> int:
        rest = {name: value for name, value in row.items() if name != "identity"}
        return inbox.key_of(connection, table, {"identity": row["identity"]}, rest)

    artifact = rows.artifact_row(job.model)
    arm = rows.arm_row(job, artifact, key_of(schema.artifact, artifact))
    return {
        "arm_key": key_of(schema.arm, arm),
        "workload_key": key_of(schema.workload, rows.workload_row(job.workload)),
    }
