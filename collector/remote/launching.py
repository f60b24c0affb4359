"""One launch on a paired phone: its job into the queue, its events out of the store, and an end in every case."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from threading import Event as Cancel

from collector import gates, numbers
from collector.errors import StoreError
from collector.store.orders import Look, Orders
from runners.bridging import HOST_BOOT, LEASE_TTL_S, JobState, PairedDevice
from runners.contract import Event, EventType, Gate, Job, Phase, Reading
from runners.errors import FailureKind
from runners.wire import from_wire

POLL_S = 0.2
"""Between two looks into the store while a phone works: a read of a few rows."""

GRACE_S = 20.0
"""How long a cancelled launch that a phone has may take until its own end is here."""

TAKEN_WITHIN_S = 5.0
"""A phone whose app is open takes a job sooner than this; before it nothing is said."""

_CONDITIONS = frozenset(one.name for one in fields(Gate))
IS_APP_OPEN = "is its app open, in front, and in the same network? phibench bridge devices tells when it was here last"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteDevice:
    """
    Runs jobs on one device.

    Args:
        cancel: set by a person's Ctrl-C.
        on_wait: told in a sentence what is waited for, each time that changes.
        is_bridge_up: whether the bridge runs; asked now and then while nothing comes.
        clock: monotonic seconds; pause sleeps.
    """

    orders: Orders
    device: PairedDevice
    cancel: Cancel
    on_wait: Callable[[str], None] = lambda _words: None
    is_bridge_up: Callable[[], bool] = lambda: True
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    def launch(self, job: Job) -> Generator[Event]:
        """
        Run one job there; the last event is ``done`` or ``failed``.

        A launch that the phone has ended is as the phone says. One that was given up here ends with an event of the
        boot ``host``, which the phone's own end replaces in the store when it comes later.

        Raises:
            StoreError: the database cannot be read, or the run was removed meanwhile.
        """
        self.orders.put(self.device.device_id, job)
        watch = _Watch(remote=self, job=job, sign_of_life_s=self.clock())
        try:
            while True:
                look = self.orders.look(job.launch_id, watch.last_key)
                if look is None:
                    raise StoreError(f"the run of launch {job.launch_id} was removed while it ran", "phibench list")
                yield from watch.arrived(look)
                end = watch.end(look)
                if end is not None:
                    yield end
                    return
                self.pause(POLL_S)
        finally:
            if not watch.has_ended:  # whoever follows it has gone
                self.orders.cancel(job.launch_id)


@dataclass(slots=True, kw_only=True)
class _Watch:
    """What is known of a launch from one look to the next."""

    remote: RemoteDevice
    job: Job
    sign_of_life_s: float
    last_key: int = 0
    lease: tuple[int, str | None] = (0, None)
    has_begun: bool = False
    has_ended: bool = False
    cancelled_at_s: float | None = None
    told: str = ""
    boots: dict[str, int] = field(default_factory=dict)
    held_back: dict[tuple[str, int], Event] = field(default_factory=dict)
    own_ends: list[Event] = field(default_factory=list)

    def arrived(self, look: Look) -> Iterator[Event]:
        """New events of the phone in their order, without its end, which is judged by the store first."""
        lease = (look.n_attempts, look.leased_until_utc)
        if look.events or lease != self.lease:
            self.sign_of_life_s, self.lease = self.remote.clock(), lease
        self.last_key = look.last_key
        fresh = [event for event in look.events if event.boot != HOST_BOOT]
        self.has_begun |= bool(fresh)
        for event in fresh:
            self.held_back[event.boot, event.seq] = event
            self.boots.setdefault(event.boot, 0)
        for event in self._in_order(is_last_look=look.is_over):
            self._tell_of(event)
            yield event

    def _in_order(self, *, is_last_look: bool) -> Iterator[Event]:
        for boot in self.boots:
            while (boot, self.boots[boot]) in self.held_back:
                event = self.held_back.pop((boot, self.boots[boot]))
                self.boots[boot] += 1
                yield from self._but_ends([event])
        if is_last_look:  # what has a gap before it that nobody will fill
            left = sorted(self.held_back.items(), key=lambda item: (list(self.boots).index(item[0][0]), item[0][1]))
            self.held_back.clear()
            yield from self._but_ends(event for _, event in left)

    def _but_ends(self, events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            if event.type.is_last:
                self.own_ends.append(event)
            else:
                yield event

    def end(self, look: Look) -> Event | None:
        """The end of the launch if it has one now: the phone's own, or ours when there is nothing to wait for."""
        found = self._own_end(look) if look.is_over else self._given_up(look)
        self.has_ended = found is not None
        if found is None:
            self._tell_of_waiting(look)
        elif not look.is_over:
            self.remote.orders.cancel(self.job.launch_id)
        return found

    def _own_end(self, look: Look) -> Event:
        """The phone's end as the store judged it; where it did not fit its events, the judgement."""
        wanted = EventType.DONE if look.failure is None else EventType.FAILED
        for event in self.own_ends:
            fits = look.failure is None or event.data.get("kind") == look.failure["kind"]
            if event.type is wanted and fits:
                return event
        failure = look.failure or {"kind": FailureKind.PROTOCOL_ERROR, "message": "the end of the launch is missing"}
        return self._ours(FailureKind(failure["kind"]), failure["message"] or "", failure.get("remedy") or "")

    def _given_up(self, look: Look) -> Event | None:
        name, silent_s = self.remote.device.name, self.remote.clock() - self.sign_of_life_s
        if look.is_device_revoked:
            return self._ours(FailureKind.UNAVAILABLE, f"{name} was revoked", "pair it again: phibench bridge pair")
        if self.remote.cancel.is_set() or self.cancelled_at_s is not None:
            return self._stopped_by_hand(look)
        if look.state is JobState.CANCELLED:
            return self._ours(FailureKind.CANCELLED, "cancelled in another process", "phibench run --resume")
        if not self._is_taken(look):
            longest_s = self.job.timeout_s + (self.job.duration_s or 0.0)
            message = f"{name} did not take the launch within {numbers.duration(longest_s)}"
            return self._lost(message) if silent_s >= longest_s else None
        if silent_s >= self._longest_silence_s():
            return self._lost(f"{name} gave no sign for {numbers.duration(max(silent_s, 0.0))} in the launch")
        return None

    def _longest_silence_s(self) -> float:
        """
        How long a phone that works may say nothing: from the load to the end its network is closed.

        The lease does not count here: a sustained launch outlives it, and the phone comes back to it.
        """
        n_steps = 1 + self.job.n_warmups + self.job.n_iterations
        steps_s = min(self.job.timeout_s * n_steps, max(self.job.timeout_s, LEASE_TTL_S))
        return steps_s + (self.job.duration_s or 0.0)

    def _is_taken(self, look: Look) -> bool:
        return self.has_begun or look.state not in {JobState.QUEUED, JobState.CANCELLED}

    def _stopped_by_hand(self, look: Look) -> Event | None:
        """A launch that nobody took ends at once; a phone that has it is told, and waited for a moment."""
        if self.cancelled_at_s is None:
            self.remote.orders.cancel(self.job.launch_id)
            self.cancelled_at_s = self.remote.clock()
            return None  # the next look tells whether the phone took it meanwhile
        if look.state is JobState.CANCELLED or self.remote.clock() - self.cancelled_at_s >= GRACE_S:
            return self._ours(FailureKind.CANCELLED, "stopped by hand", "phibench run --resume")
        return None

    def _lost(self, message: str) -> Event:
        remedy = f"{IS_APP_OPEN}; what it has measured comes in when it is back"
        if not self.remote.is_bridge_up():
            message, remedy = f"{message}, and the bridge does not run", "phibench bridge serve"
        return self._ours(FailureKind.DEVICE_LOST, message, remedy)

    def _ours(self, kind: FailureKind, message: str, remedy: str) -> Event:
        data = {"kind": str(kind), "message": message, "remedy": remedy}
        t_ns = int(self.remote.clock() * 1e9)
        return Event(boot=HOST_BOOT, seq=0, t_ns=t_ns, type=EventType.FAILED, data=data)

    def _tell_of(self, event: Event) -> None:
        """What the gate of the phone waits for, in the words of our own gate."""
        if event.type is not EventType.READING or event.data.get("phase") != Phase.GATE:
            return
        reading = from_wire(Reading, event.data["reading"])
        words = [_gate_words(name, reading) for name in event.data.get("unmet") or ()]
        if words:
            self._tell("gate", f"{self.remote.device.name} waits at its gate: {'; '.join(words)}")

    def _tell_of_waiting(self, look: Look) -> None:
        name = self.remote.device.name
        if self.cancelled_at_s is not None:
            self._tell("stop", f"waiting: {name} was told to stop")
        elif self.remote.clock() - self.sign_of_life_s >= TAKEN_WITHIN_S:
            if not self.remote.is_bridge_up():  # also in the launch: its end could not come in
                self._tell("bridge", "waiting: the bridge does not run; start it again: phibench bridge serve")
            elif not self._is_taken(look):
                seen = _seen(look.device_seen_at_utc)
                self._tell("take", f"waiting for {name} to take the launch ({seen}); is its app open?")

    def _tell(self, kind: str, words: str) -> None:
        if kind != self.told:
            self.told = kind
            self.remote.on_wait(words)


def _gate_words(name: str, reading: Reading) -> str:
    """A newer phone may know conditions that we do not."""
    return gates.words(name, reading) if name in _CONDITIONS else name


def _seen(at_utc: str | None) -> str:
    if at_utc is None:
        return "never seen yet"
    ago_s = (datetime.now(UTC) - datetime.fromisoformat(at_utc)).total_seconds()
    return "seen just now" if ago_s < 60 else f"seen {numbers.duration(ago_s)} ago"
