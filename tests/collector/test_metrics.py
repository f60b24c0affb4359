"""The table of metrics: frozen definitions, known values, and what is unknown stays unknown."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector import metrics
from collector.metrics import LaunchEvidence, TimedReading
from runners.contract import Granularity, Loaded, Reading, Trace, Workload, WorkloadKind

CHAT = Workload(name="chat", n_prompt_tokens=64, n_generated_tokens=5)
PP = Workload(name="pp", kind=WorkloadKind.KERNEL, n_prompt_tokens=512)
TG = Workload(name="tg", kind=WorkloadKind.KERNEL, n_generated_tokens=4)
TRACE = Trace(
    t0_ns=7, dt_ns=(2_000_000_000, 2_100_000_000, 2_200_000_000, 2_300_000_000, 3_000_000_000), n_prompt_tokens=64
)

GOLDEN = {
    ("ttft_s", "ttft.tokens_ready", 1): 2.0,
    ("decode_tok_per_s", "decode.gap_mean", 1): 4.0,
    ("prefill_tok_per_s", "prefill.p_over_ttft", 1): 32.0,
    ("e2e_s", "e2e.to_last_token", 1): 3.0,
    ("e2e_tok_per_s", "rate.e2e_out", 1): 5 / 3,
    ("stall_count", "stall.over_4_median_gaps", 1): 1,
    ("cpu_share", "cpu.time_over_wall_threads", 1): 0.75,
    ("kernel_prefill_tok_per_s", "prefill.batch_nosample", 1): 256.0,
    ("kernel_decode_tok_per_s", "decode.calls_nosample", 1): 2.0,
}
"""A changed formula needs a new version in the table and a new line here; no line is ever edited."""

GOLDEN_SUSTAINED = {
    ("burst_tok_per_s", "decode.first_repetition", 1): 10.0,
    ("sustained_tok_per_s", "decode.last_fifth_2min", 1): 8.0,
    ("plateau_tok_per_s", "decode.plateau", 1): 8.0,
    ("retained_frac", "sustained.over_burst", 1): 0.8,
    ("t50_s", "sustained.half_loss", 1): 48.125,
    ("nonnominal_frac", "thermal.not_nominal", 1): 0.75,
}
LONG = Workload(name="long", n_prompt_tokens=64, n_generated_tokens=101)


def golden_values() -> dict[str, float | None]:
    chat = metrics.derive(replace(TRACE, cpu_time_ns=4_500_000_000), CHAT, 2)
    pp = Trace(t0_ns=0, dt_ns=(2_000_000_000,), n_tokens=(0,), granularity=Granularity.TOTAL)
    tg = Trace(t0_ns=0, dt_ns=(500_000_000, 1_000_000_000, 1_500_000_000, 2_000_000_000))
    kernels = metrics.derive(pp, PP), metrics.derive(tg, TG)
    return {
        **chat,
        "kernel_prefill_tok_per_s": kernels[0]["kernel_prefill_tok_per_s"],
        "kernel_decode_tok_per_s": kernels[1]["kernel_decode_tok_per_s"],
    }


def test_every_definition_gives_its_golden_value() -> None:
    values = golden_values()
    assert {(m.name, m.definition, m.version) for m in metrics.SAMPLE_METRICS} == set(GOLDEN)
    for (name, _, _), value in GOLDEN.items():
        assert values[name] == pytest.approx(value, rel=1e-9), name


def repetition(t0_s: float, rate: float) -> Trace:
    """Five seconds of prompt and 101 tokens, the last at ``5 + 100 / rate``; the clock does not start at 0."""
    dt_ns = tuple(round((5 + i / rate) * 1e9) for i in range(101))
    return Trace(t0_ns=round((1000 + t0_s) * 1e9), dt_ns=dt_ns, n_prompt_tokens=64)


def long_launch(duration_s: float | None = 600.0) -> LaunchEvidence:
    """
    Three repetitions of 10 tok/s, 15 s each, then 34 of 8 tok/s, 17.5 s each: 640 s.

    The half of the loss lies between the middles of the third (40 s) and the fourth (56.25 s), at 9 tok/s.
    """
    traces, t_s = [], 0.0
    for rate in [10.0] * 3 + [8.0] * 34:
        traces.append(repetition(t_s, rate))
        t_s += 5 + 100 / rate
    states = ((-3.0, "nominal"), (100.0, "nominal"), (160.0, "fair"), (400.0, None), (700.0, "nominal"))
    readings = tuple(
        TimedReading(t_ns=round((1000 + at_s) * 1e9), reading=Reading(thermal_state=state)) for at_s, state in states
    )
    return LaunchEvidence(
        workload=LONG, traces=tuple(traces[::-1]), readings=readings, duration_s=duration_s, loaded=Loaded(load_s=2.0)
    )


def test_a_sustained_launch_gives_its_golden_values() -> None:
    values = metrics.derive_launch(long_launch())
    own = {m for m in metrics.LAUNCH_METRICS if m.is_sustained}
    assert {(m.name, m.definition, m.version) for m in own} == set(GOLDEN_SUSTAINED)
    for (name, _, _), value in GOLDEN_SUSTAINED.items():
        assert values[name] == pytest.approx(value, rel=1e-9), name


def test_burst_and_sustained_never_share_a_column_with_an_ordinary_launch() -> None:
    long, ordinary = metrics.derive_launch(long_launch()), metrics.derive_launch(long_launch(None))
    of_long, of_ordinary = ({n for n, v in d.items() if v is not None} for d in (long, ordinary))
    assert of_long & of_ordinary == {"load_s"}
    assert of_ordinary - of_long == {"itl_p50_s", "itl_p95_s", "itl_p99_s"}
    speeds = {m.name for m in metrics.SAMPLE_METRICS} - {"cpu_share"}
    assert not any(metrics.BY_NAME[name].is_of_launch(WorkloadKind.GENERATION, is_sustained=True) for name in speeds)


def test_without_times_of_tokens_a_sustained_launch_says_nothing() -> None:
    total = Trace(t0_ns=0, dt_ns=(3_000_000_000,), n_tokens=(101,), granularity=Granularity.TOTAL)
    for traces in ((), (total, total)):
        values = metrics.derive_launch(replace(long_launch(), traces=traces, loaded=None))
        assert {n: v for n, v in values.items() if v is not None and n != "nonnominal_frac"} == {}


def test_names_carry_their_unit() -> None:
    ends = {"s": "_s", "tok/s": "_tok_per_s", "B": "_bytes"}
    for metric in metrics.METRICS:
        assert metric.unit not in ends or metric.name.endswith(ends[metric.unit]), metric.name
    assert len(metrics.BY_NAME) == len(metrics.METRICS)


def test_a_kernel_never_fills_a_users_column() -> None:
    trace = Trace(t0_ns=0, dt_ns=(1_000_000_000, 2_000_000_000))
    of_kernel = {name for name, value in metrics.derive(trace, TG, 2).items() if value is not None}
    assert of_kernel <= {"kernel_decode_tok_per_s", "kernel_prefill_tok_per_s", "cpu_share"}
    assert metrics.derive(TRACE, CHAT)["kernel_decode_tok_per_s"] is None


@pytest.mark.parametrize("dt_ns", [(5,), (5, 5), (0, 0)])
def test_what_cannot_be_said_is_none_and_never_zero(dt_ns: tuple[int, ...]) -> None:
    derived = metrics.derive(Trace(t0_ns=0, dt_ns=dt_ns), CHAT)
    assert derived["decode_tok_per_s"] is None
    assert all(value is None or math.isfinite(value) for value in derived.values())


def test_totals_have_no_first_token() -> None:
    total = Trace(t0_ns=0, dt_ns=(3_000_000_000,), n_tokens=(5,), granularity=Granularity.TOTAL, n_prompt_tokens=64)
    derived = metrics.derive(total, CHAT)
    assert (derived["ttft_s"], derived["decode_tok_per_s"], derived["prefill_tok_per_s"]) == (None, None, None)
    assert derived["e2e_tok_per_s"] == pytest.approx(5 / 3)


def test_chunks_count_their_tokens_and_have_no_gaps() -> None:
    chunked = Trace(t0_ns=0, dt_ns=(1_000_000_000, 2_000_000_000), n_tokens=(2, 3), granularity=Granularity.CHUNK)
    assert metrics.derive(chunked, CHAT)["decode_tok_per_s"] == pytest.approx(3.0)
    assert metrics.gaps_s(chunked) == ()
    assert metrics.definition_in_effect(metrics.BY_NAME["decode_tok_per_s"], is_chunked=True) == "decode.gap_chunk1"


def test_an_engine_that_works_ahead_has_rates_and_no_gaps() -> None:
    """Its first and last time are exact; those in between would make percentiles and stalls of nothing."""
    dt_ns = tuple(1_000_000_000 + i * 50_000_000 for i in range(400))
    exact = Trace(t0_ns=0, dt_ns=dt_ns, n_prompt_tokens=64)
    ahead = replace(exact, are_gaps_exact=False)
    assert metrics.gaps_s(ahead) == ()
    values, exact_values = metrics.derive(ahead, CHAT), metrics.derive(exact, CHAT)
    assert exact_values["stall_count"] == 0
    assert values == exact_values | {"stall_count": None}
    gaps = {f"itl_p{p}_s" for p in (50, 95, 99)}
    launches = [metrics.derive_launch(LaunchEvidence(workload=CHAT, traces=(trace,))) for trace in (exact, ahead)]
    assert [sum(launch[name] is not None for name in gaps) for launch in launches] == [3, 0]


@given(
    gaps=st.lists(st.integers(1, 10**10), min_size=2, max_size=40),
    shift=st.integers(0, 10**15),
)
def test_the_same_times_give_the_same_metrics_wherever_the_clock_starts(gaps: list[int], shift: int) -> None:
    times = tuple(sum(gaps[: i + 1]) for i in range(len(gaps)))
    work = replace(CHAT, n_generated_tokens=len(gaps))
    one = metrics.derive(Trace(t0_ns=0, dt_ns=times, n_prompt_tokens=64), work)
    listed = metrics.derive(Trace(t0_ns=shift, dt_ns=times, n_tokens=(1,) * len(times), n_prompt_tokens=64), work)
    assert {k for k, v in one.items() if v is None} == {k for k, v in listed.items() if v is None}
    for name, value in one.items():
        assert value is None or listed[name] == pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize(("n_gaps", "known"), [(1, 0), (2, 1), (59, 1), (60, 2), (299, 2), (300, 3)])
def test_percentiles_wait_for_enough_gaps(n_gaps: int, known: int) -> None:
    trace = Trace(t0_ns=0, dt_ns=tuple(10**9 * (i + 1) for i in range(n_gaps + 1)))
    launch = metrics.derive_launch(LaunchEvidence(workload=CHAT, traces=(trace,)))
    assert sum(launch[f"itl_p{p}_s"] is not None for p in (50, 95, 99)) == known


def test_launch_metrics_come_from_readings_and_what_the_engine_said() -> None:
    early = TimedReading(t_ns=1, reading=Reading(peak_rss_bytes=5, cpu_user_s=1.0))
    late = TimedReading(t_ns=2, reading=Reading(peak_rss_bytes=9, cpu_user_s=2.0))
    readings = (early, late)
    evidence = LaunchEvidence(workload=CHAT, readings=readings, loaded=Loaded(load_s=3.0, kv_bytes=7))
    launch = metrics.derive_launch(evidence)
    assert (launch["peak_rss_bytes"], launch["cpu_user_s"], launch["load_s"], launch["kv_bytes"]) == (9, 2.0, 3.0, 7)
    assert launch["peak_footprint_bytes"] is None
