"""
Pairing: a window of a few minutes in which one phone that knows the secret of the link becomes a device.

The window is a file, so that ``phibench bridge pair`` opens it while the server runs as another process. The secret is
never sent: both sides derive a key from it and prove that they have it. Whoever changes the file holds its lock from
reading it to writing it, so that no window is overwritten that was opened in between.
"""

import fcntl
import hmac
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from runners.bridge import folder as folders
from runners.bridge import keys, signing
from runners.bridge.keys import Keys
from runners.bridge.replies import Refused
from runners.bridging import DeviceKnown, PairedDevices
from runners.wire import WireError, from_wire, to_wire

WINDOW_S = 300
N_TRIES = 5
_LONGEST_NAME = 64
_DEVICE_ID = re.compile(r"[0-9a-f]{32}\Z")
"""One case only: ids that differ in nothing else would share a key file on a disk that does not tell them apart."""


class Outcome(StrEnum):
    """How a window stands."""

    OPEN = "open"
    CLAIMED = "claimed"  # a phone has proved itself and is being written down
    PAIRED = "paired"
    WRONG_PROOFS = "wrong_proofs"
    CLOSED = "closed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """
    A pairing window as its file holds it.

    ``secret`` is 32 hex digits while it is open and empty afterwards; ``name`` and ``device_id`` are the device's that
    was paired.
    """

    window_id: str
    secret: str
    expires_at_ms: int
    n_tries_left: int = N_TRIES
    outcome: Outcome = Outcome.OPEN
    device_id: str = ""
    name: str = ""

    def __repr__(self) -> str:
        return f"Window({self.window_id}, {self.outcome})"


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRequest:
    """What a phone sends; ``proof`` is hex."""

    device_id: str
    name: str
    nonce: str
    proof: str

    def __post_init__(self) -> None:
        if not _DEVICE_ID.match(self.device_id):
            raise ValueError("device_id is 32 lower-case hex digits")
        if not signing.NONCE.match(self.nonce) or not signing.MAC.match(self.proof):
            raise ValueError("nonce is 32 and proof 64 lower-case hex digits")
        if not (0 < len(self.name) <= _LONGEST_NAME and self.name.isprintable() and self.name.strip()):
            raise ValueError(f"name is 1 to {_LONGEST_NAME} characters that can be printed")


def link(*, host: str, port: int, secret: str, host_id: str) -> str:
    """What the QR code holds; the secret as 32 hex digits."""
    return f"phibench://pair?v=1&h={host}&p={port}&s={secret}&id={host_id}"


def open_window(folder: Path, now_ms: int) -> Window:
    """Open a window; whatever window there was is over."""
    folders.make(folder)
    window = Window(
        window_id=secrets.token_hex(8), secret=secrets.token_hex(16), expires_at_ms=now_ms + WINDOW_S * 1000
    )
    with _alone(folder):
        _write(folder, window)
    return window


def read_window(folder: Path) -> Window | None:
    """The window as it stands; None when there never was one."""
    found = folders.read_json(folder / "pairing.json")
    try:
        return from_wire(Window, found) if found else None
    except WireError:
        return None


def close_window(folder: Path, window: Window) -> None:
    """Close it unless it is over, or another's by now."""
    with _alone(folder):
        now = read_window(folder)
        if now is not None and now.window_id == window.window_id and now.outcome is Outcome.OPEN:
            _write(folder, _ended(now, Outcome.CLOSED))


def pair(
    request: PairRequest, *, folder: Path, host_id: str, own_keys: Keys, devices: PairedDevices, now_ms: int
) -> Mapping[str, Any]:
    """
    Make a device of a phone that proves that it knows the secret.

    The window is over before the device is written down: a second phone can never come in by the same link.

    Returns:
        The fields of the reply, with our own proof.

    Raises:
        Refused: no window, a wrong proof, a device of this id.
    """
    named = {"host_id": host_id, "device_id": request.device_id, "nonce": request.nonce}
    with _alone(folder):
        window, key = _proved(request, folder, named, now_ms)
        if devices.find(request.device_id) is not None:
            raise _known()
        _write(folder, _ended(window, Outcome.CLAIMED))
    try:
        own_keys.add(request.device_id, key)
        devices.add(request.device_id, request.name, keys.digest(key))
    except BaseException as exc:
        _settle(folder, _ended(window, Outcome.FAILED))
        if isinstance(exc, DeviceKnown):
            raise _known() from None
        raise
    _settle(folder, _ended(window, Outcome.PAIRED, device_id=request.device_id, name=request.name))
    ours = signing.proof(key, "host", name=request.name, **named)
    return {"device_id": request.device_id, "host_id": host_id, "proof": ours}


def _proved(request: PairRequest, folder: Path, named: Mapping[str, str], now_ms: int) -> tuple[Window, bytes]:
    """The open window and the key, once the phone has shown that it has it; a wrong proof costs a try."""
    window = read_window(folder)
    if window is None or window.outcome is not Outcome.OPEN or now_ms >= window.expires_at_ms:
        text = "no pairing is open; run phibench bridge pair on the host and scan its code within 5 minutes"
        raise Refused(410, "no_pairing_open", text)
    key = signing.pairing_key(bytes.fromhex(window.secret), **named)
    if not hmac.compare_digest(signing.proof(key, "phone", name=request.name, **named), request.proof):
        raise _wrong(folder, window)
    return window, key


def _wrong(folder: Path, window: Window) -> Refused:
    n_left = window.n_tries_left - 1
    if n_left <= 0:
        _write(folder, _ended(window, Outcome.WRONG_PROOFS))
        return Refused(403, "wrong_proof", "wrong proof, and pairing is closed; run phibench bridge pair again")
    _write(folder, _changed(window, n_tries_left=n_left))
    return Refused(403, "wrong_proof", f"wrong proof; scan the code again ({n_left} of {N_TRIES} tries left)")


def _known() -> Refused:
    return Refused(409, "device_known", "there is a device of this id; pair under a new one")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Have the window for oneself, also beside other processes; the lock goes with the process, however it ends."""
    with open(os.open(folder / "pairing.lock", os.O_RDWR | os.O_CREAT, 0o600), "rb") as file:  # noqa: PTH123  # mode
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _settle(folder: Path, window: Window) -> None:
    """Write down what came of a claimed window, unless another has been opened meanwhile."""
    with _alone(folder):
        now = read_window(folder)
        if now is not None and now.window_id == window.window_id:
            _write(folder, window)


def _ended(window: Window, outcome: Outcome, *, device_id: str = "", name: str = "") -> Window:
    return _changed(window, secret="", outcome=outcome, device_id=device_id, name=name)


def _changed(window: Window, **fields: Any) -> Window:
    return from_wire(Window, to_wire(window) | fields)


def _write(folder: Path, window: Window) -> None:
    folders.write_private(folder / "pairing.json", json.dumps(to_wire(window)).encode())
