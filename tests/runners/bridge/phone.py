"""A phone of a few lines: signs, sends over a plain connection, checks the reply's signature unless told not to."""

import hmac
import http.client
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from runners.bridge import signing


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    raw: bytes
    headers: dict[str, str]

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


def call(
    host: str,
    port: int,
    method: str,
    target: str,
    *,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    timeout_s: float = 40,
) -> Answer:
    """One request as it is, on a connection of its own."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout_s)
    try:
        connection.request(method, target, body=body or None, headers={"X-Bench-Protocol": "1"} | (headers or {}))
        got = connection.getresponse()
        raw = got.read()
    finally:
        connection.close()
    is_json = got.headers.get("content-type") == "application/json" and raw
    found = {name.lower(): value for name, value in got.headers.items()}
    return Answer(status=got.status, body=json.loads(raw) if is_json else None, raw=raw, headers=found)


def as_body(value: Any) -> bytes:
    return b"" if value is None else json.dumps(value).encode()


@dataclass
class Phone:
    host: str
    port: int
    device_id: str = field(default_factory=lambda: secrets.token_hex(16))
    name: str = "iPhone"
    key: bytes = b""
    offset_ms: int = 0

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.offset_ms

    def pair(self, link: str, **changed: Any) -> Answer:
        """Become a device by the text of a link; ``changed`` replaces fields of what is sent."""
        found = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
        nonce = secrets.token_hex(16)
        named = {"host_id": found["id"], "device_id": self.device_id, "nonce": nonce}
        key = signing.pairing_key(bytes.fromhex(found["s"]), **named)
        proof = signing.proof(key, "phone", name=self.name, **named)
        body = {"device_id": self.device_id, "name": self.name, "nonce": nonce, "proof": proof} | changed
        answer = call(self.host, self.port, "POST", "/v1/pair", body=as_body(body))
        if answer.status == 200:
            assert hmac.compare_digest(answer.body["proof"], signing.proof(key, "host", name=self.name, **named))
            self.key = key
        return answer

    def signature(self, method: str, target: str, body: bytes = b"", **changed: Any) -> signing.Signature:
        values = {"device_id": self.device_id, "ts_ms": self.now_ms(), "nonce": secrets.token_hex(16)} | changed
        return signing.sign_request(self.key, method=method, target=target, body=body, **values)

    def send(self, method: str, target: str, value: Any = None, *, raw: bytes | None = None, **changed: Any) -> Answer:
        """A signed request; the reply must be signed too."""
        body = as_body(value) if raw is None else raw
        signed = self.signature(method, target, body, **changed)
        answer = call(self.host, self.port, method, target, body=body, headers={signing.AUTH_HEADER: str(signed)})
        if answer.status != 503:  # a host that cannot read its devices has no key to sign with
            self.check(answer, signed.nonce)
        return answer

    def check(self, answer: Answer, nonce: str) -> None:
        scheme, ts_ms, mac = answer.headers["x-bench-reply"].split(" ")
        text = signing.reply_text(nonce=nonce, status=answer.status, ts_ms=int(ts_ms), body=answer.raw)
        assert scheme == "PB1"
        assert mac == hmac.digest(self.key, text, "sha256").hex()

    def post(self, launch_id: str, *events: Any, lease_id: str | None = None) -> Answer:
        return self.send("POST", f"/v1/launches/{launch_id}/events", {"lease_id": lease_id, "events": list(events)})

    def poll(self, wait_s: int = 0, most: int = 1) -> Answer:
        return self.send("GET", f"/v1/jobs/next?wait={wait_s}&max={most}")


def event(seq: int, kind: str = "starting", /, boot: str = "b0", **data: Any) -> dict[str, Any]:
    if kind == "starting" and not data:
        data = {"phase": "load"}
    return {"boot": boot, "seq": seq, "t_ns": 1000 * seq, "type": kind, "data": data}
