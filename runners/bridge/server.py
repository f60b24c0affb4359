"""
What each call of the wire does.

A handler reads its body, asks the queue or the devices, and says what came of it. Storage is blocking and runs in
threads; whatever it raises becomes 503, and the phone keeps its journal.
"""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from fastapi import Request
from starlette.responses import Response

from runners.bridge import bodies, pairing
from runners.bridge import folder as folders
from runners.bridge.keys import Keys
from runners.bridge.known import Known, KnownDevices
from runners.bridge.limits import Limits
from runners.bridge.pairing import PairRequest
from runners.bridge.replies import Refused, as_json, storage_fault
from runners.bridge.room import Room
from runners.bridge.writer import Writer
from runners.bridging import JobQueue, LeasedJob, PairedDevices, Refusal, RefusalCode, Taken
from runners.wire import to_wire

T = TypeVar("T")
_STATUS = {
    RefusalCode.UNKNOWN_LAUNCH: 404,
    RefusalCode.BAD_EVENT: 422,
    RefusalCode.OLD_LEASE: 409,
    RefusalCode.UNKNOWN_DEVICE: 401,
    RefusalCode.REVOKED: 403,
}


def clock_ms() -> int:
    """The date, milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def say_nothing(_: str) -> None:
    """For whoever wants no log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """
    What a server needs from outside.

    Args:
        folder: the bridge's own.
        is_closing: whether the server is about to end; waiting polls are answered then.
        log: takes one line an event of interest.
    """

    queue: JobQueue
    devices: PairedDevices
    folder: Path
    limits: Limits = field(default_factory=Limits)
    now_ms: Callable[[], int] = clock_ms
    is_closing: Callable[[], bool] = lambda: False
    log: Callable[[str], None] = say_nothing


