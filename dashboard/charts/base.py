"""What all figures share: the look, intervals as error bars, and text that cannot become markup."""

import html
import math
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from collector.compare import Estimate
from dashboard.theme import BODY_PX, FONT, TICK_PX, Palette

MOST_POINTS = 20_000
"""More are thinned before they are drawn."""


def figure(colours: Palette, *, height: int, x_title: str = "", y_title: str = "") -> go.Figure:
    """An empty figure in the house's look; an explicit template, because Streamlit changes Plotly's default."""
    axis = {
        "gridcolor": colours.grid,
        "linecolor": colours.axis,
        "tickfont": {"size": TICK_PX, "color": colours.muted},
        "title": {"font": {"size": BODY_PX, "color": colours.muted}},
        "zeroline": False,
        "automargin": True,
    }
    found = go.Figure()
    found.update_layout(
        template="none",
        colorway=list(colours.devices),
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": BODY_PX, "color": colours.text},
        hoverlabel={
            "bgcolor": colours.background,
            "bordercolor": colours.axis,
            "font": {"family": FONT, "size": BODY_PX, "color": colours.text},
            "align": "left",
        },
        margin={"l": 8, "r": 8, "t": 8, "b": 56},
        height=height,
        dragmode=False,
        showlegend=False,
    )
    found.update_xaxes(**axis)
    found.update_yaxes(**axis)
    found.update_xaxes(title_text=x_title)
    found.update_yaxes(title_text=y_title, title_standoff=16)  # another font may have wider numbers
    return found


def safe(text: object) -> str:
    """Text that Plotly shows as it is: it would draw tags and links."""
    return html.escape(str(text), quote=False)


def reach(estimates: Sequence[Estimate]) -> tuple[np.ndarray, np.ndarray]:
    """
    Distances from each value up to ``high`` and down to ``low``, as error bars want them; 0 without an interval.

    Raises:
        ValueError: an interval that does not hold its value.
    """
    up, down = [], []
    for one in estimates:
        low, high = one.low if one.low is not None else one.value, one.high if one.high is not None else one.value
        if not low <= one.value * (1 + 1e-12) or not one.value <= high * (1 + 1e-12):
            raise ValueError(f"the interval {low} to {high} does not hold {one.value}")
        up.append(max(0.0, high - one.value))
        down.append(max(0.0, one.value - low))
    return np.array(up), np.array(down)


def finite(values: Sequence[float]) -> np.ndarray:
    """
    Values as an array that Plotly sends in bytes.

    Raises:
        ValueError: one of them is not finite; it would reach the browser without a word.
    """
    if not all(math.isfinite(v) for v in values):
        raise ValueError("a value is not finite")
    return np.array(values, dtype=float)


def how(estimate: Estimate | None) -> str:
    """The footnote of a number: method, exact level and n."""
    if estimate is None:
        return "not measured"
    level = f", exact level {100 * estimate.level_exact:.1f} %" if estimate.level_exact is not None else ""
    return f"{estimate.method}{level}, n = {estimate.n}"
