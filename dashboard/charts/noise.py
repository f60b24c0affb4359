"""A against A: the ratio of every block as a dot, stacked where they fall together, before the floor that they give."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from collector import numbers
from collector.compare import Estimate
from dashboard.charts.base import figure, finite, how, safe
from dashboard.charts.scale import ratio_ticks, reaching
from dashboard.theme import TICK_PX, Palette

_DOT_PX, _LEAST_PX, _MARGINS_PX = 14, 120, 84
_N_BINS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseBlock:
    """The ratio of two launches of one arm within one block, and what a click leads to."""

    ratio: float
    name: str
    launch: str


def noise(
    blocks: Sequence[NoiseBlock],
    ratio: Estimate | None,
    floor_frac: float | None,
    colours: Palette,
    *,
    axis_title: str,
    colour: str,
    symbol: str,
) -> go.Figure:
    """
    The figure; blocks holds at least one.

    Args:
        ratio: of the run that gave the floor, with its interval.
        floor_frac: the farthest end of that interval from 1; None where there is no interval.
        axis_title: what is divided by itself.
    """
    values = [one.ratio for one in blocks]
    held = [1 / (1 + floor_frac), 1 + floor_frac] if floor_frac else [0.99, 1.01]
    low, high = reaching(values, held)
    stacked = _stacked(blocks, low, high)
    tallest = max(level for _, level, _ in stacked)
    height = max(_LEAST_PX, _DOT_PX * (tallest + 2)) + _MARGINS_PX
    found = figure(colours, height=height, x_title=axis_title)
    found.update_layout(margin={"l": 8, "r": 8, "t": 28, "b": 56})
    found.add_scatter(
        x=finite([x for x, _, _ in stacked]), y=finite([level for _, level, _ in stacked]), mode="markers",
        marker={"symbol": symbol, "size": _DOT_PX - 3, "color": colour},
        customdata=[[one.launch] for *_, one in stacked],
        hovertext=[_hover(one) for *_, one in stacked], hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
    _floor(found, ratio, floor_frac, colours)
    ticks = ratio_ticks(low, high)
    found.update_xaxes(
        type="log", range=[math.log10(low), math.log10(high)], tickvals=ticks, ticktext=[f"{one:g}×" for one in ticks]
    )
    found.update_yaxes(range=[-1.2, (height - _MARGINS_PX) / _DOT_PX - 0.5], visible=False)
    return found


def _stacked(blocks: Sequence[NoiseBlock], low: float, high: float) -> list[tuple[float, int, NoiseBlock]]:
    """Each block with the middle of its bin and how many lie below it there; what is far out stands at the edge."""
    width = math.log(high / low) / _N_BINS
    levels: Counter[int] = Counter()
    found = []
    for one in sorted(blocks, key=lambda block: (block.ratio, block.launch)):
        place = min(max(int(math.log(one.ratio / low) / width), 0), _N_BINS - 1)
        found.append((low * math.exp((place + 0.5) * width), levels[place], one))
        levels[place] += 1
    return found


def _floor(found: go.Figure, ratio: Estimate | None, floor_frac: float | None, colours: Palette) -> None:
    """The grey zone, in words above it, and the estimate with its interval below the dots."""
    found.add_vline(x=1, line={"color": colours.axis, "width": 1}, layer="below")
    if floor_frac:
        found.add_vrect(
            x0=1 / (1 + floor_frac), x1=1 + floor_frac, fillcolor=colours.axis, opacity=0.22, line_width=0,
            layer="below",
        )  # fmt: skip
        found.add_annotation(
            x=0, y=1, yref="paper", yanchor="bottom", showarrow=False, text=f"noise floor ±{100 * floor_frac:.1f} %",
            font={"size": TICK_PX, "color": colours.muted},
        )  # fmt: skip
    if ratio is None:
        return
    up = 0.0 if ratio.high is None else max(0.0, ratio.high - ratio.value)
    down = 0.0 if ratio.low is None else max(0.0, ratio.value - ratio.low)
    found.add_scatter(
        x=finite([ratio.value]), y=finite([-0.8]), mode="markers",
        marker={
            "symbol": "line-ns-open" if ratio.low is not None else "circle-open", "size": 9, "color": colours.text,
            "line": {"width": 2},
        },
        error_x={
            "type": "data", "symmetric": False, "array": finite([up]), "arrayminus": finite([down]), "thickness": 2,
            "width": 0, "color": colours.text,
        },
        hovertext=[f"A/A {numbers.plain(ratio.value, 4)}<br>{safe(how(ratio))}"],
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip


def _hover(one: NoiseBlock) -> str:
    return f"<b>{safe(one.name)}</b>: A/A {numbers.plain(one.ratio, 4)}<br>launch {safe(one.launch)}"
