"""The forest plot: one row an arm, its ratio to the baseline with 90 % and 95 % intervals, and the verdict in words."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from collector.compare import Estimate, Verdict
from collector.compare.findings import ratio as ratio_text
from dashboard.charts.base import figure, how, reach, safe
from dashboard.charts.scale import ratio_ticks
from dashboard.theme import ROW_LABEL_PX, TICK_PX, Palette

ROW_PX = 66
_SIGNS = {
    Verdict.FASTER: "▲", Verdict.SLOWER: "▼", Verdict.EQUIVALENT: "=", Verdict.INCONCLUSIVE: "?",
    Verdict.LOOKS_FASTER: "△", Verdict.LOOKS_SLOWER: "▽", Verdict.UNCLEAR: "?",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """
    One row.

    Args:
        label, sub: bold and muted text at its left.
        ratio, ratio_90: to the baseline; None where there is nothing to compare with, and then ``note`` says why.
        points: ratios of the single blocks, drawn as ticks.
        launch: what a click leads to.
        is_simulated: stands below all that was measured.
    """

    label: str
    sub: str
    ratio: Estimate | None
    ratio_90: Estimate | None
    verdict: Verdict | None
    symbol: str
    points: tuple[float, ...] = ()
    note: str = ""
    launch: str = ""
    is_simulated: bool = False


def verdict_text(verdict: Verdict | None) -> str:
    """'▲ faster': sign and word, because colour alone says nothing to some."""
    return f"{_SIGNS[verdict]} {verdict}" if verdict is not None else ""


def colour_of(verdict: Verdict | None, colours: Palette) -> str:
    """Colour means a difference: equivalent is ink, what is undecided grey."""
    if verdict in {Verdict.FASTER, Verdict.LOOKS_FASTER}:
        return colours.faster
    if verdict in {Verdict.SLOWER, Verdict.LOOKS_SLOWER}:
        return colours.slower
    return colours.equivalent if verdict is Verdict.EQUIVALENT else colours.inconclusive


def forest(rows: Sequence[ForestRow], colours: Palette, *, axis_title: str, band_frac: float) -> go.Figure:
    """
    The plot; measured rows first, and of each kind those without an interval last, as their place says nothing.

    Args:
        rows: in any order.
        axis_title: what is compared with what, and which side is better.
        band_frac: half-width of the band of equivalence.
    """
    ordered = sorted(rows, key=_order)
    low, high = _span(ordered, band_frac)
    found = figure(colours, height=round(ROW_PX * (len(ordered) + 0.9)) + 62, x_title=axis_title)
    found.add_vrect(x0=1 / (1 + band_frac), x1=1 + band_frac, fillcolor=colours.band, line_width=0, layer="below")
    found.add_vline(x=1, line={"color": colours.axis, "width": 1}, layer="below")
    traces, words = [], []
    for place, row in enumerate(ordered):
        y = len(ordered) - 1 - place
        traces += _traces(row, y, colours)
        words += _words(row, y, colours)
    found.add_traces(traces)
    found.update_layout(annotations=words)
    found.update_xaxes(
        type="log", range=[math.log10(low), math.log10(high)], tickvals=ratio_ticks(low, high),
        ticktext=[f"{tick:g}×" for tick in ratio_ticks(low, high)],
    )  # fmt: skip
    found.update_yaxes(range=[-0.55, len(ordered) - 0.1], visible=False)
    return found


def _order(row: ForestRow) -> tuple[bool, int, float, str]:
    if row.ratio is None:
        return (row.is_simulated, 2, 0.0, row.label)
    return (row.is_simulated, 0 if row.ratio.low is not None else 1, -row.ratio.value, row.label)


def _span(rows: Sequence[ForestRow], band_frac: float) -> tuple[float, float]:
    """A range that holds all intervals, the band, and a little room."""
    ends = [1 / (1 + 2 * band_frac), 1 + 2 * band_frac]
    for row in rows:
        if row.ratio is not None:
            ends += [v for v in (row.ratio.low, row.ratio.value, row.ratio.high) if v is not None]
    room = (max(ends) / min(ends)) ** 0.06
    return min(ends) / room, max(ends) * room


def _traces(row: ForestRow, y: float, colours: Palette) -> list[dict[str, Any]]:
    """Ticks, the two bars and the marker of a row, as plain data: Plotly checks the whole figure at every call."""
    if row.ratio is None:
        return []
    colour, centre = colour_of(row.verdict, colours), y - 0.28
    found: list[dict[str, Any]] = []
    if row.points:
        found.append({
            "x": np.array(row.points), "y": np.full(len(row.points), centre), "hoverinfo": "skip", "opacity": 0.55,
            "marker": {"symbol": "line-ns-open", "size": 10, "color": colour},
        })  # fmt: skip
    for estimate, width, cap in ((row.ratio_90, 5.0, 0), (row.ratio, 1.6, 8)):  # caps: seen where the marker is wider
        if estimate is not None and estimate.low is not None:
            up, down = reach([estimate])
            found.append({
                "x": np.array([estimate.value]), "y": np.array([centre]), "hoverinfo": "skip",
                "marker": {"size": 1, "color": colour},
                "error_x": {
                    "type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": width,
                    "width": cap, "color": colour,
                },
            })  # fmt: skip
    is_hollow = row.ratio.low is None or row.verdict in {None, Verdict.INCONCLUSIVE, Verdict.UNCLEAR}
    found.append({
        "x": np.array([row.ratio.value]), "y": np.array([centre]), "customdata": [[row.launch]],
        "marker": {
            "symbol": f"{row.symbol}{'-open' if is_hollow else ''}", "size": 10, "color": colour,
            "line": {"width": 2.4 if is_hollow else 0, "color": colour},
        },
        "hovertemplate": (
            f"<b>{safe(row.label)}</b> {safe(row.sub)}<br>{safe(ratio_text(row.ratio))} {safe(row.verdict or '')}"
            f"<br>{safe(how(row.ratio))}<br>{safe(row.note)}<extra></extra>"
        ),
    })  # fmt: skip
    return [{"type": "scatter", "mode": "markers", **one} for one in found]


def _words(row: ForestRow, y: float, colours: Palette) -> list[dict[str, Any]]:
    """Two lines of text above a row's bars, which fit side by side in a narrow window too."""
    strong = {"xref": "paper", "y": y + 0.34, "showarrow": False, "yanchor": "middle", "font": {"size": ROW_LABEL_PX}}
    muted = {**strong, "y": y + 0.02, "font": {"size": TICK_PX, "color": colours.muted}}
    left, right = {"x": 0, "xanchor": "left"}, {"x": 1, "xanchor": "right"}
    found = [
        {**strong, **left, "text": f"<b>{safe(row.label)}</b>"},
        {**muted, **left, "text": safe(row.sub)},
    ]
    if row.ratio is None:
        return [*found, {**muted, **right, "y": strong["y"], "text": safe(row.note)}]
    value, _, interval = ratio_text(row.ratio).partition(" ")
    told = verdict_text(row.verdict) if row.ratio.low is not None else "n too small"
    word = f"<span style='color:{colour_of(row.verdict, colours)}'>{safe(told)}</span>"
    found.append({**strong, **right, "text": f"{word} <b>{safe(value)}×</b>", "font": {"size": TICK_PX + 1}})
    return [*found, {**muted, **right, "text": safe(interval)}] if interval else found
