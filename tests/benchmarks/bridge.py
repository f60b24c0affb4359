"""
Signed event posts a second: at least 300, the server on one core.

    python -P tests/benchmarks/bridge.py [--posts 3000] [--rounds 3] [--core 0]

The server runs in a process of its own, held on one core; eight connections on the other cores send one event a post,
signed beforehand. Ours is the whole of it: bounds, signature, nonce, checks, insert and commit. Bare is the same server
(uvicorn, FastAPI, the same settings and route) that reads the body as JSON and answers. Rounds alternate, and both
begin in turn; the ratio is the median over rounds. Exit code 1 when the bar is missed or an event is missing.
"""

import argparse
import json
import multiprocessing
import os
import secrets
import socket
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "collector"))

import psutil
from evidence_helpers import make_job, run_record  # found by the line above

from collector.store import Store
from runners.bridge import keys, serve, signing
from runners.bridge.keys import Keys
from runners.bridge.limits import Limits
from runners.bridge.server import Around

BAR = 300.0
N_CONNECTIONS = 8
DEVICE, KEY = "0d" * 16, bytes(range(32))


def launch_id(connection: int) -> str:
    """Each connection has a launch of its own."""
    return f"run1/{connection + 1}"


def prepared(folder: Path) -> Path:
    """A database with a paired device that has taken a launch for each connection."""
    database = folder / "phi.db"
    with Store.open(str(database)) as store:
        store.devices.add(DEVICE, "phone", keys.digest(KEY))
        Keys(folder / "bridge").add(DEVICE, KEY)
        store.begin_run(run_record())
        for n in range(N_CONNECTIONS):
            job = make_job(launch_id(n))
            store.begin_launch(job, run_id="run1", block=0, position=n, arm_index=0)
            store.orders.put(DEVICE, job)
        store.queue.next_jobs(DEVICE, N_CONNECTIONS)
    return database


def ours(folder: Path, listening: socket.socket) -> None:
    """The bridge as it is."""
    with Store.open(str(folder / "phi.db")) as store:
        around = Around(queue=store.queue, devices=store.devices, folder=folder / "bridge")
        serve.Server(around).run_until_told(listening, lambda: None)


def bare(listening: socket.socket) -> None:
    """The same server without checks and insert."""
    import uvicorn
    from fastapi import FastAPI, Request
    from starlette.responses import Response

    from runners.bridge import connections
    from runners.bridge.replies import as_json

    app = FastAPI(docs_url=None, redoc_url=None, redirect_slashes=False)

    @app.post("/v1/launches/{run_id}/{number}/events")
    async def _events(request: Request, run_id: str, number: str) -> Response:
        events = json.loads(await request.body())["events"]
        return as_json({"boot": events[-1]["boot"], "acked_seq": events[-1]["seq"]})

    limits = Limits()
    protocol = connections.protocol(n_connections=limits.n_connections, head_s=limits.head_s)
    config = uvicorn.Config(
        app, http=protocol, ws="none", lifespan="off", interface="asgi3", log_config=None, access_log=False,
        server_header=False, proxy_headers=False,
    )  # fmt: skip
    uvicorn.Server(config).run(sockets=[listening])


def _child(folder: Path, is_bare: bool, core: int, told: Connection) -> None:
    os.sched_setaffinity(0, {core})
    with serve.listening_on(serve.Address(port=0)) as listening:
        told.send(listening.getsockname()[1])
        if is_bare:
            bare(listening)
        else:
            ours(folder, listening)


@contextmanager
def served(folder: Path, *, is_bare: bool, core: int) -> Iterator[tuple[int, psutil.Process]]:
    """A server that answers; its port and its process."""
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=_child, args=(folder, is_bare, core, there))
    child.start()
    try:
        if not here.poll(60):
            raise RuntimeError("the server does not come up")
        yield here.recv(), psutil.Process(child.pid)
    finally:
        child.terminate()
        child.join(30)


