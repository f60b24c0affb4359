"""
Nonces that were used: a signed request counts once, also across a restart of the server.

Each is written as a line to a file before the request is acted upon. Only those young enough to be believed are kept,
for an older request is refused by its time alone. No flush to the drive: what the kernel has survives the death of
the process, and a power cut takes longer than a captured request stays fresh, or nearly so. What a full disk took in
part is cut off again, so that the file holds whole lines.
"""

import errno
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

_SLACK_LINES = 20_000


class Nonces:
    """Used nonces by device; ``lifetime_ms`` is how long after its time a request may still be fresh."""

    def __init__(self, path: Path, lifetime_ms: int) -> None:
        self._path = path
        self._lifetime_ms = lifetime_ms
        self._used: dict[tuple[str, str], int] = {}
        self._n_lines = 0
        self._n_bytes = 0
        self._file: IO[bytes] | None = None

    @classmethod
    def open(cls, path: Path, *, lifetime_ms: int, now_ms: int) -> Self:
        """Read what an earlier server left; a cut or foreign line is passed over."""
        nonces = cls(path, lifetime_ms)
        lines = path.read_bytes().splitlines() if path.exists() else []
        nonces._used = dict(_parsed(lines))
        nonces._rewrite(now_ms)
        return nonces

    def use(self, device_id: str, nonce: str, ts_ms: int, now_ms: int) -> bool:
        """
        Take a nonce; False when it was taken before.

        Raises:
            OSError: it cannot be noted, so the request must not be acted upon.
        """
        key = (device_id, nonce)
        if key in self._used:
            return False
        if self._n_lines >= 2 * len(self._used) + _SLACK_LINES:
            self._rewrite(now_ms)
        if self._file is None:
            raise ValueError("these nonces are closed")
        self._append(self._file, _line(device_id, nonce, ts_ms))
        self._used[key] = ts_ms
        self._n_lines += 1
        if self._n_lines % 5000 == 0:
            self._forget(now_ms)
        return True

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _append(self, file: IO[bytes], line: bytes) -> None:
        """Add a line where the last whole one ends, or leave the file as it was."""
        file.truncate(self._n_bytes)  # also what an earlier fault left, should it have been impossible to cut then
        file.seek(self._n_bytes)
        try:
            _write(file, line, self._path)
        except OSError:
            with suppress(OSError):
                file.truncate(self._n_bytes)
            raise
        self._n_bytes += len(line)

    def _forget(self, now_ms: int) -> None:
        oldest_ms = now_ms - self._lifetime_ms
        self._used = {key: ts_ms for key, ts_ms in self._used.items() if ts_ms >= oldest_ms}

    def _rewrite(self, now_ms: int) -> None:
        self._forget(now_ms)
        fresh = self._path.with_suffix(".new")
        file = open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb", buffering=0)  # noqa: SIM115, PTH123  # kept open
        data = b"".join(_line(device_id, nonce, ts_ms) for (device_id, nonce), ts_ms in self._used.items())
        try:
            _write(file, data, fresh)
            fresh.replace(self._path)
        except OSError:  # the file before stays, and in use
            file.close()
            fresh.unlink(missing_ok=True)
            raise
        self.close()
        self._file, self._n_bytes = file, len(data)
        self._n_lines = len(self._used)


def _write(file: IO[bytes], data: bytes, path: Path) -> None:
    """Write all of it; the file has no buffer, so a disk that fills takes a part and says so by the count alone."""
    if file.write(data) != len(data):
        raise OSError(errno.ENOSPC, "nonces were written in part", str(path))


def _line(device_id: str, nonce: str, ts_ms: int) -> bytes:
    return f"{device_id} {nonce} {ts_ms}\n".encode()


def _parsed(lines: Iterable[bytes]) -> Iterable[tuple[tuple[str, str], int]]:
    for line in lines:
        parts = line.decode(errors="replace").split(" ")
        if len(parts) == 3 and parts[2].isascii() and parts[2].isdigit():
            yield (parts[0], parts[1]), int(parts[2])
