"""What a stranger may cost: seconds, connections, tries. The server's own bounds end each wait here."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from memory_store import MemoryStore, job
from phone import call, event
from served import Served, serving
from uvicorn.server import ServerState

from runners.bridge import connections
from runners.bridge.limits import Limits, Memory, Part, Strangers, read_body
from runners.bridge.replies import Refused
from runners.bridge.server import clock_ms

Opened = Callable[[], socket.socket]
HEAD = b"POST /v1/pair HTTP/1.1\r\nHost: x\r\nX-Bench-Protocol: 1\r\n"


@pytest.fixture
def short(tmp_path: Path) -> Iterator[Served]:
    limits = Limits(body_s=0.3, head_s=0.3, idle_s=0.3, n_connections=8, stranger_burst=10, strangers_per_s=0.0)
    with serving(MemoryStore(), tmp_path / "bridge", limits) as served:
        yield served


@pytest.fixture
def opened(short: Served) -> Iterator[Opened]:
    """Plain connections, closed afterwards."""
    with ExitStack() as stack:

        def connect() -> socket.socket:
            found = stack.enter_context(socket.create_connection((short.host, short.port), timeout=20))
            assert isinstance(found, socket.socket)
            return found

        yield connect


def whole(connection: socket.socket) -> bytes:
    """Everything until the server closes; its end is what is waited for."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


def test_a_client_that_says_nothing_is_cut_off(opened: Opened) -> None:
    assert b"408" in whole(opened()).split(b"\r\n")[0]


def test_half_a_head_is_cut_off(opened: Opened) -> None:
    connection = opened()
    connection.sendall(HEAD)
    answer = whole(connection)
    assert answer.startswith(b"HTTP/1.1 408")
    assert json.loads(answer.split(b"\r\n\r\n")[1])["error"]["code"] == "too_slow"


def test_half_a_head_after_a_whole_request_is_cut_off(opened: Opened) -> None:
    connection = opened()
    connection.sendall(b"GET /v1/time HTTP/1.1\r\nHost: x\r\nX-Bench-Protocol: 1\r\n\r\n")
    assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    connection.sendall(b"GET /v1")
    assert b"HTTP/1.1 408" in whole(connection)


def test_a_connection_that_stands_idle_is_closed(opened: Opened) -> None:
    connection = opened()
    connection.sendall(b"GET /v1/time HTTP/1.1\r\nHost: x\r\nX-Bench-Protocol: 1\r\n\r\n")
    assert whole(connection).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("more", [b"Content-Length: 100\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"])
def test_half_a_body_is_cut_off(opened: Opened, more: bytes) -> None:
    connection = opened()
    connection.sendall(HEAD + more)
    answer = whole(connection)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"connection: close" in answer


def test_a_request_that_grew_old_while_its_body_came_is_stale(tmp_path: Path, many_strangers: Limits) -> None:
    """Else the nonce of a captured one could be forgotten meanwhile, and it would count a second time."""
    dates = [clock_ms()]
    with serving(MemoryStore(), tmp_path / "bridge", many_strangers, lambda: dates[0]) as served:
        phone = served.phone()
        target, body = "/v1/jobs/r1/0/release", b'{"lease_id":"a"}'
        signed = phone.signature("POST", target, body, ts_ms=dates[0] - many_strangers.clock_skew_ms + 500)
        head = f"POST {target} HTTP/1.1\r\nHost: x\r\nX-Bench-Protocol: 1\r\nX-Bench-Auth: {signed}\r\n"
        head += f"Expect: 100-continue\r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
        with socket.create_connection((served.host, served.port), timeout=20) as connection:
            connection.sendall(head.encode())
            assert connection.recv(65536).startswith(b"HTTP/1.1 100")  # the head was taken, the body is waited for
            dates[0] += 1000
            connection.sendall(body)
            answer = whole(connection)
    assert json.loads(answer.split(b"\r\n\r\n")[1])["error"]["code"] == "stale"


def test_a_body_without_an_end_is_cut_off_by_its_size(opened: Opened) -> None:
    connection = opened()
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    chunk = b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
    try:
        for _ in range(40):
            connection.sendall(chunk)
        answer = whole(connection)
    except ConnectionError:
        return  # closed while we still wrote: cut off as well
    assert answer.startswith((b"HTTP/1.1 413", b"HTTP/1.1 408"))


