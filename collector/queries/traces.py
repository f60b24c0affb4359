"""The raw traces of one launch, generation by generation: what a timeline is drawn from. Pure."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from collector import metrics
from collector.metrics.of_trace import STALL_FACTOR
from runners.contract import Event, EventType, Trace
from runners.wire import from_wire, to_wire


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceRow:
    """
    One generation.

    Args:
        index: of the generation within its phase; ``first_s``: from the request to the first delivery.
        gaps_s: between tokens; empty where the stream does not tell them one by one.
        stall_s: a gap above it is a stall; None with fewer than two gaps.
        why_no_gaps: in words, where ``gaps_s`` is empty.
    """

    index: int
    is_warmup: bool
    n_deliveries: int
    first_s: float
    gaps_s: tuple[float, ...]
    stall_s: float | None
    why_no_gaps: str


def traces(events: Iterable[Event]) -> tuple[TraceRow, ...]:
    """The generations of a launch in the order of time, warm-ups too."""
    return tuple(
        _row(event.data["index"], event.data["is_warmup"], from_wire(Trace, event.data["trace"]))
        for event in events
        if event.type is EventType.ITERATION
    )


def event_lines(events: Iterable[Event]) -> str:
    """The events as lines of JSON, which the engine ``replay`` plays back."""
    return "".join(f"{json.dumps(to_wire(event), ensure_ascii=False)}\n" for event in events)


def engine_rates(reported: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """
    By the name of our metric: the rate that the engine's own counters give for its last generation.

    Args:
        reported: of a :class:`collector.queries.LaunchDetail`.

    Source:
        llama.cpp's ``llama_perf_context``: n_p_eval tokens in t_p_eval_ms, n_eval decode calls in t_eval_ms.
    """
    last = {one["metric"]: one["value"] for one in reported if one["iteration"] is not None}
    pairs = {"prefill_tok_per_s": ("n_p_eval", "t_p_eval_ms"), "decode_tok_per_s": ("n_eval", "t_eval_ms")}
    return {
        metric: 1e3 * last[n] / last[milliseconds]
        for metric, (n, milliseconds) in pairs.items()
        if last.get(n) and last.get(milliseconds)
    }


def _row(index: int, is_warmup: bool, trace: Trace) -> TraceRow:  # noqa: FBT001  # as the event has it
    gaps = metrics.gaps_s(trace)
    return TraceRow(
        index=index,
        is_warmup=is_warmup,
        n_deliveries=len(trace.dt_ns),
        first_s=trace.dt_ns[0] / 1e9,
        gaps_s=gaps,
        stall_s=STALL_FACTOR * median(gaps) if len(gaps) > 1 else None,
        why_no_gaps="" if gaps else _why(trace),
    )


def _why(trace: Trace) -> str:
    if len(trace.dt_ns) < 2:
        return "one delivery only: a kernel measures a batch as a whole"
    if metrics.is_chunked(trace):
        return "several tokens came at once: the time of each is unknown"
    if not trace.are_gaps_exact:
        return "the engine works ahead: only the first and the last time are exact"
    return f"timed {trace.granularity} by {trace.granularity}, not token by token"