def requests(connection: int, n: int, begin: int) -> list[bytes]:
    """Signed posts of one event each."""
    target, made = f"/v1/launches/{launch_id(connection)}/events", []
    for seq in range(begin, begin + n):
        reading = {"footprint_bytes": 1_500_000_000 + seq, "available_bytes": 900_000_000, "thermal_state": "nominal"}
        data = {"phase": "iteration", "reading": {**reading, "battery_frac": 0.75, "cpu_user_s": seq / 100}}
        event = {"boot": "b0", "seq": seq, "t_ns": 10**12 + seq * 10**7, "type": "reading", "data": data}
        body = json.dumps({"lease_id": None, "events": [event]}).encode()
        ts_ms = time.time_ns() // 1_000_000
        signed = signing.sign_request(
            KEY, method="POST", target=target, body=body, device_id=DEVICE, ts_ms=ts_ms, nonce=secrets.token_hex(16)
        )
        head = (
            f"POST {target} HTTP/1.1\r\nHost: x\r\nX-Bench-Protocol: 1\r\n{signing.AUTH_HEADER}: {signed}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


def send(port: int, made: list[bytes], faults: list[str]) -> None:
    """Send one after the other on one connection; each has to be acknowledged."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection, connection.makefile("rb") as replies:
        for raw in made:
            connection.sendall(raw)
            status, n_bytes = replies.readline(), 0
            while (line := replies.readline()) not in {b"\r\n", b""}:
                if line.lower().startswith(b"content-length:"):
                    n_bytes = int(line.split(b":")[1])
            body = replies.read(n_bytes)
            if b" 200 " not in status:
                faults.append(f"{status!r} {body[:200]!r}")
                return


def measure(folder: Path, n_posts: int, begin: int, *, is_bare: bool, core: int) -> tuple[float, float]:
    """Posts a second, and milliseconds of the server's processor time a post."""
    each = n_posts // N_CONNECTIONS
    faults: list[str] = []
    with served(folder, is_bare=is_bare, core=core) as (port, process):
        made = [requests(n, each, begin) for n in range(N_CONNECTIONS)]
        send(port, made[0][:1], faults)  # the server has begun
        threads = [threading.Thread(target=send, args=(port, one[n == 0 :], faults)) for n, one in enumerate(made)]
        cpu, begun = process.cpu_times(), time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took_s, after = time.perf_counter() - begun, process.cpu_times()
    if faults:
        raise RuntimeError(faults[0])
    n_sent = each * N_CONNECTIONS - 1
    return n_sent / took_s, 1e3 * (after.user + after.system - cpu.user - cpu.system) / n_sent


def n_stored(database: Path) -> int:
    """Events in the database."""
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT count(*) FROM event").fetchone()[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--posts", type=int, default=3000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--core", type=int, default=0, help="core of the server; the sender has the others")
    asked = parser.parse_args()
    others = set(range(os.cpu_count() or 1)) - {asked.core}
    os.sched_setaffinity(0, others or {asked.core})
    each = asked.posts // N_CONNECTIONS
    found: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        database = prepared(Path(name))
        for index in range(asked.rounds):
            rates: dict[str, Any] = {}
            for side in ("bare", "ours")[:: 1 if index % 2 else -1]:
                begin = index * each
                rates[side] = measure(Path(name), asked.posts, begin, is_bare=side == "bare", core=asked.core)
            found.append(rates)
            print("  ".join(f"{side} {rate:5.0f} posts/s, {ms:.2f} ms CPU" for side, (rate, ms) in rates.items()))
        n_missing = asked.rounds * each * N_CONNECTIONS - n_stored(database)
    rate = median(one["ours"][0] for one in found)
    ratio = median(one["ours"][0] / one["bare"][0] for one in found)
    cpu = median(one["ours"][1] / one["bare"][1] for one in found)
    print(f"ours {rate:.0f} signed posts/s (bar at least {BAR:.0f}); {ratio:.2f} of the bare server's rate")
    print(f"processor time a post: {cpu:.1f} times the bare server's; {n_missing} events missing")
    return 0 if rate >= BAR and n_missing == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
