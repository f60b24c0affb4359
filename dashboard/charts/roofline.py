"""
Under the roof: arithmetic a byte against arithmetic a second, and the share of the bandwidth by length of context.

Decode lies at the left, where memory is the limit; prefill at the right, where arithmetic is. They are two regimes and
never one series: prefill has a dot in its marker. Arms are told apart by a letter, as device and engine have colour and
symbol for themselves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from collector import numbers
from collector.compare import Estimate
from collector.physics import TOLERANCE_FRAC
from collector.queries import Regime, RooflinePoint
from dashboard.charts.base import figure, finite, how, reach, safe
from dashboard.charts.labels import Label, legend, put
from dashboard.theme import TICK_PX, Palette

HEIGHT_PX = 420
_PLOT_PX = 330  # of it, without margins and a line of legend
_COLUMN = 0.05  # share of the width within which points stand in one column
MOST_SHARE = 1.5
"""What uses more of the bandwidth than this is drawn at the edge, with its number beside it."""

_DASHES = {"measured": "solid", "vendor": "dash", "simulated": "dot"}
_WORDS = {
    Regime.DECODE: "decode: memory limits it",
    Regime.PREFILL: "prefill: arithmetic limits it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RoofRow:
    """
    One point of one arm.

    Args:
        letter: tells arms apart; ``label`` says what it stands for.
        note: workload, date, run and doubt, for the box that opens on it.
        is_implausible: said in words beside the point.
    """

    letter: str
    label: str
    colour: str
    symbol: str
    point: RooflinePoint
    note: str
    launch: str
    is_implausible: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Roof:
    """What the memory of one device delivers; ``source`` is measured, vendor or simulated."""

    device: str
    colour: str
    byte_per_s: float
    source: str


def roofline(rows: Sequence[RoofRow], roofs: Sequence[Roof], colours: Palette) -> go.Figure:
    """The log-log roofline; ``rows`` holds at least one point."""
    ordered = sorted(rows, key=lambda r: (r.letter, r.point.regime, r.point.flop_per_byte, r.launch))
    low, high = _span([row.point.flop_per_byte for row in ordered], 2.2)
    found = figure(
        colours, height=HEIGHT_PX, x_title="arithmetic a byte read (FLOP/byte, log scale)",
        y_title="achieved GFLOP/s (log scale) → faster",
    )  # fmt: skip
    for roof in sorted(roofs, key=lambda r: (r.device, r.source)):
        _draw_roof(found, roof, low, high)
    _draw_points(found, ordered, colours)
    tops = [roof.byte_per_s * row.point.flop_per_byte / 1e9 for roof in roofs for row in _of(ordered, Regime.DECODE)]
    values = [row.point.flop_per_s.value / 1e9 for row in ordered]
    bottom, top = _span([*values, *tops], 2.2)
    found.update_xaxes(type="log", range=[math.log10(low), math.log10(high)], **_ticks(low, high))
    found.update_yaxes(type="log", range=[math.log10(bottom), math.log10(top)], **_ticks(bottom, top))
    y_px = _PLOT_PX / math.log10(top / bottom)
    labels = [
        Label(text=_beside(row), x=math.log10(row.point.flop_per_byte), y=y, y_px=y * y_px)
        for row in _named(ordered)
        for y in [math.log10(row.point.flop_per_s.value / 1e9)]
    ]
    put(found, labels, colours, apart=_COLUMN * math.log10(high / low))
    for regime in Regime:
        _name_regime(found, _of(ordered, regime), regime, colours)
    legend(found, colours, len(roofs) + len({row.letter for row in ordered}))
    return found


def utilisation(rows: Sequence[RoofRow], colours: Palette) -> go.Figure:
    """Share of the bandwidth by mean length of the context; rows without a known bandwidth are passed over."""
    known = [row for row in rows if row.point.utilisation is not None]
    found = figure(
        colours, height=HEIGHT_PX - 60, x_title="mean context while decoding (tokens, log scale)",
        y_title="bandwidth used (%) → better use",
    )  # fmt: skip
    low, high = _span([row.point.context_tokens for row in known], 1.5)
    _limits(found, colours)
    by_arm: dict[str, list[RoofRow]] = {}
    for row in sorted(known, key=lambda r: (r.letter, r.point.context_tokens, r.launch)):
        by_arm.setdefault(row.letter, []).append(row)
    for arm in by_arm.values():
        _draw_arm(found, arm, colours)
    shares = [min(MOST_SHARE, _share(row).value) for row in known]
    contexts = _apart([row.point.context_tokens for row in known], (high / low) ** 0.09)
    found.update_xaxes(
        type="log", range=[math.log10(low), math.log10(high)], tickvals=contexts,
        ticktext=[f"{context:,.0f}" for context in contexts],
    )  # fmt: skip
    top = 100 * max(1.22, *(share + 0.12 for share in shares))
    found.update_yaxes(range=[0, top])
    labels = [
        Label(text=_beside(row), x=math.log10(row.point.context_tokens), y=share, y_px=share * _PLOT_PX / top)
        for row in _named(known)
        for share in [100 * min(MOST_SHARE, _share(row).value)]
    ]
    put(found, labels, colours, apart=_COLUMN * math.log10(high / low))
    legend(found, colours, len(by_arm))
    return found


def _of(rows: Sequence[RoofRow], regime: Regime) -> list[RoofRow]:
    return [row for row in rows if row.point.regime is regime]


def _named(rows: Sequence[RoofRow]) -> list[RoofRow]:
    """Points that get a letter: of each arm and regime the one furthest right, and whatever is implausible."""
    last: dict[tuple[str, Regime], RoofRow] = {}
    for row in rows:
        known = last.setdefault((row.letter, row.point.regime), row)
        if _place(row) > _place(known):
            last[row.letter, row.point.regime] = row
    return [row for row in rows if row.is_implausible or any(row is one for one in last.values())]


def _place(row: RoofRow) -> tuple[float, float, str]:
    return row.point.context_tokens, row.point.flop_per_byte, row.launch


def _share(row: RoofRow) -> Estimate:
    if row.point.utilisation is None:
        raise ValueError(f"the bandwidth of {row.label} is not known")
    return row.point.utilisation


def _span(values: Sequence[float], room: float) -> tuple[float, float]:
    return min(values) / room, max(values) * room


def _ticks(low: float, high: float) -> dict[str, list[float] | list[str]]:
    """Round numbers of a log axis: 1, 2, 5, 10; only powers of ten where there would be too many."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [step * 10.0**power for power in powers for step in (1, 2, 5) if low <= step * 10.0**power <= high]
    if len(found) > 9:
        found = [10.0**power for power in powers if low <= 10.0**power <= high]
    return {"tickvals": found, "ticktext": [f"{tick:,.12g}" for tick in found]}


