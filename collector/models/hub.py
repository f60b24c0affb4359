"""
What a repository on a model hub holds, and every refusal of a hub in words that help.

Spoken through huggingface_hub: its endpoint (``HF_ENDPOINT``), cache (``HF_HUB_CACHE``, ``HF_HOME``), login and
offline switch count. Nothing is asked twice behind a person's back: the library alone would wait in silence for as
long as a hub that is busy tells it to. A token stands in no message.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from collector import numbers
from collector.errors import PhibenchError, UsageError
from runners.errors import FailureKind, ModelError, RunnerError, RunnerUnavailable, ServerError

ANSWER_TIMEOUT_S = (5.0, 20.0, 20.0, 5.0)
"""To connect, to read, to write, to get a free connection; being offline is told within five seconds."""
_BUSY = 429
_COMMIT = re.compile("[0-9a-f]{40}")
_ETAG = re.compile("[0-9A-Za-z][0-9A-Za-z_.-]*")
"""What a hub sends becomes names of files here, so nothing else is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A hub and where its files are kept here; ``pause_s`` before a download that broke off goes on."""

    endpoint: str
    cache: Path
    pause_s: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """One file: ``etag`` is its name in the cache, sha256 (None for small files) and size what it must be."""

    name: str
    etag: str
    n_bytes: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A file that a repository lists; a mirror may leave out all but the name."""

    name: str
    n_bytes: int | None = None
    etag: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """One state of a repository: ``commit`` is what the revision stood for when it was asked."""

    id: str
    commit: str
    revision: str
    files: tuple[Listed, ...]


def library() -> Any:
    """huggingface_hub, told before it is first imported that nothing about this machine is to be sent along."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    import huggingface_hub.constants
    import huggingface_hub.errors
    import huggingface_hub.utils

    return huggingface_hub


def here() -> Hub:
    """
    The hub and the cache that the library's own settings name.

    Raises:
        UsageError: HF_ENDPOINT is empty or no address; it is not shown, as it may hold a password.
    """
    constants = library().constants
    address = urlsplit(constants.ENDPOINT)
    if address.scheme not in {"http", "https"} or not address.netloc:
        message = "HF_ENDPOINT is set and no address of a model hub: http:// or https:// and a host"
        raise UsageError(message, "unset HF_ENDPOINT")
    return Hub(endpoint=constants.ENDPOINT, cache=Path(constants.HF_HUB_CACHE))


def read(hub: Hub, repo: str, revision: str) -> Repository:
    """
    What a repository holds at a revision: one question.

    Raises:
        UsageError: no name of a repository. RunnerError: see ``explained``.
    """
    with explained(hub, repo, revision):
        api = library().HfApi(endpoint=hub.endpoint)
        timeout = cast("float", ANSWER_TIMEOUT_S)
        info = api.model_info(repo, revision=revision, files_metadata=True, timeout=timeout)
        files = tuple(_listed(sibling) for sibling in info.siblings or ())
        if not _COMMIT.fullmatch(info.sha):
            raise ValueError(info.sha)
        return Repository(id=repo, commit=info.sha, revision=revision, files=files)


def complete(hub: Hub, repository: Repository, file: Listed) -> RemoteFile:
    """
    A file with its size and what tells whether it is whole; asked for when the list did not say.

    Raises:
        RunnerError: see ``explained``; server_error when the hub does not tell.
    """
    if file.n_bytes is not None and file.etag is not None:
        return RemoteFile(name=file.name, etag=file.etag, n_bytes=file.n_bytes, sha256=file.sha256)
    with explained(hub, repository.id, repository.commit, file.name):
        found = library().get_hf_file_metadata(
            url(hub, repository, file.name), timeout=ANSWER_TIMEOUT_S, token=None, endpoint=hub.endpoint
        )
    if not found.etag or found.size is None:
        raise ServerError(
            FailureKind.SERVER_ERROR,
            f"{host(hub)} does not say how large {repository.id}/{file.name} is or what it holds",
            "use another hub (HF_ENDPOINT), or a file by path",
        )
    with explained(hub, repository.id, repository.commit, file.name):
        _check_names(file.name, found.etag)
    is_digest = len(found.etag) == 64
    sha256 = found.etag if is_digest else None
    return RemoteFile(name=file.name, etag=found.etag, n_bytes=found.size, sha256=sha256)


def url(hub: Hub, repository: Repository, name: str) -> str:
    """Where a file of exactly this commit is fetched."""
    found: str = library().hf_hub_url(repository.id, name, revision=repository.commit, endpoint=hub.endpoint)
    return found


def host(hub: Hub) -> str:
    """The hub's name without what may be a password before it."""
    return urlsplit(hub.endpoint).netloc.rpartition("@")[2] or hub.endpoint


def page(hub: Hub, repo: str) -> str:
    """A model's page, where its licence is accepted."""
    return f"{urlsplit(hub.endpoint).scheme}://{host(hub)}/{repo}"


