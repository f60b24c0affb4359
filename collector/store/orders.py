"""The queue as the run that waits sees it: a job put in, watched, and cancelled."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select

from collector import schema
from collector.errors import StoreError
from collector.store import rows, whole
from collector.store.access import Access
from collector.store.devices import cancel_jobs
from runners.bridging import JobState
from runners.contract import Event, Job

_JOB, _DEVICE, _LAUNCH, _EVENT = schema.job, schema.paired_device, schema.launch, schema.event


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """
    One look at a remote launch, all of it of one moment.

    Args:
        state: of the job; ``stalled`` also when its lease ran out and nobody has written that yet.
        is_over: the launch has ended by the device's own word.
        failure: kind, message and remedy of an end that failed, as the store has judged it.
        leased_until_utc: moves with each sign of life.
        events: those stored after ``after_key``, in the order in which they came; ``last_key`` is of the newest.
    """

    state: JobState
    is_cancelled: bool
    is_device_revoked: bool
    is_over: bool
    failure: dict[str, Any] | None
    n_attempts: int
    leased_until_utc: str | None
    device_seen_at_utc: str | None
    events: tuple[Event, ...]
    last_key: int


class Orders:
    """What is asked of remote devices, from the host's side."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def put(self, device_id: str, job: Job) -> None:
        """
        Queue a job for a device; its launch has been begun before.

        Raises:
            StoreError: no such device, or the job is queued already.
        """
        with self._access.writing() as connection:
            key = connection.execute(select(_DEVICE.c.key).where(_DEVICE.c.id == device_id)).scalar()
            if key is None:
                raise StoreError(f"there is no paired device {device_id}", "phibench bridge devices")
            if connection.execute(select(_JOB.c.key).where(_JOB.c.launch_id == job.launch_id)).first():
                raise StoreError(f"the launch {job.launch_id} is queued already", "phibench list")
            columns = {
                "launch_id": job.launch_id,
                "paired_device_key": key,
                "job_json": rows.json_text(job),
                "state": JobState.QUEUED,
                "created_at_utc": self._access.now_utc(),
                "n_attempts": 0,
            }
            connection.execute(insert(_JOB).values(columns))

    def cancel(self, launch_id: str) -> None:
        """No longer wanted: a queued job is over at once, one that a phone has is told of it when the phone asks."""
        with self._access.writing() as connection:
            cancel_jobs(connection, _JOB.c.launch_id == launch_id, self._access.now_utc())

    def look(self, launch_id: str, after_key: int = 0) -> Look | None:
        """How a launch stands and what came since ``after_key``; None when its run was removed."""
        with self._access.reading() as connection:
            row = connection.execute(_row_query().where(_JOB.c.launch_id == launch_id)).first()
            if row is None:
                return None
            query = whole.query().where(_EVENT.c.launch_key == row.launch_key, _EVENT.c.key > after_key)
            found = connection.execute(query.order_by(_EVENT.c.key)).all()
        return Look(
            state=self._state(row),
            is_cancelled=row.cancelled_at_utc is not None,
            is_device_revoked=row.revoked_at_utc is not None,
            is_over=row.launch_state != "started" and not row.is_provisional,
            failure=_failure(row),
            n_attempts=row.n_attempts,
            leased_until_utc=row.leased_until_utc,
            device_seen_at_utc=row.last_seen_at_utc,
            events=tuple(whole.event(one) for one in found),
            last_key=found[-1].key if found else after_key,
        )

    def _state(self, row: Any) -> JobState:
        state = JobState(row.state)
        is_late = row.leased_until_utc is not None and row.leased_until_utc < self._access.now_utc()
        return JobState.STALLED if state is JobState.LEASED and is_late else state


def _row_query() -> Any:
    columns: list[Any] = [_JOB.c[name] for name in ("state", "cancelled_at_utc", "leased_until_utc", "n_attempts")]
    columns += [_DEVICE.c[name] for name in ("revoked_at_utc", "last_seen_at_utc")]
    columns += [_LAUNCH.c[name] for name in ("is_provisional", "failure_kind", "failure_message", "failure_remedy")]
    columns += [_LAUNCH.c.key.label("launch_key"), _LAUNCH.c.state.label("launch_state")]
    return (
        select(*columns)
        .join_from(_JOB, _DEVICE, _JOB.c.paired_device_key == _DEVICE.c.key)
        .join(_LAUNCH, _LAUNCH.c.id == _JOB.c.launch_id)
    )


def _failure(row: Any) -> dict[str, Any] | None:
    if row.launch_state != "failed" or row.is_provisional:
        return None
    return {name: getattr(row, f"failure_{name}") for name in ("kind", "message", "remedy")}
