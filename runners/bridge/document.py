"""The OpenAPI document: schemas are made of the records themselves, so that the two cannot differ."""

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from runners.bridge.bodies import MOST_EVENTS, MOST_SEQ
from runners.bridge.pairing import PairRequest
from runners.bridging import JobStatus, LeasedJob, PhoneHello
from runners.contract import Event, EventType, Job, Loaded, Reading, Trace
from runners.errors import FailureKind

_SAFE_INTEGER = 2**53
"""Bounds in the document only: beyond them many a program's JSON reader no longer tells integers apart."""

IDENTIFIER = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}
_ERRORS = {
    400: "no protocol named, or the body is no JSON",
    401: "unsigned, unknown_device, wrong_signature, stale or replayed; has server_time_ms",
    403: "this device was revoked",
    408: "the body came too slowly",
    413: "the body is too large",
    422: "a value that makes no sense; the message names the field",
    426: "another protocol; protocols lists what is spoken",
    429: "too many calls without a valid signature",
    503: "the host cannot store now; try again later",
}


class Schemas:
    """JSON schemas of dataclasses, each under its name in the document's components."""

    def __init__(self) -> None:
        self.components: dict[str, Any] = {}

    def of(self, hint: Any) -> dict[str, Any]:
        """The schema of a type."""
        origin, args = typing.get_origin(hint), typing.get_args(hint)
        if origin in {typing.Union, types.UnionType}:
            return {"anyOf": [self.of(arg) for arg in args]}
        if origin is tuple:
            return {"type": "array", "items": self.of(args[0])}
        if origin is not None and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self.of(args[1])}
        if dataclasses.is_dataclass(hint):
            return self._record(typing.cast("type[Any]", hint))
        return _scalar(hint)

    def _record(self, cls: type[Any]) -> dict[str, Any]:
        name = cls.__name__
        if name not in self.components:
            self.components[name] = {}  # a record that holds itself ends here
            hints = typing.get_type_hints(cls)
            fields = dataclasses.fields(cls)
            self.components[name] = {
                "type": "object",
                "properties": {field.name: self.of(hints[field.name]) for field in fields},
                "required": [field.name for field in fields if _is_required(field)],
            }
        return {"$ref": f"#/components/schemas/{name}"}


def _is_required(field: Any) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _scalar(hint: Any) -> dict[str, Any]:
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return {"type": "string", "enum": [str(value) for value in hint]}
    if hint is int:
        return {"type": "integer", "minimum": -_SAFE_INTEGER, "maximum": _SAFE_INTEGER}
    names = {str: "string", bool: "boolean", float: "number", type(None): "null"}
    return {"type": names[hint]} if hint in names else {}


def document(version: str) -> dict[str, Any]:
    """The whole document."""
    schemas = Schemas()
    for cls in (Trace, Loaded, Reading):  # what the data of an event holds
        schemas.of(cls)
    schemas.components |= _named()
    components = {"schemas": schemas.components, "securitySchemes": _security()}
    paths = _paths(schemas)
    schemas.components["Event"] |= _event(schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "phibench bridge",
            "version": version,
            "description": "How a phone asks phibench for jobs and hands in what it measured. Requests and replies are "
            "signed, not encrypted.",
        },
        "paths": paths,
        "components": components,
    }


def _named() -> dict[str, Any]:
    error = {"type": "object", "properties": {"code": {"type": "string"}, "message": {"type": "string"}}}
    error["required"] = ["code", "message"]
    fields = {"error": error, "server_time_ms": {"type": "integer"}, "acked_seq": {"type": "integer"}}
    return {"Error": {"type": "object", "properties": fields, "required": ["error"]}}


def _security() -> dict[str, Any]:
    text = "PB1 <device_id> <ts_ms> <nonce> <mac>; the mac covers method, path and query, time, nonce and body"
    return {"device": {"type": "apiKey", "in": "header", "name": "X-Bench-Auth", "description": text}}


def _event(schemas: Schemas) -> dict[str, Any]:
    """What a phone may send of an event: its seq from 0, its boot an id, the kinds there are."""
    known = schemas.components["Event"]["properties"]
    seq = {"type": "integer", "minimum": 0, "maximum": MOST_SEQ}
    data = {"type": "object", "description": f"by type; failed.kind is one of {', '.join(FailureKind)}"}
    kinds = {"type": "string", "enum": [str(kind) for kind in EventType]}
    return {"properties": known | {"boot": IDENTIFIER, "seq": seq, "type": kinds, "data": data}}


