"""
The bridge's own folder: who this host is, which server runs, keys, the pairing window. Nobody but its owner reads it.

::

    host_id         made once
    server.lock     held by the server that runs
    server.json     its address and process
    keys/           a file of 32 bytes a device; keys/revoked/ those that are refused
    pairing.json    the open pairing window, or how the last one ended
    pairing.lock    held by whoever changes it
    nonces          signed requests of the last minutes
"""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from runners.bridge.signing import IDENTIFIER
from runners.wire import WireError, from_wire, to_wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A server that runs; ``host`` is what it listens on, ``link_host`` what a phone can reach it by."""

    pid: int
    host: str
    port: int
    link_host: str
    started_at_utc: str
    database: str = ""

    @property
    def url(self) -> str:
        """Where it answers."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


class BridgeBusy(Exception):
    """Another server has this folder; ``running`` says where it answers, None when it has not said yet."""

    def __init__(self, running: Running | None) -> None:
        super().__init__("another bridge serves from this folder")
        self.running = running


def make(folder: Path) -> None:
    """Make the folder, readable by its owner alone."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def host_id(folder: Path) -> str:
    """The id of this host, made at the first call."""
    make(folder)
    path = folder / "host_id"
    if path.exists():
        found = path.read_text().strip()
        if IDENTIFIER.match(found):
            return found
    made = secrets.token_hex(16)
    write_private(path, made.encode())
    return made


def write_private(path: Path, data: bytes) -> None:
    """Replace a file as a whole, mode 0600, on the disk when this returns."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "wb") as file:  # noqa: PTH123  # of a descriptor
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def read_json(path: Path) -> Mapping[str, Any] | None:
    """An object from a file; None when there is none that can be read."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return cast("Mapping[str, Any]", found) if isinstance(found, dict) else None


def running(folder: Path) -> Running | None:
    """The server that runs from this folder; None when none does."""
    lock = folder / "server.lock"
    if not lock.exists():
        return None
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read_running(folder)
        return None


def _read_running(folder: Path) -> Running | None:
    found = read_json(folder / "server.json")
    try:
        return from_wire(Running, found) if found else None
    except WireError:
        return None


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """
    Have the folder for one server; the lock goes with the process, however it ends.

    Raises:
        BridgeBusy: another server has it.
    """
    make(folder)
    with open(os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:  # noqa: PTH123  # mode
        if not _locked(file.fileno()):
            raise BridgeBusy(_read_running(folder))
        (folder / "server.json").unlink(missing_ok=True)
        try:
            yield
        finally:
            (folder / "server.json").unlink(missing_ok=True)


def _locked(descriptor: int) -> bool:
    """Take the lock; tried for a moment, since whoever asks whether a server runs has it for as long as that takes."""
    for pause_s in (0.01, 0.05, 0.2, None):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if pause_s is not None:
                time.sleep(pause_s)
        else:
            return True
    return False


def announce(folder: Path, server: Running) -> None:
    """Write down where the server answers."""
    write_private(folder / "server.json", json.dumps(to_wire(server)).encode())
