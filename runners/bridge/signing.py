"""
Who speaks, and that nothing was changed: the texts that are signed, and HMAC and HKDF over SHA-256. Pure.

The same texts are made in Swift; both are tested against ``Golden/crypto.json`` of the Swift package.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass

SCHEME = "PB1"
AUTH_HEADER = "X-Bench-Auth"
REPLY_HEADER = "X-Bench-Reply"
PROTOCOL_HEADER = "X-Bench-Protocol"

IDENTIFIER = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
NONCE = re.compile(r"[0-9a-f]{32}\Z")
MAC = re.compile(r"[0-9a-f]{64}\Z")
_MILLISECONDS = re.compile(r"[0-9]{1,15}\Z")
_PAIRING_INFO = b"phibench pair v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """What the header of a signed request says; ``ts_ms`` in milliseconds since 1970 by the sender's clock."""

    device_id: str
    ts_ms: int
    nonce: str
    mac: str

    def __str__(self) -> str:
        return f"{SCHEME} {self.device_id} {self.ts_ms} {self.nonce} {self.mac}"


def parse_signature(header: str) -> Signature | None:
    """The header ``X-Bench-Auth`` taken apart; None when it does not have its form."""
    parts = header.split(" ")
    if len(parts) != 5 or parts[0] != SCHEME:
        return None
    _, device_id, ts_ms, nonce, mac = parts
    patterns = ((IDENTIFIER, device_id), (_MILLISECONDS, ts_ms), (NONCE, nonce), (MAC, mac))
    if not all(pattern.match(text) for pattern, text in patterns):
        return None
    return Signature(device_id=device_id, ts_ms=int(ts_ms), nonce=nonce, mac=mac)


def sign_request(
    key: bytes, *, device_id: str, method: str, target: str, ts_ms: int, nonce: str, body: bytes
) -> Signature:
    """
    Sign one request.

    Args:
        key: 32 bytes, the device's.
        target: path and query exactly as sent.
        body: the raw bytes, never re-encoded JSON.
    """
    mac = _mac(key, request_text(method=method, target=target, ts_ms=ts_ms, nonce=nonce, body=body))
    return Signature(device_id=device_id, ts_ms=ts_ms, nonce=nonce, mac=mac)


def is_signed_by(key: bytes, signature: Signature, *, method: str, target: str, body: bytes) -> bool:
    """Whether this key signed exactly this request; takes as long for a wrong signature as for a right one."""
    text = request_text(method=method, target=target, ts_ms=signature.ts_ms, nonce=signature.nonce, body=body)
    return hmac.compare_digest(_mac(key, text), signature.mac)


def request_text(*, method: str, target: str, ts_ms: int, nonce: str, body: bytes) -> bytes:
    """The text of a request that is signed."""
    return f"{SCHEME}\n{method}\n{target}\n{ts_ms}\n{nonce}\n{sha256_hex(body)}".encode()


def sign_reply(key: bytes, *, nonce: str, status: int, ts_ms: int, body: bytes) -> str:
    """Value of the header ``X-Bench-Reply``; ``nonce`` is the request's, so that no reply fits another request."""
    return f"{SCHEME} {ts_ms} {_mac(key, reply_text(nonce=nonce, status=status, ts_ms=ts_ms, body=body))}"


def reply_text(*, nonce: str, status: int, ts_ms: int, body: bytes) -> bytes:
    """The text of a reply that is signed."""
    return f"{SCHEME}-REPLY\n{nonce}\n{status}\n{ts_ms}\n{sha256_hex(body)}".encode()


def pairing_key(secret: bytes, *, host_id: str, device_id: str, nonce: str) -> bytes:
    """The 32 bytes that host and device share from a pairing on; ``secret`` is the 16 bytes of the link."""
    return hkdf_sha256(secret, salt=f"{host_id}\n{device_id}\n{nonce}".encode(), info=_PAIRING_INFO, n_bytes=32)


def proof(key: bytes, role: str, *, host_id: str, device_id: str, nonce: str, name: str) -> str:
    """What shows that a side has the key; ``role`` is "phone" or "host", so that neither can echo the other's."""
    return _mac(key, proof_text(role, host_id=host_id, device_id=device_id, nonce=nonce, name=name))


def proof_text(role: str, *, host_id: str, device_id: str, nonce: str, name: str) -> bytes:
    """The text of a proof."""
    return f"{role}\n{host_id}\n{device_id}\n{nonce}\n{sha256_hex(name.encode())}".encode()


def hkdf_sha256(secret: bytes, *, salt: bytes, info: bytes, n_bytes: int) -> bytes:
    """
    Extract and expand.

    Source:
        RFC 5869, sections 2.2 and 2.3; an empty salt stands for 32 zero bytes.
    """
    if not 0 < n_bytes <= 255 * 32:
        raise ValueError("HKDF with SHA-256 gives 1 to 8160 bytes")
    extracted = hmac.digest(salt or bytes(32), secret, "sha256")
    block, out, count = b"", b"", 0
    while len(out) < n_bytes:
        count += 1
        block = hmac.digest(extracted, block + info + bytes([count]), "sha256")
        out += block
    return out[:n_bytes]


def sha256_hex(data: bytes) -> str:
    """Digest in lower-case hex."""
    return hashlib.sha256(data).hexdigest()


def _mac(key: bytes, text: bytes) -> str:
    return hmac.digest(key, text, "sha256").hex()
