"""What a phone that behaves gets: paired, polls, hands in events."""

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from memory_store import MemoryStore, job
from phone import Phone, call, event
from served import Served, serving

from runners.bridge.limits import Limits
from runners.bridge.serve import Address, listening_on
from runners.bridging import JobState
from runners.contract import DeviceSnapshot, Job, Reading
from runners.wire import from_wire, to_wire

DEVICE = to_wire(DeviceSnapshot(fingerprint="f", name="iPhone", kind="simulated", os_name="Linux"))


def hello(**more: Any) -> dict[str, Any]:
    return {"boot": "b0", "device": DEVICE, "reading": to_wire(Reading(thermal_state="nominal")), **more}


def together(*calls: Callable[[], object]) -> None:
    """Run calls at once; the first failure is raised."""
    failures: list[BaseException] = []

    def guarded(one: Callable[[], object]) -> None:
        try:
            one()
        except BaseException as exc:  # noqa: BLE001  # raised below
            failures.append(exc)

    threads = [threading.Thread(target=guarded, args=(one,)) for one in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]


def test_a_phone_pairs_takes_a_job_and_hands_it_in(served: Served) -> None:
    phone = served.phone()
    served.store.queue(phone.device_id, job())
    (leased,) = phone.poll().body["jobs"]
    assert from_wire(Job, leased["job"]) == job()
    assert leased["lease"]["ttl_s"] == 900
    assert phone.post("r1/0", event(0), event(1), lease_id=leased["lease"]["id"]).body == {"boot": "b0", "acked_seq": 1}
    assert phone.post("r1/0", event(2, "done")).body["acked_seq"] == 2
    assert phone.send("GET", "/v1/jobs/r1/0").body == {"launch_id": "r1/0", "state": "done", "is_cancelled": False}
    assert phone.poll().status == 204


def test_the_clock_and_the_document_are_for_everybody(served: Served) -> None:
    time = call(served.host, served.port, "GET", "/v1/time").body
    assert time["server_time_ms"] > 1_700_000_000_000
    document = call(served.host, served.port, "GET", "/openapi.json", headers={"X-Bench-Protocol": ""})
    assert document.body["openapi"].startswith("3.1")
    for path in ("/docs", "/redoc", "/"):
        assert call(served.host, served.port, "GET", path).code == "unsigned"


def test_a_poll_waits_until_there_is_a_job(served: Served) -> None:
    phone = served.phone()
    found: list[Any] = []
    waiting = threading.Thread(target=lambda: found.append(phone.poll(wait_s=25)))
    waiting.start()
    other = served.phone("other")  # pairing takes its time: the poll is there by then, or finds the job at once
    served.store.queue(phone.device_id, job())
    waiting.join(20)
    assert found[0].body["jobs"][0]["job"]["launch_id"] == "r1/0"
    assert other.poll().status == 204


def test_several_jobs_are_taken_along_and_never_another_devices(served: Served) -> None:
    one, two = served.phone("one"), served.phone("two")
    served.store.queue(one.device_id, *(job(f"r1/{i}") for i in range(5)))
    served.store.queue(two.device_id, job("r2/0"))
    assert [row["job"]["launch_id"] for row in one.poll(most=3).body["jobs"]] == ["r1/0", "r1/1", "r1/2"]
    assert [row["job"]["launch_id"] for row in two.poll(most=16).body["jobs"]] == ["r2/0"]
    for answer in (two.post("r1/0", event(0)), two.send("GET", "/v1/jobs/r1/0")):
        assert (answer.status, answer.code) == (404, "unknown_launch")


def test_events_in_any_order_twice_and_with_gaps_are_acknowledged_as_far_as_they_are_whole(served: Served) -> None:
    phone = served.phone()
    served.store.queue(phone.device_id, job())
    assert phone.post("r1/0", event(2), event(1)).body["acked_seq"] == -1
    assert phone.post("r1/0", event(0), event(0)).body["acked_seq"] == 2
    assert phone.post("r1/0", event(0), event(1), event(2)).body["acked_seq"] == 2
    assert phone.post("r1/0", event(0, boot="b1")).body == {"boot": "b1", "acked_seq": 0}
    assert len(served.store.rows["r1/0"].events) == 4


