"""Replies as JSON, and the one exception by which any part of the bridge refuses a call."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from runners.wire import canonical


class Refused(Exception):
    """
    A call that gets an error as its reply.

    Args:
        status: of HTTP.
        code: ``snake_case``, for programs.
        message: what happened and what to do.
        more: further fields of the body.
        retry_after_s: when it is worth while to try again.
        is_last: whether the connection is closed afterwards.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        more: Mapping[str, Any] | None = None,
        retry_after_s: int | None = None,
        is_last: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.more = more or {}
        self.retry_after_s = retry_after_s
        self.is_last = is_last

    def reply(self) -> Response:
        """The reply that says so."""
        headers = {}
        if self.retry_after_s is not None:
            headers["retry-after"] = str(self.retry_after_s)
        if self.is_last:
            headers["connection"] = "close"
        body = {"error": {"code": self.code, "message": self.message}, **self.more}
        return as_json(body, self.status, headers)


def as_json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A reply of JSON."""
    return Response(canonical(body), status, dict(headers or {}), "application/json")


def storage_fault() -> Refused:
    """What a phone is told when the host's database does not work; the reason stays on the host."""
    text = "the host cannot store anything now; keep the journal and try again"
    return Refused(503, "storage", text, retry_after_s=5)
