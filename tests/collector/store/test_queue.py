"""The queue as phones see it: leases, idempotent events, late data taken and late control ignored."""

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from evidence_helpers import make_job, make_trace, run_record
from phones import HELLO, PHONE, Phone, phone_events, seal

from collector.queries import Reader
from collector.store import Store
from runners.bridging import JobState, Post, Refusal, RefusalCode, Taken
from runners.contract import Event, EventType, Flag, Job
from runners.wire import to_wire


class Dates:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def dates() -> Dates:
    return Dates()


@pytest.fixture
def store(db: str, dates: Dates) -> Store:
    store = Store.open(db, now=lambda: dates.now)
    store.begin_run(run_record())
    return store


@pytest.fixture
def phone(store: Store) -> Phone:
    return Phone(store)


@pytest.fixture
def put(store: Store, phone: Phone) -> Callable[..., Job]:
    """Begin a launch and queue it."""

    def make(number: int = 1, device_id: str | None = None) -> Job:
        job = make_job(f"run1/{number}", engine="mlc")
        store.begin_launch(job, run_id="run1", block=0, position=number, arm_index=0)
        store.orders.put(device_id or phone.device_id, job)
        return job

    return make


Put = Callable[..., Job]


def state(phone: Phone, launch_id: str = "run1/1") -> JobState:
    found = phone.store.queue.status(phone.device_id, launch_id)
    assert found is not None
    return found.state


def launch_state(db: str, launch_id: str = "run1/1") -> tuple[str, str | None]:
    with Reader.open(db) as reader:
        launch = reader.launch(launch_id).launch
    return launch.state, launch.failure_kind


def test_jobs_go_out_oldest_first_and_once(store: Store, phone: Phone, put: Put) -> None:
    jobs = [put(1), put(2), put(3)]
    assert store.queue.devices_with_jobs() == {phone.device_id}
    first = store.queue.next_jobs(phone.device_id, 2)
    assert [one.job for one in first] == jobs[:2]
    assert len({one.lease_id for one in first}) == 2
    for one in first:
        phone.post(one.job.launch_id, phone_events(one.job)[:1])
    assert [one.job for one in store.queue.next_jobs(phone.device_id, 16)] == jobs[2:]


def test_a_job_that_was_never_begun_is_handed_out_again_with_a_new_lease(store: Store, phone: Phone, put: Put) -> None:
    """The reply was lost, or the app died before it wrote its journal."""
    put(1)
    lost = phone.poll()
    again = phone.poll()
    assert lost is not None
    assert again is not None
    assert again.job == lost.job
    assert again.lease_id != lost.lease_id
    phone.post("run1/1", phone_events(again.job)[:1])
    assert phone.poll() is None
    assert store.queue.devices_with_jobs() == frozenset()


def test_a_device_gets_its_own_jobs_alone(store: Store, phone: Phone, put: Put) -> None:
    other = Phone(store, device_id="ab" * 16, name="Other")
    put(1)
    assert other.poll() is None
    assert store.queue.status(other.device_id, "run1/1") is None
    answer = other.post("run1/1", phone_events(make_job("run1/1"))[:1])
    assert isinstance(answer, Refusal)
    assert answer.code is RefusalCode.UNKNOWN_LAUNCH


def test_events_in_any_order_and_twice_make_one_launch(db: str, dates: Dates, phone: Phone, put: Put) -> None:
    events = phone_events(put(1))
    phone.poll()
    dates.later(11 * 3600)
    assert phone.post("run1/1", events[3:]) == Taken(boot="b0", acked_seq=-1)
    assert launch_state(db) == ("started", None)
    assert phone.post("run1/1", events[:2]) == Taken(boot="b0", acked_seq=1)
    assert phone.post("run1/1", events[2:3]) == Taken(boot="b0", acked_seq=len(events) - 1)
    assert phone.post("run1/1", events) == Taken(boot="b0", acked_seq=len(events) - 1)
    assert launch_state(db) == ("done", None)
    assert state(phone) is JobState.DONE
    with Reader.open(db) as reader:
        assert sorted(reader.events("run1/1"), key=lambda e: e.seq) == events
        launch = reader.launch("run1/1").launch
    assert launch.stats["decode_tok_per_s"] == pytest.approx(5.0)
    assert launch.stats["peak_footprint_bytes"] == 2_300_000_000
    assert launch.started_at_utc == "2026-03-01T10:00:00.500+00:00"


