"""
The waiting room: phones that wait for a job, without a thread each.

While anybody waits, one task looks into the queue a few times a second and wakes those for whom there is something.
"""

import asyncio
from collections.abc import Awaitable, Callable


class Room:
    """
    Waits until there is a job for a device.

    Args:
        look: ids of the devices for which there are jobs.
        pause_s: between two looks.
        is_closing: whether the server is about to end; then nobody waits any longer.
    """

    def __init__(
        self, look: Callable[[], Awaitable[frozenset[str]]], *, pause_s: float, is_closing: Callable[[], bool]
    ) -> None:
        self._look = look
        self._pause_s = pause_s
        self._is_closing = is_closing
        self._waiting: dict[str, list[asyncio.Future[None]]] = {}
        self._watch: asyncio.Task[None] | None = None

    def n_waiting(self, device_id: str) -> int:
        """How many calls of one device wait."""
        return len(self._waiting.get(device_id, []))

    async def wait(self, device_id: str, wait_s: float) -> None:
        """Return when there may be something for this device, when the time is over or the server ends."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(device_id, []).append(future)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.create_task(self._watching())
        try:
            await asyncio.wait([future], timeout=wait_s)
        finally:
            self._leave(device_id, future)

    def _leave(self, device_id: str, future: asyncio.Future[None]) -> None:
        others = [other for other in self._waiting.get(device_id, []) if other is not future]
        if others:
            self._waiting[device_id] = others
        else:
            self._waiting.pop(device_id, None)

    async def _watching(self) -> None:
        while self._waiting:
            try:
                ready = set(self._waiting) if self._is_closing() else await self._look()
            except Exception:  # noqa: BLE001  # whoever waits asks for itself and is told what is wrong
                ready = set(self._waiting)
            for device_id in ready & set(self._waiting):
                for future in self._waiting[device_id]:
                    if not future.done():
                        future.set_result(None)
            await asyncio.sleep(self._pause_s)
