"""The key of each paired device: one file of 32 bytes, mode 0600, in a folder of mode 0700; never in the database."""

import hashlib
from pathlib import Path

from runners.bridge import folder as folders
from runners.bridge.signing import IDENTIFIER

N_BYTES = 32


class Keys:
    """The folder of keys; a revoked one is put aside, so that the device can be told so under its own key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "keys"
        self._revoked = self.folder / "revoked"
        folders.make(self._revoked)
        self.folder.chmod(0o700)

    def find(self, device_id: str) -> bytes | None:
        """The key of a device, also of a revoked one; None when there is none."""
        _check(device_id)
        for path in (self.folder / device_id, self._revoked / device_id):
            if path.is_file():
                key = path.read_bytes()
                return key if len(key) == N_BYTES else None
        return None

    def add(self, device_id: str, key: bytes) -> None:
        """Keep a key."""
        _check(device_id)
        folders.write_private(self.folder / device_id, key)

    def revoke(self, device_id: str) -> None:
        """Put a key aside; nothing happens when there is none."""
        _check(device_id)
        path = self.folder / device_id
        if path.is_file():
            path.replace(self._revoked / device_id)

    def changed_at_ns(self) -> int:
        """Rises when a key is added or put aside."""
        return self.folder.stat().st_mtime_ns


def digest(key: bytes) -> bytes:
    """What the database may hold of a key."""
    return hashlib.sha256(key).digest()


def is_id(device_id: str) -> bool:
    """Whether an id may become a file's name: nothing that leads elsewhere, nor our own folder."""
    return bool(IDENTIFIER.match(device_id)) and device_id.strip(".") != "" and device_id.lower() != "revoked"


def _check(device_id: str) -> None:
    if not is_id(device_id):
        raise ValueError(f"{device_id!r} is no id of a device")
