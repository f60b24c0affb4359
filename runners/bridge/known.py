"""What the server believes of a device for a moment, so that not each request asks the database."""

import asyncio
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from runners.bridge import keys
from runners.bridge.keys import Keys
from runners.bridging import PairedDevices


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A device and its key; never shown."""

    device_id: str
    name: str
    key: bytes
    is_revoked: bool

    def __repr__(self) -> str:
        return f"Known({self.device_id})"


class KnownDevices:
    """
    Devices by id, with their keys.

    What was found is believed for ``trust_s``, and no longer than until the folder of keys changes, which it does when
    a device is revoked. ``saw_s`` is the pause between two notes that a device was here.
    """

    MOST = 1000

    def __init__(
        self, devices: PairedDevices, own_keys: Keys, *, trust_s: float, clock_s: Callable[[], float], saw_s: float = 30
    ) -> None:
        self._devices = devices
        self._keys = own_keys
        self._trust_s = trust_s
        self._saw_s = saw_s
        self._clock_s = clock_s
        self._found: dict[str, tuple[Known, float, int]] = {}
        self._saw_at_s: dict[str, float] = {}

    async def find(self, device_id: str) -> Known | None:
        """The device of this id, revoked or not; None when there is none, or its key is another pairing's."""
        now_s, changed_at_ns = self._clock_s(), self._keys.changed_at_ns()
        if device_id in self._found:
            known, until_s, then_ns = self._found[device_id]
            if now_s < until_s and then_ns == changed_at_ns:
                return known
            del self._found[device_id]
        fresh = await asyncio.to_thread(self._read, device_id)
        if fresh is not None and len(self._found) < self.MOST:
            self._found[device_id] = (fresh, now_s + self._trust_s, changed_at_ns)
        return fresh

    async def saw(self, device_id: str) -> None:
        """Note that a device was here, now and then."""
        now_s = self._clock_s()
        if now_s - self._saw_at_s.get(device_id, -self._saw_s) >= self._saw_s:
            self._saw_at_s[device_id] = now_s
            await asyncio.to_thread(self._devices.saw, device_id)

    def _read(self, device_id: str) -> Known | None:
        device = self._devices.find(device_id)
        key = self._keys.find(device_id) if device is not None else None
        if device is None or key is None or not hmac.compare_digest(keys.digest(key), device.key_digest):
            return None
        return Known(device_id=device_id, name=device.name, key=key, is_revoked=device.is_revoked)
