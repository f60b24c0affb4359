"""
One file from a hub into the hub's cache: goes on where it stopped, checked before anybody can use it.

The library would throw away what it has when a download breaks off (2.4.0 writes to a name of its own and removes it),
and would put a file in its place before its content is checked. So the bytes come through its session, into a file
beside, and are moved into the cache's own layout when size and digest are right: what any program of that cache reads.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from collector import numbers
from collector.errors import PhibenchError
from collector.models import hub as hubs
from collector.models.hub import Hub, RemoteFile, Repository
from runners.errors import FailureKind, ModelError, ServerError

OnBytes = Callable[[int], None]
_BODY_TIMEOUT_S = (5.0, 30.0, 30.0, 5.0)
_CHUNK_BYTES = 1 << 20
_TRIES = 3
"""That bring nothing, one after another, before a download is given up."""
_PARTIAL = ".phibench.incomplete"
"""By this ending `hf cache prune` knows it, too."""


def pointer(hub: Hub, repository: Repository, name: str) -> Path:
    """Where a file of this commit lies in the cache, or would."""
    return _folder(hub, repository) / "snapshots" / repository.commit / name


def present_bytes(hub: Hub, repository: Repository, file: RemoteFile) -> int:
    """How much of a file is here already, whole or not."""
    blob = _blob(hub, repository, file)
    for path in (blob, _partial(blob)):
        with contextlib.suppress(OSError):
            return min(path.stat().st_size, file.n_bytes)
    return 0


def fetch(hub: Hub, repository: Repository, file: RemoteFile, on_bytes: OnBytes) -> Path:
    """
    The file, checked, in the cache.

    Args:
        on_bytes: told how many bytes of it are here.

    Raises:
        ModelError: model_invalid: what came is not what the hub, or the catalogue, says.
        ServerError, RunnerUnavailable: refused, or broken off; what has come is kept.
        PhibenchError: a full disk, no right to write, another process fetches it.
    """
    blob = _blob(hub, repository, file)
    try:
        for folder in (blob.parent, pointer(hub, repository, file.name).parent):
            folder.mkdir(parents=True, exist_ok=True)
        if not _is_intact(blob, file, on_bytes):
            with _held(_partial(blob), file) as partial:
                _download(hub, repository, file, partial, on_bytes)
                Path(partial.name).replace(blob)
        _point(hub, repository, file, blob)
    except OSError as exc:
        raise _disk_error(exc, file, hub) from exc
    return pointer(hub, repository, file.name)


def _download(hub: Hub, repository: Repository, file: RemoteFile, partial: IO[bytes], on_bytes: OnBytes) -> None:
    checked = _Checked(file)
    partial.seek(0)
    while chunk := partial.read(_CHUNK_BYTES):
        checked.take(chunk)
    n_vain = 0
    while checked.n_bytes < file.n_bytes:
        n_before = checked.n_bytes
        fault = _go_on(hub, repository, file, partial, checked=checked, on_bytes=on_bytes)
        n_vain = n_vain + 1 if checked.n_bytes <= n_before else 0
        if n_vain == _TRIES:
            kept = f"{numbers.size(checked.n_bytes)} of {numbers.size(file.n_bytes)} are kept"
            raise ServerError(
                FailureKind.SERVER_ERROR,
                f"{file.name} broke off: {fault or 'the hub sent nothing more'}; {kept}",
                "run the same command again: it goes on where it stopped",
            )
        if checked.n_bytes < file.n_bytes:
            time.sleep(hub.pause_s)
    _check(checked, file, partial)
    partial.flush()
    os.fsync(partial.fileno())


def _go_on(
    hub: Hub,
    repository: Repository,
    file: RemoteFile,
    partial: IO[bytes],
    *,
    checked: "_Checked",
    on_bytes: OnBytes,
) -> str | None:
    """One request for what is missing; the reason when the line broke."""
    import httpx2

    library = hubs.library()
    headers = library.utils.build_hf_headers(token=None) | {"Accept-Encoding": "identity"}
    if checked.n_bytes:
        headers["Range"] = f"bytes={checked.n_bytes}-"
    where = hubs.url(hub, repository, file.name)
    session = library.utils.get_session()
    try:
        with session.stream("GET", where, headers=headers, timeout=_BODY_TIMEOUT_S) as response:
            with hubs.explained(hub, repository.id, repository.commit, file.name):
                library.utils.hf_raise_for_status(response)
            if not _continues(response, checked.n_bytes):
                partial.truncate(0)
                partial.seek(0)
                checked.reset()
            for chunk in response.iter_bytes():  # as it comes: a chunk of a set size would be lost when the line breaks
                partial.write(chunk)
                checked.take(chunk)
                on_bytes(checked.n_bytes)
                if checked.n_bytes > file.n_bytes:
                    return "more came than the file holds"
    except httpx2.TransportError as exc:
        return str(exc) or type(exc).__name__
    except library.errors.OfflineModeIsEnabled:
        return "offline mode is on (HF_HUB_OFFLINE)"
    return None


def _continues(response: Any, n_bytes: int) -> bool:
    """Whether the answer begins where our bytes end; a server that ignores the range sends all of it again."""
    if not n_bytes:
        return True
    return response.status_code == 206 and str(response.headers.get("Content-Range")).startswith(f"bytes {n_bytes}-")


class _Checked:
    """Counts and digests what comes: sha256 for large files, Git's own sha1 for those that lie in the repository."""

    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self.reset()

    def reset(self) -> None:
        self.n_bytes = 0
        if self._file.sha256:
            self._digest = hashlib.sha256()
        else:
            self._digest = hashlib.sha1(f"blob {self._file.n_bytes}\0".encode(), usedforsecurity=False)

    def take(self, chunk: bytes) -> None:
        self.n_bytes += len(chunk)
        self._digest.update(chunk)

    @property
    def is_right(self) -> bool:
        """Whether size and digest are those of the file; a name that is no digest (a mirror's) tells nothing."""
        expected = self._file.sha256 or self._file.etag
        is_known = self._file.sha256 is not None or len(expected) == 40
        return self.n_bytes == self._file.n_bytes and (not is_known or self._digest.hexdigest() == expected)


