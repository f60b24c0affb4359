"""
What the bridge asks of whoever keeps its queue and its devices: the types that cross that seam, and two protocols.

The store implements :class:`JobQueue` and :class:`PairedDevices`; the server in ``runners.bridge`` knows nothing of
databases. Every method may be called from any thread, is committed when it returns, and works beside other processes
on the same database. A fault of the storage itself (disk full, locked) is raised as whatever exception it is: the
server answers 503 and the phone keeps its journal and tries again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from runners.contract import DeviceSnapshot, Event, Job, ModelRef, Reading

LEASE_TTL_S = 900.0
"""How long a phone may be silent about a launch; longer than the longest silent stretch (a sustained task, a first
load on the Neural Engine)."""

HOST_BOOT = "host"
"""The boot of events that the host itself writes into a remote launch; no phone may use it."""


class JobState(StrEnum):
    """Where a remote launch stands in the queue; the words of the column ``job.state`` and of the wire."""

    QUEUED = "queued"
    LEASED = "leased"
    STALLED = "stalled"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_over(self) -> bool:
        """Whether nothing more is asked of the phone; late data is accepted all the same."""
        return self in {JobState.DONE, JobState.FAILED, JobState.CANCELLED}


class RefusalCode(StrEnum):
    """Why a call about one launch was refused; nothing of the call is stored. The words of the wire's error codes."""

    UNKNOWN_LAUNCH = "unknown_launch"
    BAD_EVENT = "bad_event"
    OLD_LEASE = "old_lease"
    UNKNOWN_DEVICE = "unknown_device"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A call that was refused; ``message`` says what was wrong and names the field of a bad event."""

    code: RefusalCode
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasedJob:
    """A job handed to a phone; ``lease_id`` is new each time the job changes hands, `[A-Za-z0-9._-]{1,64}`."""

    job: Job
    lease_id: str
    ttl_s: float = LEASE_TTL_S


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """Where one launch stands; ``is_cancelled`` also while it still runs: a person asked for its end."""

    launch_id: str
    state: JobState
    is_cancelled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Events of one boot of one launch as a device sent them: 1 to 1000, any order, any number of times."""

    device_id: str
    launch_id: str
    events: tuple[Event, ...]
    lease_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """
    Events that are on the disk.

    Args:
        acked_seq: highest contiguous seq of this boot, -1 when even 0 is missing.
        n_conflicts: events of this call whose (boot, seq) was taken by another content; recorded, not stored.
        seal_fault: why count or sha256 of the end do not fit what was sent; None when they do, or the launch is not
            whole yet.
    """

    boot: str
    acked_seq: int
    n_conflicts: int = 0
    seal_fault: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeFacts:
    """One runtime of a phone: engine name, its version, the model formats it opens, the names of its options."""

    engine: str
    version: str | None = None
    formats: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    is_simulated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfinishedLaunch:
    """A journal that a phone still has: how many events, and whether it ends with ``done`` or ``failed``."""

    launch_id: str
    n_events: int
    has_end: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneHello:
    """What a phone says of itself when its app starts; kept as its last hello."""

    boot: str
    device: DeviceSnapshot
    reading: Reading = field(default_factory=Reading)
    runtimes: tuple[RuntimeFacts, ...] = ()
    models: tuple[ModelRef, ...] = ()
    free_disk_bytes: int | None = None
    entitlements: Mapping[str, bool | None] = field(default_factory=dict)
    app_version: str | None = None
    unfinished: tuple[UnfinishedLaunch, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedDevice:
    """
    A device that was paired once.

    ``key_digest`` is sha256 of its key, 32 bytes; times are ISO 8601 in UTC; ``hello`` is the last one.
    """

    device_id: str
    name: str
    key_digest: bytes
    paired_at_utc: str
    last_seen_at_utc: str | None = None
    revoked_at_utc: str | None = None
    hello: PhoneHello | None = None

    @property
    def is_revoked(self) -> bool:
        """Whether it may do nothing any more."""
        return self.revoked_at_utc is not None


class DeviceKnown(ValueError):
    """There is a device of this id already."""


class JobQueue(Protocol):
    """The jobs of remote devices, their leases, and the way in for their events."""

    def devices_with_jobs(self) -> frozenset[str]:
        """
        Ids of the devices for which :meth:`next_jobs` would have something: one cheap look for all waiting phones.

        Asked several times a second while phones wait; it writes nothing.
        """
        ...

    def next_jobs(self, device_id: str, n: int, lease_ttl_s: float = LEASE_TTL_S) -> Sequence[LeasedJob]:
        """
        Lease up to ``n`` jobs to a device, the oldest first.

        Given out are queued jobs that nobody cancelled, and before them leased ones of this device of which no event
        has arrived yet: then the reply or the phone was lost on the way. Leases that ran out become stalled first.
        """
        ...

    def status(self, device_id: str, launch_id: str) -> JobStatus | None:
        """Where a launch stands, its lease renewed when it has one; None = no such launch, or another device's."""
        ...

    def release(self, device_id: str, launch_id: str, lease_id: str, reason: str) -> Refusal | None:
        """
        Put a leased job back untouched, to be given out again.

        Refused with ``unknown_launch``, or with ``old_lease`` when that lease is no longer the job's: nothing changes.
        """
        ...

    def take(self, posts: Sequence[Post]) -> Sequence[Taken | Refusal]:
        """
        Store the events of several calls in one transaction, each call by itself taken or refused.

        What is new of a launch renews its lease, whatever ``lease_id`` the call names, and brings a stalled one back;
        an end that makes the launch whole sets its state. Late data of a launch that is over is stored as well, but
        an old ``lease_id`` changes no state.

        Returns:
            One answer a post, in their order: refused with ``unknown_launch`` (also another device's), ``bad_event``
            (``runners.contract.check_data`` did not hold: nothing of that post is stored) or ``revoked``.
        """
        ...


class PairedDevices(Protocol):
    """The devices that were paired; their keys lie elsewhere, here is only a digest of each."""

    def add(self, device_id: str, name: str, key_digest: bytes) -> PairedDevice:
        """
        Note a device that has just proved itself.

        Raises:
            DeviceKnown: there is one of this id, revoked or not.
        """
        ...

    def find(self, device_id: str) -> PairedDevice | None:
        """The device of this id, revoked or not."""
        ...

    def every(self) -> Sequence[PairedDevice]:
        """All of them, the first paired first, revoked ones too."""
        ...

    def revoke(self, device_id: str) -> bool:
        """Refuse it from now on, its queued jobs ended as cancelled; False when it is unknown or was revoked before."""
        ...

    def saw(self, device_id: str) -> None:
        """Note that it was here just now."""
        ...

    def greet(self, device_id: str, hello: PhoneHello) -> None:
        """Keep its last hello, with the fingerprint of the device in it."""
        ...
