"""The bridge before a real database: hostile calls leave every table as it was, and events end up in it once."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bridge_helpers import LAUNCH, Bench, bench
from evidence_helpers import make_events
from phone import Answer, Phone, as_body, call, event

from runners.bridge import signing
from runners.bridge.keys import Keys
from runners.wire import to_wire

EVENTS = f"/v1/launches/{LAUNCH}/events"
GOOD = as_body({"lease_id": None, "events": [event(1)]})


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Bench]:
    with bench(tmp_path) as one:
        yield one


def plain(phone: Phone, body: bytes, signature: object | None) -> Answer:
    headers = {} if signature is None else {signing.AUTH_HEADER: str(signature)}
    return call(phone.host, phone.port, "POST", EVENTS, body=body, headers=headers)


def test_hostile_calls_change_no_table(served: Bench) -> None:
    phone = served.phone
    thief = Phone(phone.host, phone.port, device_id=phone.device_id, key=bytes(32))
    stranger = Phone(phone.host, phone.port, key=bytes(32))
    taken = phone.signature("POST", EVENTS, as_body({"events": [event(0)]}))
    assert plain(phone, as_body({"events": [event(0)]}), taken).status == 200
    before = served.content()
    answers = {
        "unsigned": plain(phone, GOOD, None),
        "unknown_device": plain(phone, GOOD, stranger.signature("POST", EVENTS, GOOD)),
        "wrong_signature": plain(phone, GOOD, thief.signature("POST", EVENTS, GOOD)),
        "stale": plain(phone, GOOD, phone.signature("POST", EVENTS, GOOD, ts_ms=5)),
        "replayed": plain(phone, as_body({"events": [event(0)]}), taken),
        "too_large": phone.send("POST", EVENTS, raw=GOOD + b" " * (4 << 20)),
        "bad_json": phone.send("POST", EVENTS, raw=GOOD[:-1]),
        "bad_event": phone.post(LAUNCH, event(1), event(2, "nothing")),
        "unknown_launch": phone.post("run1/2", event(1)),
        "old_lease": phone.send("POST", f"/v1/jobs/{LAUNCH}/release", {"lease_id": "old", "reason": "x"}),
        "no_pairing_open": Phone(phone.host, phone.port).pair("phibench://pair?v=1&h=h&p=1&s=" + "0" * 32 + "&id=x"),
    }
    assert {name: answer.code for name, answer in answers.items()} == {name: name for name in answers}
    assert all(400 <= answer.status < 500 for answer in answers.values())
    assert served.content() == before


def test_a_revoked_phone_changes_nothing(served: Bench) -> None:
    served.store.devices.revoke(served.phone.device_id)
    Keys(served.served.folder).revoke(served.phone.device_id)
    before = served.content()
    assert served.phone.post(LAUNCH, event(1)).code == "revoked"
    assert served.phone.poll().code == "revoked"
    assert served.content() == before


def whole_launch() -> list[dict[str, Any]]:
    return [to_wire(one) for one in make_events(boot="b1")]


@pytest.mark.parametrize("order", [1, -1])
def test_events_out_of_order_and_twice_make_one_whole_launch(served: Bench, order: int) -> None:
    served.another("run1/2")
    events = whole_launch()
    for one in events[::order]:
        for _ in range(2):
            assert served.phone.post("run1/2", one).status == 200
    answer = served.phone.post("run1/2", events[0])
    assert answer.body == {"boot": "b1", "acked_seq": len(events) - 1}
    assert served.phone.send("GET", "/v1/jobs/run1/2").body["state"] == "done"
    rows = [line for line in served.content().splitlines() if line.startswith("event ") and "'b1'" in line]
    assert len(rows) == len(events)


def test_without_one_of_its_events_a_launch_is_not_whole(served: Bench) -> None:
    served.another("run1/2")
    events = whole_launch()
    assert served.phone.post("run1/2", *events[:2], *events[3:]).body["acked_seq"] == 1
    assert served.phone.send("GET", "/v1/jobs/run1/2").body["state"] == "leased"
    assert served.phone.post("run1/2", events[2]).body["acked_seq"] == len(events) - 1
    assert served.phone.send("GET", "/v1/jobs/run1/2").body["state"] == "done"


def test_another_content_is_kept_as_evidence_beside_the_first(served: Bench) -> None:
    answer = served.phone.post(LAUNCH, event(0, phase="gate"))
    assert (answer.status, answer.code, answer.body["acked_seq"]) == (409, "conflict", 0)
    found = [line for line in served.content().splitlines() if line.startswith("event_conflict ")]
    assert len(found) == 1
    served.phone.post(LAUNCH, event(0, phase="gate"))
    assert [line for line in served.content().splitlines() if line.startswith("event_conflict ")] == found


def test_a_seal_that_does_not_fit_is_told(served: Bench) -> None:
    served.another("run1/2")
    events = whole_launch()
    events[-1]["data"]["events_sha256"] = "0" * 64
    answer = served.phone.post("run1/2", *events)
    assert answer.status == 200
    assert answer.body["seal_fault"]


def test_posts_at_once_are_committed_together_and_none_is_lost(served: Bench) -> None:
    def send(first: int) -> None:
        for seq in range(first, 41, 8):
            assert served.phone.post(LAUNCH, event(seq)).status == 200

    threads = [threading.Thread(target=send, args=(first,)) for first in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert served.phone.post(LAUNCH, event(0)).body["acked_seq"] == 40
