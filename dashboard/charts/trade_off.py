"""Speed against memory: a cross of intervals an arm, and for each device the steps of what no other arm beats."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from collector import numbers
from collector.compare import Estimate
from dashboard.charts.base import figure, finite, how, reach, safe
from dashboard.charts.labels import shifts
from dashboard.theme import TICK_PX, Palette

HEIGHT_PX = 470
_MARGINS_PX = 64  # above and below the plot
_NAME_PX = 8  # from a marker to its name, which stands a little above the steps


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """
    One arm on one device.

    Args:
        device, colour: who the steps are drawn for.
        memory: in bytes; ``is_predicted``: it was not measured and is drawn hollow, outside the steps.
        rate: in the unit of the axis.
        note: date, run and doubt, for the box that opens on it.
    """

    label: str
    device: str
    colour: str
    symbol: str
    memory: Estimate
    rate: Estimate
    is_predicted: bool
    note: str
    launch: str


def frontier(rows: Sequence[TradeRow]) -> list[TradeRow]:
    """
    Rows that no other beats in both, by point estimates: from the smallest to the fastest.

    Of rows that are equal in both the first stays.
    """
    found: list[TradeRow] = []
    for row in sorted(rows, key=lambda r: (r.memory.value, -r.rate.value)):
        if not found or row.rate.value > found[-1].rate.value:
            found.append(row)
    return found


def trade_off(rows: Sequence[TradeRow], colours: Palette, *, memory_title: str, rate_title: str) -> go.Figure:
    """
    The scatter; rows holds at least one.

    Args:
        memory_title, rate_title: of the axes, unit included.
    """
    ordered = sorted(rows, key=lambda r: (r.device, r.label, r.launch))
    found = figure(colours, height=HEIGHT_PX, x_title=f"smaller ← {memory_title} (GiB)", y_title=rate_title)
    found.update_layout(margin={"l": 8, "r": 12, "t": 8, "b": 56})
    left, right = _range([row.memory for row in ordered], numbers.GIB)
    _, top = _range([row.rate for row in ordered], 1.0)
    by_device: dict[str, list[TradeRow]] = {}
    for row in ordered:
        by_device.setdefault(row.device, []).append(row)
    for device, group in by_device.items():
        _steps(found, [row for row in group if not row.is_predicted], right)
        _points(found, device, group)
    _names(found, ordered, colours, (left + right) / 2, top)
    found.update_xaxes(range=[left, right])
    found.update_yaxes(range=[0, top])
    found.update_layout(
        showlegend=True,
        legend={
            "orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)",
            "font": {"size": TICK_PX, "color": colours.text}, "itemclick": False, "itemdoubleclick": False,
        },
    )  # fmt: skip
    return found


def _range(estimates: Sequence[Estimate], scale: float) -> tuple[float, float]:
    """Room around all intervals; never below zero."""
    ends = [v / scale for one in estimates for v in (one.low, one.value, one.high) if v is not None]
    room = max(0.18 * (max(ends) - min(ends)), 0.12 * max(ends))
    return max(0.0, min(ends) - room), max(ends) + room


def _steps(found: go.Figure, rows: Sequence[TradeRow], right: float) -> None:
    """The speed that so much memory buys on a device; nothing for a single arm."""
    best = frontier(rows)
    if len(rows) < 2:
        return
    x = [row.memory.value / numbers.GIB for row in best]
    y = [row.rate.value for row in best]
    found.add_scatter(
        x=finite([*x, right]), y=finite([*y, y[-1]]), mode="lines", hoverinfo="skip", showlegend=False,
        line={"color": best[0].colour, "width": 1.4, "dash": "dot", "shape": "hv"},
    )  # fmt: skip


def _points(found: go.Figure, device: str, rows: Sequence[TradeRow]) -> None:
    memory_up, memory_down = reach([row.memory for row in rows])
    rate_up, rate_down = reach([row.rate for row in rows])
    bars = {"type": "data", "symmetric": False, "thickness": 1.6, "width": 0, "color": rows[0].colour}
    found.add_scatter(
        x=finite([row.memory.value / numbers.GIB for row in rows]), y=finite([row.rate.value for row in rows]),
        error_x={**bars, "array": memory_up / numbers.GIB, "arrayminus": memory_down / numbers.GIB},
        error_y={**bars, "array": rate_up, "arrayminus": rate_down}, mode="markers", name=safe(device),
        marker={
            "symbol": [f"{row.symbol}{'-open' if _is_hollow(row) else ''}" for row in rows], "size": 10,
            "color": rows[0].colour, "line": {"width": 1.8, "color": rows[0].colour},
        },
        customdata=[[row.launch] for row in rows], hovertext=[_hover(row) for row in rows],
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip


def _is_hollow(row: TradeRow) -> bool:
    return row.is_predicted or row.rate.low is None


def _hover(row: TradeRow) -> str:
    memory, rate = row.memory, row.rate
    shown = numbers.with_interval(memory.value, memory.low, memory.high, memory.n, numbers.GIB)
    gib = f"{numbers.gib(memory.value, 2)} GiB predicted" if row.is_predicted else f"{shown} GiB, {how(memory)}"
    return "<br>".join(
        [
            f"<b>{safe(row.label)}</b> {safe(row.device)}",
            f"{numbers.with_interval(rate.value, rate.low, rate.high, rate.n)} tok/s, {safe(how(rate))}",
            safe(gib),
            safe(row.note),
        ]
    )


def _names(found: go.Figure, rows: Sequence[TradeRow], colours: Palette, middle: float, top: float) -> None:
    """Each arm's name beside its point, on the side where there is room, none over another."""
    for is_left in (True, False):
        side = [row for row in rows if (row.memory.value / numbers.GIB <= middle) is is_left]
        heights = [row.rate.value / top * (HEIGHT_PX - _MARGINS_PX) for row in side]
        for row, shift in zip(side, shifts(heights), strict=True):
            found.add_annotation(
                x=row.memory.value / numbers.GIB, y=row.rate.value, showarrow=False,
                xanchor="left" if is_left else "right", xshift=_NAME_PX if is_left else -_NAME_PX,
                yshift=round(shift + _NAME_PX, 1), text=safe(row.label) + (" predicted" if row.is_predicted else ""),
                font={"size": TICK_PX, "color": colours.text},
            )  # fmt: skip
