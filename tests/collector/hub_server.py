"""
A model hub on loopback that speaks as much of the hub's protocol as a pull needs, and misbehaves on demand.

Large files are redirected to a second origin, as the real hub does, and that origin must never see a token.
"""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
_LARGE = (".gguf", ".safetensors", ".bin")


@dataclass(kw_only=True)
class Request:
    """What was asked: path, and the headers that matter."""

    method: str
    path: str
    range: str | None
    token: str | None
    agent: str
    is_storage: bool


@dataclass(kw_only=True)
class HubServer:
    """
    The repositories, and how to misbehave.

    Args:
        cuts: after how many bytes each of the next bodies of a large file is cut, one entry a body.
        stalls: each makes a cut body wait for it with the line open.
        refusal: status, headers of every answer about a repository, by its name.
        corrupted: names of files of which the storage sends other bytes.
        hides_metadata: the list has names only, as some mirrors' lists.
        ignores_ranges: the storage sends everything from the start.
    """

    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    commit: str = COMMIT
    cuts: list[int] = field(default_factory=list)
    refusal: dict[str, tuple[int, dict[str, str]]] = field(default_factory=dict)
    corrupted: set[str] = field(default_factory=set)
    stalls: list[threading.Event] = field(default_factory=list)
    hides_metadata: bool = False
    ignores_ranges: bool = False
    is_nonsense: bool = False
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    storage_url: str = ""

    def asked(self, end: str) -> list[Request]:
        """The requests for bodies whose path has this ending, at the place that sends them."""
        return [r for r in self.requests if r.path.endswith(end) and r.method == "GET" and "/api/" not in r.path]

    def body(self, repo: str, name: str) -> bytes:
        """What the storage sends."""
        content = self.repos[repo][name]
        return bytes(reversed(content)) if name in self.corrupted else content


def git_digest(content: bytes) -> str:
    """Git's name of a file's content, which the hub gives to small files."""
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()


@contextmanager
def serving(hub: HubServer) -> Iterator[HubServer]:
    """The hub at ``hub.url`` and its storage at another port, until the end."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub, is_storage=kind)) for kind in (False, True)]
    threads = [threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True) for server in servers]
    hub.url, hub.storage_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in servers)
    for thread in threads:
        thread.start()
    try:
        yield hub
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One origin of a hub."""

    protocol_version = "HTTP/1.1"
    hub: ClassVar[HubServer]
    is_storage: ClassVar[bool]

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: Any) -> None:
        """Nothing."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(
            Request(
                method=self.command,
                path=path,
                range=self.headers.get("Range"),
                token=self.headers.get("Authorization"),
                agent=self.headers.get("User-Agent", ""),
                is_storage=self.is_storage,
            )
        )
        parts = path.strip("/").split("/")
        if self.hub.is_nonsense:
            self._send(200, b"<html>Log in to this network</html>", {"Content-Type": "text/html"})
        elif self.is_storage:
            self._file("/".join(parts[:2]), "/".join(parts[2:]))
        elif parts[:2] == ["api", "models"]:
            self._list("/".join(parts[2:4]), parts[5] if len(parts) > 5 else "main")
        else:
            self._resolve("/".join(parts[:2]), parts[3], "/".join(parts[4:]))

    def _send(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _is_refused(self, repo: str, revision: str) -> bool:
        if repo in self.hub.refusal:
            self._send(self.hub.refusal[repo][0], b"", self.hub.refusal[repo][1])
        elif repo not in self.hub.repos:
            self._send(401, b"", {"X-Error-Code": "RepoNotFound"})
        elif revision not in {"main", self.hub.commit}:
            self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        else:
            return False
        return True

    def _list(self, repo: str, revision: str) -> None:
        if self._is_refused(repo, revision):
            return
        siblings = [_sibling(name, content, self.hub) for name, content in self.hub.repos[repo].items()]
        answer = {"id": repo, "modelId": repo, "sha": self.hub.commit, "siblings": siblings}
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _resolve(self, repo: str, revision: str, name: str) -> None:
        if self._is_refused(repo, revision):
            return
        content = self.hub.repos[repo].get(name)
        if content is None:
            self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
        elif name.endswith(_LARGE):
            digest = hashlib.sha256(content).hexdigest()
            headers = {
                "Location": f"{self.hub.storage_url}/{repo}/{name}",
                "X-Linked-Size": str(len(content)),
                "X-Linked-ETag": f'"{digest}"',
                "X-Repo-Commit": self.hub.commit,
            }
            self._send(302, b"", headers)
        else:
            headers = {"ETag": f'"{git_digest(content)}"', "X-Repo-Commit": self.hub.commit}
            body = b"" if self.command == "HEAD" else self.hub.body(repo, name)
            self._send(200, body, headers | {"Content-Length": str(len(content))})

    def _file(self, repo: str, name: str) -> None:
        body = self.hub.body(repo, name)
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and not self.hub.ignores_ranges else 0
        headers = {"Content-Length": str(len(body) - start), "Accept-Ranges": "bytes"}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        end = start + self.hub.cuts.pop(0) if self.hub.cuts else len(body)
        self._send(206 if start else 200, body[start:end], headers)
        if end < len(body):
            self.close_connection = True
            if self.hub.stalls:
                self.hub.stalls.pop(0).wait(60)


def _handler(hub: HubServer, *, is_storage: bool) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"hub": hub, "is_storage": is_storage})


def _sibling(name: str, content: bytes, hub: HubServer) -> dict[str, Any]:
    if hub.hides_metadata:
        return {"rfilename": name}
    found: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git_digest(content)}
    if name.endswith(_LARGE):
        digest = hashlib.sha256(content).hexdigest()
        found["lfs"] = {"size": len(content), "sha256": digest, "pointerSize": 134}
    return found