def test_the_same_place_with_other_content_is_a_conflict_and_the_first_stays(db: str, phone: Phone, put: Put) -> None:
    events = phone_events(put(1))
    phone.post("run1/1", events)
    other = replace(events[4], data={"load_s": 9.0})
    answer = phone.post("run1/1", [other])
    assert answer == Taken(boot="b0", acked_seq=len(events) - 1, n_conflicts=1)
    with Reader.open(db) as reader:
        assert list(reader.events("run1/1")) == events


def test_what_a_phone_says_is_kept_as_sent_and_shown_without_controls(db: str, phone: Phone, put: Put) -> None:
    device = replace(PHONE, name="iPhone\x1b[2J 14", fingerprint="cafe9")
    failure = {"kind": "crashed", "message": "\x1b]0;x\x07first\nsecond\u009b1m", "remedy": "a\rb"}
    events = phone_events(put(1), device=device, failure=failure)
    answer = phone.post("run1/1", events)
    assert isinstance(answer, Taken)
    assert answer.seal_fault is None
    with Reader.open(db) as reader:
        assert list(reader.events("run1/1")) == events
        launch = reader.launch("run1/1").launch
    assert launch.failure_message == "]0;xfirst\nsecond1m"
    assert launch.failure_remedy == "ab"
    with sqlite3.connect(db) as connection:
        assert connection.execute("SELECT name FROM device WHERE fingerprint = 'cafe9'").fetchone() == ("iPhone[2J 14",)


def test_conflicts_of_a_launch_do_not_pile_up(db: str, phone: Phone, put: Put) -> None:
    events = phone_events(put(1))
    phone.post("run1/1", events)
    for first in (0, 60, 120):
        others = [replace(events[4], data={"load_s": 1000.0 + first + i}) for i in range(60)]
        answer = phone.post("run1/1", others)
        assert isinstance(answer, Taken)
        assert answer.n_conflicts == 60
    with sqlite3.connect(db) as connection:
        assert connection.execute("SELECT count(*) FROM event_conflict").fetchone() == (100,)


def test_an_end_that_does_not_fit_its_events_is_a_fault_of_the_protocol(db: str, phone: Phone, put: Put) -> None:
    *events, last = phone_events(put(1))
    changed = [replace(events[4], data={"load_s": 9.0}) if e.seq == 4 else e for e in events]
    answer = phone.post("run1/1", [*changed, last])
    assert isinstance(answer, Taken)
    assert answer.seal_fault is not None
    assert launch_state(db) == ("failed", "protocol_error")
    assert state(phone) is JobState.FAILED


@pytest.mark.parametrize(
    "dated",
    [
        ("2026-03-01T00:00:20.5Z", "2026-03-01T00:00:20.500+00:00"),
        ("2031-01-01T00:00:00Z", "2026-03-01T00:00:00.000+00:00"),
        ("2026-02-28T23:59:59Z", "2026-03-01T00:00:00.000+00:00"),
    ],
    ids=["right", "ahead", "behind"],
)
def test_a_wrong_clock_of_a_phone_dates_no_launch(
    db: str, dates: Dates, phone: Phone, put: Put, dated: tuple[str, str]
) -> None:  # fmt: skip
    said, kept = dated
    hello, *events, _ = phone_events(put())
    events = [replace(hello, data={**hello.data, "started_at_utc": said}), *events]
    end = Event(boot="b0", seq=len(events), t_ns=2 * 10**9, type=EventType.DONE, data=seal(events))
    dates.later(60)
    assert phone.post("run1/1", [*events, end])
    with Reader.open(db) as reader:
        assert reader.launch("run1/1").launch.started_at_utc == kept


