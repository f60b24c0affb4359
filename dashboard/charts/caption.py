"""
What a chart says of itself when it is taken away: title, device, baseline; on the page's colour, in any font.

A picture in a talk has lost the page around it, and whoever opens it may lack its font: text then is up to a third
wider. So words are tied at the side that they are aligned to, and a legend's entries have room to grow.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from dashboard.charts.base import safe
from dashboard.theme import ROW_LABEL_PX, TICK_PX, Palette

PICTURE_PX = 1000
"""Width of a picture that is taken, whatever the window's."""

TITLE_CHARS, LINE_CHARS = 43, 56
"""So many fit across a window of 390 px, beside the camera."""

_TITLE_PX, _LINE_PX, _ABOVE_PX, _BELOW_PX = 19, 19, 18, 8
_WIDE = 0.64
"""Width of a character against its height, in the widest of the fonts that stand in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """
    What stands in the picture itself.

    Args:
        title: what it shows, unit and workload included.
        lines: where (marked where it is simulated), against what, and what the marks mean.
    """

    title: str
    lines: tuple[str, ...] = ()


def captioned(found: go.Figure, colours: Palette, caption: Caption) -> go.Figure:
    """The same figure with its caption above the plot; it becomes as much higher as that needs."""
    titles = textwrap.wrap(caption.title, TITLE_CHARS) or [""]
    lines = [part for line in caption.lines if line for part in textwrap.wrap(line, LINE_CHARS)]
    head = _ABOVE_PX + _TITLE_PX * len(titles) + _LINE_PX * len(lines) + _BELOW_PX
    height = found.layout.height + head
    found.update_layout(
        height=height, margin_t=head + (found.layout.margin.t or 0), paper_bgcolor=colours.background,
        plot_bgcolor=colours.background, title=_title(titles, lines, colours),
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": colours.muted, "activecolor": colours.text},
    )  # fmt: skip
    if found.layout.showlegend:
        _place_legend(found, 1 - head / height)
    for one in found.layout.annotations:
        if one.align is None and one.xanchor in {"left", "right"}:
            one.align = one.xanchor  # else its text is tied at its middle and grows both ways
    return found


def _title(titles: Sequence[str], lines: Sequence[str], colours: Palette) -> dict[str, object]:
    muted = f"<span style='font-size:{TICK_PX}px;color:{colours.muted}'>"
    text = [f"<b>{safe(one)}</b>" for one in titles] + [f"{muted}{safe(one)}</span>" for one in lines]
    return {
        "text": "<br>".join(text), "x": 0, "xref": "container", "xanchor": "left", "y": 1, "yref": "container",
        "yanchor": "top", "pad": {"l": 8, "t": _ABOVE_PX}, "automargin": False,
        "font": {"size": ROW_LABEL_PX, "color": colours.text},
    }  # fmt: skip


def _place_legend(found: go.Figure, top: float) -> None:
    """Below the caption, which it would otherwise lie upon; every entry as wide as the longest in any font."""
    names = [one.name for one in found.data if one.name and one.showlegend is not False]
    longest = max((len(name) for name in names), default=0)
    found.update_layout(
        legend={
            "yref": "container", "y": top, "yanchor": "top", "entrywidthmode": "pixels",
            "entrywidth": round(_WIDE * TICK_PX * longest) + 8, "tracegroupgap": 0,
        }
    )  # fmt: skip
