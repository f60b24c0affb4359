"""Queue and devices in memory, for tests of the server alone; the store's own are tested in the collector."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from runners.bridging import (
    LEASE_TTL_S,
    DeviceKnown,
    JobState,
    JobStatus,
    LeasedJob,
    PairedDevice,
    PhoneHello,
    Post,
    Refusal,
    RefusalCode,
    Taken,
)  # fmt: skip
from runners.contract import Event, Job, ModelRef, Workload
from runners.wire import canonical


def job(launch_id: str = "r1/0") -> Job:
    workload = Workload(name="chat", n_prompt_tokens=8, n_generated_tokens=4)
    return Job(
        launch_id=launch_id, model=ModelRef(model="m", format="none", quant="none"), engine="echo", workload=workload
    )


@dataclass
class Row:
    device_id: str
    job: Job
    state: JobState = JobState.QUEUED
    lease_id: str | None = None
    is_cancelled: bool = False
    events: dict[tuple[str, int], Event] = field(default_factory=dict)


class MemoryStore:
    """Both protocols; ``rows`` and ``devices`` are looked at by tests, ``broken`` is raised by every call."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.devices: dict[str, PairedDevice] = {}
        self.batches: list[int] = []
        self.broken: Exception | None = None
        self._lock = threading.RLock()
        self._n_leases = 0

    def content(self) -> bytes:
        """Everything that a stranger must not change."""
        with self._lock:
            rows = {
                key: [
                    row.state,
                    row.lease_id,
                    row.is_cancelled,
                    sorted(canonical(e).decode() for e in row.events.values()),
                ]
                for key, row in self.rows.items()
            }
            devices = {key: [d.name, d.revoked_at_utc, d.key_digest.hex()] for key, d in self.devices.items()}
            return canonical({"rows": rows, "devices": devices})

    def queue(self, device_id: str, *jobs: Job) -> None:
        for one in jobs:
            self.rows[one.launch_id] = Row(device_id=device_id, job=one)

    def _check(self) -> None:
        if self.broken is not None:
            raise self.broken

    # the queue

    def devices_with_jobs(self) -> frozenset[str]:
        with self._lock:
            self._check()
            return frozenset(row.device_id for row in self.rows.values() if self._may_go(row))

    def _may_go(self, row: Row) -> bool:
        is_lost = row.state is JobState.LEASED and not row.events
        return (row.state is JobState.QUEUED or is_lost) and not row.is_cancelled

    def next_jobs(self, device_id: str, n: int, lease_ttl_s: float = LEASE_TTL_S) -> Sequence[LeasedJob]:
        with self._lock:
            self._check()
            rows = [row for row in self.rows.values() if row.device_id == device_id and self._may_go(row)][:n]
            for row in rows:
                self._n_leases += 1
                row.state, row.lease_id = JobState.LEASED, f"lease-{self._n_leases}"
            return [LeasedJob(job=row.job, lease_id=row.lease_id or "", ttl_s=lease_ttl_s) for row in rows]

    def _row(self, device_id: str, launch_id: str) -> Row | None:
        row = self.rows.get(launch_id)
        return row if row is not None and row.device_id == device_id else None

    def status(self, device_id: str, launch_id: str) -> JobStatus | None:
        with self._lock:
            self._check()
            row = self._row(device_id, launch_id)
            return row and JobStatus(launch_id=launch_id, state=row.state, is_cancelled=row.is_cancelled)

    def release(self, device_id: str, launch_id: str, lease_id: str, reason: str) -> Refusal | None:
        with self._lock:
            self._check()
            row = self._row(device_id, launch_id)
            if row is None:
                return Refusal(code=RefusalCode.UNKNOWN_LAUNCH, message="no such launch")
            if row.lease_id != lease_id or row.state is not JobState.LEASED:
                return Refusal(code=RefusalCode.OLD_LEASE, message="that lease is over")
            row.state, row.lease_id = JobState.QUEUED, None
            return None

    def take(self, posts: Sequence[Post]) -> Sequence[Taken | Refusal]:
        with self._lock:
            self._check()
            self.batches.append(len(posts))
            return [self._take(post) for post in posts]

    def _take(self, post: Post) -> Taken | Refusal:
        row = self._row(post.device_id, post.launch_id)
        if row is None:
            return Refusal(code=RefusalCode.UNKNOWN_LAUNCH, message="no such launch")
        n_conflicts = 0
        for event in post.events:
            known = row.events.setdefault((event.boot, event.seq), event)
            n_conflicts += canonical(known) != canonical(event)
            if event.type.is_last and not row.state.is_over:
                row.state = JobState(str(event.type))
        boot, acked = post.events[0].boot, -1
        while (boot, acked + 1) in row.events:
            acked += 1
        return Taken(boot=boot, acked_seq=acked, n_conflicts=n_conflicts)

    # the devices

    def add(self, device_id: str, name: str, key_digest: bytes) -> PairedDevice:
        with self._lock:
            self._check()
            if device_id in self.devices:
                raise DeviceKnown(device_id)
            device = PairedDevice(
                device_id=device_id, name=name, key_digest=key_digest, paired_at_utc="2026-01-01T00:00:00Z"
            )
            self.devices[device_id] = device
            return device

    def find(self, device_id: str) -> PairedDevice | None:
        self._check()
        return self.devices.get(device_id)

    def every(self) -> Sequence[PairedDevice]:
        return list(self.devices.values())

    def revoke(self, device_id: str) -> bool:
        with self._lock:
            device = self.devices[device_id]
            self.devices[device_id] = replace(device, revoked_at_utc="2026-01-01T00:00:01Z")
            return not device.is_revoked

    def saw(self, device_id: str) -> None:
        self._check()
        self.devices[device_id] = replace(self.devices[device_id], last_seen_at_utc="2026-01-01T00:00:02Z")

    def greet(self, device_id: str, hello: PhoneHello) -> None:
        with self._lock:
            self._check()
            self.devices[device_id] = replace(self.devices[device_id], hello=hello)
