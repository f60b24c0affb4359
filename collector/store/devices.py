"""The devices that were paired: who they are, when they were here, what they said of themselves last."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from collector import schema
from collector.store import rows
from collector.store.access import Access
from runners.bridging import DeviceKnown, JobState, PairedDevice, PhoneHello
from runners.wire import WireError, from_wire

_DEVICE, _JOB = schema.paired_device, schema.job


class Devices:
    """The :class:`runners.bridging.PairedDevices` of the bridge; keys lie elsewhere, here is a digest of each."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def add(self, device_id: str, name: str, key_digest: bytes) -> PairedDevice:
        """Note a device that has just proved itself."""
        now_utc = self._access.now_utc()
        columns = {"id": device_id, "name": name, "secret_digest": key_digest, "paired_at_utc": now_utc}
        with self._access.writing() as connection:
            if _key(connection, device_id) is not None:
                raise DeviceKnown(f"there is a device {device_id} already")
            connection.execute(insert(_DEVICE).values(columns))
        return PairedDevice(device_id=device_id, name=name, key_digest=key_digest, paired_at_utc=now_utc)

    def find(self, device_id: str) -> PairedDevice | None:
        """The device of this id, revoked or not."""
        with self._access.reading() as connection:
            row = connection.execute(select(_DEVICE).where(_DEVICE.c.id == device_id)).first()
        return None if row is None else _device(row)

    def every(self) -> Sequence[PairedDevice]:
        """All of them, the first paired first, revoked ones too."""
        with self._access.reading() as connection:
            return [_device(row) for row in connection.execute(select(_DEVICE).order_by(_DEVICE.c.key))]

    def revoke(self, device_id: str) -> bool:
        """Refuse it from now on; what is queued for it ends as cancelled, what it runs is marked so."""
        now_utc = self._access.now_utc()
        with self._access.writing() as connection:
            key = _key(connection, device_id)
            is_new = _DEVICE.c.revoked_at_utc.is_(None)
            query = update(_DEVICE).where(_DEVICE.c.key == key, is_new).values(revoked_at_utc=now_utc)
            if key is None or connection.execute(query).rowcount == 0:
                return False
            cancel_jobs(connection, _JOB.c.paired_device_key == key, now_utc)
            return True

    def saw(self, device_id: str) -> None:
        """Note that it was here just now."""
        self._change(device_id, last_seen_at_utc=self._access.now_utc())

    def greet(self, device_id: str, hello: PhoneHello) -> None:
        """Keep its last hello, with the fingerprint of the device in it."""
        self._change(
            device_id,
            hello_json=rows.json_text(hello),
            fingerprint=hello.device.fingerprint,
            last_seen_at_utc=self._access.now_utc(),
        )

    def _change(self, device_id: str, **columns: Any) -> None:
        with self._access.writing() as connection:
            connection.execute(update(_DEVICE).where(_DEVICE.c.id == device_id).values(columns))


def cancel_jobs(connection: Connection, which: Any, now_utc: str) -> None:
    """End the queued ones of some jobs, and mark those that a phone has as no longer wanted."""
    is_new = _JOB.c.cancelled_at_utc.is_(None)
    is_out = _JOB.c.state.in_([JobState.LEASED, JobState.STALLED])
    is_queued = _JOB.c.state == JobState.QUEUED
    connection.execute(update(_JOB).where(which, is_new, is_out).values(cancelled_at_utc=now_utc))
    connection.execute(update(_JOB).where(which, is_queued).values(cancelled_at_utc=now_utc, state=JobState.CANCELLED))


def _key(connection: Connection, device_id: str) -> int | None:
    key: int | None = connection.execute(select(_DEVICE.c.key).where(_DEVICE.c.id == device_id)).scalar()
    return key


def _device(row: Any) -> PairedDevice:
    return PairedDevice(
        device_id=row.id,
        name=row.name,
        key_digest=row.secret_digest,
        paired_at_utc=row.paired_at_utc,
        last_seen_at_utc=row.last_seen_at_utc,
        revoked_at_utc=row.revoked_at_utc,
        hello=_hello(row.hello_json),
    )


def _hello(text: str | None) -> PhoneHello | None:
    """The last hello; None where a newer phibench wrote one that cannot be read here."""
    try:
        return None if text is None else from_wire(PhoneHello, rows.loads(text))
    except WireError:
        return None
