"""Paired differences: the ratio of each block in the order of time, the estimate with its interval, and the noise."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from collector import numbers
from collector.compare import Estimate
from collector.compare.findings import ratio as ratio_text
from dashboard.charts.base import figure, finite, how, safe
from dashboard.charts.labels import shifts
from dashboard.charts.scale import ratio_ticks, reaching
from dashboard.theme import TICK_PX, Palette

HEIGHT_PX = 380
_TOP_PX, _BOTTOM_PX, _RIGHT_PX = 34, 52, 126
_NEAR_ONE = 0.1
"""Log distance up to which the axis is stretched to hold 1 and its band; farther off, the scatter could not be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockRatio:
    """
    One block.

    Args:
        name: of the block, 'run ab12, block 3'.
        number: of the block in its run, from 1.
        baseline, other: values of the two launches as text, unit included.
        is_baseline_first: A ran before B in it.
        launch: of B, to which a click leads.
    """

    name: str
    number: int
    ratio: float
    baseline: str
    other: str
    is_baseline_first: bool
    launch: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Zones:
    """
    What the points are seen against.

    Args:
        band_frac: half-width of the band of equivalence.
        floor_frac: noise floor of the device; None where it was never measured.
    """

    band_frac: float
    floor_frac: float | None


def paired(
    blocks: Sequence[BlockRatio],
    estimate: Estimate,
    zones: Zones,
    colours: Palette,
    *,
    axis_title: str,
    first_colours: tuple[str, str],
) -> go.Figure:
    """
    The figure; blocks holds at least one, in the order of time.

    Args:
        estimate: of the ratio B/A over these blocks.
        axis_title: what is divided by what, and which side is better.
        first_colours: of the blocks in which A and in which B ran first.
    """
    low, high = shown_range(blocks, estimate, zones)
    places, x_title = _places(blocks)
    found = figure(colours, height=HEIGHT_PX, x_title=x_title, y_title=axis_title)
    found.update_layout(margin={"l": 8, "r": _RIGHT_PX, "t": _TOP_PX, "b": _BOTTOM_PX})
    _zones(found, zones, colours)
    _interval(found, estimate, colours)
    for is_first, letter in ((True, "A"), (False, "B")):
        colour, symbol = (first_colours[0], "circle") if is_first else (first_colours[1], "square")
        own = [(place, one) for place, one in zip(places, blocks, strict=True) if one.is_baseline_first is is_first]
        if own:
            hollow = "-open" if estimate.low is None else ""
            _points(found, own, (low, high), name=f"{letter} ran first", colour=colour, symbol=f"{symbol}{hollow}")
    _names(found, estimate, zones, (low, high), colours)
    ticks = ratio_ticks(low, high)
    found.update_yaxes(
        type="log",
        range=[math.log10(low), math.log10(high)],
        tickvals=ticks,
        ticktext=[f"{one:g}×" for one in ticks],
        title_standoff=14,
    )
    n_places = places[-1] - places[0] + 2
    found.update_xaxes(
        range=[places[0] - 0.6, places[-1] + 0.6], tickformat="d", nticks=min(12, n_places), showgrid=False
    )
    found.update_layout(showlegend=True, legend=_legend(colours))
    return found


def _places(blocks: Sequence[BlockRatio]) -> tuple[list[int], str]:
    """Where each stands: at its own number, so that one that lost a launch leaves a gap; counted over several runs."""
    own = [one.number for one in blocks]
    if own == sorted(set(own)):
        return own, "block of the run; one that lost a launch is left out"
    return list(range(1, len(blocks) + 1)), "block, counted over the runs in the order of time"


def shown_range(blocks: Sequence[BlockRatio], estimate: Estimate, zones: Zones) -> tuple[float, float]:
    """Range of the axis: points and interval, and the zones around 1 where these are near."""
    held = [end for end in (estimate.low, estimate.value, estimate.high) if end is not None]
    values = [one.ratio for one in blocks]
    if min(abs(math.log(one)) for one in (*values, *held)) < _NEAR_ONE or min(held) < 1 < max(held):
        widest = max(zones.band_frac, zones.floor_frac or 0.0)
        held += [1 / (1 + widest), 1 + widest]
    return reaching(values, held)


def has_one(shown: tuple[float, float]) -> bool:
    """Whether 'the same speed' lies on the axis."""
    return shown[0] < 1 < shown[1]


