"""
Every metric once: name, unit, better, definition id, version, level, and how it is derived.

A *sample* metric comes from one :class:`Trace`, a *launch* metric from all measured traces, the readings and what the
engine said after loading. Names are column names with the SI unit in them; the schema's columns are generated from
this table. Changing a formula means a new version, never an edit. Unknown is None, never 0. Pure functions only.

A launch that repeats its shape for a while (``duration_s``) gets hot on purpose. It has speeds of its own
(:mod:`collector.sustained`) and none of those of an ordinary launch, so that the two never share a column; what does
not depend on heat, such as memory, both have.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Literal

from collector import sustained
from runners.contract import Granularity, Loaded, Reading, Trace, Workload, WorkloadKind

STALL_FACTOR = 4
"""A gap is a stall when it is longer than this many median gaps."""

MIN_GAPS: Mapping[int, int] = {50: 2, 95: 60, 99: 300}
"""Fewest gaps that bound a percentile from above without assuming a distribution (59 and 299 at 95 %)."""

Level = Literal["sample", "launch"]
Better = Literal["higher", "lower"]
_BOTH = frozenset(WorkloadKind)
_GENERATION = frozenset({WorkloadKind.GENERATION})
_KERNEL = frozenset({WorkloadKind.KERNEL})


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedReading:
    """A reading and when it was taken, on the clock of the traces."""

    t_ns: int
    reading: Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchEvidence:
    """
    All that a launch left behind: its measured traces, its readings, what the engine said once loaded.

    ``duration_s`` is the job's, None for an ordinary launch.
    """

    workload: Workload
    traces: tuple[Trace, ...] = ()
    readings: tuple[TimedReading, ...] = ()
    loaded: Loaded | None = None
    duration_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """
    One metric.

    Args:
        name: column name; its suffix is the unit.
        better: which direction is an improvement; None where neither is.
        definition: definition id, by which numbers of other tools are matched.
        version: of the formula.
        is_for: kinds of workload that have it.
        is_sustained: True: only launches with a duration have it; False: only those without; None: both.
        derive: ``(trace, workload, n_threads)`` at sample level, ``(evidence)`` at launch level.
    """

    name: str
    unit: str
    better: Better | None
    definition: str
    level: Level
    derive: Callable[..., float | None]
    version: int = 1
    is_for: frozenset[WorkloadKind] = field(default=_BOTH)
    is_sustained: bool | None = None

    def is_of_launch(self, kind: WorkloadKind, *, is_sustained: bool) -> bool:
        """Whether a launch with a workload of this kind, with or without a duration, has it."""
        return kind in self.is_for and self.is_sustained in {None, is_sustained}

    @property
    def is_integer(self) -> bool:
        """Whether its values are whole: counts and bytes."""
        return self.unit in {"count", "B"}


def derive(trace: Trace, workload: Workload, n_threads: int | None = None) -> dict[str, float | None]:
    """
    All sample metrics of one trace, by name.

    Args:
        trace: the evidence.
        workload: decides which metrics apply; the others are None.
        n_threads: threads that compute, as in effect; None leaves ``cpu_share`` unknown.
    """
    return {m.name: m.derive(trace, workload, n_threads) if workload.kind in m.is_for else None for m in SAMPLE_METRICS}


def derive_launch(evidence: LaunchEvidence) -> dict[str, float | None]:
    """All launch metrics, by name."""
    kind, is_sustained = evidence.workload.kind, evidence.duration_s is not None
    has = {m.name: m.is_of_launch(kind, is_sustained=is_sustained) for m in LAUNCH_METRICS}
    return {m.name: m.derive(evidence) if has[m.name] else None for m in LAUNCH_METRICS}


def is_chunked(trace: Trace) -> bool:
    """Whether a delivery carries several tokens, so that no gap belongs to one token."""
    return trace.granularity is Granularity.CHUNK or (trace.n_tokens is not None and max(trace.n_tokens) > 1)


def definition_in_effect(metric: Metric, *, is_chunked: bool) -> str:
    """The definition id that a value really has; a chunked stream changes two of them."""
    if is_chunked and metric.definition == "decode.gap_mean":
        return "decode.gap_chunk1"
    return metric.definition


def percentile(values: Sequence[float], percent: float) -> float:
    """
    Percentile by linear interpolation between order statistics.

    Args:
        values: shape (n,), n >= 1, in any order.
        percent: 0 to 100.

    Source:
        Hyndman and Fan 1996, type 7; numpy's default.
    """
    ordered = sorted(values)
    position = (len(ordered) - 1) * percent / 100
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


@dataclass(frozen=True, slots=True)
class _Deliveries:
    """Times in ns at which tokens arrived, and how many; deliveries without a token are left out."""

    dt_ns: tuple[int, ...]
    n_tokens: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.n_tokens)


def _deliveries(trace: Trace) -> _Deliveries:
    if trace.n_tokens is None:
        return _Deliveries(trace.dt_ns, (1,) * len(trace.dt_ns))
    kept = [(t, n) for t, n in zip(trace.dt_ns, trace.n_tokens, strict=True) if n > 0]
    return _Deliveries(tuple(t for t, _ in kept), tuple(n for _, n in kept))


def gaps_s(trace: Trace) -> tuple[float, ...]:
    """Seconds between tokens, shape (n_tokens - 1,); empty where no gap belongs to a single token."""
    if trace.granularity is not Granularity.TOKEN or is_chunked(trace):
        return ()
    times = _deliveries(trace).dt_ns
    return tuple((b - a) / 1e9 for a, b in pairwise(times))


def _first_ns(trace: Trace) -> int | None:
    times = _deliveries(trace).dt_ns
    return times[0] if times and trace.granularity is not Granularity.TOTAL else None


def _rate(n_tokens: int, duration_ns: int | None) -> float | None:
    return n_tokens * 1e9 / duration_ns if duration_ns and n_tokens > 0 else None


def _ttft_s(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    first_ns = _first_ns(trace)
    return None if first_ns is None else first_ns / 1e9


def _decode_tok_per_s(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    """(N - tokens of the first delivery) / (tN - t1); with one token a delivery that is (N - 1)/(tN - t1)."""
    got = _deliveries(trace)
    if trace.granularity is Granularity.TOTAL or len(got.dt_ns) < 2:
        return None
    return _rate(got.total - got.n_tokens[0], got.dt_ns[-1] - got.dt_ns[0])


def _prefill_tok_per_s(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    return _rate(trace.n_prompt_tokens, _first_ns(trace))


def _e2e_s(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    times = _deliveries(trace).dt_ns
    return times[-1] / 1e9 if times else None


def _e2e_tok_per_s(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    got = _deliveries(trace)
    return _rate(got.total, got.dt_ns[-1]) if got.dt_ns else None


def _stall_count(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    gaps = gaps_s(trace)
    if len(gaps) < 2:
        return None
    limit_s = STALL_FACTOR * median(gaps)
    return sum(gap > limit_s for gap in gaps)


def _kernel_prefill(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    return _rate(workload.n_prompt_tokens, trace.dt_ns[-1])


def _kernel_decode(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    return _rate(_deliveries(trace).total if workload.n_generated_tokens else 0, trace.dt_ns[-1])


def _cpu_share(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    wall_ns = trace.dt_ns[-1]
    if trace.cpu_time_ns is None or not n_threads or not wall_ns:
        return None
    return trace.cpu_time_ns / (wall_ns * n_threads)


def _itl_s(percent: int, evidence: LaunchEvidence) -> float | None:
    """Percentile of all gaps of the launch; None where there are too few to say."""
    gaps = [gap for trace in evidence.traces for gap in gaps_s(trace)]
    return percentile(gaps, percent) if len(gaps) >= MIN_GAPS[percent] else None


def _said_after_load(name: str, evidence: LaunchEvidence) -> float | None:
    value: float | None = getattr(evidence.loaded, name, None)
    return value


def _highest_reading(name: str, evidence: LaunchEvidence) -> float | None:
    """Peaks and totals only grow, so the highest reading is the last word."""
    values = [v for timed in evidence.readings if (v := getattr(timed.reading, name)) is not None]
    return max(values, default=None)


def repetitions(traces: Sequence[Trace]) -> tuple[sustained.Repetition, ...]:
    """The measured generations of a launch in the order of time; empty when one of them has no decode rate."""
    found = []
    for trace in sorted(traces, key=lambda trace: trace.t0_ns):
        got = _deliveries(trace)
        if trace.granularity is Granularity.TOTAL or not got.dt_ns or got.dt_ns[-1] == got.dt_ns[0]:
            return ()
        at_ns = trace.t0_ns - min(t.t0_ns for t in traces)
        one = sustained.Repetition(
            middle_s=(at_ns + (got.dt_ns[0] + got.dt_ns[-1]) / 2) / 1e9,
            end_s=(at_ns + got.dt_ns[-1]) / 1e9,
            n_tokens=got.total - got.n_tokens[0],
            decode_s=(got.dt_ns[-1] - got.dt_ns[0]) / 1e9,
        )
        found.append(one)
    return tuple(found)


def _burst(evidence: LaunchEvidence) -> float | None:
    """Decode rate of the first measured repetition, which follows the warm-up."""
    return sustained.burst_tok_per_s(repetitions(evidence.traces))


def _sustained(evidence: LaunchEvidence) -> float | None:
    """Tokens over decoding time in the last two minutes, or the last fifth of a shorter run; prompts do not count."""
    return sustained.sustained_tok_per_s(repetitions(evidence.traces))


def _retained(evidence: LaunchEvidence) -> float | None:
    """Sustained over burst."""
    burst, lasting = _burst(evidence), _sustained(evidence)
    return lasting / burst if burst and lasting else None


def _plateau(evidence: LaunchEvidence) -> float | None:
    """Decode rate where it settled; None when it did not."""
    settled = sustained.plateau(repetitions(evidence.traces))
    return settled.tok_per_s if settled else None


def _t50_s(evidence: LaunchEvidence) -> float | None:
    return sustained.t50_s(repetitions(evidence.traces))


def _nonnominal(evidence: LaunchEvidence) -> float | None:
    """Share of the time from the first measured request to the last token."""
    if not evidence.traces:
        return None
    begin_ns = min(trace.t0_ns for trace in evidence.traces)
    end_ns = max(trace.t0_ns + trace.dt_ns[-1] for trace in evidence.traces)
    states = [
        ((timed.t_ns - begin_ns) / 1e9, timed.reading.thermal_state)
        for timed in evidence.readings
        if timed.reading.thermal_state is not None
    ]
    return sustained.nonnominal_frac(states, (end_ns - begin_ns) / 1e9)


def _table() -> Iterator[Metric]:
    def sample(
        name: str,
        unit: str,
        better: Better | None,
        definition: str,
        fn: Callable[..., float | None],
        *,
        kinds: frozenset[WorkloadKind] = _GENERATION,
        is_sustained: bool | None = False,
    ) -> Metric:
        return Metric(
            name=name, unit=unit, better=better, definition=definition, level="sample", derive=fn, is_for=kinds,
            is_sustained=is_sustained,
        )  # fmt: skip

    def launch(
        name: str, unit: str, better: Better | None, definition: str, source: Callable[..., float | None]
    ) -> Metric:
        return Metric(
            name=name, unit=unit, better=better, definition=definition, level="launch", derive=partial(source, name)
        )

    yield sample("ttft_s", "s", "lower", "ttft.tokens_ready", _ttft_s)
    yield sample("decode_tok_per_s", "tok/s", "higher", "decode.gap_mean", _decode_tok_per_s)
    yield sample("prefill_tok_per_s", "tok/s", "higher", "prefill.p_over_ttft", _prefill_tok_per_s)
    yield sample("e2e_s", "s", "lower", "e2e.to_last_token", _e2e_s)
    yield sample("e2e_tok_per_s", "tok/s", "higher", "rate.e2e_out", _e2e_tok_per_s)
    yield sample("stall_count", "count", "lower", "stall.over_4_median_gaps", _stall_count)
    yield sample(
        "kernel_prefill_tok_per_s", "tok/s", "higher", "prefill.batch_nosample", _kernel_prefill, kinds=_KERNEL
    )
    yield sample("kernel_decode_tok_per_s", "tok/s", "higher", "decode.calls_nosample", _kernel_decode, kinds=_KERNEL)
    yield sample(
        "cpu_share", "1", None, "cpu.time_over_wall_threads", _cpu_share, kinds=_BOTH, is_sustained=None
    )  # fmt: skip
    yield launch("load_s", "s", "lower", "load.open_to_ready", _said_after_load)
    for percent in MIN_GAPS:
        yield Metric(
            name=f"itl_p{percent}_s", unit="s", better="lower", definition="itl.per_token", level="launch",
            derive=partial(_itl_s, percent), is_for=_GENERATION, is_sustained=False,
        )  # fmt: skip
    yield launch("peak_rss_bytes", "B", "lower", "mem.rss", _highest_reading)
    yield launch("peak_anon_bytes", "B", "lower", "mem.rss_anon", _highest_reading)
    yield launch("peak_file_bytes", "B", "lower", "mem.rss_file", _highest_reading)
    yield launch("peak_footprint_bytes", "B", "lower", "mem.footprint", _highest_reading)
    yield launch("weights_bytes", "B", "lower", "mem.engine_weights", _said_after_load)
    yield launch("kv_bytes", "B", "lower", "mem.engine_kv", _said_after_load)
    yield launch("compute_bytes", "B", "lower", "mem.engine_compute", _said_after_load)
    yield launch("cpu_user_s", "s", "lower", "cpu.user", _highest_reading)
    yield launch("cpu_system_s", "s", "lower", "cpu.system", _highest_reading)
    yield launch("n_minor_faults", "count", "lower", "faults.minor", _highest_reading)
    yield launch("n_major_faults", "count", "lower", "faults.major", _highest_reading)
    yield launch("n_voluntary_switches", "count", "lower", "switches.voluntary", _highest_reading)
    yield launch("n_involuntary_switches", "count", "lower", "switches.involuntary", _highest_reading)
    yield from _sustained_table()


def _sustained_table() -> Iterator[Metric]:
    table: tuple[tuple[str, str, Better, str, Callable[[LaunchEvidence], float | None]], ...] = (
        ("burst_tok_per_s", "tok/s", "higher", "decode.first_repetition", _burst),
        ("sustained_tok_per_s", "tok/s", "higher", "decode.last_fifth_2min", _sustained),
        ("plateau_tok_per_s", "tok/s", "higher", "decode.plateau", _plateau),
        ("retained_frac", "1", "higher", "sustained.over_burst", _retained),
        ("t50_s", "s", "higher", "sustained.half_loss", _t50_s),
        ("nonnominal_frac", "1", "lower", "thermal.not_nominal", _nonnominal),
    )
    for name, unit, better, definition, derive in table:
        yield Metric(
            name=name, unit=unit, better=better, definition=definition, level="launch", derive=derive,
            is_for=_GENERATION, is_sustained=True,
        )  # fmt: skip


METRICS: tuple[Metric, ...] = tuple(_table())
SAMPLE_METRICS: tuple[Metric, ...] = tuple(m for m in METRICS if m.level == "sample")
LAUNCH_METRICS: tuple[Metric, ...] = tuple(m for m in METRICS if m.level == "launch")
BY_NAME: Mapping[str, Metric] = {m.name: m for m in METRICS}
