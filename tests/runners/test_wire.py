"""Records to JSON and back, strictly."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.contract import (
    Event,
    EventType,
    Flag,
    Gate,
    Job,
    Loaded,
    ModelRef,
    ModelShape,
    Trace,
    Workload,
    WorkloadKind,
)
from runners.wire import WireError, canonical, from_wire, to_wire

SHAPE = ModelShape(
    architecture="phi3",
    n_layers=2,
    n_embd=256,
    n_ff=512,
    n_heads=4,
    n_kv_heads=4,
    head_dim=64,
    vocab_size=512,
    context_length=4096,
    is_tied=False,
    n_params=1_574_144,
)
JOB = Job(
    launch_id="7f3a/1",
    model=ModelRef(model="m", format="gguf", quant="q4_0", path="m.gguf", n_bytes=5, shape=SHAPE),
    engine="fake",
    options={"threads": 2, "flash_attn": "auto", "repack": True, "rate": 1.5},
    workload=Workload(name="chat", n_prompt_tokens=64, n_generated_tokens=32),
    gate=Gate(max_other_cpu_cores=0.2, is_thermal_nominal=True, longest_wait_s=60.0),
    python="../other/bin/python",
    duration_s=600.0,
)


def through_json(record: object) -> object:
    return from_wire(type(record), json.loads(json.dumps(to_wire(record))))


def test_a_job_survives_the_wire_whole() -> None:
    assert through_json(JOB) == JOB


@given(
    gaps=st.lists(st.integers(0, 10**12), min_size=1, max_size=50),
    seq=st.integers(0, 2**40),
    cached=st.integers(0, 9),
)
def test_traces_and_events_survive_the_wire(gaps: list[int], seq: int, cached: int) -> None:
    times = tuple(sum(gaps[: i + 1]) for i in range(len(gaps)))
    trace = Trace(t0_ns=5, dt_ns=times, n_cached_tokens=cached, engine_reported={"n_eval": 31, "t_ms": 1.25})
    assert through_json(trace) == trace
    event = Event(boot="b", seq=seq, t_ns=3, type=EventType.ITERATION, data={"trace": to_wire(trace)})
    assert through_json(event) == event


def test_flags_and_unknown_values() -> None:
    loaded = Loaded(flags=(Flag.CPU_FALLBACK,), options={"kv_type": "f16", "n_gpu_layers": None})
    assert through_json(loaded) == loaded
    assert "load_s" not in to_wire(loaded)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_iterations": True}, "Job.n_iterations: expected int, got bool"),
        ({"n_iterations": 1.0}, "Job.n_iterations: expected int, got float"),
        ({"n_iterations": 0}, "at least one iteration"),
        ({"engine": None}, "Job.engine: expected str, got null"),
        ({"workload": {"name": "x", "kind": "chat"}}, "none of generation, kernel"),
        ({"workload": {"name": "x", "n_prompt_tokens": -1}}, "cannot be negative"),
        ({"timeout_s": float("nan")}, "Job.timeout_s: nan is no number that can be kept"),
        ({"timeout_s": float("inf")}, "Job.timeout_s: inf is no number"),
        ({"n_warmups": 1 << 63}, "Job.n_warmups: 9223372036854775808 does not fit into 64 bits"),
        ({"model": []}, "Job.model: expected an object, got list"),
        ({"gate": {"longest_wait_s": "soon"}}, "Job.gate.longest_wait_s: expected float, got str"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(WireError, match=re.escape(message)):
        from_wire(Job, {**to_wire(JOB), **change})


def test_a_missing_field_is_named_and_an_unknown_one_ignored() -> None:
    record = to_wire(JOB)
    del record["launch_id"]
    with pytest.raises(WireError, match=r"Job\.launch_id: missing"):
        from_wire(Job, record)
    assert from_wire(Job, {**to_wire(JOB), "from_the_future": 1}) == JOB


@pytest.mark.parametrize(
    "trace",
    [
        {"dt_ns": ()},
        {"dt_ns": (5, 4)},
        {"dt_ns": (-1,)},
        {"dt_ns": (1, 2), "n_tokens": (1,)},
        {"dt_ns": (1, 2), "n_tokens": (1, -1)},
    ],
)
def test_an_impossible_trace_is_refused(trace: dict[str, tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"time|length|negative"):
        Trace(t0_ns=0, **trace)


@pytest.mark.parametrize(("prompt", "answer"), [(0, 0), (5, 5)])
def test_a_kernel_workload_is_prefill_or_decode(prompt: int, answer: int) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        Workload(name="k", kind=WorkloadKind.KERNEL, n_prompt_tokens=prompt, n_generated_tokens=answer)


def test_the_canonical_text_does_not_depend_on_the_order_of_keys() -> None:
    assert (
        canonical({"b": 1, "a": [None, "ä"]})
        == canonical({"a": [None, "ä"], "b": 1})
        == '{"a":[null,"ä"],"b":1}'.encode()
    )
