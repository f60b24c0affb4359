"""The OpenAPI document says what the server does."""

import json
from typing import Any

import pytest
from phone import call, event
from served import Served

from runners.bridge.document import document
from runners.contract import DeviceSnapshot as Device
from runners.contract import Event, Job, Trace

DOCUMENT = document("1.2.3")
CALLS = [(method, path) for path, methods in DOCUMENT["paths"].items() for method in methods]


def references(value: Any) -> set[str]:
    if isinstance(value, dict):
        return {value["$ref"]} if "$ref" in value else set().union(*map(references, value.values()), set())
    return set().union(*map(references, value), set()) if isinstance(value, list) else set()


def test_it_is_what_the_server_publishes(served: Served) -> None:
    published = call(served.host, served.port, "GET", "/openapi.json").body
    assert published["paths"] == json.loads(json.dumps(DOCUMENT["paths"]))
    assert published["components"] == json.loads(json.dumps(DOCUMENT["components"]))


def test_every_reference_leads_somewhere() -> None:
    names = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert references(DOCUMENT) <= names


@pytest.mark.parametrize("cls", [Event, Job, Trace, Device])
def test_a_record_has_the_fields_of_the_contract(cls: type[Any]) -> None:
    schema = DOCUMENT["components"]["schemas"][cls.__name__]
    assert set(schema["properties"]) == set(cls.__dataclass_fields__)


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_every_call_there_is_answers_what_is_documented(served: Served, method: str, path: str) -> None:
    phone = served.phone()
    target = path.replace("{run_id}", "r1").replace("{number}", "0")
    answer = phone.send(method.upper(), target, {"events": [event(0)]} if method == "post" else None) if (
        DOCUMENT["paths"][path][method]["security"]
    ) else call(served.host, served.port, method.upper(), target)  # fmt: skip
    assert str(answer.status) in DOCUMENT["paths"][path][method]["responses"]
    assert answer.status != 405


def test_signed_calls_say_that_they_are() -> None:
    unsigned = {path for path, methods in DOCUMENT["paths"].items() for one in methods.values() if not one["security"]}
    assert unsigned == {"/v1/time", "/v1/pair"}
