"""The simulator: its truth is found again, its launches look like real ones, and its archive agrees with the store."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from statistics import fmean, stdev
from threading import Event as Cancel

import pytest
from evidence_helpers import run_record

from collector import catalog, physics
from collector.queries import Reader
from collector.run import Surroundings, execute
from collector.schedule import Measured
from collector.simulate import (
    Condition,
    MemoryArchive,
    Scatter,
    SimulatedDevice,
    Truth,
    Unwatched,
    perform,
    simulated_snapshot,
)
from collector.store import Store
from collector.suite import Arm, Plan
from runners.contract import (
    Event,
    EventType,
    Gate,
    Job,
    Loaded,
    ModelRef,
    Phase,
    Reading,
    ReplicationUnit,
    Trace,
    Workload,
    WorkloadKind,
    check_data,
)
from runners.errors import FailureKind
from runners.wire import from_wire, to_wire

CHAT = Workload(name="chat", n_prompt_tokens=64, n_generated_tokens=8)
STILL = Scatter(between_sd=0.0, within_sd=0.0)
RATES = {"a": Truth(decode_tok_per_s=10.0, prefill_tok_per_s=80.0), "b": Truth(decode_tok_per_s=12.5)}


def plan(n_blocks: int = 4, **more: object) -> Plan:
    arms = tuple(Arm(model=ModelRef(model=name, format="none", quant="none"), engine="fake") for name in RATES)
    return replace(Plan(suite="test", arms=arms, workloads=(CHAT,), seed=7, n_blocks=n_blocks), **more)  # type: ignore[arg-type]


def truth_of(job: Job) -> Truth:
    return RATES[job.model.model]


def job(**more: object) -> Job:
    model = ModelRef(model="a", format="none", quant="none")
    return replace(Job(launch_id="run1/1", model=model, engine="fake", workload=CHAT), **more)  # type: ignore[arg-type]


def device(scatter: Scatter = STILL, seed: int = 1, truth: Callable[[Job], Truth] = truth_of) -> SimulatedDevice:
    return SimulatedDevice(truth, scatter=scatter, seed=seed)


def test_without_scatter_every_metric_is_the_truth() -> None:
    outcome, kept = perform(plan(), device())
    assert (outcome.n_done, outcome.stop_reason, kept.stop_reason) == (8, "all blocks done", "all blocks done")
    assert kept.by_block(0, 0, "decode_tok_per_s") == pytest.approx(dict.fromkeys(range(4), 10.0), rel=1e-7)
    assert kept.by_block(0, 1, "decode_tok_per_s") == pytest.approx(dict.fromkeys(range(4), 12.5), rel=1e-7)
    assert kept.by_block(0, 0, "ttft_s") == pytest.approx(dict.fromkeys(range(4), 0.8), rel=1e-7)


@pytest.mark.parametrize(
    ("workload", "metric", "expected"),
    [
        (Workload(name="pp", kind=WorkloadKind.KERNEL, n_prompt_tokens=64), "kernel_prefill_tok_per_s", 80.0),
        (Workload(name="tg", kind=WorkloadKind.KERNEL, n_generated_tokens=3), "kernel_decode_tok_per_s", 10.0),
    ],
)
def test_kernels_have_their_own_metric(workload: Workload, metric: str, expected: float) -> None:
    _, kept = perform(plan(1, workloads=(workload,)), device())
    assert {m.metric for m in kept.measured()} == {metric}
    assert kept.by_block(0, 0, metric)[0] == pytest.approx(expected, rel=1e-7)


def test_the_events_are_those_of_a_worker_and_hold_what_the_contract_promises() -> None:
    events = list(device().launch(job(gate=Gate())))
    assert [e.seq for e in events] == list(range(len(events)))
    assert [e.type for e in events if e.type is not EventType.STARTING] == [
        EventType.HELLO, EventType.READING, EventType.LOADED, EventType.ITERATION, EventType.ITERATION,
        EventType.READING, EventType.DONE,
    ]  # fmt: skip
    for event in events:
        check_data(event.type, event.data)
    assert all(later.t_ns >= earlier.t_ns for earlier, later in pairwise(events))


def test_the_clock_goes_by_as_long_as_a_launch_takes() -> None:
    simulated = device()
    list(simulated.launch(job(n_warmups=0)))
    assert simulated.clock() == pytest.approx(0.05 + 0.5 + 0.8 + 7 / 10.0)


def test_a_job_with_a_duration_goes_on_until_it_is_over() -> None:
    simulated = device()
    events = list(simulated.launch(job(n_warmups=0, duration_s=10.0)))
    n_iterations = sum(e.type is EventType.ITERATION for e in events)
    assert n_iterations == math.ceil(10.0 / 1.5)


def test_the_same_seed_gives_the_same_times_and_another_one_others() -> None:
    scatter = Scatter(token_sd=0.01)
    first, again, other = (perform(plan(), device(scatter, seed))[1].measured() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_launches_scatter_as_far_as_said_and_iterations_less() -> None:
    _, kept = perform(plan(600, n_warmups=0, n_iterations=2), device(Scatter(between_sd=0.03, within_sd=0.005)))
    logs = [math.log(v / 10.0) for v in kept.by_block(0, 0, "decode_tok_per_s").values()]
    expected = math.hypot(0.03, 0.005 / math.sqrt(2))
    assert stdev(logs) == pytest.approx(expected, rel=0.1)
    assert fmean(logs) == pytest.approx(0.0, abs=4 * expected / math.sqrt(len(logs)))
    samples = [s for s in kept.samples if s.metric == "decode_tok_per_s"]
    steps = [math.log(b.value / a.value) for a, b in zip(samples[::2], samples[1::2], strict=True)]
    assert stdev(steps) == pytest.approx(0.005 * math.sqrt(2), rel=0.1)


def test_single_gaps_scatter_around_the_same_rate() -> None:
    (event,) = [
        e for e in device(replace(STILL, token_sd=0.02)).launch(
            job(n_warmups=0, workload=replace(CHAT, n_generated_tokens=2000))
        ) if e.type is EventType.ITERATION
    ]  # fmt: skip
    dt_ns = from_wire(Trace, event.data["trace"]).dt_ns
    gaps = [(b - a) / 1e9 for a, b in pairwise(dt_ns)]
    assert stdev(gaps) / fmean(gaps) == pytest.approx(0.02, rel=0.1)
    assert fmean(gaps) == pytest.approx(0.1, rel=0.002)


def test_speed_drifts_over_the_launches_of_a_session_and_comes_back_with_the_next() -> None:
    simulated = device(replace(STILL, drift_frac=0.15))
    one_arm = plan(5, arms=plan().arms[:1])
    for _ in range(2):
        _, kept = perform(one_arm, simulated)
        expected = {k: 10.0 * (1 - 0.15 * (1 - math.exp(-k / 4))) for k in range(5)}
        assert kept.by_block(0, 0, "decode_tok_per_s") == pytest.approx(expected, rel=1e-7)
        simulated.begin_session()


def test_a_session_is_faster_or_slower_as_a_whole() -> None:
    simulated = device(replace(STILL, session_sd=0.02))
    logs = []
    for _ in range(300):
        simulated.begin_session()
        baseline, other = perform(plan(1), simulated)[1].pairs("decode_tok_per_s")
        assert other[0] / baseline[0] == pytest.approx(1.25, rel=1e-7)
        logs.append(math.log(baseline[0] / 10.0))
    assert stdev(logs) == pytest.approx(0.02, rel=0.15)


def test_a_launch_that_fails_leaves_no_value_and_its_block_does_not_pair() -> None:
    failing = {"a": RATES["a"], "b": Truth(failure=FailureKind.TIMED_OUT, failure_frac=0.3)}
    outcome, kept = perform(plan(6), device(seed=3, truth=lambda j: failing[j.model.model]))
    bad = [launched for launched in kept.launches if not launched.is_good]
    assert len(bad) == outcome.n_failed > 0
    assert {launched.arm for launched in bad} == {1}
    found = kept.by_block(0, 1, "decode_tok_per_s")
    assert not {launched.block for launched in bad} & found.keys()
    baseline, other = kept.pairs("decode_tok_per_s")
    assert len(baseline) == len(other) == len(found) < 6


def test_a_kind_of_failure_that_lasts_drops_the_cell() -> None:
    failing = {"a": RATES["a"], "b": Truth(failure=FailureKind.UNSUPPORTED, failure_frac=1.0)}
    outcome, kept = perform(plan(6), device(truth=lambda j: failing[j.model.model]))
    assert (outcome.n_done, outcome.n_failed) == (6, 1)
    assert kept.sides().count(1) == 1


def test_a_precision_is_reached_on_the_simulated_clock() -> None:
    outcome, kept = perform(plan(20, precision_frac=0.02, arms=plan().arms[:1]), device(Scatter(between_sd=0.005)))
    assert outcome.n_blocks == 6
    assert (kept.stop_reason or "").startswith("precision reached")
    budget, _ = perform(plan(20, precision_frac=0.0001, budget_s=30.0), device(Scatter()))
    assert budget.stop_reason == "budget spent"
    assert budget.duration_s <= 30.0


def test_the_memory_archive_refuses_what_it_cannot_derive() -> None:
    with pytest.raises(ValueError, match="sustained"):
        MemoryArchive(plan(duration_s=5.0))
    with pytest.raises(RuntimeError, match="begun"):
        MemoryArchive(plan()).accept("x/1", [Event(boot="b", seq=0, t_ns=0, type=EventType.DONE)])


def test_the_store_takes_a_simulated_run_and_comes_to_the_same_values(store: Store, db: str) -> None:
    scatter = Scatter(drift_frac=0.1, token_sd=0.01)
    the_plan = plan(3, n_iterations=3)
    store.begin_run(run_record("sim1", plan=to_wire(the_plan)))
    simulated = device(scatter)

    def measured() -> list[Measured]:
        with Reader.open(db) as reader:
            return reader.measured("sim1")

    around = Surroundings(
        archive=store, launch=simulated.launch, admit=None, measured=measured, clock=simulated.clock,
        listener=Unwatched(), cancel=Cancel(),
    )  # fmt: skip
    execute(the_plan, run_id="sim1", around=around)
    _, kept = perform(the_plan, device(scatter))

    def sorted_values(values: list[Measured]) -> list[tuple[int, str, int, float]]:
        return sorted((m.arm, m.metric, m.block, m.value) for m in values)

    assert sorted_values(measured()) == sorted_values(kept.measured())
    with Reader.open(db) as reader:
        cells = reader.cells(["sim1"])
    assert [cell.n_launches for cell in cells] == [3, 3]
    assert all("simulated" in cell.flags for cell in cells)


def test_a_gate_that_is_not_met_is_told_and_its_wait_takes_time() -> None:
    warm = Condition(reading=Reading(thermal_state="fair", is_on_battery=True), waited_s=30.0)
    simulated = SimulatedDevice(truth_of, seed=1, condition=lambda _: warm)
    gate = Gate(is_thermal_nominal=True, is_mains_power=True, is_low_power_off=True)
    seen = next(e for e in simulated.launch(job(gate=gate)) if e.type is EventType.READING)
    check_data(seen.type, seen.data)
    assert seen.data["unmet"] == ["is_thermal_nominal", "is_mains_power"]
    assert seen.data["unknown"] == ["is_low_power_off"]
    assert seen.t_ns == pytest.approx(30.05e9)


def test_heat_takes_its_share_within_a_launch_and_is_told() -> None:
    hot = replace(RATES["a"], heat_frac=0.4, heat_tau_s=60.0, hottest_c=90.0)
    events = list(device(truth=lambda _: hot).launch(job(n_warmups=0, duration_s=400.0)))
    traces = [from_wire(Trace, e.data["trace"]) for e in events if e.type is EventType.ITERATION]
    rates = [7e9 / (t.dt_ns[-1] - t.dt_ns[0]) for t in traces]
    assert rates[0] == pytest.approx(10.0)
    assert rates[-1] == pytest.approx(6.0, rel=0.01)
    readings = [from_wire(Reading, e.data["reading"]) for e in events if e.type is EventType.READING][:-1]
    assert list(dict.fromkeys(r.thermal_state for r in readings)) == ["nominal", "fair", "serious"]
    celsius = [r.temperature_c for r in readings if r.temperature_c is not None]
    assert celsius == sorted(celsius)
    assert celsius[-1] == pytest.approx(90.0, abs=0.5)


def test_a_launch_that_fails_while_it_loads_never_says_that_it_has_loaded() -> None:
    full = Truth(
        failure=FailureKind.OUT_OF_MEMORY, failure_frac=1.0, failure_phase=Phase.LOAD, failure_message="too large",
        failure_remedy="a smaller one",
    )  # fmt: skip
    events = list(device(truth=lambda _: full).launch(job()))
    assert [e.type for e in events] == [EventType.HELLO, EventType.STARTING, EventType.FAILED]
    assert events[-1].data == {
        "kind": "out_of_memory", "message": "too large", "remedy": "a smaller one", "phase": "load",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("os_name", "names"),
    [
        ("iOS", {"peak_footprint_bytes"}),
        ("macOS", {"peak_footprint_bytes", "peak_rss_bytes"}),
        ("Linux", {"peak_rss_bytes", "peak_anon_bytes"}),
    ],
)
def test_memory_has_the_name_that_the_system_has_for_it_and_the_size_that_physics_predicts(
    os_name: str, names: set[str]
) -> None:
    shape = catalog.find("phi-3-mini-4k").shape
    model = ModelRef(model="phi-3-mini-4k", format="gguf", quant="q4_0", tensor_bytes=2_000_000_000, shape=shape)
    snapshot = replace(simulated_snapshot(), os_name=os_name)
    simulated = SimulatedDevice(lambda _: RATES["a"], seed=1, snapshot=snapshot)
    events = list(simulated.launch(job(model=model)))
    loaded = from_wire(Loaded, next(e.data for e in events if e.type is EventType.LOADED))
    final = next(e.data["reading"] for e in events if e.type is EventType.READING)
    assert set(final) == names
    need = physics.memory_of_arm(shape, 2_000_000_000, 72, {})
    assert need is not None
    assert (loaded.kv_bytes, loaded.compute_bytes) == (need.kv_bytes, need.compute_bytes)
    assert set(final.values()) == {2_000_000_000 + need.kv_bytes + need.compute_bytes + (60 << 20)}


def test_a_device_that_knows_the_date_tells_it_and_another_does_not() -> None:
    begins_at = datetime(2026, 11, 1, 10, tzinfo=UTC)
    simulated = SimulatedDevice(truth_of, seed=1, begins_at=begins_at, versions={"mlx": "2.0"})
    first, second = (next(simulated.launch(job(engine="mlx"))) for _ in range(2))
    assert first.data["engine"]["version"] == "2.0"
    assert first.data["engine"]["build"] == {"is_simulated": True}
    assert first.data["started_at_utc"] == "2026-11-01T10:00:00.050+00:00"
    assert second.data["started_at_utc"] > first.data["started_at_utc"]
    with pytest.raises(ValueError, match="date"):
        device().now()
    assert "started_at_utc" not in next(device().launch(job())).data


def test_some_gaps_stall_where_that_was_asked() -> None:
    scatter = replace(STILL, token_sd=0.01, stall_frac=0.01)
    workload = replace(CHAT, n_generated_tokens=3000)
    event = next(
        e for e in device(scatter).launch(job(n_warmups=0, workload=workload)) if e.type is EventType.ITERATION
    )
    dt_ns = from_wire(Trace, event.data["trace"]).dt_ns
    long = sum(b - a > 0.5e9 for a, b in pairwise(dt_ns))
    assert 12 <= long <= 54


def test_the_unit_of_replication_of_a_plan_reaches_its_jobs() -> None:
    seen: list[Job] = []

    def noting(one: Job) -> Truth:
        seen.append(one)
        return truth_of(one)

    perform(plan(1, replication_unit=ReplicationUnit.RELOAD), device(truth=noting))
    assert {one.replication_unit for one in seen} == {ReplicationUnit.RELOAD}
