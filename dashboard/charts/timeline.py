"""One launch's token timeline: the gap before each token, in the order of time, with stalls marked."""

from collections.abc import Sequence
from statistics import median

import plotly.graph_objects as go

from collector import numbers
from dashboard.charts.base import MOST_POINTS, figure, finite, safe
from dashboard.theme import TICK_PX, Palette

HEIGHT_PX, _HEAD_PX = 276, 24


def timeline(
    gaps_s: Sequence[float], colours: Palette, *, name: str = "", colour: str = "", stall_s: float | None = None
) -> go.Figure:
    """
    The figure.

    Args:
        gaps_s: shape (n,), n >= 1; gap i lies before token i + 2, as the first token has none.
        name: of the launch, for the box that opens on a point.
        colour: of its device; that of the first device when empty.
        stall_s: gaps above it are stalls; None = none are marked.
    """
    found = figure(colours, height=HEIGHT_PX, x_title="generated token", y_title="gap before it (ms) ← faster")
    found.update_layout(margin_t=_HEAD_PX)
    kept = thinned(gaps_s, MOST_POINTS)
    usual = [i for i in kept if stall_s is None or gaps_s[i] <= stall_s]
    stalls = [i for i in kept if stall_s is not None and gaps_s[i] > stall_s]
    marker: dict[str, object] = {"size": 6 if len(kept) < 500 else 4, "color": colour or colours.devices[0]}
    _draw(found, gaps_s, usual, name=name, word="", marker=marker)
    if stalls:
        marker = {"size": 9, "symbol": "diamond-open", "color": colours.slower, "line": {"width": 2}}
        _draw(found, gaps_s, stalls, name=name, word=": stall", marker=marker)
    middle = 1e3 * median(gaps_s)
    found.add_hline(y=middle, line={"color": colours.axis, "width": 1}, layer="below")
    found.add_annotation(
        x=1, xref="paper", y=1, yref="paper", xanchor="right", yanchor="bottom", showarrow=False,
        text=f"line: the median, {numbers.plain(middle)} ms", font={"size": TICK_PX, "color": colours.muted},
    )  # fmt: skip
    top = 1.12e3 * max(gaps_s)
    found.update_yaxes(range=[0, top or 1.0])
    return found


def thinned(values: Sequence[float], most: int) -> list[int]:
    """Places of at most so many values: of each stretch the smallest and the largest, so that no extreme is lost."""
    if len(values) <= most:
        return list(range(len(values)))
    n_stretches = max(1, most // 2)
    kept: set[int] = set()
    for stretch in range(n_stretches):
        places = range(stretch * len(values) // n_stretches, (stretch + 1) * len(values) // n_stretches)
        kept |= {min(places, key=values.__getitem__), max(places, key=values.__getitem__)}
    return sorted(kept)


def _draw(
    found: go.Figure, gaps_s: Sequence[float], places: Sequence[int], *, name: str, word: str, marker: dict[str, object]
) -> None:
    if not places:
        return
    found.add_scattergl(
        x=finite([i + 2 for i in places]), y=finite([1e3 * gaps_s[i] for i in places]), mode="markers", marker=marker,
        hovertemplate=f"<b>{safe(name)}</b><br>token %{{x:.0f}}: %{{y:.4g}} ms{word}<extra></extra>",
    )  # fmt: skip