def test_the_same_event_with_another_content_is_a_conflict_and_the_first_stays(served: Served) -> None:
    phone = served.phone()
    served.store.queue(phone.device_id, job())
    phone.post("r1/0", event(0))
    before = served.store.content()
    answer = phone.post("r1/0", event(0, phase="gate"))
    assert (answer.status, answer.code, answer.body["acked_seq"]) == (409, "conflict", 0)
    assert served.store.content() == before


def test_a_job_is_given_back_under_its_own_lease_only(served: Served) -> None:
    phone = served.phone()
    served.store.queue(phone.device_id, job())
    lease_id = phone.poll().body["jobs"][0]["lease"]["id"]
    target = "/v1/jobs/r1/0/release"
    assert phone.send("POST", target, {"lease_id": "another", "reason": "x"}).code == "old_lease"
    assert served.store.rows["r1/0"].state is JobState.LEASED
    assert phone.send("POST", target, {"lease_id": lease_id, "reason": "too hot"}).status == 200
    assert served.store.rows["r1/0"].state is JobState.QUEUED
    assert phone.send("POST", target, {"lease_id": lease_id, "reason": "again"}).status == 409
    assert phone.send("POST", "/v1/jobs/r9/9/release", {"lease_id": lease_id, "reason": ""}).status == 404


def test_a_lost_reply_loses_no_job(served: Served) -> None:
    phone = served.phone()
    served.store.queue(phone.device_id, job())
    phone.poll()  # as if it had never arrived
    assert phone.poll().body["jobs"][0]["job"]["launch_id"] == "r1/0"


def test_what_a_phone_says_commands_no_terminal_and_names_no_path(served: Served) -> None:
    phone = served.phone()
    said = hello(
        models=[{"model": "m\x1b[2J", "format": "mlc", "quant": "q", "path": "/var/mobile/secret"}],
        runtimes=[{"engine": "mlc\n\u009b1m", "options": ["a\x07"]}], app_version="1\x1b]0;x\x07\u202e",
    )  # fmt: skip
    said["device"]["name"] = "Zoë\r\x1b[1A📱"
    assert phone.send("POST", "/v1/hello", said).status == 200
    kept = served.store.devices[phone.device_id].hello
    assert kept is not None
    assert kept.device.name == "Zoë [1A📱"
    assert (kept.models[0].model, kept.models[0].path) == ("m[2J", None)
    assert (kept.runtimes[0].engine, kept.runtimes[0].options, kept.app_version) == ("mlc 1m", ("a",), "1]0;x")
    served.store.queue(phone.device_id, job())
    lease = phone.poll().body["jobs"][0]["lease"]["id"]
    body = {"lease_id": lease, "reason": "too hot\n\x1b[2Jthe bridge has ended"}
    assert phone.send("POST", "/v1/jobs/r1/0/release", body).status == 200
    assert served.lines[-1].endswith("too hot [2Jthe bridge has ended")


def test_hello_is_kept_and_says_what_to_do_with_each_journal(served: Served) -> None:
    phone = served.phone()
    served.store.queue(phone.device_id, job())
    unfinished = [{"launch_id": one, "n_events": 3, "has_end": False} for one in ("r1/0", "gone/1")]
    runtime = {"engine": "echo", "version": "1", "formats": ["none"], "options": ["rate"], "is_simulated": True}
    answer = phone.send("POST", "/v1/hello", hello(unfinished=unfinished, runtimes=[runtime], new_field={"a": [1]}))
    assert answer.body["actions"] == [
        {"launch_id": "r1/0", "do": "upload"},
        {"launch_id": "gone/1", "do": "abandon"},
    ]
    kept = served.store.devices[phone.device_id].hello
    assert kept is not None
    assert kept.runtimes[0].is_simulated
    assert kept.device.kind == "simulated"


def test_a_person_who_cancels_is_heard_by_the_phone(served: Served) -> None:
    phone = served.phone()
    served.store.queue(phone.device_id, job())
    phone.poll()
    served.store.rows["r1/0"].is_cancelled = True
    assert phone.send("GET", "/v1/jobs/r1/0").body["is_cancelled"] is True


