"""
Every metric once: name, unit, better, definition id, version, level, and how it is derived.

A *sample* metric comes from one :class:`Trace`, a *launch* metric from all measured traces, the readings and what the
engine said after loading. Names are column names with the SI unit in them; the schema's columns are generated from
this table. Changing a formula means a new version, never an edit. Unknown is None, never 0. Pure functions only.

A launch that repeats its shape for a while (``duration_s``) gets hot on purpose. It has speeds of its own
(:mod:`collector.sustained`) and none of those of an ordinary launch, so that the two never share a column; what does
not depend on heat, such as memory, both have.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from collector.metrics import of_launch, of_trace
from collector.metrics.of_launch import MIN_GAPS, LaunchEvidence, TimedReading
from collector.metrics.of_trace import gaps_s, is_chunked, repetitions
from runners.contract import Trace, Workload, WorkloadKind

__all__ = [
    "BY_NAME", "LAUNCH_METRICS", "METRICS", "SAMPLE_METRICS", "LaunchEvidence", "Metric", "TimedReading",
    "definition_in_effect", "derive", "derive_launch", "gaps_s", "is_chunked", "repetitions",
]  # fmt: skip

Level = Literal["sample", "launch"]
Better = Literal["higher", "lower"]
_BOTH = frozenset(WorkloadKind)
_GENERATION = frozenset({WorkloadKind.GENERATION})
_KERNEL = frozenset({WorkloadKind.KERNEL})


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


def definition_in_effect(metric: Metric, *, is_chunked: bool) -> str:
    """The definition id that a value really has; a chunked stream changes two of them."""
    if is_chunked and metric.definition == "decode.gap_mean":
        return "decode.gap_chunk1"
    return metric.definition


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

    yield sample("ttft_s", "s", "lower", "ttft.tokens_ready", of_trace.ttft_s)
    yield sample("decode_tok_per_s", "tok/s", "higher", "decode.gap_mean", of_trace.decode_tok_per_s)
    yield sample("prefill_tok_per_s", "tok/s", "higher", "prefill.p_over_ttft", of_trace.prefill_tok_per_s)
    yield sample("e2e_s", "s", "lower", "e2e.to_last_token", of_trace.e2e_s)
    yield sample("e2e_tok_per_s", "tok/s", "higher", "rate.e2e_out", of_trace.e2e_tok_per_s)
    yield sample("stall_count", "count", "lower", "stall.over_4_median_gaps", of_trace.stall_count)
    yield sample(
        "kernel_prefill_tok_per_s", "tok/s", "higher", "prefill.batch_nosample", of_trace.kernel_prefill, kinds=_KERNEL
    )
    yield sample(
        "kernel_decode_tok_per_s", "tok/s", "higher", "decode.calls_nosample", of_trace.kernel_decode, kinds=_KERNEL
    )
    yield sample(
        "cpu_share", "1", None, "cpu.time_over_wall_threads", of_trace.cpu_share, kinds=_BOTH, is_sustained=None
    )  # fmt: skip
    yield launch("load_s", "s", "lower", "load.open_to_ready", of_launch.said_after_load)
    for percent in MIN_GAPS:
        yield Metric(
            name=f"itl_p{percent}_s", unit="s", better="lower", definition="itl.per_token", level="launch",
            derive=partial(of_launch.itl_s, percent), is_for=_GENERATION, is_sustained=False,
        )  # fmt: skip
    yield launch("peak_rss_bytes", "B", "lower", "mem.rss", of_launch.highest_reading)
    yield launch("peak_anon_bytes", "B", "lower", "mem.rss_anon", of_launch.highest_reading)
    yield launch("peak_file_bytes", "B", "lower", "mem.rss_file", of_launch.highest_reading)
    yield launch("peak_footprint_bytes", "B", "lower", "mem.footprint", of_launch.highest_reading)
    yield launch("weights_bytes", "B", "lower", "mem.engine_weights", of_launch.said_after_load)
    yield launch("kv_bytes", "B", "lower", "mem.engine_kv", of_launch.said_after_load)
    yield launch("compute_bytes", "B", "lower", "mem.engine_compute", of_launch.said_after_load)
    yield launch("cpu_user_s", "s", "lower", "cpu.user", of_launch.highest_reading)
    yield launch("cpu_system_s", "s", "lower", "cpu.system", of_launch.highest_reading)
    yield launch("n_minor_faults", "count", "lower", "faults.minor", of_launch.highest_reading)
    yield launch("n_major_faults", "count", "lower", "faults.major", of_launch.highest_reading)
    yield launch("n_voluntary_switches", "count", "lower", "switches.voluntary", of_launch.highest_reading)
    yield launch("n_involuntary_switches", "count", "lower", "switches.involuntary", of_launch.highest_reading)
    yield from _sustained_table()


def _sustained_table() -> Iterator[Metric]:
    table: tuple[tuple[str, str, Better, str, Callable[[LaunchEvidence], float | None]], ...] = (
        ("burst_tok_per_s", "tok/s", "higher", "decode.first_repetition", of_launch.burst_tok_per_s),
        ("sustained_tok_per_s", "tok/s", "higher", "decode.last_fifth_2min", of_launch.sustained_tok_per_s),
        ("plateau_tok_per_s", "tok/s", "higher", "decode.plateau", of_launch.plateau_tok_per_s),
        ("retained_frac", "1", "higher", "sustained.over_burst", of_launch.retained_frac),
        ("t50_s", "s", "higher", "sustained.half_loss", of_launch.t50_s),
        ("nonnominal_frac", "1", "lower", "thermal.not_nominal", of_launch.nonnominal_frac),
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
