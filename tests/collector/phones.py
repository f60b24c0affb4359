"""A paired phone that speaks to the store itself, without network and signatures: what the bridge would pass on."""

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Self

from evidence_helpers import make_trace

from collector.store import Store
from runners.bridging import LeasedJob, PhoneHello, Post, Refusal, RuntimeFacts, Taken
from runners.contract import DeviceSnapshot, EngineFacts, Event, EventType, Flag, Job, Loaded, ModelRef, Reading, Trace
from runners.wire import canonical, to_wire

PHONE = DeviceSnapshot(
    fingerprint="beef", name="iPhone 14 Pro", kind="iphone", os_name="iOS", os_version="19.1",
    product_type="iPhone15,2", memory_bytes=6 << 30,
)  # fmt: skip
PHI = ModelRef(
    model="phi-3-mini-4k", format="mlc", quant="q4f16_1", n_bytes=2_000_000_000, tensor_bytes=1_900_000_000, digest="d7"
)
HELLO = PhoneHello(
    boot="b0",
    device=PHONE,
    runtimes=(
        RuntimeFacts(engine="mlc", version="0.1", formats=("mlc",), options=("context_window",)),
        RuntimeFacts(
            engine="echo", version="1", formats=("none",), options=("seed", "ttft_s", "phone_only"), is_simulated=True
        ),
    ),
    models=(PHI,),
)


def seal(events: Sequence[Event], boots: Sequence[str] = ()) -> dict[str, Any]:
    """What the end after these events says of them."""
    digest = hashlib.sha256(b"".join(canonical(event) + b"\n" for event in events)).hexdigest()
    return {"n_events": len(events) + 1, "events_sha256": digest} | ({"boots": list(boots)} if boots else {})


def phone_events(
    job: Job, *, boot: str = "b0", device: DeviceSnapshot = PHONE, traces: Sequence[Trace] = (), **how: Any
) -> list[Event]:
    """The events of a launch as a phone sends them; ``failure`` makes it fail, ``gate`` is what its gate saw last."""
    engine = EngineFacts(engine=job.engine, version="1", build={"is_simulated": job.engine == "echo"})
    flags = (Flag.SIMULATED,) if job.engine == "echo" else ()
    hello = {"device": to_wire(device), "engine": to_wire(engine), "started_at_utc": "2026-03-01T10:00:00.5Z"}
    gate = {"waited_s": 24, "unmet": [], "unknown": [], "phase": "gate"} | how.get("gate", {})
    loaded = Loaded(load_s=2.5, backend="simulated" if flags else "metal", flags=flags)
    steps: list[tuple[EventType, dict[str, Any]]] = [
        (EventType.HELLO, hello),
        (EventType.STARTING, {"phase": "gate", "index": 0}),
        (EventType.READING, {"reading": {"thermal_state": "nominal"}} | gate),
        (EventType.STARTING, {"phase": "load", "index": 0}),
        (EventType.LOADED, to_wire(loaded)),
    ]
    for index, trace in enumerate(traces or (make_trace(cpu_time_ns=None), make_trace(cpu_time_ns=None))):
        phase = "iteration" if index else "warmup"
        steps.append((EventType.STARTING, {"phase": phase, "index": max(0, index - 1)}))
        data = {"index": max(0, index - 1), "is_warmup": index == 0, "trace": to_wire(trace)}
        steps.append((EventType.ITERATION, data))
    final = Reading(footprint_bytes=2_100_000_000, peak_footprint_bytes=2_300_000_000, battery_frac=0.75)
    steps.append((EventType.READING, {"reading": to_wire(final), "is_final": True}))
    events = [Event(boot=boot, seq=i, t_ns=10**9 + i, type=kind, data=data) for i, (kind, data) in enumerate(steps)]
    failure = how.get("failure")
    kind = EventType.FAILED if failure else EventType.DONE
    return [
        *events,
        Event(boot=boot, seq=len(events), t_ns=2 * 10**9, type=kind, data={**(failure or {}), **seal(events)}),
    ]


class Phone:
    """One device of a store, paired; ``store`` may be another handle on the same database."""

    def __init__(
        self, store: Store, *, device_id: str = "0d" * 16, name: str = "My iPhone", hello: PhoneHello | None = HELLO
    ) -> None:
        self.store, self.device_id, self.name = store, device_id, name
        store.devices.add(device_id, name, b"\1" * 32)
        if hello is not None:
            store.devices.greet(device_id, hello)

    def poll(self) -> LeasedJob | None:
        found = self.store.queue.next_jobs(self.device_id, 1)
        return found[0] if found else None

    def post(self, launch_id: str, events: Sequence[Event], lease_id: str | None = None) -> Taken | Refusal:
        post = Post(device_id=self.device_id, launch_id=launch_id, events=tuple(events), lease_id=lease_id)
        return self.store.queue.take([post])[0]

    def measure(self, leased: LeasedJob, **how: Any) -> None:
        """Run a job whole and send it all."""
        answer = self.post(leased.job.launch_id, phone_events(leased.job, **how), leased.lease_id)
        assert isinstance(answer, Taken), answer


class BusyPhone:
    """A phone whose app is open: takes every job in a thread of its own until the block is left."""

    def __init__(self, phone: Phone, work: Callable[[Phone, LeasedJob], None] = Phone.measure) -> None:
        self._phone, self._work = phone, work
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.fault: BaseException | None = None
        self.launch_ids: list[str] = []

    def _run(self) -> None:
        try:
            while not self._ends.wait(0.02):
                leased = self._phone.poll()
                if leased is not None:
                    self.launch_ids.append(leased.job.launch_id)
                    self._work(self._phone, leased)
        except BaseException as exc:  # noqa: BLE001  # shown by the test that owns us
            self.fault = exc

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._ends.set()
        self._thread.join(timeout=30)
        if self.fault is not None:
            raise self.fault


def simulated(hello: PhoneHello = HELLO) -> PhoneHello:
    """The hello of a computer that plays a phone."""
    device = replace(hello.device, fingerprint="cafe", kind="simulated", os_name="Linux", product_type=None)
    return replace(hello, device=device, runtimes=hello.runtimes[1:], models=())
