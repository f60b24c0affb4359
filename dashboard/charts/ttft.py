"""Time to the first token by the length of the prompt: a line an arm, an interval a point."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from collector import numbers
from collector.compare import Estimate
from dashboard.charts.base import figure, finite, how, reach, safe
from dashboard.charts.labels import legend
from dashboard.charts.ticks import round_ticks, tick_text
from dashboard.theme import TICK_PX, Palette

HEIGHT_PX = 380
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
"""Arms of one device share its colour, so lines differ in this."""

_ROW_PX = 44


@dataclass(frozen=True, slots=True, kw_only=True)
class TtftPoint:
    """One cell: seconds to the first token after a prompt of so many tokens; ``note`` is the foot of its box."""

    n_prompt_tokens: int
    ttft: Estimate
    note: str
    launch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TtftLine:
    """One arm; ``points`` holds at least one."""

    label: str
    symbol: str
    points: tuple[TtftPoint, ...]


def ttft(lines: Sequence[TtftLine], colours: Palette, *, colour: str) -> go.Figure:
    """
    The figure: lines over several lengths of prompt, a row an arm where there is but one.

    Args:
        lines: at least one; in the order in which they are named.
        colour: of the device.
    """
    lengths = {point.n_prompt_tokens for line in lines for point in line.points}
    if len(lengths) == 1:
        return _strip(lines, colours, colour, lengths.pop())
    found = figure(
        colours, height=HEIGHT_PX, x_title="tokens of the prompt", y_title="time to first token (s) ← faster"
    )  # fmt: skip
    found.update_layout(margin={"l": 8, "r": 12, "b": 56})
    legend(found, colours, len(lines))
    found.update_layout(legend_itemwidth=60)  # room for the dashes beside the marker
    for place, line in enumerate(lines):
        _draw(found, line, colour, DASHES[place % len(DASHES)])
    _axis(found, "x", sorted(lengths), widen=1.5)
    _axis(found, "y", _ends(lines), widen=1.2)
    return found


def _ends(lines: Sequence[TtftLine]) -> list[float]:
    """All values and the ends of their intervals."""
    estimates = [point.ttft for line in lines for point in line.points]
    return [v for one in estimates for v in (one.low, one.value, one.high) if v is not None]


def _strip(lines: Sequence[TtftLine], colours: Palette, colour: str, n_prompt_tokens: int) -> go.Figure:
    """A row an arm, its name above its points."""
    title = f"faster ← time to first token (s) after {n_prompt_tokens:,} tokens"
    found = figure(colours, height=_ROW_PX * len(lines) + 64, x_title=title)
    for place, line in enumerate(lines):
        y, estimates = float(len(lines) - 1 - place), [point.ttft for point in line.points]
        up, down = reach(estimates)
        found.add_scatter(
            x=finite([one.value for one in estimates]), y=finite([y - 0.2] * len(estimates)), mode="markers",
            marker=_marker(line, estimates, colour), error_x=_bars(up, down, colour),
            customdata=[[point.launch] for point in line.points], hovertext=[_hover(line, p) for p in line.points],
            hovertemplate="%{hovertext}<extra></extra>",
        )  # fmt: skip
        found.add_annotation(
            x=0, xref="paper", xanchor="left", y=y + 0.22, yanchor="middle", showarrow=False, text=safe(line.label),
            font={"size": TICK_PX, "color": colours.text},
        )  # fmt: skip
    found.update_xaxes(range=[0, 1.08 * max(_ends(lines))], nticks=8)
    found.update_yaxes(range=[-0.6, len(lines) - 0.45], visible=False)
    return found


def _marker(line: TtftLine, estimates: Sequence[Estimate], colour: str) -> dict[str, object]:
    symbols = [f"{line.symbol}{'-open' if one.low is None else ''}" for one in estimates]
    return {"symbol": symbols, "size": 9, "color": colour, "line": {"width": 1.6, "color": colour}}


def _bars(up: np.ndarray, down: np.ndarray, colour: str) -> dict[str, object]:
    return {
        "type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.8, "width": 0,
        "color": colour,
    }  # fmt: skip


def _draw(found: go.Figure, line: TtftLine, colour: str, dash: str) -> None:
    points = sorted(line.points, key=lambda p: (p.n_prompt_tokens, p.launch))
    estimates = [p.ttft for p in points]
    up, down = reach(estimates)
    mode = "lines+markers" if len(points) > 1 else "markers"  # a legend shows no line where there is none
    found.add_scatter(
        x=finite([p.n_prompt_tokens for p in points]), y=finite([e.value for e in estimates]),
        mode=mode, name=safe(line.label), line={"color": colour, "width": 1.8, "dash": dash},
        marker=_marker(line, estimates, colour), error_y=_bars(up, down, colour),
        customdata=[[p.launch] for p in points], hovertext=[_hover(line, p) for p in points],
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip


def _hover(line: TtftLine, point: TtftPoint) -> str:
    one = point.ttft
    told = numbers.with_interval(one.value, one.low, one.high, one.n)
    return "<br>".join(
        [
            f"<b>{safe(line.label)}</b>",
            f"{safe(told)} s after {point.n_prompt_tokens:,} tokens",
            safe(how(one)),
            safe(point.note),
        ]
    )


def _axis(found: go.Figure, name: str, values: Sequence[float], *, widen: float) -> None:
    """A logarithmic axis that holds all values; prompt lengths that occur are its ticks."""
    low, high = min(values) / widen, max(values) * widen
    ticks = sorted(set(values)) if name == "x" and len(set(values)) <= 6 else round_ticks(low, high)
    axis = {
        "type": "log", "range": [math.log10(low), math.log10(high)], "tickvals": ticks, "ticktext": tick_text(ticks)
    }  # fmt: skip
    found.update_layout({f"{name}axis": axis})
