"""What a whole launch tells: the value of each launch metric, from ``(evidence)``; None where it does not say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector import sustained
from collector.metrics.of_trace import gaps_s, repetitions
from runners.contract import Loaded, Reading, Trace, Workload

MIN_GAPS: Mapping[int, int] = {50: 2, 95: 60, 99: 300}
"""Fewest gaps that bound a percentile from above without assuming a distribution (59 and 299 at 95 %)."""


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


def itl_s(percent: int, evidence: LaunchEvidence) -> float | None:
    """Percentile of all gaps of the launch; None where there are too few to say."""
    gaps = [gap for trace in evidence.traces for gap in gaps_s(trace)]
    return percentile(gaps, percent) if len(gaps) >= MIN_GAPS[percent] else None


def said_after_load(name: str, evidence: LaunchEvidence) -> float | None:
    """What the engine said once it was loaded."""
    value: float | None = getattr(evidence.loaded, name, None)
    return value


def highest_reading(name: str, evidence: LaunchEvidence) -> float | None:
    """Peaks and totals only grow, so the highest reading is the last word."""
    values = [v for timed in evidence.readings if (v := getattr(timed.reading, name)) is not None]
    return max(values, default=None)


def burst_tok_per_s(evidence: LaunchEvidence) -> float | None:
    """Decode rate of the first measured repetition, which follows the warm-up."""
    return sustained.burst_tok_per_s(repetitions(evidence.traces))


def sustained_tok_per_s(evidence: LaunchEvidence) -> float | None:
    """Tokens over decoding time in the last two minutes, or the last fifth of a shorter run; prompts do not count."""
    return sustained.sustained_tok_per_s(repetitions(evidence.traces))


def retained_frac(evidence: LaunchEvidence) -> float | None:
    """Sustained over burst."""
    burst, lasting = burst_tok_per_s(evidence), sustained_tok_per_s(evidence)
    return lasting / burst if burst and lasting else None


def plateau_tok_per_s(evidence: LaunchEvidence) -> float | None:
    """Decode rate where it settled; None when it did not."""
    settled = sustained.plateau(repetitions(evidence.traces))
    return settled.tok_per_s if settled else None


def t50_s(evidence: LaunchEvidence) -> float | None:
    """Seconds until half of the loss from burst to plateau was there; None without a plateau or a loss."""
    return sustained.t50_s(repetitions(evidence.traces))


def nonnominal_frac(evidence: LaunchEvidence) -> float | None:
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
