"""Runs the application under uvicorn: loopback unless told otherwise, one server a folder, a clean end on a signal."""

import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from os import getpid
from typing import Any

import uvicorn

from runners.bridge import connections
from runners.bridge import folder as folders
from runners.bridge.app import Application
from runners.bridge.folder import Running
from runners.bridge.server import Around

DEFAULT_PORT = 8765
LOOPBACK = "127.0.0.1"
READABLE = (
    "prompts and results are readable by anyone on this network, for requests are signed but not encrypted; "
    "serve only on a network that you trust"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen; port 0 = any that is free."""

    host: str = LOOPBACK
    port: int = DEFAULT_PORT

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def serve(around: Around, address: Address, *, database: str, is_ready: Callable[[Running], None]) -> None:
    """
    Serve until SIGTERM or SIGINT.

    Args:
        is_ready: told where the server answers, once it does.

    Raises:
        BridgeBusy: another server has this folder.
        OSError: the address cannot be had.
    """
    with folders.held(around.folder), listening_on(address) as listening:
        port = listening.getsockname()[1]
        running = Running(
            pid=getpid(),
            host=address.host,
            port=port,
            link_host=reachable(address.host),
            started_at_utc=datetime.now(UTC).isoformat(timespec="seconds"),
            database=database,
        )
        server = Server(around)
        server.run_until_told(listening, lambda: _announce(around, running, is_ready))


def _announce(around: Around, running: Running, is_ready: Callable[[Running], None]) -> None:
    folders.announce(around.folder, running)
    is_ready(running)


def listening_on(address: Address) -> socket.socket:
    """A socket that listens there; whoever asks closes it."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    # With its protocol named: asyncio sends at once (TCP_NODELAY) only on sockets that say they are TCP's, and else the
    # body of each reply on a kept connection waits 40 ms for the client's acknowledgement of its head.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address.host, address.port))
        listening.listen(256)
    except OSError:
        listening.close()
        raise
    return listening


def reachable(host: str) -> str:
    """What a phone writes to reach this address: of "every interface" the one that leads out; nothing is sent."""
    if host not in {"0.0.0.0", "::"}:  # noqa: S104  # compared, not bound
        return host
    family, far = (socket.AF_INET6, "2001:db8::1") if host == "::" else (socket.AF_INET, "192.0.2.1")
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((far, 9))
        except OSError:
            return LOOPBACK
        return str(probe.getsockname()[0])


class Server(uvicorn.Server):
    """uvicorn's server, which tells waiting polls that it ends and us that it has begun."""

    def __init__(self, around: Around) -> None:
        self._app = Application(replace(around, is_closing=lambda: self.should_exit))
        self._tell: Callable[[], None] = lambda: None
        super().__init__(_config(self._app, around))

    def run_until_told(self, listening: socket.socket, tell: Callable[[], None]) -> None:
        """Serve on a socket that listens; signals end it without an exception."""
        self._tell = tell
        try:
            self.run(sockets=[listening])
        finally:
            self._app.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, then say so."""
        await super().startup(sockets)
        self._tell()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what runs; the signal that asked for it is answered by that, so uvicorn need not raise it again."""
        await super().shutdown(sockets)
        self._captured_signals.clear()


def _config(app: Any, around: Around) -> uvicorn.Config:
    limits = around.limits
    return uvicorn.Config(
        app,
        http=connections.protocol(
            n_connections=limits.n_connections, n_of_address=limits.n_of_address, head_s=limits.head_s
        ),
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",  # no line for each request that is no HTTP: anybody can send as many as they like
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=limits.idle_s,  # type: ignore[arg-type]  # uvicorn takes any number of seconds
        timeout_graceful_shutdown=10,
        h11_max_incomplete_event_size=16 << 10,
    )