@pytest.mark.parametrize("boot", ["b0", "b1"])
def test_nothing_follows_a_sealed_end(db: str, phone: Phone, put: Put, boot: str) -> None:
    events = phone_events(put())
    assert phone.post("run1/1", events)
    slow = {"index": 1, "is_warmup": False, "trace": to_wire(make_trace(gap_ns=9_000_000_000, cpu_time_ns=None))}
    more = Event(boot=boot, seq=len(events) if boot == "b0" else 0, t_ns=3 * 10**9, type=EventType.ITERATION, data=slow)
    with Reader.open(db) as reader:
        before = reader.launch("run1/1").launch.stats
    answer = phone.post("run1/1", [more])
    assert isinstance(answer, Refusal)
    assert answer.code is RefusalCode.BAD_EVENT
    assert "has ended" in answer.message
    with Reader.open(db) as reader:
        assert reader.launch("run1/1").launch.stats == before
    again = phone.post("run1/1", events)
    assert isinstance(again, Taken)
    assert again.acked_seq == len(events) - 1


def test_a_launch_of_two_boots_is_sealed_over_both(db: str, phone: Phone, put: Put) -> None:
    begun = phone_events(put(1), boot="zz")[:7]
    failure = {"kind": "out_of_memory", "message": "killed while generating", "suspected": True, "phase": "warmup"}
    end = Event(boot="aa", seq=0, t_ns=5, type=EventType.FAILED, data={**failure, **seal(begun, ["zz", "aa"])})
    phone.post("run1/1", [end])
    assert launch_state(db) == ("started", None)
    phone.post("run1/1", begun)
    assert launch_state(db) == ("failed", "out_of_memory")


def test_a_whole_number_written_as_one_is_kept_as_sent(phone: Phone, put: Put) -> None:
    """Swift writes 24.0 as 24: read and written again it must be the same line, or no seal would hold."""
    answer = phone.post("run1/1", phone_events(put(1), gate={"waited_s": 24}))
    assert isinstance(answer, Taken)
    assert answer.seal_fault is None


def test_deliveries_of_several_tokens_survive_the_seal(db: str, phone: Phone, put: Put) -> None:
    trace = make_trace(n_tokens=(2,) * 32, granularity="chunk", cpu_time_ns=None)
    answer = phone.post("run1/1", phone_events(put(1), traces=(trace, trace)))
    assert isinstance(answer, Taken)
    assert answer.seal_fault is None
    with Reader.open(db) as reader:
        assert Flag.CHUNKED in reader.launch("run1/1").launch.flags


@pytest.mark.parametrize(("at_gate", "is_hot"), [("nominal", False), ("fair", True)])
def test_a_phone_that_cooled_at_its_gate_began_cool(
    db: str, phone: Phone, put: Put, at_gate: str, is_hot: bool
) -> None:  # fmt: skip
    gate = {"reading": {"thermal_state": at_gate}}
    hello, *events, _ = phone_events(put(), gate=gate)
    events = [replace(hello, data={**hello.data, "reading": {"thermal_state": "serious"}}), *events]
    end = Event(boot="b0", seq=len(events), t_ns=2 * 10**9, type=EventType.DONE, data=seal(events))
    assert phone.post("run1/1", [*events, end])
    with Reader.open(db) as reader:
        assert (Flag.HOT in reader.launch("run1/1").launch.flags) is is_hot


def test_a_lease_that_ran_out_is_stalled_and_an_event_brings_it_back(
    dates: Dates, db: str, phone: Phone, put: Put
) -> None:
    events = phone_events(put(1))
    phone.poll()
    phone.post("run1/1", events[:3])
    dates.later(901)
    put(2)
    phone.poll()
    assert state(phone) is JobState.STALLED
    phone.post("run1/1", events[3:5])
    assert state(phone) is JobState.LEASED
    dates.later(901)
    phone.post("run1/1", events[5:])
    assert launch_state(db) == ("done", None)


