"""
One measurement at a time on one machine: an exclusive flock whose descriptor the workers inherit.

The lock belongs to the open file, not to a process: it lives until the last process that holds the descriptor ends,
so a worker whose parent was killed still keeps others away. For the same reason it is given back by closing the
descriptor, never by unlocking, and the file is never removed: a second process could then lock a new file of the same
name while the old one is still held.

The file lies in ``/tmp`` for all users of the machine. It is opened without ``O_CREAT`` first, because Linux refuses
that flag for another user's file in a sticky folder (``fs.protected_regular``); a symbolic link is refused.
"""

import contextlib
import errno
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from runners.errors import FailureKind, RunnerUnavailable

DEFAULT_PATH = "/tmp/phibench.lock"  # noqa: S108 (one place that all users of a machine share is the point)
_PATIENCE_S = 0.3  # a look at who holds the lock takes it for microseconds; that must not look like a measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who measures: the process that took the lock, what it said it does, since when (ISO 8601); None = not said."""

    pid: int | None = None
    what: str | None = None
    since_utc: str | None = None

    @property
    def is_alive(self) -> bool:
        """Whether that process still runs; if not, one of its workers keeps the lock."""
        if self.pid is None:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def __str__(self) -> str:
        who = "a process" if self.pid is None else f"pid {self.pid}"
        text = f"{who} ({self.what})" if self.what else who
        text += f" since {self.since_utc}" if self.since_utc else ""
        return text if self.is_alive or self.pid is None else f"{text}, which has ended while its worker goes on"


class MachineLock:
    """The machine's lock, held; pass ``fd`` to every worker. Released by closing, at the latest when we end."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def release(self) -> None:
        """Give our share back; workers that inherited the descriptor keep theirs. Safe to call twice."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def path() -> Path:
    """Where the lock lies; ``PHIBENCH_LOCK`` overrides it."""
    return Path(os.environ.get("PHIBENCH_LOCK") or DEFAULT_PATH)


def acquire(what: str, wait_s: float = 0, on_wait: Callable[[Holder], None] | None = None) -> MachineLock:
    """
    Take the machine's lock.

    Args:
        what: what we are about to do, shown to whoever finds the machine busy.
        wait_s: how long to wait for another measurement to end.
        on_wait: called once with the holder when waiting begins.

    Raises:
        RunnerUnavailable: the machine is still busy after that time, or the lock file cannot be used.
    """
    started = time.monotonic()
    is_announced = False
    while True:
        fd = _try(path())
        if fd is not None:
            _write(fd, what)
            return MachineLock(fd)
        waited = time.monotonic() - started
        if waited >= max(wait_s, _PATIENCE_S):
            raise _busy(_read_holder(path()))
        if on_wait is not None and not is_announced and wait_s > 0 and waited >= _PATIENCE_S:
            is_announced = True
            on_wait(_read_holder(path()))
        time.sleep(0.05 if waited < 1 else 0.5)


def holder() -> Holder | None:
    """Who measures now; None when nobody does. Never waits and never fails."""
    import fcntl

    try:
        fd = os.open(path(), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with _closing(fd):
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _parse(_content(fd))
        except OSError:
            return None
    return None


def _try(file: Path) -> int | None:
    """A descriptor that holds the lock, or None when another has it."""
    import fcntl

    while True:
        fd = _open(file)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        except OSError as exc:
            os.close(fd)
            raise _unusable(file, f"cannot be locked ({exc.strerror})") from exc
        if _is_same_file(fd, file):
            return fd
        os.close(fd)  # cleaned away between opening and locking: what we hold has no name any more


def _open(file: Path) -> int:
    """Open what is there, else make it, else (another user's file that only its owner may write) open it to read."""
    problem = OSError(errno.EAGAIN, "it comes and goes")
    for flags in (os.O_RDWR, os.O_RDWR | os.O_CREAT | os.O_EXCL, os.O_RDWR, os.O_RDONLY):
        try:
            fd = os.open(file, flags | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
        except FileExistsError:
            continue
        except FileNotFoundError as exc:
            if flags & os.O_CREAT:
                raise _unusable(file, "lies in a folder that does not exist") from exc
        except OSError as exc:
            problem = exc
        else:
            return _checked(fd, file, is_new=bool(flags & os.O_CREAT))
    if problem.errno in {errno.ELOOP, errno.EMLINK}:
        raise _unusable(file, "is a symbolic link, which is not followed in a folder of all users") from problem
    raise _unusable(file, f"cannot be opened ({problem.strerror})") from problem


def _checked(fd: int, file: Path, *, is_new: bool) -> int:
    if is_new:
        with contextlib.suppress(OSError):
            os.fchmod(fd, 0o666)  # for the other users, whatever our umask is
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise _unusable(file, "is no ordinary file")


def _is_same_file(fd: int, file: Path) -> bool:
    try:
        named = os.lstat(file)
    except OSError:
        return False
    ours = os.fstat(fd)
    return (ours.st_dev, ours.st_ino) == (named.st_dev, named.st_ino)


def _write(fd: int, what: str) -> None:
    """Say who we are; a file of another user that we may only read stays as it is, and locks just the same."""
    said = {"pid": os.getpid(), "what": what[:200], "since_utc": datetime.now(UTC).isoformat(timespec="seconds")}
    with contextlib.suppress(OSError):
        os.pwrite(fd, (json.dumps(said) + "\n").encode(), 0)
        os.ftruncate(fd, len(json.dumps(said)) + 1)


def _read_holder(file: Path) -> Holder:
    try:
        fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return Holder()
    with _closing(fd):
        return _parse(_content(fd))


def _content(fd: int) -> bytes:
    try:
        return os.pread(fd, 4096, 0)
    except OSError:
        return b""


def _parse(content: bytes) -> Holder:
    """Whatever another user wrote there: only plain printable text and a number come through."""
    try:
        said = json.loads(content.partition(b"\n")[0])
    except ValueError:
        return Holder()
    if not isinstance(said, dict):
        return Holder()
    pid, what, since = said.get("pid"), said.get("what"), said.get("since_utc")
    return Holder(
        pid=pid if type(pid) is int and 0 < pid < 1 << 31 else None,
        what=_printable(what, 200),
        since_utc=_printable(since, 32),
    )


def _printable(value: object, n_at_most: int) -> str | None:
    if not isinstance(value, str):
        return None
    return "".join(sign for sign in value if sign.isprintable())[:n_at_most] or None


@contextlib.contextmanager
def _closing(fd: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(fd)


def _busy(who: Holder) -> RunnerUnavailable:
    remedy = "Wait until it has ended, or let this run wait for it."
    if who.pid is not None and who.is_alive:
        remedy = f"Wait until it has ended, or stop it:  kill {who.pid}"
    return RunnerUnavailable(FailureKind.UNAVAILABLE, f"this machine is busy measuring: {who}", remedy)


def _unusable(file: Path, why: str) -> RunnerUnavailable:
    return RunnerUnavailable(
        FailureKind.UNAVAILABLE,
        f"the machine's lock {file} {why}",
        f"Look at it (ls -l {file}), or choose another place:  export PHIBENCH_LOCK=$HOME/.phibench.lock",
    )
