"""Memory of arms: what was predicted, what the engine said and what the system saw, as bars from zero."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from collector import numbers
from collector.compare import Estimate
from dashboard.charts.base import figure, finite, how, reach, safe
from dashboard.charts.labels import legend
from dashboard.theme import ROW_LABEL_PX, TICK_PX, Palette

BAR_PX, LABEL_PX, FOOT_PX = 24, 30, 56
_WORDS_PX = 17
COMPONENTS = ("weights", "KV", "compute", "process")
_STRENGTH = {"weights": 1.0, "KV": 0.6, "compute": 0.36, "process": 0.18}
_PATTERN = {"weights": "", "KV": "/", "compute": "x", "process": "."}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a bar, one of ``COMPONENTS``."""

    component: str
    n_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """
    One way of knowing.

    Args:
        label: 'predicted', 'engine says', 'peak RSS'.
        parts: what it is made of; empty where only the whole is known, which ``total`` then says.
        total: with its interval where it was measured.
        note: foot of the box that opens on it; launch: what a click leads to.
    """

    label: str
    parts: tuple[Part, ...] = ()
    total: Estimate | None = None
    note: str = ""
    launch: str = ""

    @property
    def n_bytes(self) -> float:
        """Its length."""
        return self.total.value if self.total is not None else sum(part.n_bytes for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow:
    """One arm: its name and at least one bar."""

    label: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """Memory that there is; a range where ``high_bytes`` is larger."""

    label: str
    low_bytes: float
    high_bytes: float


def breakdown(rows: Sequence[MemoryRow], colours: Palette, *, colour: str, limits: Sequence[Limit] = ()) -> go.Figure:
    """
    Bars from zero, all on one scale.

    Args:
        rows: at least one; from top to bottom.
        colour: of the device.
        limits: the ones far beyond the longest bar are named at the edge.
    """
    n_bars = sum(len(row.bars) for row in rows)
    words_px = _WORDS_PX * len(limits)
    height = words_px + len(rows) * LABEL_PX + n_bars * BAR_PX + FOOT_PX
    found = figure(colours, height=height, x_title="smaller ← memory (GiB)")
    found.update_layout(margin={"l": 8, "r": 12, "b": FOOT_PX}, barmode="overlay", bargap=0)
    longest = max(_end(bar) for row in rows for bar in row.bars)
    inside = [one for one in limits if one.low_bytes <= 1.5 * longest]
    right = 1.3 * max([longest, *(one.high_bytes for one in inside)])
    y, ticks = -float(words_px), []
    for row in rows:
        y -= LABEL_PX
        _name(found, row.label, y + LABEL_PX / 2, colours)
        for bar in row.bars:
            y -= BAR_PX
            ticks.append((y + BAR_PX / 2, bar.label))
            _draw(found, row.label, bar, y + BAR_PX / 2, colours=colours, colour=colour)
    _limits(found, inside, [one for one in limits if one not in inside], colours, bottom=y)
    _legend(found, rows, colours, colour)
    found.update_xaxes(range=[0, right / numbers.GIB], rangemode="tozero", nticks=7)
    found.update_yaxes(
        range=[y, 0], tickvals=[at for at, _ in ticks], ticktext=[text for _, text in ticks], showgrid=False
    )
    return found


def _end(bar: Bar) -> float:
    return bar.total.high if bar.total is not None and bar.total.high is not None else bar.n_bytes


def _name(found: go.Figure, label: str, y: float, colours: Palette) -> None:
    found.add_annotation(
        x=0, xref="paper", y=y, xanchor="left", yanchor="middle", showarrow=False, text=f"<b>{safe(label)}</b>",
        font={"size": ROW_LABEL_PX, "color": colours.text},
    )  # fmt: skip


def _draw(found: go.Figure, name: str, bar: Bar, y: float, *, colours: Palette, colour: str) -> None:
    begin = 0.0
    for part in bar.parts:
        hover = (
            f"<b>{safe(name)}</b><br>{safe(bar.label)}: {part.component} {numbers.size(part.n_bytes)}"
            f"<br>{safe(bar.note)}<extra></extra>"
        )
        marker = _look(part.component, colour, colours.background)
        found.add_bar(
            x=finite([part.n_bytes / numbers.GIB]), y=finite([y]), base=finite([begin / numbers.GIB]),
            orientation="h", width=finite([BAR_PX - 7.0]), customdata=[[bar.launch]], marker=marker,
            hovertemplate=hover, showlegend=False,
        )  # fmt: skip
        begin += part.n_bytes
    if not bar.parts:
        _whole(found, name, bar, y, colours)
    text = numbers.gib(bar.n_bytes, 2)
    if bar.total is not None and bar.total.low is None:
        text += f" ·n={bar.total.n}"
    found.add_annotation(
        x=_end(bar) / numbers.GIB, y=y, xanchor="left", yanchor="middle", xshift=6, showarrow=False, text=text,
        font={"size": TICK_PX, "color": colours.text},
    )  # fmt: skip


def _look(component: str, colour: str, page: str) -> dict[str, object]:
    """A pattern tells a part from its neighbours as its strength does."""
    return {
        "color": shade(colour, page, _STRENGTH[component]),
        "line": {"width": 1, "color": colour},
        "pattern": {
            "fillmode": "overlay", "shape": _PATTERN[component], "size": 5, "solidity": 0.2, "fgcolor": colour,
            "fgopacity": 0.5,
        },
    }  # fmt: skip


def _whole(found: go.Figure, name: str, bar: Bar, y: float, colours: Palette) -> None:
    """What the system saw: one piece, with its interval; hollow without one."""
    if bar.total is None:
        return
    up, down = reach([bar.total])
    is_hollow = bar.total.low is None
    told = numbers.with_interval(bar.total.value, bar.total.low, bar.total.high, bar.total.n, numbers.GIB)
    found.add_bar(
        x=finite([bar.total.value / numbers.GIB]), y=finite([y]), orientation="h", width=finite([BAR_PX - 7.0]),
        customdata=[[bar.launch]], showlegend=False,
        marker={
            "color": "rgba(0,0,0,0)" if is_hollow else colours.muted, "line": {"width": 1.6, "color": colours.muted}
        },
        error_x={
            "type": "data", "symmetric": False, "array": up / numbers.GIB, "arrayminus": down / numbers.GIB,
            "thickness": 2, "width": 5, "color": colours.text,
        },
        hovertemplate=(
            f"<b>{safe(name)}</b><br>{safe(bar.label)} {safe(told)} GiB<br>{safe(how(bar.total))}"
            f"<br>{safe(bar.note)}<extra></extra>"
        ),
    )  # fmt: skip


def _limits(
    found: go.Figure, inside: Sequence[Limit], beyond: Sequence[Limit], colours: Palette, *, bottom: float
) -> None:
    """A dashed line each, a band with two where it is known as a range; all in words above the first arm."""
    top = -_WORDS_PX * (len(inside) + len(beyond))
    for one in inside:
        low, high = one.low_bytes / numbers.GIB, one.high_bytes / numbers.GIB
        if _is_band(one):
            found.add_shape(
                type="rect", x0=low, x1=high, y0=bottom, y1=top, fillcolor=colours.slower, opacity=0.14, line_width=0,
                layer="below",
            )  # fmt: skip
        line = {"color": colours.slower, "width": 1.6, "dash": "dash"}
        for end in sorted({low, high}):
            found.add_shape(type="line", x0=end, x1=end, y0=bottom, y1=top, line=line)
    words = [f"{one.label} {_range(one)} GiB ({'shaded' if _is_band(one) else 'dashed'})" for one in inside]
    words += [f"{one.label} {_range(one)} GiB, beyond the edge →" for one in beyond]
    for place, text in enumerate(words):
        found.add_annotation(
            x=1, xref="paper", y=-_WORDS_PX * (place + 0.5), xanchor="right", yanchor="middle",
            showarrow=False, text=safe(text), font={"size": TICK_PX, "color": colours.muted},
        )  # fmt: skip


def _legend(found: go.Figure, rows: Sequence[MemoryRow], colours: Palette, colour: str) -> None:
    """What the parts are, in their order; bars of nothing carry the words."""
    there = {part.component for row in rows for bar in row.bars for part in bar.parts}
    for component in (name for name in COMPONENTS if name in there):
        found.add_bar(
            x=[None], y=[None], name=component, showlegend=True, hoverinfo="skip",
            marker=_look(component, colour, colours.background),
        )  # fmt: skip
    if there:
        legend(found, colours, 2)


def _is_band(one: Limit) -> bool:
    return one.high_bytes > one.low_bytes


def _range(one: Limit) -> str:
    low, high = numbers.gib(one.low_bytes), numbers.gib(one.high_bytes)
    return low if low == high else f"{low} to {high}"


def shade(colour: str, background: str, strength: float) -> str:
    """A colour mixed with the page's: '#RRGGBB' at a strength from 0 (the page) to 1 (the colour)."""
    pairs = [(int(colour[i : i + 2], 16), int(background[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(strength * own + (1 - strength) * page):02X}" for own, page in pairs)
