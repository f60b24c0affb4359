"""
The queue as phones see it: jobs, their leases, and the way in for their events.

It is the :class:`runners.bridging.JobQueue` of the bridge. What an empty poll or a look costs is a read: only what
changes something takes the write lock.
"""

import secrets
import struct
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, bindparam, exists, select, update

from collector import schema
from collector.store import inbox, phone_events, rows
from collector.store.access import Access
from runners.bridging import (
    LEASE_TTL_S,
    JobState,
    JobStatus,
    LeasedJob,
    Post,
    Refusal,
    RefusalCode,
    Taken,
)
from runners.contract import Job
from runners.errors import FailureKind
from runners.wire import from_wire

_JOB, _DEVICE, _LAUNCH, _EVENT = schema.job, schema.paired_device, schema.launch, schema.event
_RENEW_AFTER_S = 30.0
"""A lease is not written anew more often than this just because its phone asks something."""

_JOB_OF = (
    select(
        *(_JOB.c[name] for name in ("key", "state", "lease_id", "leased_until_utc", "cancelled_at_utc")),
        _JOB.c.created_at_utc,
        _DEVICE.c.revoked_at_utc,
    )
    .join(_DEVICE, _JOB.c.paired_device_key == _DEVICE.c.key)
    .where(_JOB.c.launch_id == bindparam("launch_id"), _DEVICE.c.id == bindparam("device_id"))
)
_LAUNCH_OF = select(*inbox.LAUNCH_COLUMNS).where(_LAUNCH.c.id == bindparam("launch_id"))
"""Asked for each post: a statement that stands ready is bound in a fraction of the time that making one takes."""

_NONSENSE = (ValueError, TypeError, KeyError, AttributeError, OverflowError, struct.error)
"""What content that no check foresaw can raise on its way into the tables: then the post is refused."""


class Queue:
    """The jobs of remote devices, from their side."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def devices_with_jobs(self) -> frozenset[str]:
        """Ids of the devices for which :meth:`next_jobs` would have something."""
        with self._access.reading() as connection:
            query = _waiting(self._access.now_utc(), _DEVICE.c.id).distinct()
            return frozenset(connection.execute(query).scalars())

    def next_jobs(self, device_id: str, n: int, lease_ttl_s: float = LEASE_TTL_S) -> Sequence[LeasedJob]:
        """Lease up to ``n`` jobs to a device, the oldest first; those that it never began before all others."""
        wanted = _waiting(self._access.now_utc(), _JOB.c.key, _JOB.c.job_json).where(_DEVICE.c.id == device_id)
        with self._access.reading() as connection:
            if connection.execute(wanted.limit(1)).first() is None:
                return ()
        with self._access.writing() as connection:
            _stall(connection, self._access.now_utc())
            order = (_JOB.c.state != JobState.LEASED, _JOB.c.key)
            found = connection.execute(wanted.order_by(*order).limit(n)).all()
            return [self._lease(connection, row, lease_ttl_s) for row in found]

    def _lease(self, connection: Connection, row: Any, lease_ttl_s: float) -> LeasedJob:
        lease_id = secrets.token_hex(8)
        columns = {
            "state": JobState.LEASED,
            "lease_id": lease_id,
            "leased_until_utc": self._access.now_utc(lease_ttl_s),
            "n_attempts": _JOB.c.n_attempts + 1,
        }
        connection.execute(update(_JOB).where(_JOB.c.key == row.key).values(columns))
        return LeasedJob(job=from_wire(Job, rows.loads(row.job_json)), lease_id=lease_id, ttl_s=lease_ttl_s)

    def status(self, device_id: str, launch_id: str) -> JobStatus | None:
        """Where a launch stands, its lease renewed when it has one; None = no such launch, or another device's."""
        with self._access.reading() as connection:
            row = _job(connection, device_id, launch_id)
        if row is None:
            return None
        state = JobState(row.state)
        if state is JobState.LEASED and self._left_s(row.leased_until_utc) < LEASE_TTL_S - _RENEW_AFTER_S:
            with self._access.writing() as connection:
                _stall(connection, self._access.now_utc())
                row = _job(connection, device_id, launch_id)
                if row is None:
                    return None
                state = JobState(row.state)
                if state is JobState.LEASED:
                    self._renew(connection, row.key)
        is_cancelled = row.cancelled_at_utc is not None or state is JobState.CANCELLED
        return JobStatus(launch_id=launch_id, state=state, is_cancelled=is_cancelled)

    def _left_s(self, leased_until_utc: str | None) -> float:
        if leased_until_utc is None:
            return 0.0
        return (datetime.fromisoformat(leased_until_utc) - self._access.now()).total_seconds()

    def _renew(self, connection: Connection, job_key: int) -> None:
        columns = {"state": JobState.LEASED, "leased_until_utc": self._access.now_utc(LEASE_TTL_S)}
        connection.execute(update(_JOB).where(_JOB.c.key == job_key).values(columns))

    def release(self, device_id: str, launch_id: str, lease_id: str, reason: str) -> Refusal | None:
        """Put a leased job back untouched; one that a person cancelled meanwhile is over then."""
        with self._access.writing() as connection:
            row = _job(connection, device_id, launch_id)
            if row is None:
                return _unknown_launch(launch_id)
            if row.lease_id != lease_id or row.state not in {JobState.LEASED, JobState.STALLED}:
                return Refusal(
                    code=RefusalCode.OLD_LEASE, message=f"{launch_id} is no longer leased to this call ({row.state})"
                )
            state = JobState.QUEUED if row.cancelled_at_utc is None else JobState.CANCELLED
            gone = {"lease_id": None, "leased_until_utc": None, "release_reason": rows.cut(reason)}
            connection.execute(update(_JOB).where(_JOB.c.key == row.key).values(state=state, **gone))
            return None

    def take(self, posts: Sequence[Post]) -> Sequence[Taken | Refusal]:
        """Store the events of several calls in one transaction, each call by itself taken or refused."""
        faults = [phone_events.fault(post.events) for post in posts]
        with self._access.writing() as connection:
            return [
                self._take(connection, post) if fault is None else _refused(connection, post, fault)
                for post, fault in zip(posts, faults, strict=True)
            ]

    def _take(self, connection: Connection, post: Post) -> Taken | Refusal:
        found = _allowed(connection, post)
        if isinstance(found, Refusal):
            return found
        try:
            with connection.begin_nested():
                launch = connection.execute(_LAUNCH_OF, {"launch_id": post.launch_id}).one()
                now_utc = self._access.now_utc()
                came = inbox.take(connection, launch, post.events, now_utc, found.created_at_utc)
                if came.n_fresh and launch.state != "started" and not launch.is_provisional:
                    raise ValueError("the launch has ended, and its end does not count them")
        except _NONSENSE as exc:
            return Refusal(code=RefusalCode.BAD_EVENT, message=f"the events cannot be kept: {exc}")
        self._follow(connection, found, came)
        return Taken(
            boot=post.events[0].boot,
            acked_seq=came.acked_seq,
            n_conflicts=came.n_conflicts,
            seal_fault=came.end.fault if came.end else None,
        )

    def _follow(self, connection: Connection, job: Any, came: inbox.Came) -> None:
        """What events make of the job: whatever lease they name, an end is an end and a sign of life one of life."""
        state = JobState(job.state)
        if state.is_over:
            return
        if came.end is not None:
            columns = {"state": _end_state(came.end.columns), "leased_until_utc": None}
            connection.execute(update(_JOB).where(_JOB.c.key == job.key).values(columns))
        elif state is JobState.LEASED:
            if self._left_s(job.leased_until_utc) < LEASE_TTL_S - _RENEW_AFTER_S:
                self._renew(connection, job.key)
        elif state is JobState.STALLED and came.n_fresh:
            self._renew(connection, job.key)


