"""Time to the first token by the length of the prompt: a line an arm, an interval a point."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from collector import numbers
from collector.compare import Estimate
from dashboard.charts.base import figure, finite, how, reach, safe
from dashboard.charts.labels import legend
from dashboard.charts.ticks import round_ticks, tick_text
from dashboard.theme import Palette

HEIGHT_PX = 380
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
"""Arms of one device share its colour, so lines differ in this."""

_ASIDE = 0.06
"""With a single length of prompt arms stand side by side, else one would hide another."""


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
    The figure.

    Args:
        lines: at least one; in the order in which they are named.
        colour: of the device.
    """
    found = figure(
        colours, height=HEIGHT_PX, x_title="tokens of the prompt", y_title="time to first token (s) ← faster"
    )
    found.update_layout(margin={"l": 8, "r": 12, "b": 56})
    legend(found, colours, len(lines))
    found.update_layout(legend_itemwidth=60)  # room for the dashes beside the marker
    is_one_length = len({p.n_prompt_tokens for line in lines for p in line.points}) == 1
    for place, line in enumerate(lines):
        aside = (1 + _ASIDE) ** (place - (len(lines) - 1) / 2) if is_one_length else 1.0
        _draw(found, line, colour, DASHES[place % len(DASHES)], aside)
    _axis(found, "x", [p.n_prompt_tokens for line in lines for p in line.points], widen=1.5)
    ends = [v for line in lines for p in line.points for v in (p.ttft.low, p.ttft.value, p.ttft.high) if v is not None]
    _axis(found, "y", ends, widen=1.2)
    return found


def _draw(found: go.Figure, line: TtftLine, colour: str, dash: str, aside: float) -> None:
    points = sorted(line.points, key=lambda p: (p.n_prompt_tokens, p.launch))
    estimates = [p.ttft for p in points]
    up, down = reach(estimates)
    found.add_scatter(
        x=finite([p.n_prompt_tokens * aside for p in points]),
        y=finite([e.value for e in estimates]), mode="lines+markers",
        name=safe(line.label), line={"color": colour, "width": 1.8, "dash": dash},
        marker={
            "symbol": [f"{line.symbol}{'-open' if e.low is None else ''}" for e in estimates], "size": 9,
            "color": colour, "line": {"width": 1.6, "color": colour},
        },
        error_y={
            "type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.6, "width": 0,
            "color": colour,
        },
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
