"""
Made-up requests against the bridge before a real database: nothing that was measured may change, no 5xx may come.

    python -P tests/benchmarks/fuzz_bridge.py [--requests 100000] [--seed 1]

A paired phone with a launch of its own, one without, a thief with a wrong key, strangers, and raw bytes. Bodies are
good ones with something broken: cut, a value of another type, a number out of range, a name of another launch, bytes
flipped; signatures are missing, old, of another request, or right. Every table is compared before and after, without
the columns that say when a device was here, and without what a device says of itself (a hello that makes sense is
kept). Exit code 1 when a table changed, a 5xx came, or the database is damaged.
"""

import argparse
import json
import random
import socket
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "collector"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "runners" / "bridge"))

from bridge_helpers import LAUNCH, Bench, bench  # found by the lines above
from phone import Phone, as_body, event

from runners.bridge import signing

ODD = (
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 2**64, 10**400, 0.5, 1e308, "", "x" * 3000, "0", "../../etc",
    "run1/1", "a b", "\u0000", "\ud83d\ude00", [], {}, [[]], {"a": {}}, [None] * 40,
)  # fmt: skip
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "get", "X")
NO_HTTP = (
    b"GET / HTTP/9.9\r\n\r\n",
    b"POST /v1/hello HTTP/1.1\r\n\r\n",
    b"GET /v1/time HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
    b"GET /v1/time HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    b"POST /v1/pair HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
)
Raw = bytes


class Caller:
    """One connection after the other; hands back the status, or 0 when the server ended the connection."""

    def __init__(self, host: str, port: int) -> None:
        self._at = (host, port)
        self._socket: socket.socket | None = None

    def send(self, raw: Raw) -> int:
        """Send bytes as they are; the reply is read to its end."""
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._at, timeout=30)
            self._socket.sendall(raw)
            return self._status(has_body=not raw.startswith(b"HEAD "))
        except (ConnectionError, TimeoutError, ValueError):
            self.close()
            return 0

    def _status(self, *, has_body: bool) -> int:
        assert self._socket is not None
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").lower().split("\r\n")
        n_bytes = next((int(line.split(":")[1]) for line in lines if line.startswith("content-length:")), 0)
        while has_body and len(body) < n_bytes:
            body += self._more()
        if "connection: close" in lines or len(body) > n_bytes:  # two requests in one: two replies
            self.close()
        return int(lines[0].split(" ")[1])

    def _more(self) -> bytes:
        assert self._socket is not None
        found = self._socket.recv(65536)
        if not found:
            raise ConnectionResetError
        return found

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None


