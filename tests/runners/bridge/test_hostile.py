"""A stranger, a thief, a broken app: each gets a clear 4xx and changes nothing."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from memory_store import job
from phone import Answer, Phone, as_body, call, event
from served import Served

from runners.bridge import signing
from runners.bridge.keys import Keys

EVENTS = "/v1/launches/r1/0/events"
BODY = as_body({"lease_id": None, "events": [event(5)]})
SIGNED_CALLS = [
    ("POST", "/v1/hello"), ("GET", "/v1/jobs/next?wait=0&max=1"), ("GET", "/v1/jobs/r1/0"), ("POST", EVENTS),
    ("POST", "/v1/jobs/r1/0/release"), ("GET", "/v1/nothing"), ("DELETE", "/v1/hello"),
]  # fmt: skip


@pytest.fixture
def phone(served: Served) -> Iterator[Phone]:
    """A phone with a job of which it has sent one event; whatever the test does must leave everything as it is."""
    phone = served.phone()
    served.store.queue(phone.device_id, job())
    phone.poll()
    assert phone.post("r1/0", event(0)).status == 200
    before = served.store.content()
    yield phone
    assert served.store.content() == before
    assert phone.post("r1/0", event(1)).body["acked_seq"] == 1  # and the server goes on


def plain(phone: Phone, method: str, target: str, body: bytes = b"", auth: str | None = None, **more: str) -> Answer:
    headers = {} if auth is None else {signing.AUTH_HEADER: auth}
    return call(phone.host, phone.port, method, target, body=body, headers=headers | more)


@pytest.mark.parametrize(("method", "target"), SIGNED_CALLS)
def test_unsigned(phone: Phone, method: str, target: str) -> None:
    answer = plain(phone, method, target, BODY if method == "POST" else b"")
    assert (answer.status, answer.code) == (401, "unsigned")
    assert "x-bench-reply" not in answer.headers


@pytest.mark.parametrize(
    "auth", ["", "PB1", "PB1 a b c d", "Bearer x", "PB1 ../keys 1 " + "0" * 32 + " " + "0" * 64, "PB2 d 1 n m", "é"]
)
def test_a_header_of_another_form(phone: Phone, auth: str) -> None:
    assert plain(phone, "POST", EVENTS, BODY, auth.encode("latin-1").decode("latin-1")).code == "unsigned"


@pytest.mark.parametrize("device_id", ["f" * 32, "revoked", ".", "..", "...", "x"])
def test_a_device_that_was_never_paired(phone: Phone, device_id: str) -> None:
    stranger = Phone(phone.host, phone.port, device_id=device_id, key=bytes(32))
    answer = plain(phone, "POST", EVENTS, BODY, str(stranger.signature("POST", EVENTS, BODY)))
    assert (answer.status, answer.code) == (401, "unknown_device")
    assert answer.body["server_time_ms"] > 0


@pytest.mark.parametrize("changed", ["key", "body", "method", "target", "time", "nonce", "mac"])
def test_forged(phone: Phone, changed: str) -> None:
    other = Phone(phone.host, phone.port, device_id=phone.device_id, key=bytes(32))
    signer = other if changed == "key" else phone
    good = signer.signature("POST", EVENTS, BODY)
    parts = str(good).split(" ")
    replaced = {"time": (2, str(good.ts_ms + 1)), "nonce": (3, "0" * 32), "mac": (4, "0" * 64)}
    if changed in replaced:
        place, text = replaced[changed]
        parts[place] = text
    method = "PUT" if changed == "method" else "POST"
    target = f"{EVENTS}?a=1" if changed == "target" else EVENTS
    answer = plain(phone, method, target, BODY + b" " if changed == "body" else BODY, " ".join(parts))
    assert (answer.status, answer.code) == (401, "wrong_signature")
    if changed != "key":
        phone.check(answer, parts[3])


def test_one_device_cannot_speak_for_another(served: Served) -> None:
    one, two = served.phone("one"), served.phone("two")
    served.store.queue(one.device_id, job())
    before = served.store.content()
    as_one = Phone(one.host, one.port, device_id=one.device_id, key=two.key)
    assert plain(one, "POST", EVENTS, BODY, str(as_one.signature("POST", EVENTS, BODY))).code == "wrong_signature"
    assert two.post("r1/0", event(0)).code == "unknown_launch"
    assert served.store.content() == before


def test_replayed(served: Served) -> None:
    phone = served.phone()
    served.store.queue(phone.device_id, job())
    auth = str(phone.signature("POST", EVENTS, BODY))
    assert plain(phone, "POST", EVENTS, BODY, auth).status == 200
    before = served.store.content()
    for _ in range(3):
        answer = plain(phone, "POST", EVENTS, BODY, auth)
        assert (answer.status, answer.code) == (401, "replayed")
    assert served.store.content() == before


def test_a_forged_request_uses_up_no_nonce(phone: Phone) -> None:
    target = "/v1/jobs/r1/0"
    good = phone.signature("GET", target)
    forged = str(good).replace(good.mac, "0" * 64)
    assert plain(phone, "GET", target, auth=forged).code == "wrong_signature"
    assert plain(phone, "GET", target, auth=str(good)).status == 200


@pytest.mark.parametrize("ts_ms", [0, 1, 10**15 - 1])
def test_a_time_far_away(phone: Phone, ts_ms: int) -> None:
    answer = plain(phone, "POST", EVENTS, BODY, str(phone.signature("POST", EVENTS, BODY, ts_ms=ts_ms)))
    assert (answer.status, answer.code) == (401, "stale")


def test_a_reply_of_one_request_fits_no_other(phone: Phone) -> None:
    signed = phone.signature("GET", "/v1/jobs/r1/0")
    answer = plain(phone, "GET", "/v1/jobs/r1/0", auth=str(signed))
    phone.check(answer, signed.nonce)
    with pytest.raises(AssertionError):
        phone.check(answer, "0" * 32)


def test_revoked(served: Served) -> None:
    phone = served.phone()
    served.store.queue(phone.device_id, job())
    assert phone.poll().status == 200
    served.store.revoke(phone.device_id)
    Keys(served.folder).revoke(phone.device_id)
    before = served.store.content()
    for answer in (phone.post("r1/0", event(0)), phone.poll(), phone.send("POST", "/v1/hello", {})):
        assert (answer.status, answer.code) == (403, "revoked")
    assert served.store.content() == before


def test_a_key_of_another_pairing_is_no_key(served: Served, phone: Phone) -> None:
    key = phone.key
    Keys(served.folder).add(phone.device_id, bytes(32))
    thief = Phone(phone.host, phone.port, device_id=phone.device_id, key=bytes(32))
    answer = plain(phone, "POST", EVENTS, BODY, str(thief.signature("POST", EVENTS, BODY)))
    assert answer.code == "unknown_device"
    Keys(served.folder).add(phone.device_id, key)


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (None, 400, "no_protocol"),
        ("2", 426, "other_protocol"),
        ("1.0", 426, "other_protocol"),
        ("", 426, "other_protocol"),
    ],
)
def test_another_protocol(phone: Phone, sent: str | None, status: int, code: str) -> None:
    import http.client

    connection = http.client.HTTPConnection(phone.host, phone.port, timeout=20)
    connection.request("GET", "/v1/time", headers={} if sent is None else {"X-Bench-Protocol": sent})
    got = connection.getresponse()
    body = json.loads(got.read())
    connection.close()
    assert (got.status, body["error"]["code"]) == (status, code)
    if status == 426:
        assert body["protocols"] == [1]


def test_oversized(served: Served, phone: Phone) -> None:
    big = b" " * (4 << 20) + b"{}"
    answer = phone.send("POST", EVENTS, raw=big)
    assert (answer.status, answer.code) == (413, "too_large")
    assert phone.send("POST", EVENTS, raw=b" " * ((4 << 20) - 2) + b"{}").status == 422


def test_too_many_events(phone: Phone) -> None:
    assert phone.post("r1/0", *(event(i) for i in range(10, 1011))).status == 422


def test_a_thousand_events_are_not_too_many(served: Served) -> None:
    phone = served.phone()
    served.store.queue(phone.device_id, job())
    assert phone.post("r1/0", *(event(i) for i in range(1000))).body["acked_seq"] == 999


def _bad_events() -> list[Any]:
    iteration = {"index": 0, "is_warmup": False}
    trace = {"t0_ns": 0, "dt_ns": [1, 2]}
    return [
        event(True), event(-1), event(1.0), event("1"), event(5) | {"seq": 2**31}, event(5) | {"t_ns": True},  # type: ignore[arg-type]
        event(5, "nothing"), event(5, boot=""), event(5, boot="host"), event(5, boot="a/b"), event(5, boot="x" * 65),
        event(5) | {"data": []}, {"seq": 5}, None, 5, [],
        event(5, "iteration", **iteration), event(5, "iteration", **iteration, trace=trace | {"dt_ns": []}),
        event(5, "iteration", **iteration, trace=trace | {"dt_ns": [2, 1]}),
        event(5, "iteration", **iteration, trace=trace | {"dt_ns": [1, True]}),
        event(5, "iteration", index=True, is_warmup=False, trace=trace),
        event(5, "iteration", index=0, is_warmup=0, trace=trace),
        event(5, "failed", kind="bad_luck"), event(5, "hello"), event(5, "hello", device={"name": 1}),
        event(5, "reading", reading={"rss_bytes": "much"}), event(5, "loaded", load_s="fast"),
        event(5, "reading", reading={}, phase="gate", waited_s=-1),
    ]  # fmt: skip


@pytest.mark.parametrize("bad", _bad_events(), ids=lambda bad: json.dumps(bad)[:60])
def test_an_event_that_makes_no_sense_takes_the_whole_call_with_it(phone: Phone, bad: Any) -> None:
    answer = phone.post("r1/0", event(3), bad)
    assert (answer.status, answer.code) == (422, "bad_event")
    assert "events[1]" in answer.body["error"]["message"]


def test_events_of_two_boots_in_one_call(phone: Phone) -> None:
    assert phone.post("r1/0", event(3), event(3, boot="b1")).code == "bad_event"


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400), (b"{", 400), (b"[]", 422), (b"null", 422), (b'{"events": []}', 422), (b'{"events": {}}', 422),
        (b"{}", 422), (b"\xff", 400), (b'{"events": NaN}', 400), (b'{"a": 1, "a": 1}', 400), (b"[" * 90_000, 400),
        (b'{"lease_id": 5, "events": [{"boot":"b","seq":9,"t_ns":1,"type":"done"}]}', 422),
        (b'{"lease_id": "a b", "events": [{"boot":"b","seq":9,"t_ns":1,"type":"done"}]}', 422),
        (b'{"events": [{"boot":"b","seq":9,"t_ns":99999999999999999999,"type":"done"}]}', 400),
        (rb'{"events": [{"boot":"b","seq":9,"t_ns":1,"type":"done","data":{"a":"\ud800"}}]}', 400),
    ],
)  # fmt: skip
def test_malformed(phone: Phone, raw: bytes, status: int) -> None:
    answer = phone.send("POST", EVENTS, raw=raw)
    assert answer.status == status
    assert answer.code in {"bad_json", "bad_value"}


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/v1/jobs/next?wait=26", 422), ("GET", "/v1/jobs/next?wait=-1", 422),
        ("GET", "/v1/jobs/next?max=0", 422),
        ("GET", "/v1/jobs/next?max=17", 422), ("GET", "/v1/jobs/next?wait=true", 422),
        ("GET", "/v1/jobs/next?wait=", 422),
        ("GET", "/v1/jobs/r1/00", 422), ("GET", "/v1/jobs/r1/-1", 422), ("GET", "/v1/jobs/r%20/0", 422),
        ("GET", "/v1/jobs/%2e%2e/0", 404), ("GET", "/v1/jobs/a%2Fb/0", 404), ("GET", "/v1/jobs/r9/0", 404),
        ("GET", "/v1/jobs/r1/9999999999", 422), ("GET", "/v1/jobs/r1/" + "9" * 3000, 422),
        ("GET", "/v1/hello", 405),
        ("POST", "/v1/jobs/next", 405), ("GET", "/v1/hello/", 404), ("GET", "/v2/time", 404),
        ("OPTIONS", EVENTS, 405),
        ("GET", "/v1/jobs/r1/0?a=%ff&b=%00", 200), ("GET", "/v1/jobs/r1%00/0", 422),
    ],
)  # fmt: skip
def test_calls_that_there_are_not(phone: Phone, method: str, target: str, status: int) -> None:
    assert phone.send(method, target).status == status


def test_hundreds_of_made_up_bodies_never_break_the_server(phone: Phone) -> None:
    """Damaged events, signed by a real device: refused one by one, or accepted as what they then say."""
    chance = random.Random(13)
    good = as_body({"lease_id": "l", "events": [event(0, "starting", phase="load")]})
    targets = [EVENTS, "/v1/hello", "/v1/jobs/r1/0/release"]
    parts = [
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"null",
        b"true",
        b"-1",
        b"1e400",
        b"\x00",
        b"\xff",
        b"\\ud800",
        b",",
        b":",
        b"9" * 30,
    ]
    statuses = set()
    for i in range(400):
        raw = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            place = chance.randrange(len(raw))
            raw[place : place + chance.randint(0, 6)] = chance.choice(parts)
        answer = phone.send("POST", targets[i % 3], raw=bytes(raw))
        statuses.add(answer.status)
        assert 200 <= answer.status < 500, raw
    assert {400, 422} <= statuses


def test_made_up_bodies_of_strangers(phone: Phone) -> None:
    chance = random.Random(14)
    for i in range(200):
        raw = bytes(chance.randrange(256) for _ in range(chance.randint(0, 60)))
        answer = plain(phone, "POST", ["/v1/pair", EVENTS, "/v1/time"][i % 3], raw)
        assert 400 <= answer.status < 500
