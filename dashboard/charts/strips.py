"""The launches of two arms: their values as strips with an interval each, and the same values in the order of time."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from collector import numbers
from collector.compare import Estimate
from dashboard.charts.base import MOST_POINTS, figure, finite, how, reach, safe
from dashboard.theme import ROW_LABEL_PX, TICK_PX, Palette

ROW_PX, _MARGINS_PX = 126, 72
ORDER_PX = 300
_JITTER_SEED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchValue:
    """One launch: its value in the axis's unit, its id, and its place in time."""

    value: float
    launch: str
    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """
    One arm.

    Args:
        letter: A or B.
        label, sub: what it is called, and where and when it ran.
        estimate: in the axis's unit; None where it has none.
        launches: at least one.
    """

    letter: str
    label: str
    sub: str
    estimate: Estimate | None
    launches: tuple[LaunchValue, ...]
    colour: str
    symbol: str
    note: str


def strips(rows: Sequence[Strip], colours: Palette, *, axis_title: str) -> go.Figure:
    """
    One row an arm: a dot a launch, below it the estimate with its 95 % interval.

    Args:
        axis_title: unit included, and which side is better.
    """
    found = figure(colours, height=ROW_PX * len(rows) + _MARGINS_PX, x_title=axis_title)
    for place, row in enumerate(rows):
        y = float(len(rows) - 1 - place)
        _dots(found, row, y + 0.08)
        _estimate(found, row, y - 0.27, colours)
        sub = f"<span style='color:{colours.muted}'>{safe(row.sub)}</span>"
        found.add_annotation(
            xref="paper", x=0, xanchor="left", y=y + 0.42, yanchor="middle", showarrow=False, align="left",
            text=f"<b>{row.letter} {safe(row.label)}</b> {sub}", font={"size": ROW_LABEL_PX, "color": colours.text},
        )  # fmt: skip
    found.update_yaxes(range=[-0.62, len(rows) - 0.4], visible=False)
    return found


def _dots(found: go.Figure, row: Strip, y: float) -> None:
    """Moved up and down a little, the same way each time, so that equal values are told apart."""
    draw = random.Random(_JITTER_SEED)  # noqa: S311  # a jitter that is the same on every visit
    shown = row.launches[:MOST_POINTS]
    found.add_scatter(
        x=finite([one.value for one in shown]), y=finite([y + draw.uniform(-0.11, 0.11) for _ in shown]),
        mode="markers", opacity=0.6, customdata=[[one.launch] for one in shown],
        marker={"symbol": row.symbol, "size": 9, "color": row.colour},
        hovertext=[_hover(row, one) for one in shown], hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip


def _estimate(found: go.Figure, row: Strip, y: float, colours: Palette) -> None:
    """A stroke across its interval, which may be short; hollow where there is no interval."""
    one = row.estimate
    if one is None:
        return
    up, down = reach([one])
    text = numbers.with_interval(one.value, one.low, one.high, one.n)
    is_hollow = one.low is None
    found.add_scatter(
        x=finite([one.value]), y=finite([y]), mode="markers",
        error_x={
            "type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 2.2, "width": 0,
            "color": row.colour,
        },
        marker={
            "symbol": f"{row.symbol}-open" if is_hollow else "line-ns-open", "size": 12, "color": row.colour,
            "line": {"width": 2.4, "color": row.colour},
        },
        hovertext=[f"<b>{row.letter} {safe(row.label)}</b> {safe(text)}<br>{safe(how(one))}<br>{safe(row.note)}"],
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    found.add_annotation(
        x=one.value, y=y, yshift=-15, showarrow=False, text=safe(text),
        font={"size": TICK_PX + 1, "color": colours.text},
    )  # fmt: skip


def in_order(rows: Sequence[Strip], colours: Palette, *, axis_title: str, x_title: str) -> go.Figure:
    """
    Every launch at its place in time: whether the arms were mixed, and whether something drifted.

    Args:
        axis_title: unit included, and which side is better.
        x_title: of what the places count.
    """
    found = figure(colours, height=ORDER_PX, x_title=x_title, y_title=axis_title)
    found.update_layout(margin={"l": 8, "r": 12, "t": 34, "b": 52})
    for row in rows:
        ordered = sorted(row.launches, key=lambda one: (one.place, one.launch))[:MOST_POINTS]
        found.add_scatter(
            x=finite([one.place for one in ordered]), y=finite([one.value for one in ordered]), mode="lines+markers",
            name=f"{row.letter} {safe(row.label)}", line={"color": row.colour, "width": 1, "dash": "dot"},
            marker={"symbol": "circle" if row.letter == "A" else "square", "size": 9, "color": row.colour},
            customdata=[[one.launch] for one in ordered], hovertext=[_hover(row, one) for one in ordered],
            hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip
    found.update_xaxes(tickformat="d", showgrid=False)
    found.update_yaxes(title_standoff=14)
    found.update_layout(
        showlegend=True,
        legend={
            "orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)",
            "font": {"size": TICK_PX, "color": colours.text}, "itemclick": False, "itemdoubleclick": False,
        },
    )  # fmt: skip
    return found


def _hover(row: Strip, one: LaunchValue) -> str:
    return (
        f"<b>{row.letter} {safe(row.label)}</b> {numbers.plain(one.value, 4)}<br>launch {safe(one.launch)}"
        f"<br>{safe(row.note)}"
    )