@pytest.mark.parametrize("skew_ms", [-119_000, 119_000])
def test_a_clock_that_is_a_little_wrong_does_no_harm(served: Served, skew_ms: int) -> None:
    phone = served.phone()
    phone.offset_ms = skew_ms
    assert phone.poll().status == 204


@pytest.mark.parametrize("skew_ms", [-3_600_000, 125_000])
def test_a_wrong_clock_is_told_the_time_and_corrects_itself(served: Served, skew_ms: int) -> None:
    phone = served.phone()
    phone.offset_ms = skew_ms
    answer = phone.poll()
    assert (answer.status, answer.code) == (401, "stale")
    phone.offset_ms += answer.body["server_time_ms"] - phone.now_ms()
    assert phone.poll().status == 204


def test_a_broken_store_is_503_and_nothing_is_lost_when_it_is_whole_again(served: Served) -> None:
    phone = served.phone()
    served.store.queue(phone.device_id, job())
    served.store.broken = OSError(28, "No space left on device")
    refused = phone.post("r1/0", event(0))
    assert (refused.status, refused.code, refused.headers["retry-after"]) == (503, "storage", "5")
    assert "No space" not in refused.raw.decode()
    assert any("No space" in line for line in served.lines)
    assert phone.poll().status == 503
    served.store.broken = None
    assert phone.post("r1/0", event(0)).body["acked_seq"] == 0


def test_fifty_phones_poll_and_hand_in_at_once_with_nothing_lost(served: Served) -> None:
    phones = [served.phone(f"phone {i}") for i in range(50)]
    for i, phone in enumerate(phones):
        served.store.queue(phone.device_id, job(f"r{i}/0"))

    def work(i: int, phone: Phone) -> None:
        assert phone.poll(wait_s=25).body["jobs"][0]["job"]["launch_id"] == f"r{i}/0"
        for seq in range(5):
            assert phone.post(f"r{i}/0", event(seq)).body["acked_seq"] == seq
        assert phone.post(f"r{i}/0", event(5, "done")).body["acked_seq"] == 5

    together(*(lambda i=i, phone=phone: work(i, phone) for i, phone in enumerate(phones)))  # type: ignore[misc]
    assert all(len(row.events) == 6 and row.state is JobState.DONE for row in served.store.rows.values())


def test_waiting_phones_are_answered_when_the_server_ends(tmp_path: Path, many_strangers: Limits) -> None:
    store, found = MemoryStore(), []
    with serving(store, tmp_path / "bridge", many_strangers) as served:
        phone, other = served.phone(), served.phone("other")
        waiting = threading.Thread(target=lambda: found.append(phone.poll(wait_s=25)))
        waiting.start()
        for _ in range(20):
            other.poll()  # the first poll is there by now
    waiting.join(20)
    assert found[0].status == 204


def test_a_restarted_server_knows_devices_keys_and_used_nonces(tmp_path: Path, many_strangers: Limits) -> None:
    store, folder = MemoryStore(), tmp_path / "bridge"
    with serving(store, folder, many_strangers) as served:
        phone = served.phone()
        store.queue(phone.device_id, job())
        phone.post("r1/0", event(0))
        body = json.dumps({"lease_id": None, "events": [event(1)]}).encode()
        signed = phone.signature("POST", "/v1/launches/r1/0/events", body)
        request = {"body": body, "headers": {"X-Bench-Auth": str(signed)}}
        assert call(phone.host, phone.port, "POST", "/v1/launches/r1/0/events", **request).status == 200
    with serving(store, folder, many_strangers) as served:
        phone.port = served.port
        again = call(phone.host, phone.port, "POST", "/v1/launches/r1/0/events", **request)
        assert (again.status, again.code) == (401, "replayed")
        assert phone.post("r1/0", event(2)).body["acked_seq"] == 2


def test_the_socket_says_that_it_is_tcps_so_that_no_reply_waits_for_an_acknowledgement() -> None:
    with listening_on(Address(port=0)) as listening, socket.create_connection(listening.getsockname()) as client:
        accepted, _ = listening.accept()
        with accepted:
            assert client.getpeername() == accepted.getsockname()
            assert accepted.proto == socket.IPPROTO_TCP
