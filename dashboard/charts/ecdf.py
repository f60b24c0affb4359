"""The time between tokens: what share of the gaps is shorter, a faint line a process and a strong one for all."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from collector import numbers
from collector.compare import Estimate
from dashboard.charts.base import MOST_POINTS, figure, finite, how, reach, safe
from dashboard.charts.ticks import round_ticks, tick_text
from dashboard.theme import TICK_PX, Palette

HEIGHT_PX = 400
_TAIL = 100
"""So many of the shortest and of the longest gaps are always drawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessGaps:
    """The gaps of one launch, in any order; seconds, at least one, each above 0."""

    launch: str
    gaps_s: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A percentile: its value over launches, each of which had enough gaps for it."""

    percent: int
    estimate: Estimate


def ecdf(
    processes: Sequence[ProcessGaps], colours: Palette, *, colour: str, symbol: str, marks: Sequence[Mark] = ()
) -> go.Figure:
    """
    The figure.

    Args:
        processes: at least one.
        colour: of the device; ``symbol``: of the engine.
        marks: percentiles that may be told; hollow without an interval.
    """
    pooled = sorted(gap for one in processes for gap in one.gaps_s)
    found = figure(colours, height=HEIGHT_PX, x_title="faster ← gap between tokens (ms, log scale)")
    found.update_layout(margin={"l": 8, "r": 16, "t": 8, "b": 56})
    most = MOST_POINTS // (2 * len(processes))
    for one in sorted(processes, key=lambda p: p.launch):
        _line(
            found, sorted(one.gaps_s), most, {"color": colour, "width": 1}, f"<b>launch {safe(one.launch)}</b>",
            opacity=0.35, launch=one.launch,
        )  # fmt: skip
    name = f"<b>all {len(processes)} launches</b>" if len(processes) > 1 else "<b>the launch</b>"
    _line(found, pooled, MOST_POINTS // 2, {"color": colour, "width": 2.6}, name)
    for mark in sorted(marks, key=lambda m: m.percent):
        _mark(found, mark, colours, symbol)
    _axes(found, pooled, marks)
    return found


def ranks(n: int, most: int) -> list[int]:
    """Places of at most so many of n sorted values: the ends whole, as they are rare, and even steps between them."""
    if n <= most:
        return list(range(n))
    tail = min(_TAIL, most // 4)
    inner = np.linspace(tail, n - 1 - tail, most - 2 * tail).round().astype(int)
    return sorted({*range(tail), *inner.tolist(), *range(n - tail, n)})


def _line(
    found: go.Figure, ordered: Sequence[float], most: int, line: dict[str, object], name: str, *,
    opacity: float = 1.0, launch: str = "",
) -> None:  # fmt: skip
    places = ranks(len(ordered), most)
    found.add_scatter(
        x=finite([1e3 * ordered[i] for i in places]), y=finite([100 * (i + 1) / len(ordered) for i in places]),
        mode="lines", line={**line, "shape": "hv"}, opacity=opacity, customdata=[[launch]] * len(places),
        hovertemplate=(
            f"{name}<br>%{{y:.3g}} % of {len(ordered):,} gaps take at most %{{x:.4g}} ms<extra></extra>"
        ),
    )  # fmt: skip


def _mark(found: go.Figure, mark: Mark, colours: Palette, symbol: str) -> None:
    """A percentile of the launches, with its interval; beside the curve, on the side that is empty there."""
    one, is_hollow = mark.estimate, mark.estimate.low is None
    up, down = reach([one])
    told = numbers.with_interval(one.value, one.low, one.high, one.n, 1e-3)
    found.add_scatter(
        x=finite([1e3 * one.value]), y=finite([float(mark.percent)]), mode="markers",
        marker={
            "symbol": f"{symbol}{'-open' if is_hollow else ''}", "size": 10, "color": colours.text,
            "line": {"width": 2, "color": colours.text if is_hollow else colours.background},
        },
        error_x={
            "type": "data", "symmetric": False, "array": 1e3 * up, "arrayminus": 1e3 * down, "thickness": 2,
            "width": 0, "color": colours.text,
        },
        hovertemplate=f"<b>p{mark.percent}</b> {safe(told)} ms<br>{safe(how(one))}<extra></extra>",
    )  # fmt: skip
    is_top = mark.percent >= 99
    found.add_annotation(
        x=math.log10(1e3 * one.value), y=mark.percent, showarrow=False,
        xanchor="right" if is_top else "left", yanchor="bottom" if is_top else "top", xshift=-4 if is_top else 10,
        yshift=4 if is_top else -2, text=f"p{mark.percent} {numbers.plain(1e3 * one.value)} ms",
        font={"size": TICK_PX, "color": colours.text}, bgcolor=colours.background, opacity=0.9, borderpad=1,
    )  # fmt: skip


def _axes(found: go.Figure, pooled: Sequence[float], marks: Sequence[Mark]) -> None:
    """All gaps lie inside, and a word beside the last mark has room."""
    ends = [pooled[0], pooled[-1], *(v for m in marks for v in (m.estimate.low, m.estimate.high) if v is not None)]
    low, high = 1e3 * min(ends), 1e3 * max(ends)
    room = max((high / low) ** 0.08, 1.01)
    low, high = low / room, high * room**1.5
    ticks = round_ticks(low, high)
    found.update_xaxes(
        type="log", range=[math.log10(low), math.log10(high)], tickvals=ticks, ticktext=tick_text(ticks)
    )  # fmt: skip
    found.update_yaxes(
        range=[0, 108], tickvals=[0, 25, 50, 75, 90, 100], title_text="share of gaps that are shorter (%)"
    )
