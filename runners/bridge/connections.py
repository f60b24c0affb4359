"""
Connections: how many there may be, and how long one may take to say what it wants.

uvicorn bounds neither: a client that opens connections and sends half a header, or nothing, would keep them for ever.
"""

import asyncio
import ipaddress
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from runners.bridge.replies import Refused


def protocol(*, n_connections: int, n_of_address: int, head_s: float) -> type[asyncio.Protocol]:
    """A protocol for uvicorn with these bounds."""
    bounds = {"n_connections": n_connections, "n_of_address": n_of_address, "head_s": head_s}
    return type("BoundedProtocol", (_Bounded,), bounds)


class _Bounded(H11Protocol):
    """uvicorn's own, with a bound on connections and on the time until the head of a request is there."""

    n_connections: int
    n_of_address: int
    head_s: float
    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.n_connections or self._is_one_too_many():
            transport.write(_too_many_connections())
            transport.close()
            return
        self._start_timer()

    def _is_one_too_many(self) -> bool:
        """Whether this address has its share already, so that one machine cannot keep all others out."""
        address = _address(self)
        if address is None or _is_loopback(address):
            return False
        return [_address(other) for other in self.connections].count(address) > self.n_of_address

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        before: Any = self.cycle
        is_idle = before is None or before.response_complete
        super().data_received(data)
        if self.cycle is not before:
            self._stop_timer()  # a head is whole; the body has a bound of its own
        elif is_idle and self._head_timer is None:
            self._start_timer()

    def _start_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.head_s, self._give_up)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        if not self.transport.is_closing():
            self.transport.write(_bytes(408, "Request Timeout", "too_slow", "the head of the request came too slowly"))
            self.transport.close()


def _address(connection: Any) -> str | None:
    client = connection.client
    return None if client is None else str(client[0])


def _is_loopback(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:  # with the name of an interface, say
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def _too_many_connections() -> bytes:
    text = "too many connections; try again in a few seconds"
    return _bytes(503, "Service Unavailable", "too_many_connections", text, "Retry-After: 5\r\n")


def _bytes(status: int, phrase: str, code: str, message: str, more: str = "") -> bytes:
    body = bytes(Refused(status, code, message).reply().body)
    head = f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}"
    return f"{head}Connection: close\r\n\r\n".encode() + body
