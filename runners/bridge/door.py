"""
The door: nothing behind it sees a request that is not signed by a device of ours, whole, fresh and new.

What costs least is asked first: protocol, form of the signature, whether there is such a device and whether the time
fits, all before the body is read; then the body, then the signature over it, then whether the nonce is new. A stranger
can therefore neither fill memory nor use up another's nonces.
"""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from runners.bridge import signing
from runners.bridge.known import Known, KnownDevices
from runners.bridge.limits import Limits, Memory, Part, Strangers, read_body
from runners.bridge.nonces import Nonces
from runners.bridge.refusals import Refusals
from runners.bridge.replies import Refused, storage_fault
from runners.bridge.signing import Signature
from runners.contract import PROTOCOL

Message = MutableMapping[str, Any]
UNSIGNED = frozenset({"/v1/time", "/v1/pair"})
WITHOUT_PROTOCOL = frozenset({"/openapi.json"})


class Door:
    """
    The application around the application: authentication of requests, signatures of replies, bounds.

    Args:
        now_ms: the date, milliseconds since 1970.
        log: takes lines of interest; no secrets are in them.
    """

    def __init__(
        self,
        inner: ASGIApp,
        *,
        known: KnownDevices,
        nonces: Nonces,
        strangers: Strangers,
        limits: Limits,
        now_ms: Callable[[], int],
        log: Callable[[str], None],
    ) -> None:
        self._inner = inner
        self._known = known
        self._nonces = nonces
        self._strangers = strangers
        self._limits = limits
        self._now_ms = now_ms
        self._log = log
        self._memory = Memory(limits.bodies_bytes)
        self._refusals = Refusals(log, time.monotonic)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        reply, part = Reply(send, self._now_ms), self._memory.part()
        try:
            await self._admit(scope, receive, reply, part)
        except Refused as refused:
            self._refusals.note(refused.code, _address(scope))
            if refused.status == 401:
                refused.more = {**refused.more, "server_time_ms": self._now_ms()}
            await refused.reply()(scope, receive, reply.send)
        except ConnectionError:
            return  # the client went away in the middle of its request
        finally:
            part.give_back()

    async def _admit(self, scope: Scope, receive: Receive, reply: "Reply", part: Part) -> None:
        headers = Headers(scope=scope)
        if scope["path"] in WITHOUT_PROTOCOL:
            self._count_stranger(scope)
            await self._inner(scope, receive, reply.send)
            return
        _check_protocol(headers)
        if scope["path"] in UNSIGNED:
            self._count_stranger(scope)
            body = await read_body(receive, self._limits, part, most_bytes=self._limits.unsigned_bytes)
        else:
            body = await self._authenticate(scope, headers, receive, reply, part)
        await self._inner(scope, _replayed(body, receive), reply.send)

    async def _authenticate(
        self, scope: Scope, headers: Headers, receive: Receive, reply: "Reply", part: Part
    ) -> bytes:
        """The body of a request that a device of ours has signed; who it is stands in the scope's state then."""
        try:
            signature, device = await self._claimed(headers, reply)
            self._check_time(signature)
            body = await read_body(receive, self._limits, part, most_bytes=self._limits.body_bytes)
            target = _target(scope)
            if not signing.is_signed_by(device.key, signature, method=scope["method"], target=target, body=body):
                raise _no("wrong_signature", "the signature does not fit this request under this device's key")
            self._check_time(signature)  # while its body came the nonce of an old request may have been forgotten
        except Refused as refused:
            if refused.status in {401, 403} and not self._strangers.count(_address(scope)):
                raise _too_many() from None
            raise
        try:
            is_new = self._nonces.use(device.device_id, signature.nonce, signature.ts_ms, self._now_ms())
        except OSError as exc:
            self._log(f"nonces cannot be written: {exc}")
            raise storage_fault() from exc
        if not is_new:
            raise _no("replayed", "a request with this nonce was taken already; sign with a new one")
        scope.setdefault("state", {})["device"] = device
        return body

    def _check_time(self, signature: Signature) -> None:
        if abs(signature.ts_ms - self._now_ms()) > self._limits.clock_skew_ms:
            raise _no("stale", "the time of this request is too far from ours; correct the offset, sign it again")

    async def _claimed(self, headers: Headers, reply: "Reply") -> tuple[Signature, Known]:
        """Who the request says it is from, if we know such a device."""
        given = headers.getlist(signing.AUTH_HEADER)
        signature = signing.parse_signature(given[0]) if len(given) == 1 else None
        if signature is None:
            raise _no("unsigned", f"this call needs one header {signing.AUTH_HEADER}; pair first")
        try:
            device = await self._known.find(signature.device_id)
        except Exception as exc:
            self._log(f"devices cannot be read: {type(exc).__name__}: {exc}")
            raise storage_fault() from exc
        if device is None:
            raise _no("unknown_device", "this host knows no such device; pair it again")
        reply.sign_with(device.key, signature.nonce)
        if device.is_revoked:
            raise Refused(403, "revoked", "this device was revoked on the host; pair it again", is_last=True)
        return signature, device

    def _count_stranger(self, scope: Scope) -> None:
        if not self._strangers.count(_address(scope)):
            raise _too_many()


class Reply:
    """Sends a reply, signed when it is known for whom; its body is held back until it is whole."""

    def __init__(self, send: Send, now_ms: Callable[[], int]) -> None:
        self._send = send
        self._now_ms = now_ms
        self._key: bytes | None = None
        self._nonce = ""
        self._start: Message = {}
        self._parts: list[bytes] = []

    def sign_with(self, key: bytes, nonce: str) -> None:
        """Sign what follows, over the nonce of the request."""
        self._key, self._nonce = key, nonce

    async def send(self, message: Message) -> None:
        """Take one message of ASGI."""
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._parts.append(message.get("body", b""))
        if message.get("more_body", False):
            return
        body = b"".join(self._parts)
        if self._key is not None:
            status = self._start["status"]
            value = signing.sign_reply(self._key, nonce=self._nonce, status=status, ts_ms=self._now_ms(), body=body)
            self._start["headers"] = [*self._start["headers"], (signing.REPLY_HEADER.lower().encode(), value.encode())]
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": body})


def _check_protocol(headers: Headers) -> None:
    spoken = headers.getlist(signing.PROTOCOL_HEADER)
    if len(spoken) != 1:
        raise Refused(400, "no_protocol", f"the header {signing.PROTOCOL_HEADER}: {PROTOCOL} is missing")
    if spoken[0] != str(PROTOCOL):
        text = f"this host speaks protocol {PROTOCOL}; update the app or phibench, whichever is older"
        raise Refused(426, "other_protocol", text, more={"protocols": [PROTOCOL]})


def _target(scope: Scope) -> str:
    """Path and query as they were sent."""
    path = scope["raw_path"].decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else "?"


def _no(code: str, message: str) -> Refused:
    return Refused(401, code, message)


def _too_many() -> Refused:
    text = "too many calls without a valid signature from this address; wait"
    return Refused(429, "too_many", text, retry_after_s=5, is_last=True)


def _replayed(body: bytes, receive: Receive) -> Callable[[], Awaitable[Message]]:
    """A body that was read already, then whatever comes: the end of the connection."""
    is_given = False

    async def again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