def _apart(values: Sequence[float], factor: float) -> list[float]:
    """The values as ticks, without those that are less than ``factor`` above the one before."""
    found: list[float] = []
    for value in sorted(set(values)):
        if not found or value >= factor * found[-1]:
            found.append(value)
    return found


def _draw_roof(found: go.Figure, roof: Roof, low: float, high: float) -> None:
    ends = np.array([low, high])
    found.add_scatter(
        x=ends, y=ends * roof.byte_per_s / 1e9, mode="lines", hoverinfo="skip",
        line={"color": roof.colour, "width": 1.8, "dash": _DASHES[roof.source]},
        name=safe(f"{roof.device}: {roof.byte_per_s / 1e9:.1f} GB/s {roof.source}"),
    )  # fmt: skip


def _draw_points(found: go.Figure, rows: Sequence[RoofRow], colours: Palette) -> None:
    """One trace an arm and regime, so that the legend names each arm once."""
    groups: dict[tuple[str, Regime], list[RoofRow]] = {}
    for row in rows:
        groups.setdefault((row.letter, row.point.regime), []).append(row)
    named: set[str] = set()
    for (letter, regime), group in groups.items():
        rates = [row.point.flop_per_s for row in group]
        up, down = reach(rates)
        found.add_scatter(
            x=finite([row.point.flop_per_byte for row in group]),
            y=finite([rate.value / 1e9 for rate in rates]),
            error_y={
                "type": "data", "symmetric": False, "array": up / 1e9, "arrayminus": down / 1e9, "thickness": 1.6,
                "width": 0, "color": group[0].colour,
            },
            mode="markers", marker=_marker(group, regime, colours),
            customdata=[[row.launch] for row in group], hovertext=[_hover(row) for row in group],
            hovertemplate="%{hovertext}<extra></extra>", name=safe(f"{letter}  {group[0].label}"),
            legendgroup=letter, showlegend=letter not in named,
        )  # fmt: skip
        named.add(letter)


