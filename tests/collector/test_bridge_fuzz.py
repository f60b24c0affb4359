"""
Requests made up from the bridge's own OpenAPI document, signed by a paired phone, before a real database.

Replies have to be those that the document promises, never a 5xx; right in form or not, none of it may change what was
measured.
"""

import copy
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from bridge_helpers import LAUNCH, Bench, bench, content
from hypothesis import HealthCheck, Phase, given, settings
from phone import Phone, call

from runners.bridge import signing
from runners.bridge.document import document

pytestmark = pytest.mark.fuzz
N_EXAMPLES = 150
"""Of each call and each of the two modes: about 2,000 requests."""

CALLS = [(method, path) for path, methods in document("0")["paths"].items() for method in methods]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with bench(tmp_path_factory.mktemp("fuzz")) as one:
        yield one


@pytest.fixture(scope="module")
def published(served: Bench) -> dict[str, Any]:
    """The document as it is published, with polls that do not wait."""
    found: dict[str, Any] = copy.deepcopy(call(served.phone.host, served.phone.port, "GET", "/openapi.json").body)
    for parameter in found["paths"]["/v1/jobs/next"]["get"]["parameters"]:
        if parameter["name"] == "wait":
            parameter["schema"]["maximum"] = 0
    return found


def signed_by(phone: Phone) -> Any:
    """Signs a request as it goes out."""
    import requests

    class Signed(requests.auth.AuthBase):
        def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
            body = request.body or b""
            raw = body.encode() if isinstance(body, str) else bytes(body)
            signature = phone.signature(str(request.method), request.path_url, raw)
            request.headers[signing.AUTH_HEADER] = str(signature)
            return request

    return Signed()


@pytest.mark.parametrize("mode", ["positive", "negative"])
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_made_up_requests_get_what_is_documented_and_change_nothing(
    served: Bench, published: dict[str, Any], method: str, path: str, mode: str
) -> None:
    import schemathesis
    from schemathesis import GenerationMode

    operation = schemathesis.openapi.from_dict(published)[path][method.upper()]
    url, auth = f"http://{served.phone.host}:{served.phone.port}", signed_by(served.phone)
    before, n_calls = measured(served), 0

    @settings(
        max_examples=N_EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)))
    def ask(case: Any) -> None:
        nonlocal n_calls
        n_calls += 1
        response = case.call(base_url=url, auth=auth, timeout=30)
        assert response.status_code < 500, response.text
        case.validate_response(response, checks=[schemathesis.checks.response_schema_conformance])
        assert str(response.status_code) in published["paths"][path][method]["responses"] | {"405": 0}

    ask()
    assert n_calls > 0
    assert measured(served) == before


def measured(served: Bench) -> list[str]:
    """Everything but the phone itself, whose last hello is kept when it makes sense."""
    return [line for line in content(served.database).splitlines() if not line.startswith("paired_device ")]


@pytest.mark.parametrize("mode", ["positive", "negative"])
def test_made_up_events_of_a_launch_that_there_is_are_taken_or_refused(
    served: Bench, published: dict[str, Any], mode: str
) -> None:
    import schemathesis
    from schemathesis import GenerationMode

    path = "/v1/launches/{run_id}/{number}/events"
    operation = schemathesis.openapi.from_dict(published)[path]["POST"]
    url, auth = f"http://{served.phone.host}:{served.phone.port}", signed_by(served.phone)
    statuses = set()

    @settings(
        max_examples=N_EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)))
    def ask(case: Any) -> None:
        case.path_parameters = dict(zip(("run_id", "number"), LAUNCH.split("/"), strict=True))
        response = case.call(base_url=url, auth=auth, timeout=30)
        assert response.status_code < 500, response.text
        statuses.add(response.status_code)

    ask()
    assert 422 in statuses


def test_what_was_made_up_left_the_database_whole(served: Bench) -> None:
    with closing(sqlite3.connect(served.database)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