def _check(checked: _Checked, file: RemoteFile, partial: IO[bytes]) -> None:
    if checked.is_right:
        return
    Path(partial.name).unlink(missing_ok=True)
    what = "its content is not the one that was announced (sha256)"
    if checked.n_bytes != file.n_bytes:
        what = f"{checked.n_bytes:,} bytes came where {file.n_bytes:,} were announced"
    raise ModelError(
        FailureKind.MODEL_INVALID,
        f"{file.name} arrived damaged and was removed: {what}",
        "run the same command again; if it happens twice, something between here and the hub changes files",
    )


def _is_intact(blob: Path, file: RemoteFile, on_bytes: OnBytes) -> bool:
    """Whether the cache has it, and right: a file that another program cut or a disk spoiled is fetched again."""
    if not blob.is_file():
        return False
    checked = _Checked(file)
    with blob.open("rb") as content:
        while chunk := content.read(_CHUNK_BYTES):
            checked.take(chunk)
            on_bytes(min(checked.n_bytes, file.n_bytes))
    if not checked.is_right:
        on_bytes(0)
    return checked.is_right


@contextmanager
def _held(path: Path, file: RemoteFile) -> Iterator[IO[bytes]]:
    """The file that takes the bytes, locked, so that two processes do not write into one."""
    with path.open("a+b") as partial:
        busy = PhibenchError(f"another process is fetching {file.name}", "wait until it is done")
        try:
            fcntl.flock(partial, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise busy from None
        if not _is_still(path, partial):
            raise busy
        yield partial


def _is_still(path: Path, partial: IO[bytes]) -> bool:
    """Whether the name is that of the locked file: who held it before may have moved it away as finished meanwhile."""
    try:
        return os.path.samestat(path.stat(), os.fstat(partial.fileno()))
    except OSError:
        return False


def _point(hub: Hub, repository: Repository, file: RemoteFile, blob: Path) -> None:
    """The cache's names for it: a link in the commit's folder, and the commit under the revision's name."""
    link = pointer(hub, repository, file.name)
    target = os.path.relpath(blob, link.parent)
    if not (link.is_symlink() and str(link.readlink()) == target):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    if repository.revision != repository.commit:
        ref = _folder(hub, repository) / "refs" / repository.revision
        ref.parent.mkdir(parents=True, exist_ok=True)
        ref.write_text(repository.commit, encoding="ascii")


def _folder(hub: Hub, repository: Repository) -> Path:
    return hub.cache / f"models--{repository.id.replace('/', '--')}"


def _blob(hub: Hub, repository: Repository, file: RemoteFile) -> Path:
    return _folder(hub, repository) / "blobs" / file.etag


def _partial(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}{_PARTIAL}")


def _disk_error(exc: OSError, file: RemoteFile, hub: Hub) -> PhibenchError:
    other = "set HF_HUB_CACHE to a folder"
    if exc.errno in {errno.ENOSPC, errno.EDQUOT}:
        message = f"the disk filled up while {file.name} was fetched; what has come is kept, and nothing uses it"
        return PhibenchError(message, f"free some room and run the same command again, or {other} on another disk")
    return PhibenchError(
        f"{exc.filename or hub.cache} cannot be written: {exc.strerror or exc}", f"{other} you may write"
    )
