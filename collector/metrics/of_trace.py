"""
What one trace tells: gaps, and the value of each sample metric.

The functions of the table take ``(trace, workload, n_threads)`` and give None where the trace does not say.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from collector.sustained import Repetition
from runners.contract import Granularity, Trace, Workload

STALL_FACTOR = 4
"""A gap is a stall when it is longer than this many median gaps."""


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


def is_chunked(trace: Trace) -> bool:
    """Whether a delivery carries several tokens, so that no gap belongs to one token."""
    return trace.granularity is Granularity.CHUNK or (trace.n_tokens is not None and max(trace.n_tokens) > 1)


def gaps_s(trace: Trace) -> tuple[float, ...]:
    """
    Seconds between tokens, shape (n_tokens - 1,).

    Empty where no gap belongs to a single token, and where an engine that works ahead shifts the times in between.
    """
    if trace.granularity is not Granularity.TOKEN or is_chunked(trace) or not trace.are_gaps_exact:
        return ()
    times = _deliveries(trace).dt_ns
    return tuple((b - a) / 1e9 for a, b in pairwise(times))


def _first_ns(trace: Trace) -> int | None:
    times = _deliveries(trace).dt_ns
    return times[0] if times and trace.granularity is not Granularity.TOTAL else None


def _rate(n_tokens: int, duration_ns: int | None) -> float | None:
    return n_tokens * 1e9 / duration_ns if duration_ns and n_tokens > 0 else None


def ttft_s(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    """t1 - t0: from the request, token ids ready, to the first token."""
    first_ns = _first_ns(trace)
    return None if first_ns is None else first_ns / 1e9


def decode_tok_per_s(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    """(N - tokens of the first delivery) / (tN - t1); with one token a delivery that is (N - 1)/(tN - t1)."""
    got = _deliveries(trace)
    if trace.granularity is Granularity.TOTAL or len(got.dt_ns) < 2:
        return None
    return _rate(got.total - got.n_tokens[0], got.dt_ns[-1] - got.dt_ns[0])


def prefill_tok_per_s(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    """P / (t1 - t0): low by about one decode step."""
    return _rate(trace.n_prompt_tokens, _first_ns(trace))


def e2e_s(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    """From the request to the last token: tN - t0."""
    times = _deliveries(trace).dt_ns
    return times[-1] / 1e9 if times else None


def e2e_tok_per_s(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    """N / (tN - t0)."""
    got = _deliveries(trace)
    return _rate(got.total, got.dt_ns[-1]) if got.dt_ns else None


def stall_count(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    """Gaps longer than ``STALL_FACTOR`` times the median gap."""
    gaps = gaps_s(trace)
    if len(gaps) < 2:
        return None
    limit_s = STALL_FACTOR * median(gaps)
    return sum(gap > limit_s for gap in gaps)


def kernel_prefill(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    """P over the time of the batch, without sampling: llama-bench's pp."""
    return _rate(workload.n_prompt_tokens, trace.dt_ns[-1])


def kernel_decode(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    """N over the time of N decode calls, without sampling: llama-bench's tg."""
    return _rate(_deliveries(trace).total if workload.n_generated_tokens else 0, trace.dt_ns[-1])


def cpu_share(trace: Trace, workload: Workload, n_threads: int | None) -> float | None:
    """Processor time over wall time and threads: near 1 when nothing disturbed."""
    wall_ns = trace.dt_ns[-1]
    if trace.cpu_time_ns is None or not n_threads or not wall_ns:
        return None
    return trace.cpu_time_ns / (wall_ns * n_threads)


def repetitions(traces: Sequence[Trace]) -> tuple[Repetition, ...]:
    """The measured generations of a launch in the order of time; empty when one of them has no decode rate."""
    found, ordered = [], sorted(traces, key=lambda trace: trace.t0_ns)
    for trace in ordered:
        got = _deliveries(trace)
        if trace.granularity is Granularity.TOTAL or not got.dt_ns or got.dt_ns[-1] == got.dt_ns[0]:
            return ()
        at_ns = trace.t0_ns - ordered[0].t0_ns
        one = Repetition(
            middle_s=(at_ns + (got.dt_ns[0] + got.dt_ns[-1]) / 2) / 1e9,
            end_s=(at_ns + got.dt_ns[-1]) / 1e9,
            n_tokens=got.total - got.n_tokens[0],
            decode_s=(got.dt_ns[-1] - got.dt_ns[0]) / 1e9,
        )
        found.append(one)
    return tuple(found)