@contextmanager
def explained(hub: Hub, repo: str, revision: str, name: str | None = None) -> Iterator[None]:
    """
    Turn the faults of a library and of a network into ours.

    Raises:
        RunnerUnavailable: offline. ServerError: refused, busy, or nonsense. ModelError: model_missing: no such thing.
        UsageError: no name of a repository or of a revision.
    """
    import httpx2  # what the library itself speaks through; its exceptions are the only ones for a dead network

    errors = library().errors
    try:
        yield
    except (RunnerError, PhibenchError):
        raise
    except errors.HFValidationError as exc:
        raise UsageError(f"{repo!r} is no name of a repository", "write organisation/name") from exc
    except errors.OfflineModeIsEnabled as exc:
        raise offline(f"offline mode is on, so {repo} was not asked for", "unset HF_HUB_OFFLINE") from exc
    except errors.HfHubHTTPError as exc:
        raise _refused(exc.response, hub, repo, revision, name) from exc
    except httpx2.TransportError as exc:
        reason = str(exc) or type(exc).__name__
        raise offline(f"{host(hub)} cannot be reached: {reason}", "connect this machine and try again") from exc
    except (json.JSONDecodeError, httpx2.HTTPError, KeyError, TypeError, ValueError) as exc:
        raise ServerError(
            FailureKind.SERVER_ERROR,
            f"{host(hub)} does not answer as a model hub does",
            "check HF_ENDPOINT, and whether this network asks for a login first",
        ) from exc


def offline(message: str, remedy: str) -> RunnerUnavailable:
    """Not to be reached; the way on without a network is always named."""
    synth = "phibench models synth MODEL writes one with random weights, without a network"
    return RunnerUnavailable(FailureKind.UNAVAILABLE, message, f"{remedy}\n{synth}")


def _listed(sibling: Any) -> Listed:
    sha256 = sibling.lfs.sha256 if sibling.lfs else None
    n_bytes = sibling.lfs.size if sibling.lfs else sibling.size
    etag = sha256 or sibling.blob_id
    _check_names(sibling.rfilename, etag)
    return Listed(name=sibling.rfilename, n_bytes=n_bytes, etag=etag, sha256=sha256)


def _check_names(name: str, etag: str | None) -> None:
    if name.startswith("/") or ".." in name.split("/") or (etag is not None and not _ETAG.fullmatch(etag)):
        raise ValueError(name)


def _refused(response: Any, hub: Hub, repo: str, revision: str, name: str | None) -> RunnerError:
    """By the hub's own code where it gives one: 401 stands for missing, private and gated repositories alike."""
    status, code = response.status_code, response.headers.get("X-Error-Code")
    if code == "GatedRepo":
        return _gated(hub, repo)
    if code in {"RevisionNotFound", "EntryNotFound"} or (status == 404 and code is None and name):
        what = f"no revision {revision!r}" if code == "RevisionNotFound" else f"no file {name!r}"
        return ModelError(FailureKind.MODEL_MISSING, f"{repo} on {host(hub)} has {what}", f"look at {page(hub, repo)}")
    if status == _BUSY:
        return _busy(response, hub)
    if status in {401, 404} or code == "RepoNotFound":
        return _unknown(hub, repo)
    if status == 403:
        return _forbidden(hub, repo)
    return ServerError(
        FailureKind.SERVER_ERROR, f"{host(hub)} answered {status} when asked for {repo}", "try again later"
    )


def _gated(hub: Hub, repo: str) -> ServerError:
    return ServerError(
        FailureKind.SERVER_ERROR,
        f"{repo} is gated: its owner asks you to accept the licence first",
        f"accept it at {page(hub, repo)}, then log in with `hf auth login` (or set HF_TOKEN) and run this again\n"
        "phibench models synth MODEL needs neither licence nor network: random weights, real speed",
    )


def _forbidden(hub: Hub, repo: str) -> ServerError:
    return ServerError(
        FailureKind.SERVER_ERROR,
        f"{host(hub)} forbids the files of {repo} to this login",
        f"see {page(hub, repo)}: the licence may wait to be accepted, or the token may lack the right to read; "
        "log in again with `hf auth login` (or set HF_TOKEN)",
    )


def _unknown(hub: Hub, repo: str) -> ModelError:
    return ModelError(
        FailureKind.MODEL_MISSING,
        f"{host(hub)} has no model {repo}, or shows it only to those who are logged in",
        f"check the name at {page(hub, repo)};\nif it is private or gated, log in: hf auth login (or set HF_TOKEN)",
    )


def _busy(response: Any, hub: Hub) -> ServerError:
    after = str(response.headers.get("Retry-After", "")).strip()
    limit = library().utils.parse_ratelimit_headers(response.headers)
    seconds = int(after) if after.isdigit() else limit.reset_in_seconds if limit else None
    when = f"in {numbers.duration(seconds)}" if seconds is not None else "later"
    return ServerError(
        FailureKind.SERVER_ERROR,
        f"{host(hub)} has had too many requests from here (429)",
        f"run this again {when}; it goes on where it stopped. A login has a higher limit: hf auth login",
    )
