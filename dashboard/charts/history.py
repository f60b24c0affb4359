"""One cell over all its runs: value and interval at the date of each, changes of version, and levels between steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import plotly.graph_objects as go

from collector import numbers
from collector.compare import Estimate
from collector.compare.steps import Level, steps
from dashboard.charts.base import figure, finite, how, reach, safe
from dashboard.theme import TICK_PX, Palette

HEIGHT_PX, HEAD_PX = 380, 44


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint:
    """
    One run.

    Args:
        at: when it began.
        estimate: in the unit of the axis.
        version: of engine; None where it is unknown.
        note: doubt, date and run, for the box that opens on the point.
        launch: what a click leads to.
    """

    at: datetime
    estimate: Estimate
    version: str | None
    note: str
    launch: str


def history(
    points: Sequence[HistoryPoint],
    levels: Sequence[Level],
    colours: Palette,
    *,
    name: str,
    y_title: str,
    colour: str,
    symbol: str,
    is_lower_better: bool,
) -> go.Figure:
    """
    The figure.

    Args:
        points: in the order of time, at least one.
        levels: of :func:`collector.compare.steps.levels` over the same points.
        name, y_title: what is drawn; the title says which direction is better.
        colour, symbol: of the device and the engine.
    """
    found = figure(colours, height=HEIGHT_PX, x_title="start of the run (UTC)", y_title=y_title)
    found.update_layout(margin={"l": 8, "r": 16, "t": HEAD_PX, "b": 56})
    _levels(found, points, levels, colours, is_lower_better=is_lower_better)
    _versions(found, points, colours)
    for is_hollow in (False, True):
        some = [p for p in points if (p.estimate.low is None) is is_hollow]
        if some:
            _draw(found, some, colours, name=name, colour=colour, symbol=symbol, is_hollow=is_hollow)
    low, high = _span(points)
    found.update_yaxes(range=[low, high])
    found.update_xaxes(type="date", range=_days(points), nticks=6)
    return found


def _draw(
    found: go.Figure, some: Sequence[HistoryPoint], colours: Palette, *, name: str, colour: str, symbol: str,
    is_hollow: bool,
) -> None:  # fmt: skip
    up, down = reach([p.estimate for p in some])
    texts = [
        f"{numbers.with_interval(p.estimate.value, p.estimate.low, p.estimate.high, p.estimate.n)}"
        f"<br>{safe(how(p.estimate))}<br>version {safe(p.version or 'unknown')}<br>{safe(p.note)}"
        for p in some
    ]
    found.add_scatter(
        x=[p.at.isoformat() for p in some], y=finite([p.estimate.value for p in some]), mode="markers",
        customdata=[[p.launch] for p in some], text=texts,
        error_y=None if is_hollow else {
            "type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.6, "width": 0,
            "color": colour,
        },
        marker={
            "symbol": f"{symbol}{'-open' if is_hollow else ''}", "size": 11, "color": colour,
            "line": {"width": 2.0, "color": colour if is_hollow else colours.background},
        },
        hovertemplate=f"<b>{safe(name)}</b><br>%{{text}}<extra></extra>",
    )  # fmt: skip


def _versions(found: go.Figure, points: Sequence[HistoryPoint], colours: Palette) -> None:
    """A line where another version than in the run before was used, halfway between the two."""
    style = {"width": 1, "dash": "dot", "color": colours.axis}
    known = [p for p in points if p.version]
    changes = [(_middle(a.at, b.at), b.version) for a, b in pairwise(known) if a.version != b.version]
    for place, (at, version) in enumerate(changes):
        found.add_shape(type="line", xref="x", yref="paper", x0=at, x1=at, y0=0, y1=1, layer="below", line=style)
        found.add_annotation(
            x=at, y=1, xref="x", yref="paper", xanchor="center", yanchor="bottom", showarrow=False,
            yshift=16 * (place % 2), text=safe(version), font={"size": TICK_PX, "color": colours.muted},
        )  # fmt: skip


def _levels(
    found: go.Figure,
    points: Sequence[HistoryPoint],
    levels: Sequence[Level],
    colours: Palette,
    *,
    is_lower_better: bool,
) -> None:
    """The level between two steps as a line, and each step in words; nothing where the level never changed."""
    if len(levels) < 2:
        return
    for level in levels:
        begin, end = points[level.first].at, points[level.last].at
        found.add_scatter(
            x=[begin.isoformat(), end.isoformat()], y=finite([level.value] * 2), mode="lines", hoverinfo="skip",
            line={"color": colours.muted, "width": 1.6, "dash": "dash"},
        )  # fmt: skip
    for step in steps(levels):
        is_better, is_up = (step.ratio < 1) is is_lower_better, step.ratio > 1
        found.add_annotation(
            x=points[step.place].at.isoformat(), y=_free_side(points[step.place : step.place + 4], is_up=is_up),
            showarrow=False, xanchor="left", yanchor="top" if is_up else "bottom", yshift=-4 if is_up else 4,
            text=f"{'▲' if is_better else '▼'} {percent_text(step.ratio)}",
            font={"size": TICK_PX + 1, "color": colours.faster if is_better else colours.slower},
        )  # fmt: skip


def _free_side(points: Sequence[HistoryPoint], *, is_up: bool) -> float:
    """The end of the intervals on the side from which the step came, where nothing else is drawn."""
    estimates = [p.estimate for p in points]
    if is_up:
        return min(e.value if e.low is None else e.low for e in estimates)
    return max(e.value if e.high is None else e.high for e in estimates)


def percent_text(ratio: float) -> str:
    """'+12.3 %', by how much the level changed."""
    return f"{100 * (ratio - 1):+.1f} %".replace("-", "−")


def _span(points: Sequence[HistoryPoint]) -> tuple[float, float]:
    """A range that holds all intervals with a little room, and is never so narrow that noise looks like a change."""
    lows = [p.estimate.value if p.estimate.low is None else p.estimate.low for p in points]
    highs = [p.estimate.value if p.estimate.high is None else p.estimate.high for p in points]
    low, high = min(lows), max(highs)
    room = max(0.12 * (high - low), 0.02 * abs(high), 1e-12)
    return low - room, high + room


def _days(points: Sequence[HistoryPoint]) -> list[str]:
    """From a little before the first run to a little after the last one."""
    first, last = min(p.at for p in points), max(p.at for p in points)
    room = (last - first) / 20 or timedelta(hours=12)
    return [(first - room).isoformat(), (last + room).isoformat()]


def _middle(a: datetime, b: datetime) -> str:
    return (a + (b - a) / 2).isoformat()