def _zones(found: go.Figure, zones: Zones, colours: Palette) -> None:
    def zone(frac: float, colour: str, opacity: float) -> None:
        found.add_hrect(y0=1 / (1 + frac), y1=1 + frac, fillcolor=colour, opacity=opacity, line_width=0, layer="below")

    zone(zones.band_frac, colours.band, 1.0)
    if zones.floor_frac:
        zone(zones.floor_frac, colours.axis, 0.22)
    found.add_hline(y=1, line={"color": colours.axis, "width": 1}, layer="below")


def _interval(found: go.Figure, estimate: Estimate, colours: Palette) -> None:
    if estimate.low is not None and estimate.high is not None:
        found.add_hrect(
            y0=estimate.low, y1=estimate.high, fillcolor=colours.text, opacity=0.11, line_width=0, layer="below"
        )
        for end in (estimate.low, estimate.high):
            found.add_hline(y=end, line={"color": colours.muted, "width": 1, "dash": "dot"}, layer="below")
    found.add_hline(y=estimate.value, line={"color": colours.text, "width": 1.6, "dash": "dash"}, layer="below")


def _points(
    found: go.Figure, own: Sequence[tuple[int, BlockRatio]], shown: tuple[float, float], *, name: str, colour: str,
    symbol: str,
) -> None:  # fmt: skip
    """Points where they are; one that lies outside the axis stands at its edge as an arrow with its true value."""
    low, high = shown
    edge = (high / low) ** 0.02
    symbols = [_at_edge(one.ratio, shown) or symbol for _, one in own]
    found.add_scatter(
        x=finite([place for place, _ in own]),
        y=finite([min(max(one.ratio, low * edge), high / edge) for _, one in own]),
        mode="markers+text", name=name, customdata=[[one.launch] for _, one in own],
        marker={"symbol": symbols, "size": 11, "color": colour, "line": {"width": 1.6, "color": colour}},
        text=[f"{one.ratio:.3g}×" if _at_edge(one.ratio, shown) else "" for _, one in own],
        textposition="middle right", textfont={"size": TICK_PX, "color": colour}, cliponaxis=False,
        hovertext=[_hover(one) for _, one in own], hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip


def _at_edge(ratio: float, shown: tuple[float, float]) -> str | None:
    if ratio > shown[1]:
        return "arrow-up"
    return "arrow-down" if ratio < shown[0] else None


def _hover(one: BlockRatio) -> str:
    return "<br>".join(
        [
            f"<b>{safe(one.name)}</b>: B/A {numbers.plain(one.ratio, 4)}",
            f"A {safe(one.baseline)}, B {safe(one.other)}",
            f"{'A' if one.is_baseline_first else 'B'} ran first; B is launch {safe(one.launch)}",
        ]
    )


def _names(found: go.Figure, estimate: Estimate, zones: Zones, shown: tuple[float, float], colours: Palette) -> None:
    """At the right: what the lines and zones are, none over another."""
    value, _, interval = ratio_text(estimate).partition(" ")
    below = f"<br><span style='color:{colours.muted}'>{safe(interval)}</span>"
    named = [(estimate.value, f"<b>{safe(value)}×</b>{below}", safe(how(estimate)))]
    if has_one(shown):
        floor = f"<br>noise ±{100 * zones.floor_frac:.1f} %" if zones.floor_frac else ""
        named.append((1.0, f"<span style='color:{colours.muted}'>same ±{100 * zones.band_frac:g} %{floor}</span>", ""))
    inner = HEIGHT_PX - _TOP_PX - _BOTTOM_PX
    whole = math.log(shown[1] / shown[0])
    heights = [math.log(at / shown[0]) / whole * inner for at, _, _ in named]
    for (at, text, hover), shift in zip(named, shifts(heights, 38.0), strict=True):
        found.add_annotation(
            xref="paper", x=1, xanchor="left", xshift=8, y=math.log10(at), yshift=round(shift, 1), text=text,
            showarrow=False, align="left", font={"size": TICK_PX + 1, "color": colours.text}, hovertext=hover or None,
        )  # fmt: skip


def _legend(colours: Palette) -> dict[str, object]:
    return {
        "orientation": "h", "x": 0, "y": 1.01, "yanchor": "bottom", "bgcolor": "rgba(0,0,0,0)",
        "font": {"size": TICK_PX, "color": colours.text}, "itemclick": False, "itemdoubleclick": False,
    }  # fmt: skip
