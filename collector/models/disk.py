"""Writing large artifacts beside and renaming them: room on the disk, flushing, what killed writers left."""

import contextlib
import errno
import fcntl
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from collector.errors import PhibenchError

OnBytes = Callable[[int, int], None]
HEADER_ROOM = 16 << 20
PARTIAL = ".partial"
FLUSH_EVERY_S = 0.25
_SURELY_LOCKED_AFTER_S = 60.0
_TRIES = 10


def sweep(folder: Path, prefix: str = "") -> int:
    """Remove what writers left that were killed; bytes that were freed. A living writer holds a lock on its own."""
    freed = 0
    for path in folder.glob(f".{prefix}*{PARTIAL}"):
        with contextlib.suppress(OSError):
            freed += _remove_if_left(path)
    return freed


def _remove_if_left(path: Path) -> int:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        if time.time() - os.fstat(descriptor).st_mtime < _SURELY_LOCKED_AFTER_S:
            return 0  # just created: its writer may not have locked it yet
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return remove(path)
    finally:
        os.close(descriptor)


def remove(path: Path) -> int:
    """Delete a file or a folder; the bytes of its files."""
    n_bytes = size_of(path)
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    return n_bytes


def size_of(path: Path) -> int:
    """Bytes of a file, or of the files in a folder."""
    if not path.is_dir():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


@contextmanager
def room_for(path: Path, n_bytes: int) -> Iterator[None]:
    """
    A folder with room for what is written inside, free of what killed writers left; flushed when it is there.

    Raises:
        PhibenchError: too little room on the disk, or the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path.parent)
        check_room(path, n_bytes)
        yield
        sync_folder(path.parent)
    except OSError as exc:
        raise disk_error(exc, path) from exc


@contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A locked new file in the same folder, gone at the end unless it was renamed."""
    partial = _partial(path)
    with partial.open("xb") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield partial
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def folder_beside(path: Path) -> Iterator[Path]:
    """A locked new folder in the same folder, gone at the end unless it was renamed."""
    partial = _partial(path)
    partial.mkdir()
    descriptor = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield partial
    finally:
        os.close(descriptor)
        shutil.rmtree(partial, ignore_errors=True)


def put_in_place(partial: Path, path: Path) -> None:
    """
    Give a whole folder its name; what had the name before is moved aside, then deleted.

    No system call that Python has exchanges two folders, so for a moment neither has the name. Of several writers at
    once the last one stays.
    """
    for _ in range(_TRIES):
        try:
            partial.rename(path)
        except OSError as exc:
            if exc.errno not in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:
                raise
        else:
            return
        aside = _partial(path)
        with contextlib.suppress(FileNotFoundError):  # another writer was quicker
            path.rename(aside)
            remove(aside)
    raise OSError(errno.EBUSY, "other writers replace it again and again")


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}{PARTIAL}")


@contextmanager
def flushing(file: IO[bytes]) -> Iterator[None]:
    """
    Let the disk work while we write: a fifth faster, and progress does not stand at its end.

    The kernel would keep gigabytes back until the last flush. It tells a fault of the disk only once, to whichever
    flush comes first, so a fault here is kept and raised.
    """
    is_over, faults = threading.Event(), list[OSError]()

    def flush() -> None:
        while not faults and not is_over.wait(FLUSH_EVERY_S):
            try:
                os.fsync(file.fileno())
            except OSError as exc:
                faults.append(exc)

    thread = threading.Thread(target=flush, name="flush", daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
    if faults:
        raise faults[0]


def check_room(path: Path, n_bytes: int) -> None:
    """
    Refuse before anything is written what the disk cannot hold.

    Raises:
        PhibenchError: how much is missing.
    """
    free = shutil.disk_usage(path.parent).free
    if free < n_bytes + HEADER_ROOM:
        missing = (n_bytes + HEADER_ROOM - free) / (1 << 30)
        raise PhibenchError(
            f"{path.name} takes {n_bytes / (1 << 30):.2f} GiB and {missing:.2f} GiB of that are missing on the disk",
            "free some room (phibench models rm MODEL), or set PHIBENCH_MODELS to a folder on another disk",
        )


def sync_folder(path: Path) -> None:
    """So that the new name, too, outlives a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def disk_error(exc: OSError, path: Path) -> PhibenchError:
    """What a fault of the disk means for a person."""
    if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
        message = f"the disk filled up while {path.name} was written; what was written is removed again"
        return PhibenchError(message, "free some room, or set PHIBENCH_MODELS to a folder on another disk")
    reason = exc.strerror or str(exc)
    return PhibenchError(f"{path} cannot be written: {reason}", "set PHIBENCH_MODELS to a folder you may write")


def ignore(n_done: int, n_total: int) -> None:
    """Nobody wants to know."""
