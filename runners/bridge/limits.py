"""What a stranger may cost: bytes, seconds, tries, connections. :class:`Limits` has the numbers, tests shrink them."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from runners.bridge.replies import Refused

Message = MutableMapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    Bounds of one server.

    Args:
        body_bytes: largest body that is kept; up to four times as much is read and dropped, for the refusal to arrive.
        unsigned_bytes: the same where no device has signed.
        bodies_bytes: of all bodies that are held at once.
        body_s: time for a body to arrive.
        head_s: time for the head of a request to arrive, and for the first one of a connection to begin.
        idle_s: how long a connection may stand between two requests.
        n_connections: connections at once.
        n_of_address: how many of them may come from one address; this machine's own loopback is not counted.
        n_polls: polls of one device that wait at once.
        stranger_burst: calls without a valid signature that one address may make at once.
        strangers_per_s: how fast that many come back.
        clock_skew_ms: how far the time of a request may lie from ours.
        longest_wait_s: how long a poll may wait.
        device_s: how long what is known of a device is believed before it is asked again.
        look_s: pause between two looks into the queue while phones wait.
    """

    body_bytes: int = 4 << 20
    unsigned_bytes: int = 16 << 10
    bodies_bytes: int = 128 << 20
    body_s: float = 15.0
    head_s: float = 10.0
    idle_s: float = 60.0
    n_connections: int = 512
    n_of_address: int = 64
    n_polls: int = 4
    stranger_burst: int = 120
    strangers_per_s: float = 20.0
    clock_skew_ms: int = 120_000
    longest_wait_s: int = 25
    device_s: float = 1.0
    look_s: float = 0.25


class Strangers:
    """Counts the calls of each address that nobody could vouch for; a bucket of tries that fills again with time."""

    MOST_ADDRESSES = 1024

    def __init__(self, burst: int, per_s: float, clock_s: Callable[[], float]) -> None:
        self._burst = burst
        self._per_s = per_s
        self._clock_s = clock_s
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, address: str) -> bool:
        """Take one try; False when there is none left."""
        level = self._level(address)
        is_allowed = level >= 1
        self._buckets[address] = (level - 1 if is_allowed else level, self._clock_s())
        self._buckets.move_to_end(address)
        if len(self._buckets) > self.MOST_ADDRESSES:
            self._buckets.popitem(last=False)
        return is_allowed

    def _level(self, address: str) -> float:
        if address not in self._buckets:
            return self._burst
        level, at_s = self._buckets[address]
        return min(self._burst, level + (self._clock_s() - at_s) * self._per_s)


class Memory:
    """Memory for bodies, which many connections cannot fill: each request takes its part and gives it back."""

    def __init__(self, n_bytes: int) -> None:
        self.n_free = n_bytes

    def part(self) -> "Part":
        """What one request may take of it."""
        return Part(self)


class Part:
    """The memory that one request has taken."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._n_taken = 0

    def take(self, n_bytes: int) -> None:
        """
        Take some more.

        Raises:
            Refused: all of it is in use.
        """
        if n_bytes > self._memory.n_free:
            text = "too many requests at once; try again in a few seconds"
            raise Refused(503, "too_many_connections", text, retry_after_s=5, is_last=True)
        self._memory.n_free -= n_bytes
        self._n_taken += n_bytes

    def give_back(self) -> None:
        """The request is over."""
        self._memory.n_free += self._n_taken
        self._n_taken = 0


async def read_body(
    receive: Callable[[], Awaitable[Message]], limits: Limits, part: Part, *, most_bytes: int
) -> bytes:  # fmt: skip
    """
    The body of a request, as far as it may be.

    Raises:
        Refused: 413 when it is larger than allowed, 408 when it does not arrive in time, 503 when there is no memory.
        ConnectionError: the client went away.
    """
    parts: list[bytes] = []
    n_bytes = 0
    try:
        async with asyncio.timeout(limits.body_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionResetError
                piece: bytes = message.get("body", b"")
                n_bytes += len(piece)
                if n_bytes <= most_bytes:
                    part.take(len(piece))
                    parts.append(piece)
                if not message.get("more_body", False) or n_bytes > 4 * limits.body_bytes:
                    break
    except TimeoutError:
        text = f"the body did not arrive within {limits.body_s:g} s; send less at once"
        raise Refused(408, "too_slow", text, is_last=True) from None
    if n_bytes > most_bytes:
        text = f"a body has at most {most_bytes} bytes; send fewer events at once"
        raise Refused(413, "too_large", text, is_last=True)
    return b"".join(parts)