class Bridge:
    """The state of one server and what each call does."""

    def __init__(self, around: Around) -> None:
        self._around = around
        self._queue = around.queue
        self.host_id = folders.host_id(around.folder)
        self.keys = Keys(around.folder)
        limits = around.limits
        self.known = KnownDevices(around.devices, self.keys, trust_s=limits.device_s, clock_s=time.monotonic)
        self.room = Room(self._look, pause_s=limits.look_s, is_closing=around.is_closing)
        self.writer = Writer(around.queue.take)
        self._pairing = asyncio.Lock()

    async def time(self) -> Response:
        """The host's clock, for a phone to correct its own by."""
        return as_json({"server_time_ms": self._around.now_ms(), "host_id": self.host_id})

    async def pair(self, request: Request) -> Response:
        """Make a device of whoever knows the secret of the open window."""
        asked = bodies.record(PairRequest, await request.body(), "pair")
        around = self._around
        async with self._pairing:  # one at a time: a window is for one phone
            reply = await self._stored(
                pairing.pair, asked, folder=around.folder, host_id=self.host_id, own_keys=self.keys,
                devices=around.devices, now_ms=around.now_ms(),
            )  # fmt: skip
        around.log(f"paired {asked.name}")
        return as_json({**reply, "server_time_ms": around.now_ms(), "poll_wait_s": around.limits.longest_wait_s})

    async def hello(self, request: Request) -> Response:
        """Keep what a phone says of itself; say what to do with the journals that it still has."""
        device, said = _device(request), bodies.hello(await request.body())
        await self._stored(self._around.devices.greet, device.device_id, said)
        known = await self._stored(self._known_launches, device.device_id, [one.launch_id for one in said.unfinished])
        actions = [
            {"launch_id": one.launch_id, "do": "upload" if one.launch_id in known else "abandon"}
            for one in said.unfinished
        ]
        self._around.log(f"{device.name}: hello, {len(said.unfinished)} journals to hand in")
        return as_json({"actions": actions, "poll_wait_s": self._around.limits.longest_wait_s})

    async def next_jobs(self, request: Request, wait_s: int, most: int) -> Response:
        """Jobs for this device, waited for as long as it wants."""
        device = _device(request)
        if self.room.n_waiting(device.device_id) >= self._around.limits.n_polls:
            raise Refused(429, "too_many", "this device waits for jobs in other calls already", retry_after_s=5)
        await self._saw(device)
        until_s = time.monotonic() + min(wait_s, self._around.limits.longest_wait_s)
        while True:
            jobs: Sequence[LeasedJob] = await self._stored(self._queue.next_jobs, device.device_id, most)
            left_s = until_s - time.monotonic()
            if jobs or left_s <= 0 or self._around.is_closing():
                break
            await self.room.wait(device.device_id, left_s)
            if await request.is_disconnected():
                break
        if not jobs:
            return Response(status_code=204)
        for one in jobs:
            self._around.log(f"{device.name}: takes {one.job.launch_id}")
        leases = [{"job": to_wire(one.job), "lease": {"id": one.lease_id, "ttl_s": one.ttl_s}} for one in jobs]
        return as_json({"jobs": leases})

    async def status(self, request: Request, launch_id: str) -> Response:
        """Where a launch stands."""
        found = await self._stored(self._queue.status, _device(request).device_id, launch_id)
        if found is None:
            raise _unknown_launch(launch_id)
        return as_json(found)

    async def events(self, request: Request, launch_id: str) -> Response:
        """Store events, then say up to which of them everything is there."""
        device = _device(request)
        post = bodies.post(await request.body(), device_id=device.device_id, launch_id=launch_id)
        answer = await self._guarded(self.writer.take(post))
        if isinstance(answer, Refusal):
            raise _refused(answer)
        await self._saw(device)
        for event in post.events:
            if event.type.is_last:
                self._around.log(f"{device.name}: {launch_id} {event.type}")
        return self._acknowledged(device, launch_id, answer)

    def _acknowledged(self, device: Known, launch_id: str, taken: Taken) -> Response:
        acked: dict[str, Any] = {"boot": taken.boot, "acked_seq": taken.acked_seq}
        if taken.seal_fault is not None:
            self._around.log(f"{device.name}: {launch_id} is not what its seal says: {taken.seal_fault}")
            acked["seal_fault"] = taken.seal_fault
        if taken.n_conflicts:
            self._around.log(f"{device.name}: {launch_id}: {taken.n_conflicts} events differ from those sent before")
            text = (
                f"{taken.n_conflicts} events differ from what was sent under their boot and seq before; the first stay"
            )
            raise Refused(409, "conflict", text, more=acked)
        return as_json(acked)

    async def release(self, request: Request, launch_id: str) -> Response:
        """Take a job back untouched."""
        device = _device(request)
        lease_id, reason = bodies.release(await request.body())
        refusal = await self._stored(self._queue.release, device.device_id, launch_id, lease_id, reason)
        if refusal is not None:
            raise _refused(refusal)
        self._around.log(f"{device.name}: gives {launch_id} back: {reason}")
        return as_json({"launch_id": launch_id})

    async def _look(self) -> frozenset[str]:
        return await asyncio.to_thread(self._queue.devices_with_jobs)

    async def _saw(self, device: Known) -> None:
        await self._guarded(self.known.saw(device.device_id))

    def _known_launches(self, device_id: str, launch_ids: Sequence[str]) -> frozenset[str]:
        return frozenset(one for one in launch_ids if self._queue.status(device_id, one) is not None)

    async def _stored(self, function: Callable[..., T], *args: Any, **named: Any) -> T:
        return await self._guarded(asyncio.to_thread(functools.partial(function, *args, **named)))

    async def _guarded(self, waited: Awaitable[T]) -> T:
        """What storage gives; its faults are the host's affair, and the phone's to wait for."""
        try:
            return await waited
        except Refused:
            raise
        except Exception as exc:
            self._around.log(f"cannot be stored: {type(exc).__name__}: {exc}")
            raise storage_fault() from exc


def _device(request: Request) -> Known:
    device: Known = request.state.device
    return device


def _refused(refusal: Refusal) -> Refused:
    return Refused(_STATUS[refusal.code], str(refusal.code), refusal.message)


def _unknown_launch(launch_id: str) -> Refused:
    return Refused(404, str(RefusalCode.UNKNOWN_LAUNCH), f"this device has no launch {launch_id}")
