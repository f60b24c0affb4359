"""The simulator tells its truth; a recording comes back as it was."""

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest

from runners import registry
from runners.contract import Event, EventType, Granularity, Job, ModelRef, Scalar, Trace, Workload, WorkloadKind
from runners.errors import FailureKind, RunnerError
from runners.launch import launch
from runners.wire import from_wire, to_wire

CHAT = Workload(name="chat", n_prompt_tokens=64, n_generated_tokens=32)
MODEL = ModelRef(model="m", format="none", quant="none")
QUIET: dict[str, Scalar] = {"noise_frac": 0.0, "jitter_frac": 0.0}


def generate(workload: Workload = CHAT, *, engine: str = "fake", model: ModelRef = MODEL, **options: Scalar) -> Trace:
    with registry.load(engine).open(model, options) as session:
        return session.generate(workload)


def decode_rate(trace: Trace) -> float:
    return (len(trace.dt_ns) - 1) / (trace.dt_ns[-1] - trace.dt_ns[0]) * 1e9


def test_without_noise_the_rates_are_the_truth() -> None:
    trace = generate(**QUIET, decode_tok_per_s=20.0, prefill_tok_per_s=200.0)
    assert decode_rate(trace) == pytest.approx(20.0, rel=1e-6)
    assert trace.dt_ns[0] == pytest.approx(64 / 200 * 1e9, rel=1e-6)


def test_a_model_of_twice_the_size_is_half_as_fast() -> None:
    small = ModelRef(model="m", format="none", quant="q", tensor_bytes=1_000_000_000)
    large = ModelRef(model="m", format="none", quant="q", tensor_bytes=2_000_000_000)
    assert decode_rate(generate(model=small, **QUIET)) == pytest.approx(2 * decode_rate(generate(model=large, **QUIET)))


def test_the_seed_and_the_launch_fix_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHIBENCH_LAUNCH", "run/7")
    first = generate(seed=5)
    assert first.dt_ns == generate(seed=5).dt_ns
    assert first.dt_ns != generate(seed=6).dt_ns
    monkeypatch.setenv("PHIBENCH_LAUNCH", "run/8")
    assert first.dt_ns != generate(seed=5).dt_ns


def test_drift_slows_later_launches(monkeypatch: pytest.MonkeyPatch) -> None:
    rates = []
    for number in (0, 40):
        monkeypatch.setenv("PHIBENCH_LAUNCH", f"run/{number}")
        rates.append(decode_rate(generate(**QUIET, drift_frac=0.15)))
    assert rates[1] / rates[0] == pytest.approx(0.85, rel=1e-3)


def heated(**options: Scalar) -> list[Trace]:
    """Forty generations of one load, half a minute each."""
    truth: dict[str, Scalar] = {"decode_tok_per_s": 1.0, "prefill_tok_per_s": 1e6, "heat_tau_s": 120.0}
    with registry.load("fake").open(MODEL, {**QUIET, **truth, **options}) as session:
        return [session.generate(CHAT) for _ in range(40)]


def test_heat_slows_one_launch_as_it_goes_on() -> None:
    traces = heated(heat_frac=0.3)
    begun_ns = traces[0].t0_ns
    for trace in (traces[0], traces[3], traces[-1]):
        middle_s = (trace.t0_ns - begun_ns + trace.dt_ns[-1] / 2) / 1e9
        assert decode_rate(trace) == pytest.approx(1 - 0.3 * (1 - math.exp(-middle_s / 120)), rel=2e-3)
    assert decode_rate(traces[-1]) == pytest.approx(0.7, rel=1e-3)


def test_heat_is_as_repeatable_as_everything_else_and_none_by_default() -> None:
    assert [t.dt_ns for t in heated(heat_frac=0.3)] == [t.dt_ns for t in heated(heat_frac=0.3)]
    assert len({t.dt_ns for t in heated()}) == 1


def test_the_clock_runs_ahead_with_the_simulated_times() -> None:
    traces = heated()
    assert all(b.t0_ns == a.t0_ns + a.dt_ns[-1] for a, b in pairwise(traces))


def test_stalls_and_chunks() -> None:
    stalled = generate(**QUIET, stall_every=10)
    gaps = [b - a for a, b in zip(stalled.dt_ns, stalled.dt_ns[1:], strict=False)]
    assert sum(gap > 5 * min(gaps) for gap in gaps) == 3
    chunked = generate(chunk=5)
    assert chunked.granularity is Granularity.CHUNK
    assert chunked.n_tokens == (5, 5, 5, 5, 5, 5, 2)


def test_kernels_have_the_form_of_kernels() -> None:
    prefill = generate(Workload(name="pp", kind=WorkloadKind.KERNEL, n_prompt_tokens=512))
    assert (len(prefill.dt_ns), prefill.granularity, prefill.token_hash) == (1, Granularity.TOTAL, None)
    decode = generate(Workload(name="tg", kind=WorkloadKind.KERNEL, n_generated_tokens=128))
    assert (len(decode.dt_ns), decode.granularity, decode.token_hash) == (128, Granularity.TOKEN, None)
    assert decode.dt_ns[0] > 0


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    job = Job(launch_id="r/1", model=MODEL, engine="fake", workload=CHAT)
    path = tmp_path / "recorded.jsonl"
    path.write_text("".join(json.dumps(to_wire(event)) + "\n" for event in launch(job)))
    return path


def test_a_recording_comes_back_as_it_was(recording: Path) -> None:
    events = [from_wire(Event, json.loads(line)) for line in recording.read_text().splitlines()]
    recorded = [from_wire(Trace, e.data["trace"]) for e in events if e.type is EventType.ITERATION]
    with registry.load("replay").open(MODEL, {"path": str(recording)}) as session:
        assert [session.generate(CHAT) for _ in recorded] == recorded
        assert "imported" in session.loaded.flags


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (None, FailureKind.MODEL_MISSING),
        ("", FailureKind.MODEL_INVALID),
        ("no json\n", FailureKind.MODEL_INVALID),
        ('{"boot": "b", "seq": -1, "t_ns": 0, "type": "hello"}\n', FailureKind.MODEL_INVALID),
        ("[" * 100_000, FailureKind.MODEL_INVALID),
    ],
)
def test_a_damaged_recording_is_refused_before_it_plays(tmp_path: Path, content: str | None, kind: FailureKind) -> None:
    path = tmp_path / "r.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RunnerError) as caught:
        generate(engine="replay", path=str(path))
    assert caught.value.kind is kind


def test_a_recording_answers_only_its_own_workload(recording: Path) -> None:
    longer = Workload(name="chat", n_prompt_tokens=64, n_generated_tokens=33)
    with pytest.raises(RunnerError, match="the recording has 64 prompt and 32 generated tokens"):
        generate(longer, engine="replay", path=str(recording))


def test_replay_without_a_recording_says_what_to_add() -> None:
    with pytest.raises(RunnerError) as caught:
        generate(engine="replay")
    assert "path=FILE" in caught.value.remedy