class Maker:
    """Draws requests."""

    def __init__(self, served: Bench, dice: random.Random) -> None:
        self._dice = dice
        self._owner = served.phone
        self._guest = served.served.phone("guest")
        self._thief = Phone(self._owner.host, self._owner.port, device_id=self._owner.device_id, key=bytes(32))
        self._stranger = Phone(self._owner.host, self._owner.port, key=bytes(32))
        self._old: list[str] = []

    def draw(self) -> Raw:
        """A request, or bytes that are none."""
        dice = self._dice
        if dice.random() < 0.03:
            return self._garbage()
        method, target, value = dice.choice(self._calls())()
        phone = dice.choices([self._guest, self._owner, self._thief, self._stranger], [6, 2, 1, 1])[0]
        body = self._body(value, is_owner=phone is self._owner)
        if dice.random() < 0.05:
            method = dice.choice(METHODS[:-2])
        if dice.random() < 0.05:
            target = self._bent(target)
        headers = self._headers(phone, method, target, body)
        lines = [f"{method} {target} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
        if method == "HEAD":
            lines.append("Connection: close")
        return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body

    def _calls(self) -> list[Callable[[], tuple[str, str, Any]]]:
        run, number = self._dice.choice((("run1", "1"), ("run1", "2"), ("no", "0"), ("run1", "x"), ("..", "1")))
        known = event(0)
        return [
            lambda: ("GET", f"/v1/jobs/next?wait=0&max={self._dice.choice((1, 16, 0, 99, -1, 'x'))}", None),
            lambda: ("GET", f"/v1/jobs/{run}/{number}", None),
            lambda: ("POST", f"/v1/launches/{run}/{number}/events", {"lease_id": "old", "events": [known]}),
            lambda: ("POST", f"/v1/launches/{LAUNCH}/events", {"lease_id": None, "events": [known]}),
            lambda: ("POST", f"/v1/jobs/{run}/{number}/release", {"lease_id": "old", "reason": "made up"}),
            lambda: ("POST", "/v1/hello", {"boot": "b1", "device": {"fingerprint": "f"}, "unfinished": []}),
            lambda: ("POST", "/v1/pair", {"device_id": "0" * 32, "name": "n", "nonce": "0" * 32, "proof": "0" * 64}),
            lambda: ("GET", "/v1/time", None),
        ]

    def _body(self, value: Any, *, is_owner: bool) -> bytes:
        dice = self._dice
        if value is None:
            return b"" if dice.random() < 0.9 else dice.randbytes(20)
        if is_owner and "events" in value:  # of its own launch: either what is there already, or surely nonsense
            if dice.random() < 0.2:
                return as_body(value)
            broken = {
                **value["events"][0],
                dice.choice(("seq", "type", "t_ns")): dice.choice(("x", None, True, {}, 0.5)),
            }
            return as_body({**value, "events": [broken]})
        if dice.random() < 0.8:
            value = self._broken(value)
        body = json.dumps(value).encode()
        if dice.random() < 0.15:
            body = body[: dice.randrange(len(body) + 1)]
        if dice.random() < 0.1 and body:
            at = dice.randrange(len(body))
            body = body[:at] + dice.randbytes(dice.randrange(1, 4)) + body[at + 1 :]
        return body

    def _broken(self, value: Any) -> Any:
        """The same with one value in it replaced, taken out or added."""
        dice = self._dice
        if isinstance(value, dict) and value and dice.random() < 0.8:
            name = dice.choice(list(value))
            if dice.random() < 0.15:
                return {key: item for key, item in value.items() if key != name}
            return {**value, name: self._broken(value[name])}
        if isinstance(value, list) and value and dice.random() < 0.7:
            return [self._broken(item) for item in value] * dice.choice((1, 1, 1, 3))
        return dice.choice(ODD)

    def _bent(self, target: str) -> str:
        return self._dice.choice((
            target.upper(), target + "/", "/" + target, target.replace("/v1", ""), target + "?x=%00", "/" + "a" * 3000,
            target.replace("run1", "%2e%2e"), "/openapi.json", "*", "/v2/time",
        ))  # fmt: skip

    def _headers(self, phone: Phone, method: str, target: str, body: bytes) -> list[str]:
        dice, lines = self._dice, []
        if dice.random() < 0.97:
            lines.append(f"X-Bench-Protocol: {dice.choices((1, 2, 'x', ''), (97, 1, 1, 1))[0]}")
        kind = dice.choices(("right", "none", "replayed", "stale", "other", "odd"), (70, 6, 6, 6, 6, 6))[0]
        if kind == "none":
            return lines
        changed: dict[str, Any] = {"ts_ms": dice.choice((0, 10**15, 2**63))} if kind == "stale" else {}
        signed = str(phone.signature(method, "/v1/time" if kind == "other" else target, body, **changed))
        if kind == "replayed" and self._old:
            signed = dice.choice(self._old)
        if kind == "odd":
            signed = dice.choice(
                (signed[:-1], signed.upper(), signed.replace(" ", "  "), "PB1", "PB2" + signed[3:], "x" * 9000)
            )
        if len(self._old) < 100:
            self._old.append(signed)
        return [*lines, f"{signing.AUTH_HEADER}: {signed}"]

    def _garbage(self) -> Raw:
        noise = self._dice.randbytes(self._dice.randrange(1, 200)) + b"\r\n\r\n"
        return self._dice.choice((noise, *NO_HTTP)) + b"\r\n\r\n"


def measured(served: Bench) -> list[str]:
    """Everything but what devices say of themselves."""
    return [line for line in served.content().splitlines() if not line.startswith("paired_device ")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    counts: Counter[int] = Counter()
    with tempfile.TemporaryDirectory() as folder, bench(Path(folder)) as served:
        maker, caller = Maker(served, random.Random(asked.seed)), Caller(served.phone.host, served.phone.port)
        before, begun_s = measured(served), time.monotonic()
        for n in range(asked.requests):
            status = caller.send(maker.draw())
            counts[status] += 1
            if status >= 500:
                print(f"request {n}: {status}")
        caller.close()
        is_same = measured(served) == before
        with closing(sqlite3.connect(served.database)) as connection:
            is_whole = connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        took_s = time.monotonic() - begun_s
    n_faults = sum(count for status, count in counts.items() if status >= 500)
    print(f"{asked.requests} requests in {took_s:.0f} s, seed {asked.seed}")
    print("  " + ", ".join(f"{status or 'connection ended'}: {count}" for status, count in sorted(counts.items())))
    print(
        f"tables {'unchanged' if is_same else 'CHANGED'}, {n_faults} 5xx, database {'whole' if is_whole else 'DAMAGED'}"
    )
    return 0 if is_same and is_whole and not n_faults else 1


if __name__ == "__main__":
    sys.exit(main())