def test_a_question_renews_the_lease(dates: Dates, store: Store, phone: Phone, put: Put) -> None:
    put(1)
    phone.poll()
    for _ in range(3):
        dates.later(600)
        assert state(phone) is JobState.LEASED
        look = store.orders.look("run1/1")
        assert look is not None
        assert look.state is JobState.LEASED


def test_an_old_lease_may_send_data_but_gives_nothing_back(db: str, store: Store, phone: Phone, put: Put) -> None:
    job = put(1)
    old = phone.poll()
    assert old is not None
    assert store.queue.release(phone.device_id, "run1/1", old.lease_id, "battery low") is None
    assert state(phone) is JobState.QUEUED
    new = phone.poll()
    assert new is not None
    refusal = store.queue.release(phone.device_id, "run1/1", old.lease_id, "once more")
    assert refusal is not None
    assert refusal.code is RefusalCode.OLD_LEASE
    assert state(phone) is JobState.LEASED
    phone.post("run1/1", phone_events(job), old.lease_id)
    assert launch_state(db) == ("done", None)


def test_what_cannot_be_used_is_refused_and_changes_nothing(db: str, store: Store, phone: Phone, put: Put) -> None:
    good = phone_events(put(1))
    bad = {
        "hello.device": replace(good[0], data={}),
        "starting.phase": replace(good[1], data={"phase": "dancing"}),
        "iteration.index": replace(good[6], data={**good[6].data, "index": -1}),
        "failed.kind": Event(boot="b0", seq=9, t_ns=1, type=EventType.FAILED, data={"kind": "bored"}),
        "failed.detail": Event(boot="b0", seq=9, t_ns=1, type=EventType.FAILED, data={"kind": "crashed", "message": 5}),
        "n_events": Event(boot="b0", seq=9, t_ns=1, type=EventType.DONE, data={}),
        "boots": Event(boot="b0", seq=9, t_ns=1, type=EventType.DONE, data={**seal([]), "boots": ["b0", "c1"]}),
        "host's own": replace(good[0], boot="host"),
        "seq": replace(good[1], seq=1 << 40),
        "surrogates": replace(good[4], data={"engine_reported": {"x": "\ud800"}}),
        "too large": replace(good[4], data={"engine_reported": {"x": 10**400}}),
    }
    phone.poll()
    for name, event in bad.items():
        answer = phone.post("run1/1", [replace(good[0], seq=77) if event.boot != "host" else event, event])
        assert isinstance(answer, Refusal), name
        assert answer.code is RefusalCode.BAD_EVENT, name
    assert isinstance(phone.post("run1/1", []), Refusal)
    with Reader.open(db) as reader:
        assert list(reader.events("run1/1")) == []


def test_a_bad_call_leaves_the_others_of_its_transaction_alone(db: str, store: Store, phone: Phone, put: Put) -> None:
    jobs = [put(1), put(2)]
    posts = [Post(device_id=phone.device_id, launch_id=job.launch_id, events=tuple(phone_events(job))) for job in jobs]
    worse = replace(posts[0].events[4], data={"engine_reported": {"x": 10**400}})
    posts[0] = replace(posts[0], events=(posts[0].events[0], worse))
    stranger = replace(posts[1], launch_id="run1/99")
    answers = store.queue.take([posts[0], stranger, posts[1]])
    assert [getattr(answer, "code", None) for answer in answers] == ["bad_event", "unknown_launch", None]
    assert launch_state(db, "run1/2") == ("done", None)
    with Reader.open(db) as reader:
        assert list(reader.events("run1/1")) == []


def test_a_revoked_device_is_refused_and_its_queue_is_over(store: Store, phone: Phone, put: Put) -> None:
    taken, waiting = put(1), put(2)
    phone.poll()
    phone.post("run1/1", phone_events(taken)[:2])
    assert store.devices.revoke(phone.device_id)
    assert not store.devices.revoke(phone.device_id)
    assert not store.devices.revoke("nobody")
    assert phone.poll() is None
    answer = phone.post("run1/1", phone_events(taken))
    assert isinstance(answer, Refusal)
    assert answer.code is RefusalCode.REVOKED
    found = store.queue.status(phone.device_id, "run1/1")
    assert found is not None
    assert (found.state, found.is_cancelled) == (JobState.LEASED, True)
    assert state(phone, waiting.launch_id) is JobState.CANCELLED


