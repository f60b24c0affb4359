"""The launches of one run in the order in which they ran: drift at a glance, each arm in its own colour."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.base import figure, finite, safe
from dashboard.theme import TICK_PX, Palette

HEIGHT_PX = 320
MOST_ARMS = 6
FAILED_SYMBOL = "x-thin"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderPoint:
    """
    One launch.

    Args:
        number, block: its places in the run, the number from 1, the block from 0.
        value: in the unit of the axis; None where it failed.
        shown: what the box says of the value, unit included.
        is_doubtful: set aside, or its machine was not quiet; drawn hollow.
        note: doubt or failure, in words.
        launch: what a click leads to.
    """

    number: int
    block: int
    arm: str
    value: float | None
    shown: str
    is_doubtful: bool
    note: str
    launch: str


def order(
    points: Sequence[OrderPoint], colours: Palette, *, y_title: str, symbol: str, band_frac: float | None = None
) -> go.Figure:
    """
    The figure: at most ``MOST_ARMS`` arms, in the order of their names; failures as crosses at the foot.

    Args:
        points: in any order, at least one.
        y_title: unit and direction.
        symbol: of the engine.
        band_frac: draws the band of equivalence around 0 %, where the axis is a difference in percent.
    """
    found = figure(colours, height=HEIGHT_PX, x_title="launch, in the order in which they ran", y_title=y_title)
    arms = sorted({p.arm for p in points})[:MOST_ARMS]
    shown = sorted((p for p in points if p.arm in arms), key=lambda p: p.number)
    if band_frac is not None:
        half = 100 * band_frac
        found.add_hrect(y0=-half, y1=half, fillcolor=colours.band, line_width=0, layer="below")
        found.add_hline(y=0, line={"color": colours.axis, "width": 1}, layer="below")
    low, high = _span([p.value for p in shown if p.value is not None], band_frac)
    for place, arm in enumerate(arms):
        colour = colours.devices[place % len(colours.devices)]
        of_arm = [p for p in shown if p.arm == arm]
        _draw(found, of_arm, colours, colour=colour, symbol=symbol)
        _failed(found, [p for p in of_arm if p.value is None], y=low, colour=colour)
    _blocks(found, shown, colours)
    found.update_yaxes(range=[low, high])
    found.update_xaxes(range=[shown[0].number - 0.8, shown[-1].number + 0.8], showgrid=False, tickformat="d", nticks=10)
    found.update_layout(
        showlegend=len(arms) > 1, margin={"l": 8, "r": 8, "t": 8 if len(arms) < 2 else 36, "b": 56},
        legend={"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "font": {"size": TICK_PX + 1}},
    )  # fmt: skip
    return found


def _draw(found: go.Figure, of_arm: Sequence[OrderPoint], colours: Palette, *, colour: str, symbol: str) -> None:
    """A faint line through the launches of an arm, and a marker each: hollow where its machine was in doubt."""
    measured = [(p, p.value) for p in of_arm if p.value is not None]
    if not measured:
        return
    found.add_scatter(
        x=finite([p.number for p, _ in measured]), y=finite([value for _, value in measured]), mode="lines+markers",
        name=safe(of_arm[0].arm), customdata=[[p.launch] for p, _ in measured], line={"color": colour, "width": 1},
        marker={
            "size": 9, "color": [colours.background if p.is_doubtful else colour for p, _ in measured],
            "symbol": symbol, "line": {"width": 1.8, "color": colour},
        },
        text=[_hover(p) for p, _ in measured], hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def _failed(found: go.Figure, some: Sequence[OrderPoint], *, y: float, colour: str) -> None:
    if not some:
        return
    found.add_scatter(
        x=finite([p.number for p in some]), y=finite([y] * len(some)), mode="markers", showlegend=False,
        customdata=[[p.launch] for p in some], cliponaxis=False,
        marker={"symbol": FAILED_SYMBOL, "size": 10, "color": colour, "line": {"width": 2.4, "color": colour}},
        text=[_hover(p) for p in some], hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def _hover(p: OrderPoint) -> str:
    return f"<b>{safe(p.arm)}</b><br>{safe(p.shown)}<br>launch {safe(p.launch)}, block {p.block + 1}<br>{safe(p.note)}"


def _blocks(found: go.Figure, shown: Sequence[OrderPoint], colours: Palette) -> None:
    """A hairline between blocks, while they are few enough to be told apart."""
    begins = sorted({min(p.number for p in shown if p.block == block) for block in {p.block for p in shown}})[1:]
    if len(begins) > 60:
        return
    for begin in begins:
        found.add_shape(
            type="line", xref="x", yref="paper", x0=begin - 0.5, x1=begin - 0.5, y0=0, y1=1, layer="below",
            line={"width": 1, "color": colours.grid},
        )  # fmt: skip


def _span(values: Sequence[float], band_frac: float | None) -> tuple[float, float]:
    ends = [*values, *((-200 * band_frac, 200 * band_frac) if band_frac is not None else ())] or [0.0, 1.0]
    low, high = min(ends), max(ends)
    room = max(0.12 * (high - low), 0.01 * abs(high), 1e-12)
    return low - room, high + room


def legend_words(points: Sequence[OrderPoint]) -> str:
    """What was drawn, for those who do not see it: per arm its launches, and how many of them failed."""
    words = []
    for arm in sorted({p.arm for p in points})[:MOST_ARMS]:
        of_arm = [p for p in points if p.arm == arm]
        n_failed = sum(p.value is None for p in of_arm)
        words.append(f"{arm}: {len(of_arm)} launches{f', {n_failed} without a value' if n_failed else ''}")
    return "; ".join(words)
