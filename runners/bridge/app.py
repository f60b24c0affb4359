"""The application: routes to the calls, the document that is published, and the door before all of it."""

import time
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runners.bridge import document
from runners.bridge.door import Door
from runners.bridge.limits import Strangers
from runners.bridge.nonces import Nonces
from runners.bridge.replies import Refused
from runners.bridge.server import Around, Bridge

Number = Annotated[str, InPath(pattern=r"^(0|[1-9][0-9]{0,8})$")]
RunId = Annotated[str, InPath(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class Application:
    """The whole of it for a server of ASGI: calls behind the door."""

    def __init__(self, around: Around) -> None:
        bridge, limits = Bridge(around), around.limits
        lifetime_ms = limits.clock_skew_ms + 1000
        self._nonces = Nonces.open(around.folder / "nonces", lifetime_ms=lifetime_ms, now_ms=around.now_ms())
        self._writer = bridge.writer
        self._door = Door(
            _routes(bridge),
            known=bridge.known,
            nonces=self._nonces,
            limits=limits,
            now_ms=around.now_ms,
            log=around.log,
            strangers=Strangers(limits.stranger_burst, limits.strangers_per_s, time.monotonic),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._door(scope, receive, send)

    def close(self) -> None:
        """Wait for what is being written, let go of files."""
        self._writer.close()
        self._nonces.close()


def _routes(bridge: Bridge) -> FastAPI:
    app = FastAPI(docs_url=None, redoc_url=None, redirect_slashes=False)
    app.openapi = lambda: document.document(_version())  # type: ignore[method-assign]
    _add_error_handlers(app)

    @app.get("/v1/time")
    async def _time() -> Response:
        return await bridge.time()

    @app.post("/v1/pair")
    async def _pair(request: Request) -> Response:
        return await bridge.pair(request)

    @app.post("/v1/hello")
    async def _hello(request: Request) -> Response:
        return await bridge.hello(request)

    @app.get("/v1/jobs/next")
    async def _next(
        request: Request,
        wait: Annotated[int, Query(ge=0, le=25)] = 0,
        max: Annotated[int, Query(ge=1, le=16)] = 1,  # noqa: A002  # the wire's word
    ) -> Response:
        return await bridge.next_jobs(request, wait, max)

    @app.get("/v1/jobs/{run_id}/{number}")
    async def _status(request: Request, run_id: RunId, number: Number) -> Response:
        return await bridge.status(request, f"{run_id}/{number}")

    @app.post("/v1/launches/{run_id}/{number}/events")
    async def _events(request: Request, run_id: RunId, number: Number) -> Response:
        return await bridge.events(request, f"{run_id}/{number}")

    @app.post("/v1/jobs/{run_id}/{number}/release")
    async def _release(request: Request, run_id: RunId, number: Number) -> Response:
        return await bridge.release(request, f"{run_id}/{number}")

    return app


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(Refused)
    async def _refuse(_: Request, refused: Refused) -> Response:
        return refused.reply()

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, exc: RequestValidationError) -> Response:
        first = exc.errors()[0]
        return Refused(422, "bad_value", f"{first['loc'][-1]}: {first['msg']}").reply()

    @app.exception_handler(HTTPException)
    async def _plain(_: Request, exc: HTTPException) -> Response:
        codes = {404: "not_found", 405: "not_allowed"}
        reply = Refused(exc.status_code, codes.get(exc.status_code, "refused"), "there is no such call").reply()
        reply.headers.update(exc.headers or {})
        return reply


def _version() -> str:
    try:
        return version("phibench")
    except PackageNotFoundError:  # run from a copy
        return "0"
