"""
Speed against memory: a cross of intervals an arm, and for each device the steps of what no other arm beats.

Arms are told apart by a letter, as device and engine have colour and symbol for themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from collector import numbers
from collector.compare import Estimate
from dashboard.charts.base import figure, finite, how, reach, safe
from dashboard.charts.labels import Label, legend, put
from dashboard.theme import Palette

HEIGHT_PX = 440
SAME_FRAC = 0.01
"""Memory that differs by less counts as the same when the steps are drawn."""

_PLOT_PX = 350  # without margins and a line of legend
_COLUMN = 0.04  # share of the width within which points stand in one column


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """
    One arm on one device.

    Args:
        letter: tells arms apart; ``label`` says what it stands for.
        device, colour: who the steps are drawn for.
        memory: in bytes; ``is_predicted``: it was not measured and is drawn hollow, outside the steps.
        rate: in the unit of the axis.
        note: date, run and doubt, for the box that opens on it.
    """

    letter: str
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
    """Rows that no other beats by point estimates, from the smallest to the fastest; ``SAME_FRAC`` heeded."""
    best = [row for row in rows if not any(_is_beaten(row, by=other) for other in rows)]
    return sorted(best, key=lambda row: (row.memory.value, row.rate.value))


def _is_beaten(row: TradeRow, *, by: TradeRow) -> bool:
    if by.rate.value > row.rate.value:
        return by.memory.value <= (1 + SAME_FRAC) * row.memory.value
    return by.rate.value == row.rate.value and by.memory.value < row.memory.value


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
    for group in by_device.values():
        _steps(found, [row for row in group if not row.is_predicted], right)
    for row in sorted(rows, key=lambda r: r.letter):
        _point(found, row, colours)
    found.update_xaxes(range=[left, right])
    found.update_yaxes(range=[0, top])
    labels = [
        Label(
            text=safe(row.letter) + (" predicted" if row.is_predicted else ""), x=row.memory.value / numbers.GIB,
            y=row.rate.value, y_px=row.rate.value / top * _PLOT_PX,
        )
        for row in ordered
    ]  # fmt: skip
    put(found, labels, colours, apart=_COLUMN * (right - left), lift_px=9)
    legend(found, colours, len(rows))
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


def _point(found: go.Figure, row: TradeRow, colours: Palette) -> None:
    memory_up, memory_down = reach([row.memory])
    rate_up, rate_down = reach([row.rate])
    bars = {"type": "data", "symmetric": False, "thickness": 1.6, "width": 0, "color": row.colour}
    is_hollow = row.is_predicted or row.rate.low is None
    found.add_scatter(
        x=finite([row.memory.value / numbers.GIB]), y=finite([row.rate.value]), mode="markers",
        error_x={**bars, "array": memory_up / numbers.GIB, "arrayminus": memory_down / numbers.GIB},
        error_y={**bars, "array": rate_up, "arrayminus": rate_down},
        marker={
            "symbol": f"{row.symbol}{'-open' * is_hollow}", "size": 12, "color": row.colour,
            "line": {"width": 1.8, "color": row.colour if is_hollow else colours.background},
        },
        name=safe(f"{row.letter}  {row.label} on {row.device}"), customdata=[[row.launch]], hovertext=[_hover(row)],
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip


def _hover(row: TradeRow) -> str:
    memory, rate = row.memory, row.rate
    shown = numbers.gib_with_interval(memory.value, memory.low, memory.high, memory.n)
    gib = f"{numbers.gib(memory.value, 2)} GiB predicted" if row.is_predicted else f"{shown} GiB, {how(memory)}"
    return "<br>".join(
        [
            f"<b>{safe(row.label)}</b> {safe(row.device)}",
            f"{numbers.with_interval(rate.value, rate.low, rate.high, rate.n)} tok/s, {safe(how(rate))}",
            safe(gib),
            safe(row.note),
        ]
    )