def _beside(row: RoofRow) -> str:
    share = row.point.utilisation
    number = f" {numbers.percent(share.value)}" if share is not None and share.value > MOST_SHARE else ""
    return f"{safe(row.letter)}{number}{' implausible' if row.is_implausible else ''}"


def _marker(group: Sequence[RoofRow], regime: Regime, colours: Palette) -> dict[str, Any]:
    """The engine's symbol: hollow without an interval, with a dot for a prefill."""
    dot = "-dot" if regime is Regime.PREFILL else ""
    is_hollow = [row.point.rate.low is None for row in group]
    return {
        "symbol": [f"{row.symbol}{'-open' * hollow}{dot}" for row, hollow in zip(group, is_hollow, strict=True)],
        "size": 12,
        "color": group[0].colour,
        "line": {"width": 1.8, "color": [group[0].colour if hollow else colours.background for hollow in is_hollow]},
    }


def _hover(row: RoofRow) -> str:
    point, rate = row.point, row.point.rate
    shown = numbers.with_interval(rate.value, rate.low, rate.high, rate.n)
    lines = [
        f"<b>{safe(row.label)}</b>",
        f"{point.regime} {shown} tok/s, {numbers.plain(point.flop_per_s.value / 1e9)} GFLOP/s",
        f"{numbers.plain(point.flop_per_byte)} FLOP/byte, {numbers.plain(point.byte_per_token / 1e9)} GB a token",
        safe(how(rate)),
        safe(row.note),
    ]
    if point.utilisation is not None:
        lines.insert(2, f"{numbers.percent(point.utilisation.value)} of the bandwidth")
    return "<br>".join(lines)


def _name_regime(found: go.Figure, rows: Sequence[RoofRow], regime: Regime, colours: Palette) -> None:
    """At the foot of the plot, on its own side: decode at the left, prefill at the right."""
    if not rows:
        return
    side, shift = ("left", 5) if regime is Regime.DECODE else ("right", -5)
    found.add_annotation(
        x=0 if side == "left" else 1, xref="paper", xanchor=side, xshift=shift, y=0, yref="paper", yanchor="bottom",
        showarrow=False, text=_WORDS[regime], font={"size": TICK_PX, "color": colours.muted},
    )  # fmt: skip


def _limits(found: go.Figure, colours: Palette) -> None:
    """The whole bandwidth, and beyond the tolerance what cannot be."""
    found.add_hrect(
        y0=100 * (1 + TOLERANCE_FRAC), y1=1000, fillcolor=colours.slower, opacity=0.08, line_width=0, layer="below"
    )
    found.add_hline(y=100, line={"color": colours.axis, "width": 1}, layer="below")
    for y, words in ((100.0, "all of the bandwidth"), (100 * (1 + TOLERANCE_FRAC), "implausible above this")):
        found.add_annotation(
            x=0, xref="paper", xanchor="left", y=y, yanchor="top" if y == 100 else "bottom", showarrow=False, xshift=4,
            text=words, font={"size": TICK_PX, "color": colours.muted},
        )  # fmt: skip


def _draw_arm(found: go.Figure, rows: Sequence[RoofRow], colours: Palette) -> None:
    """One line an arm; what is far above everything stands at the edge as an arrow, its number beside it."""
    shares = [_share(row) for row in rows]
    up, down = reach(shares)
    is_beyond = [share.value > MOST_SHARE for share in shares]
    kept = np.array([0.0 if far else 100.0 for far in is_beyond])
    marker = _marker(rows, Regime.DECODE, colours)
    symbols = zip(marker["symbol"], is_beyond, strict=True)
    found.add_scatter(
        x=finite([row.point.context_tokens for row in rows]),
        y=finite([100 * min(MOST_SHARE, share.value) for share in shares]),
        error_y={
            "type": "data", "symmetric": False, "array": up * kept, "arrayminus": down * kept, "thickness": 1.6,
            "width": 0, "color": rows[0].colour,
        },
        mode="lines+markers", line={"color": rows[0].colour, "width": 1.2},
        marker={**marker, "symbol": ["arrow-up" if far else symbol for symbol, far in symbols]},
        customdata=[[row.launch] for row in rows], hovertext=[_hover(row) for row in rows],
        hovertemplate="%{hovertext}<extra></extra>", name=safe(f"{rows[0].letter}  {rows[0].label}"),
    )  # fmt: skip