def _waiting(now_utc: str, *columns: Any) -> Select[Any]:
    """Jobs that may be handed out: queued ones, and leased ones whose phone never began them."""
    has_begun = exists().where(_EVENT.c.launch_key == _LAUNCH.c.key)
    is_lost = (_JOB.c.state == JobState.LEASED) & (_JOB.c.leased_until_utc >= now_utc) & ~has_begun
    return (
        select(*columns)
        .join_from(_JOB, _DEVICE, _JOB.c.paired_device_key == _DEVICE.c.key)
        .join(_LAUNCH, _LAUNCH.c.id == _JOB.c.launch_id)
        .where(
            _JOB.c.state.in_([JobState.QUEUED, JobState.LEASED]),
            (_JOB.c.state == JobState.QUEUED) | is_lost,
            _JOB.c.cancelled_at_utc.is_(None),
            _DEVICE.c.revoked_at_utc.is_(None),
        )
    )


def _stall(connection: Connection, now_utc: str) -> None:
    """Leases that ran out."""
    is_over = (_JOB.c.state == JobState.LEASED) & (_JOB.c.leased_until_utc < now_utc)
    connection.execute(update(_JOB).where(is_over).values(state=JobState.STALLED))


def _job(connection: Connection, device_id: str, launch_id: str) -> Any:
    return connection.execute(_JOB_OF, {"launch_id": launch_id, "device_id": device_id}).first()


def _allowed(connection: Connection, post: Post) -> Any:
    """The job that events belong to, or why they are refused."""
    job = _job(connection, post.device_id, post.launch_id)
    if job is not None and job.revoked_at_utc is None:
        return job
    device = connection.execute(select(_DEVICE.c.revoked_at_utc).where(_DEVICE.c.id == post.device_id)).first()
    if device is None:
        return Refusal(code=RefusalCode.UNKNOWN_DEVICE, message="this device is not paired here")
    if device.revoked_at_utc is not None:
        return Refusal(code=RefusalCode.REVOKED, message="this device was revoked; pair it again")
    return _unknown_launch(post.launch_id)


def _refused(connection: Connection, post: Post, fault: str) -> Refusal:
    """A bad event of a launch of its own; of any other launch nothing is said but that."""
    found = _allowed(connection, post)
    return found if isinstance(found, Refusal) else Refusal(code=RefusalCode.BAD_EVENT, message=fault)


def _unknown_launch(launch_id: str) -> Refusal:
    return Refusal(code=RefusalCode.UNKNOWN_LAUNCH, message=f"this device has no launch {launch_id}")


def _end_state(columns: Any) -> JobState:
    if columns.get("failure_kind") == FailureKind.CANCELLED:
        return JobState.CANCELLED
    return JobState(columns["state"])
