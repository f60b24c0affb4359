"""From the raw traces of a cell's launches to the gaps between tokens, or why there are none to show. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from collector.compare import Estimate
from collector.metrics.of_launch import MIN_GAPS
from collector.queries import FLAG_MEANING, CellResult, Flag, TraceRow
from dashboard.charts.ecdf import Mark, ProcessGaps

_UNFIT = (Flag.CHUNKED, Flag.GAPS_INEXACT)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchGaps:
    """
    The measured generations of one launch, warm-ups left out.

    Args:
        gaps_s: in the order of time; empty where ``why_none`` says why.
        stall_s: a gap above it is a stall: the lowest of its generations' limits; None where it cannot be told.
    """

    launch: str
    gaps_s: tuple[float, ...]
    n_stalls: int
    stall_s: float | None
    why_none: str


def of_launch(launch: str, traces: Sequence[TraceRow]) -> LaunchGaps:
    """Its measured generations, one after another."""
    measured = [trace for trace in traces if not trace.is_warmup]
    gaps = tuple(gap for trace in measured for gap in trace.gaps_s)
    limits = [trace.stall_s for trace in measured if trace.stall_s is not None]
    n_stalls = sum(
        gap > trace.stall_s for trace in measured if trace.stall_s is not None for gap in trace.gaps_s
    )  # fmt: skip
    why = next((trace.why_no_gaps for trace in measured if trace.why_no_gaps), "nothing was measured in it")
    return LaunchGaps(
        launch=launch, gaps_s=gaps, n_stalls=n_stalls, stall_s=min(limits, default=None), why_none="" if gaps else why
    )


def unfit_because(cell: CellResult, found: Sequence[LaunchGaps]) -> str:
    """Why no distribution of single gaps can be told of a cell; '' where it can."""
    flagged = [flag for flag in _UNFIT if flag in cell.flags]
    if flagged:
        return f"{flagged[0]}: {FLAG_MEANING[flagged[0]]}"
    if not any(one.gaps_s for one in found):
        return next((one.why_none for one in found), "none of its launches has token times")
    if not all(gap > 0 for one in found for gap in one.gaps_s):
        return "some tokens came at the same instant, so their gaps are not those of single tokens"
    return ""


def processes(found: Sequence[LaunchGaps]) -> list[ProcessGaps]:
    """What the curves are drawn from."""
    return [ProcessGaps(launch=one.launch, gaps_s=one.gaps_s) for one in found if one.gaps_s]


def marks(cell: CellResult) -> list[Mark]:
    """The percentiles over launches; only those that each launch had enough gaps for."""
    estimates: Mapping[int, Estimate | None] = {p: cell.estimate(f"itl_p{p}_s") for p in MIN_GAPS}
    return [Mark(percent=percent, estimate=one) for percent, one in estimates.items() if one is not None]


def untold(cell: CellResult, found: Sequence[LaunchGaps]) -> str:
    """'p95 and p99 are not told: they need 60 and 300 gaps a launch, here are 31'; '' where all are told."""
    missing = [p for p in MIN_GAPS if not cell.values.get(f"itl_p{p}_s")]
    most = max((len(one.gaps_s) for one in found), default=0)
    if not missing or not most:
        return ""
    names, needed = _and([f"p{p}" for p in missing]), _and([str(MIN_GAPS[p]) for p in missing])
    verb, they = ("is", "it needs") if len(missing) == 1 else ("are", "they need")
    return f"{names} {verb} not told: {they} {needed} gaps a launch, here are {most:,}"


def _and(words: Sequence[str]) -> str:
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]