def test_the_host_s_word_gives_way_to_the_phone_s(db: str, store: Store, phone: Phone, put: Put) -> None:
    events = phone_events(put(1))
    phone.poll()
    phone.post("run1/1", events[:5])
    lost = {"kind": "device_lost", "message": "gave no sign", "remedy": "open the app"}
    store.accept("run1/1", [Event(boot="host", seq=0, t_ns=1, type=EventType.FAILED, data=lost)])
    assert launch_state(db) == ("failed", "device_lost")
    phone.post("run1/1", events[5:7])
    assert launch_state(db) == ("failed", "device_lost")
    phone.post("run1/1", events[7:])
    assert launch_state(db) == ("done", None)
    with Reader.open(db) as reader:
        launch = reader.launch("run1/1").launch
    assert launch.failure_message is None
    assert "decode_tok_per_s" in launch.stats
    assert "ungated" not in launch.flags


def test_the_host_s_word_never_replaces_the_phone_s(db: str, store: Store, phone: Phone, put: Put) -> None:
    phone.post("run1/1", phone_events(put(1)))
    lost = {"kind": "device_lost", "message": "gave no sign", "remedy": ""}
    store.accept("run1/1", [Event(boot="host", seq=0, t_ns=1, type=EventType.FAILED, data=lost)])
    assert launch_state(db) == ("done", None)


def test_two_handles_hand_out_each_job_once(db: str, store: Store, phone: Phone, put: Put) -> None:
    """Two processes on one database, as two bridges for a moment might be: no job goes to two phones' hands at once."""
    for number in range(1, 21):
        put(number)
    leases: list[tuple[str, str]] = []

    def work(own: Store) -> None:
        while True:
            found = own.queue.next_jobs(phone.device_id, 1)
            if not found:
                return
            leases.append((found[0].job.launch_id, found[0].lease_id))
            event = phone_events(found[0].job)[:1]
            own.queue.take([Post(device_id=phone.device_id, launch_id=found[0].job.launch_id, events=tuple(event))])

    others = [Store.open(db, now=store._access.now) for _ in range(2)]
    threads = [threading.Thread(target=work, args=(own,)) for own in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    for own in others:
        own.close()
    assert {launch_id for launch_id, _ in leases} == {f"run1/{n}" for n in range(1, 21)}
    assert len({lease for _, lease in leases}) == len(leases)


def test_a_removed_run_takes_its_jobs_with_it(store: Store, phone: Phone, put: Put) -> None:
    put(1)
    store.remove_run("run1")
    assert phone.poll() is None
    assert store.queue.status(phone.device_id, "run1/1") is None
    answer = phone.post("run1/1", phone_events(make_job("run1/1"))[:1])
    assert isinstance(answer, Refusal)
    assert answer.code is RefusalCode.UNKNOWN_LAUNCH


def test_the_queued_launches_of_a_block_that_is_repeated_are_cancelled(store: Store, phone: Phone, put: Put) -> None:
    put(1)
    assert store.orphan_block("run1", 0) == 1
    assert phone.poll() is None
    assert state(phone) is JobState.CANCELLED


def test_a_device_is_known_by_its_id_and_keeps_its_last_hello(store: Store, phone: Phone) -> None:
    assert store.devices.find("nobody") is None
    found = store.devices.find(phone.device_id)
    assert found is not None
    assert found.hello == HELLO
    assert found.key_digest == b"\1" * 32
    Phone(store, device_id="ab" * 16, name=phone.name, hello=None)
    assert [one.name for one in store.devices.every()] == [phone.name] * 2
    newer = replace(HELLO, device=replace(PHONE, name="Renamed"))
    store.devices.greet(phone.device_id, newer)
    found = store.devices.find(phone.device_id)
    assert found is not None
    assert found.hello == newer
    assert to_wire(found.hello) == to_wire(newer)