@pytest.mark.parametrize(
    "text",
    [
        b"\x16\x03\x01\x02\x00", b"GET / HTTP/9.9\r\n\r\n", b"x" * 100_000,
        b"GET /v1/time HTTP/1.1\r\nA: " + b"b" * 50_000,
        HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}", HEAD + b"Content-Length: -1\r\n\r\n",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", b"GET http://[ HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)  # fmt: skip
def test_what_is_no_http_is_refused(short: Served, opened: Opened, text: bytes) -> None:
    connection = opened()
    try:
        connection.sendall(text)
        answer = whole(connection)
    except ConnectionError:
        answer = b""
    assert not answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 5"))
    assert call(short.host, short.port, "GET", "/v1/time").status == 200


def test_too_many_connections_are_told_so_and_others_go_on_afterwards(short: Served, opened: Opened) -> None:
    held = [opened() for _ in range(8)]
    answer = whole(opened())
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"too_many_connections" in answer
    for one in held:
        assert whole(one).startswith(b"HTTP/1.1 408")
    assert call(short.host, short.port, "GET", "/v1/time").status == 200


class Line(asyncio.Transport):
    """A connection from an address that a test names."""

    def __init__(self, address: str) -> None:
        super().__init__({"peername": (address, 40_000), "sockname": ("192.0.2.1", 8765)})
        self.written = b""
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.is_closed = True


def test_one_address_has_a_share_of_the_connections() -> None:
    async def dial() -> list[list[bool]]:
        kind = connections.protocol(n_connections=12, n_of_address=3, head_s=60)
        config, state = uvicorn.Config(lambda: None, http=kind, log_config=None), ServerState()

        def line(address: str) -> tuple[Any, Line]:
            one, transport = kind(config=config, server_state=state, app_state={}), Line(address)  # type: ignore[call-arg]
            one.connection_made(transport)
            return one, transport

        lines = {address: [line(address) for _ in range(4)] for address in ("192.0.2.7", "::ffff:127.0.0.1")}
        closed = [[transport.is_closed for _, transport in some] for some in lines.values()]
        assert b"too_many_connections" in lines["192.0.2.7"][-1][1].written
        for one, _ in lines["192.0.2.7"][2:]:
            one.connection_lost(None)
        return [*closed, [line(address)[1].is_closed for address in ("192.0.2.7", "192.0.2.8", "192.0.2.7")]]

    mine, loopback, later = asyncio.run(dial())
    assert mine == [False, False, False, True]
    assert loopback == [False] * 4
    assert later == [False, False, True]


def test_this_machine_may_have_all_of_the_connections(tmp_path: Path) -> None:
    limits = Limits(n_connections=8, n_of_address=2)
    with serving(MemoryStore(), tmp_path / "bridge", limits) as served, ExitStack() as stack:
        for _ in range(7):
            stack.enter_context(socket.create_connection((served.host, served.port), timeout=20))
        assert call(served.host, served.port, "GET", "/v1/time").status == 200


def test_too_many_calls_of_strangers_are_refused_and_a_paired_phone_is_not(short: Served) -> None:
    phone = short.phone()
    short.store.queue(phone.device_id, job())
    statuses = [call(short.host, short.port, "GET", "/v1/time").status for _ in range(12)]
    assert statuses == [200] * 9 + [429] * 3
    answer = call(short.host, short.port, "POST", "/v1/hello", body=b"{}")
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (429, "too_many", "5")
    assert phone.post("r1/0", event(0)).status == 200


def test_a_flood_of_refusals_is_one_line(short: Served) -> None:
    for _ in range(8):
        call(short.host, short.port, "POST", "/v1/hello", body=b"{}")
    assert len([line for line in short.lines if "unsigned" in line]) == 1


def test_a_stranger_may_send_little(short: Served) -> None:
    assert call(short.host, short.port, "POST", "/v1/pair", body=b" " * (16 << 10) + b"{}").status == 413


def test_many_bodies_at_once_do_not_fill_the_memory() -> None:
    memory, limits = Memory(1000), Limits()

    def body_of(n_bytes: int, part: Part) -> bytes:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b" " * n_bytes, "more_body": False}

        return asyncio.run(read_body(receive, limits, part, most_bytes=limits.body_bytes))

    first, second = memory.part(), memory.part()
    assert len(body_of(600, first)) == 600
    with pytest.raises(Refused) as caught:
        body_of(600, second)
    assert caught.value.status == 503
    first.give_back()
    assert len(body_of(600, second)) == 600


def test_a_request_gives_its_memory_back_however_it_ends(tmp_path: Path) -> None:
    limits = Limits(bodies_bytes=100_000, stranger_burst=1000)
    with serving(MemoryStore(), tmp_path / "bridge", limits) as served:
        phone = served.phone()
        for _ in range(4):
            assert phone.send("POST", "/v1/hello", raw=b" " * 60_000).status == 400
            assert call(served.host, served.port, "POST", "/v1/pair", body=b" " * 60_000).status == 413
        assert phone.send("POST", "/v1/hello", raw=b" " * 100_001).code == "too_many_connections"


def test_tries_come_back_with_time() -> None:
    now = [0.0]
    strangers = Strangers(2, 1.0, lambda: now[0])
    assert [strangers.count("a") for _ in range(3)] == [True, True, False]
    assert strangers.count("b")
    now[0] = 1.5
    assert [strangers.count("a") for _ in range(2)] == [True, False]


def test_addresses_do_not_pile_up() -> None:
    strangers = Strangers(2, 1.0, lambda: 0.0)
    for i in range(5000):
        strangers.count(str(i))
    assert len(strangers._buckets) == Strangers.MOST_ADDRESSES


def test_one_device_cannot_wait_in_many_calls(tmp_path: Path) -> None:
    with serving(MemoryStore(), tmp_path / "bridge", Limits(n_polls=0)) as served:
        answer = served.phone().poll(wait_s=1)
        assert (answer.status, answer.code) == (429, "too_many")
