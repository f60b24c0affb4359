"""Jobs and events for the collector's tests."""

import hashlib
from typing import Any

from collector.store import RunRecord
from runners.contract import (
    DeviceSnapshot,
    EngineFacts,
    Event,
    EventType,
    Job,
    Loaded,
    ModelRef,
    Reading,
    Trace,
    Workload,
)
from runners.wire import canonical, to_wire

CHAT = Workload(name="chat", n_prompt_tokens=64, n_generated_tokens=32)
DEVICE = DeviceSnapshot(fingerprint="f00d", name="Test CPU, 2 cores", kind="pc", os_name="Linux", is_virtual=False)


def make_trace(*, gap_ns: int = 200_000_000, first_ns: int = 1_000_000_000, n: int = 32, **more: Any) -> Trace:
    """A trace with equal gaps."""
    more = {"n_prompt_tokens": 64, "token_hash": "ab12", "cpu_time_ns": 2 * (first_ns + gap_ns * (n - 1))} | more
    return Trace(t0_ns=5, dt_ns=tuple(first_ns + gap_ns * i for i in range(n)), **more)


def make_job(launch_id: str = "run1/1", **more: Any) -> Job:
    """A launch of a small model."""
    model = ModelRef(model="m", format="gguf", quant="q4_0", n_bytes=1000, tensor_bytes=900, digest="d1")
    return Job(**{"launch_id": launch_id, "model": model, "engine": "llama_cpp", "workload": CHAT} | more)


def make_events(
    *traces: Trace,
    boot: str = "b",
    device: DeviceSnapshot = DEVICE,
    loaded: Loaded | None = None,
    reading: Reading | None = None,
    failure: dict[str, Any] | None = None,
) -> list[Event]:
    """The events of one launch as launch.py sends them; the first trace is the warm-up."""
    engine = EngineFacts(engine="llama_cpp", version="1.0")
    hello = {"device": to_wire(device), "engine": to_wire(engine), "started_at_utc": "2026-01-01T00:00:00+00:00"}
    known = loaded or Loaded(load_s=2.5, weights_bytes=900, kv_bytes=50, n_threads=2, engine_reported={"t_ms": 3.5})
    steps: list[tuple[EventType, dict[str, Any]]] = [(EventType.HELLO, hello), (EventType.LOADED, to_wire(known))]
    for index, trace in enumerate(traces or (make_trace(), make_trace())):
        data = {"index": max(0, index - 1), "is_warmup": index == 0, "trace": to_wire(trace)}
        steps.append((EventType.ITERATION, data))
    final = reading or Reading(peak_rss_bytes=1200, peak_anon_bytes=1000, cpu_user_s=4.5)
    steps.append((EventType.READING, {"reading": to_wire(final), "is_final": True}))
    events = [Event(boot=boot, seq=i, t_ns=i, type=kind, data=data) for i, (kind, data) in enumerate(steps)]
    digest = hashlib.sha256(b"".join(canonical(e) + b"\n" for e in events)).hexdigest()
    seal = {"n_events": len(events) + 1, "events_sha256": digest}
    kind = EventType.FAILED if failure else EventType.DONE
    return [*events, Event(boot=boot, seq=len(events), t_ns=99, type=kind, data={**(failure or {}), **seal})]


def run_record(run_id: str = "run1", **more: Any) -> RunRecord:
    """A run that was begun."""
    return RunRecord(
        **{"id": run_id, "started_at_utc": "2026-01-01T00:00:00+00:00", "suite": "quick", "seed": 1} | more
    )
