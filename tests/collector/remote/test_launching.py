"""A launch on a phone, followed in the store: in order, with an end in every case, and the phone's word wins."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Event as Cancel
from typing import Any

import pytest
from evidence_helpers import make_job
from phones import Phone, phone_events, seal

from collector.queries import Reader
from collector.remote import RemoteDevice
from collector.remote.launching import GRACE_S
from collector.store import Store
from runners.bridging import JobState, LeasedJob
from runners.contract import Event, EventType, Job

Step = Callable[[], None]


class World:
    """A phone, a store and a clock that goes on by a poll each time somebody waits; steps of the phone are listed."""

    def __init__(self, store: Store) -> None:
        self.store, self.phone = store, Phone(store)
        self.now_s, self.cancel, self.hints = 0.0, Cancel(), list[str]()
        self.is_bridge_up = True
        self.steps: list[Step] = []
        self.leased: LeasedJob | None = None
        self.after_steps_s = 0.2

    def pause(self, seconds: float) -> None:
        self.now_s += seconds if self.steps else self.after_steps_s
        if self.steps:
            self.steps.pop(0)()

    def device(self) -> RemoteDevice:
        found = self.store.devices.find(self.phone.device_id)
        assert found is not None
        return RemoteDevice(
            orders=self.store.orders, device=found, cancel=self.cancel, on_wait=self.hints.append,
            is_bridge_up=lambda: self.is_bridge_up, clock=lambda: self.now_s, pause=self.pause,
        )  # fmt: skip

    def job(self, number: int = 1, **more: Any) -> Job:
        job = make_job(f"run1/{number}", engine="mlc", **more)
        self.store.begin_launch(job, run_id="run1", block=0, position=number, arm_index=0)
        return job

    def launch(self, job: Job) -> Iterator[Event]:
        """As the loop follows it: what comes is accepted at once."""
        for event in self.device().launch(job):
            self.store.accept(job.launch_id, [event])
            yield event

    def take(self) -> None:
        self.leased = self.phone.poll()
        assert self.leased is not None

    def send(self, events: list[Event]) -> Step:
        return lambda: self._send(events)

    def _send(self, events: list[Event]) -> None:
        assert self.phone.post("run1/1", events)

    def state(self) -> JobState:
        found = self.store.queue.status(self.phone.device_id, "run1/1")
        assert found is not None
        return found.state


@pytest.fixture
def world(store: Store) -> World:
    return World(store)


def ended(db: str) -> tuple[str, str | None]:
    with Reader.open(db) as reader:
        launch = reader.launch("run1/1").launch
    return launch.state, launch.failure_kind


def test_events_come_in_their_order_whatever_order_they_arrived_in(world: World, db: str) -> None:
    job = world.job()
    events = phone_events(job)
    world.steps = [world.take, world.send(events[4:]), world.send(events[:2]), world.send(events[2:4])]
    assert list(world.launch(job)) == events
    assert ended(db) == ("done", None)
    assert world.state() is JobState.DONE


def test_the_boots_of_a_phone_that_died_follow_one_another(world: World, db: str) -> None:
    job = world.job()
    begun = phone_events(job, boot="zz")[:7]
    failure = {"kind": "out_of_memory", "message": "killed", "suspected": True, "phase": "warmup"}
    end = Event(boot="aa", seq=0, t_ns=5, type=EventType.FAILED, data={**failure, **seal(begun, ["zz", "aa"])})
    world.steps = [world.take, world.send(begun), world.send([end])]
    assert list(world.launch(job)) == [*begun, end]
    assert ended(db) == ("failed", "out_of_memory")


def test_an_end_that_does_not_fit_ends_as_a_fault_of_the_protocol(world: World, db: str) -> None:
    job = world.job()
    *events, last = phone_events(job)
    events[4] = replace(events[4], data={"load_s": 9.0})
    world.steps = [world.take, world.send([*events, last])]
    *before, end = world.launch(job)
    assert before == events
    assert (end.type, end.boot, end.data["kind"]) == (EventType.FAILED, "host", "protocol_error")
    assert ended(db) == ("failed", "protocol_error")


def test_a_phone_that_falls_silent_is_lost_and_its_late_upload_wins(world: World, db: str) -> None:
    job = world.job(timeout_s=100.0)
    events = phone_events(job)
    world.steps, world.after_steps_s = [world.take, world.send(events[:5])], 30.0
    *_, end = world.launch(job)
    assert (end.boot, end.data["kind"]) == ("host", "device_lost")
    assert "is its app open" in end.data["remedy"]
    assert ended(db) == ("failed", "device_lost")
    found = world.store.queue.status(world.phone.device_id, "run1/1")
    assert found is not None
    assert found.is_cancelled
    world.send(events[5:])()
    assert ended(db) == ("done", None)


def test_a_sustained_launch_may_outlive_its_lease(world: World, db: str) -> None:
    job = world.job(duration_s=1200.0)
    events = phone_events(job)

    def run_out() -> None:
        world.now_s += 1800
        with Store.open(db, now=lambda: datetime.now(UTC) + timedelta(seconds=1800)) as later:
            found = later.queue.status(world.phone.device_id, "run1/1")
        assert found is not None
        assert found.state is JobState.STALLED

    world.steps = [world.take, world.send(events[:4]), run_out, lambda: None, world.send(events[4:])]
    assert list(world.launch(job)) == events
    assert world.state() is JobState.DONE


def test_the_longest_silence_of_a_step_is_not_that_of_a_phone(world: World) -> None:
    job = world.job(timeout_s=60.0, n_warmups=1, n_iterations=3)
    events = phone_events(job)
    world.steps = [
        world.take,
        world.send(events[:4]),
        lambda: setattr(world, "now_s", world.now_s + 250),  # a load and four generations, none of them over 60 s
        lambda: None,
        world.send(events[4:]),
    ]
    assert list(world.launch(job)) == events


def test_any_event_is_a_sign_of_life(world: World) -> None:
    job = world.job(timeout_s=100.0)
    events = phone_events(job)
    world.steps = [world.take]
    for event in events:
        world.steps += [lambda: setattr(world, "now_s", world.now_s + 80), world.send([event])]
    assert list(world.launch(job)) == events


def test_a_job_that_nobody_takes_is_given_up_and_taken_back(world: World, db: str) -> None:
    job, world.after_steps_s = world.job(timeout_s=60.0), 10.0
    (end,) = world.launch(job)
    assert end.data["kind"] == "device_lost"
    assert "did not take the launch within 1 min" in end.data["message"]
    assert [hint for hint in world.hints if "is its app open" in hint]
    assert world.state() is JobState.CANCELLED
    assert world.phone.poll() is None


def test_without_a_bridge_the_remedy_is_to_start_it(world: World) -> None:
    job, world.after_steps_s, world.is_bridge_up = world.job(timeout_s=60.0), 10.0, False
    (end,) = world.launch(job)
    assert end.data["remedy"] == "phibench bridge serve"
    assert world.hints == ["waiting: the bridge does not run; start it again: phibench bridge serve"]


def test_a_bridge_that_ends_in_the_middle_of_a_launch_is_said(world: World) -> None:
    job, world.after_steps_s = world.job(timeout_s=60.0), 10.0
    events = phone_events(job)

    def ends() -> None:
        world.is_bridge_up = False

    world.steps = [world.take, world.send(events[:5]), ends]
    assert list(world.launch(job))[-1].data["kind"] == "device_lost"
    assert world.hints == ["waiting: the bridge does not run; start it again: phibench bridge serve"]


def test_ctrl_c_ends_a_waiting_launch_at_once(world: World, db: str) -> None:
    job = world.job()
    world.steps = [world.cancel.set]
    (end,) = world.launch(job)
    assert end.data["kind"] == "cancelled"
    assert world.now_s < 1
    assert world.state() is JobState.CANCELLED
    assert ended(db) == ("failed", "cancelled")


def test_ctrl_c_tells_the_phone_and_takes_its_own_end(world: World, db: str) -> None:
    job = world.job()
    events = phone_events(job, failure={"kind": "cancelled", "message": "told by the host"})

    def finish() -> None:
        found = world.store.queue.status(world.phone.device_id, "run1/1")
        assert found is not None
        assert found.is_cancelled
        world.send(events[2:])()

    world.steps = [world.take, world.send(events[:2]), world.cancel.set, lambda: None, finish]
    assert list(world.launch(job)) == events
    assert world.state() is JobState.CANCELLED
    assert ended(db) == ("failed", "cancelled")


def test_ctrl_c_does_not_wait_for_a_phone_for_ever(world: World) -> None:
    job = world.job()
    world.steps, world.after_steps_s = [world.take, world.cancel.set], 1.0
    (end,) = world.launch(job)
    assert (end.boot, end.data["kind"]) == ("host", "cancelled")
    assert GRACE_S <= world.now_s < GRACE_S + 5


def test_a_device_that_is_revoked_meanwhile_ends_the_launch(world: World) -> None:
    job = world.job()
    world.steps = [world.take, lambda: world.store.devices.revoke(world.phone.device_id) or None]
    (end,) = world.launch(job)
    assert end.data["kind"] == "unavailable"
    assert "revoked" in end.data["message"]


def test_what_the_gate_of_the_phone_waits_for_is_told(world: World) -> None:
    job = world.job()
    gate = {"reading": {"thermal_state": "fair"}, "unmet": ["is_thermal_nominal", "is_raining"]}
    world.steps = [world.take, world.send(phone_events(job, gate=gate))]
    list(world.launch(job))
    assert world.hints == ["My iPhone waits at its gate: temperature fair, not nominal; is_raining"]


def test_a_follower_that_goes_away_takes_its_job_back(world: World) -> None:
    launch = world.launch(world.job())
    world.steps = [world.take, world.send(phone_events(make_job("run1/1", engine="mlc"))[:1])]
    next(launch)
    launch.close()  # type: ignore[attr-defined]  # it is a generator
    found = world.store.queue.status(world.phone.device_id, "run1/1")
    assert found is not None
    assert found.is_cancelled