def _paths(schemas: Schemas) -> dict[str, Any]:
    acked = _object({"boot": {"type": "string"}, "acked_seq": {"type": "integer"}, "seal_fault": {"type": "string"}})
    leases = _object({"jobs": {"type": "array", "items": _leased(schemas)}})
    event = schemas.of(Event)
    events = _object(
        {
            "lease_id": {"anyOf": [IDENTIFIER, {"type": "null"}]},
            "events": {"type": "array", "items": event, "minItems": 1, "maxItems": MOST_EVENTS},
        },
        required=["events"],
    )
    given_back = _object({"lease_id": IDENTIFIER, "reason": {"type": "string"}}, required=["lease_id"])
    launch = _launch_parameters()
    return {
        "/v1/time": {"get": _call("The host's clock", _object(_time()), is_signed=False)},
        "/v1/pair": {
            "post": _call(
                "Become a device: both sides prove that they know the secret of the link",
                _object(_time() | {"device_id": IDENTIFIER, "proof": {"type": "string"}, "poll_wait_s": _number()}),
                body=schemas.of(PairRequest),
                errors={403: "wrong_proof", 409: "device_known", 410: "no_pairing_open"},
                is_signed=False,
            )
        },
        "/v1/hello": {
            "post": _call("What this phone is and has", _object(_actions()), body=schemas.of(PhoneHello))
        },
        "/v1/jobs/next": {"get": _next(leases)},
        "/v1/jobs/{run_id}/{number}": {
            "get": _call(
                "Where a launch stands", schemas.of(JobStatus), parameters=launch, errors={404: "unknown_launch"}
            )
        },
        "/v1/launches/{run_id}/{number}/events": {
            "post": _call(
                "Hand in events; what was sent before is passed over", acked, body=events, parameters=launch,
                errors={404: "unknown_launch", 409: "conflict: a (boot, seq) was taken by another content"},
            )
        },
        "/v1/jobs/{run_id}/{number}/release": {
            "post": _call(
                "Give a job back untouched", _object({"launch_id": {"type": "string"}}), body=given_back,
                parameters=launch, errors={404: "unknown_launch", 409: "old_lease"},
            )
        },
    }  # fmt: skip


def _next(leases: dict[str, Any]) -> dict[str, Any]:
    whole = {"type": "integer"}
    parameters = [
        {"name": "wait", "in": "query", "schema": whole | {"minimum": 0, "maximum": 25, "default": 0}},
        {"name": "max", "in": "query", "schema": whole | {"minimum": 1, "maximum": 16, "default": 1}},
    ]
    call = _call("The next jobs, waited for up to `wait` seconds", leases, parameters=parameters)
    call["responses"]["204"] = {"description": "no job came in that time"}
    return call


def _leased(schemas: Schemas) -> dict[str, Any]:
    schemas.of(LeasedJob)
    schemas.components.pop("LeasedJob")  # on the wire the lease is an object beside the job
    lease = _object({"id": IDENTIFIER, "ttl_s": _number()})
    return _object({"job": schemas.of(Job), "lease": lease})


def _actions() -> dict[str, Any]:
    action = _object({"launch_id": {"type": "string"}, "do": {"type": "string", "enum": ["upload", "abandon"]}})
    return {"actions": {"type": "array", "items": action}, "poll_wait_s": _number()}


def _launch_parameters() -> list[dict[str, Any]]:
    number = {"type": "string", "pattern": "^(0|[1-9][0-9]{0,8})$"}
    pairs = (("run_id", IDENTIFIER), ("number", number))
    return [{"name": name, "in": "path", "required": True, "schema": schema} for name, schema in pairs]


def _time() -> dict[str, Any]:
    return {"server_time_ms": {"type": "integer"}, "host_id": IDENTIFIER}


def _number() -> dict[str, Any]:
    return {"type": "number"}


def _object(properties: Mapping[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": dict(properties)}
    return found | {"required": required} if required else found


def _call(
    summary: str,
    reply: dict[str, Any],
    *,
    body: dict[str, Any] | None = None,
    parameters: list[dict[str, Any]] | None = None,
    errors: Mapping[int, str] | None = None,
    is_signed: bool = True,
) -> dict[str, Any]:
    """One operation; the errors that every call can give are in it."""
    protocol = {
        "name": "X-Bench-Protocol", "in": "header", "required": True, "schema": {"type": "string", "enum": ["1"]}
    }  # fmt: skip
    failure = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    found: dict[str, Any] = {
        "summary": summary,
        "parameters": [protocol, *(parameters or [])],
        "responses": {"200": {"description": "done", "content": {"application/json": {"schema": reply}}}},
        "security": [{"device": []}] if is_signed else [],
    }
    for status, text in sorted({**_ERRORS, **(errors or {})}.items()):
        found["responses"][str(status)] = {"description": text, "content": failure}
    if body is not None:
        found["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return found
